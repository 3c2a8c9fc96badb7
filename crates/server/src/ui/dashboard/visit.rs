//! One request for a page: who asks, for which environment, with what, and the way back.

use std::sync::Arc;

use askama::Template;
use aws_lc_rs::hmac;
use axum::extract::{OriginalUri, RawPathParams, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use subtle::ConstantTimeEq as _;
use valetkey_base::Timestamp;
use valetkey_engine::members::openid::OpenIdStart;
use valetkey_engine::members::sign_in::{Browser, SESSION_IDLE, SignedInMember};
use valetkey_engine::members::{Permission, Role};
use valetkey_engine::{Engine, EnvironmentView};

use super::failure::Failure;
use super::form::Form;
use super::frame::{Frame, POLICY};
use super::{Access, Page, ROOT};
use crate::extract::body;
use crate::middleware::client_address::ClientAddress;
use crate::ui::{self, Pages, cookies};

/// Most bytes of a form.
const FORM_BYTES_MAX: usize = 512 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";
const SESSION_COOKIE: &str = "valetkey_session";
/// Ties the forms of strangers to their browser.
const VISITOR_COOKIE: &str = "valetkey_visitor";
/// Ties a sign-in at an OpenID provider to its browser.
const OPENID_COOKIE: &str = "valetkey_openid";
/// How long such a sign-in may take, in seconds; the server's own limit is what counts.
const OPENID_S: u64 = 10 * 60;
const THEME_COOKIE: &str = "valetkey_theme";
const ENVIRONMENT_COOKIE: &str = "valetkey_environment";
const VISITOR_BYTES: usize = 24;
/// How long a browser remembers what it last looked at, and its colours: a year.
const REMEMBERED_S: u64 = 365 * 24 * 60 * 60;

/// One request for a page.
pub(super) struct Visit {
    pub(super) pages: Pages,
    /// Who asks; `None` for a stranger.
    member: Option<SignedInMember>,
    environment: Option<Arc<EnvironmentView>>,
    environments: Vec<EnvironmentView>,
    parameters: Vec<(String, String)>,
    pub(super) query: Form,
    pub(super) form: Form,
    headers: HeaderMap,
    uri: Uri,
    address: String,
    csrf: String,
    /// `Set-Cookie` headers of the answer.
    new_cookies: Vec<String>,
}

/// Answers any page of the list.
pub(super) async fn serve(
    pages: Pages,
    page: Page,
    parameters: RawPathParams,
    request: Request,
) -> Response {
    let (parts, content) = request.into_parts();
    let address = parts.extensions.get::<ClientAddress>();
    // The router below took the beginning of the path away.
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let mut visit = Visit {
        member: None,
        environment: None,
        environments: Vec::new(),
        parameters: parameters.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        query: Form::parse(uri.query().unwrap_or_default().as_bytes()),
        form: Form::default(),
        address: address.map_or_else(String::new, |client| client.0.to_string()),
        csrf: String::new(),
        new_cookies: Vec::new(),
        uri: uri.clone(),
        headers: parts.headers,
        pages,
    };
    let mut response = match visit.admit(&page, content).await {
        Ok(None) => {
            // What the answer needs of the visit outlives it.
            let cookies = std::mem::take(&mut visit.new_cookies);
            let after = visit.for_failures();
            let mut response =
                (page.make)(visit).await.unwrap_or_else(|failure| failure.answer(&after));
            append_cookies(&mut response, &cookies);
            response
        }
        Ok(Some(elsewhere)) => elsewhere,
        Err(failure) => failure.answer(&visit),
    };
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Answers what no page is at.
pub(super) async fn nothing_here(
    state: State<Pages>,
    parameters: RawPathParams,
    request: Request,
) -> Response {
    let page = super::look("/", Access::Member, async |_| Err(Failure::Missing));
    serve(state.0, page, parameters, request).await
}

fn append_cookies(response: &mut Response, cookies: &[String]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

impl Visit {
    /// Finds out who asks and whether they may. `Some` is an answer in place of the page.
    async fn admit(
        &mut self,
        page: &Page,
        content: axum::body::Body,
    ) -> Result<Option<Response>, Failure> {
        let session = cookies::find(&self.headers, SESSION_COOKIE);
        if let Some(token) = &session {
            self.member = self.engine().signed_in(token).await?;
        }
        match (&self.member, session) {
            (Some(_), Some(token)) => self.csrf = form_token(&token),
            _ => self.know_visitor(),
        }
        if page.access != Access::Stranger && self.member.is_none() {
            return Ok(Some(self.to_sign_in(&page.method)));
        }
        if let Some(member) = &self.member {
            let account = member.member.account_id;
            self.environments = self.engine().environments(account).await?;
            self.environment = self.find_environment(page)?;
        }
        if let Access::May(permission) = page.access
            && !self.may(permission)
        {
            return Err(Failure::Denied);
        }
        if page.method == Method::POST {
            self.read_form(content).await?;
        }
        Ok(None)
    }

    fn know_visitor(&mut self) {
        let known = cookies::find(&self.headers, VISITOR_COOKIE).filter(|it| !it.is_empty());
        let visitor = known.unwrap_or_else(|| {
            let visitor = self.engine().rng().base64url(VISITOR_BYTES);
            // Until the browser is closed would do, but this is what there is; a day is short.
            self.set_cookie(VISITOR_COOKIE, &visitor, 24 * 60 * 60);
            visitor
        });
        self.csrf = form_token(&visitor);
    }

    /// The environment in the address, or the one looked at last.
    fn find_environment(&self, page: &Page) -> Result<Option<Arc<EnvironmentView>>, Failure> {
        let find = |name: &str| self.environments.iter().find(|it| it.name == name).cloned();
        if page.path.contains("{environment}") {
            let found = find(self.path("environment")).ok_or(Failure::Missing)?;
            return Ok(Some(Arc::new(found)));
        }
        let last = cookies::find(&self.headers, ENVIRONMENT_COOKIE);
        let last = last.and_then(|name| find(&name));
        Ok(last.or_else(|| self.environments.first().cloned()).map(Arc::new))
    }

    async fn read_form(&mut self, content: axum::body::Body) -> Result<(), Failure> {
        let kind = self.header(CONTENT_TYPE.as_str());
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let site = self.header("sec-fetch-site");
        if !kind.eq_ignore_ascii_case(FORM) || !matches!(site, "" | "same-origin" | "none") {
            return Err(Failure::Forged);
        }
        let content = body::read(&self.headers, content, FORM_BYTES_MAX).await?;
        self.form = Form::parse(&content);
        let given = self.form.text("csrf").as_bytes();
        if self.csrf.is_empty() || !bool::from(given.ct_eq(self.csrf.as_bytes())) {
            return Err(Failure::Forged);
        }
        Ok(())
    }

    /// The part of a visit that a failure page needs.
    fn for_failures(&self) -> Self {
        Self {
            pages: self.pages.clone(),
            member: self.member.clone(),
            environment: self.environment.clone(),
            environments: self.environments.clone(),
            parameters: Vec::new(),
            query: self.query.clone(),
            form: Form::default(),
            headers: self.headers.clone(),
            uri: self.uri.clone(),
            address: String::new(),
            csrf: self.csrf.clone(),
            new_cookies: Vec::new(),
        }
    }

    fn to_sign_in(&self, method: &Method) -> Response {
        let mut path = self.link("/account/sign-in");
        if method == Method::GET
            && let Some(asked) = self.uri.path_and_query()
            && asked.path().trim_end_matches('/') != self.link("")
        {
            let next = utf8_percent_encode(asked.as_str(), NON_ALPHANUMERIC);
            path = format!("{path}?next={next}");
        }
        let mut response = to(&path);
        append_cookies(&mut response, &self.new_cookies);
        response
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.pages.app.engine
    }

    pub(super) fn now(&self) -> Timestamp {
        self.engine().clock().now()
    }

    /// Who asks, if somebody is signed in.
    pub(super) fn signed_in(&self) -> Option<&SignedInMember> {
        self.member.as_ref()
    }

    /// Who asks.
    pub(super) fn member(&self) -> Result<&SignedInMember, Failure> {
        self.member.as_ref().ok_or_else(|| Failure::Broken("a page without a member".to_owned()))
    }

    /// The name of who asks, in the audit trail.
    pub(super) fn actor(&self) -> String {
        self.member.as_ref().map_or_else(|| "stranger".to_owned(), SignedInMember::actor)
    }

    /// Whether the member's role allows it.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.member.as_ref().is_some_and(|member| member.role.may(permission))
    }

    pub(super) fn role(&self) -> Option<Role> {
        self.member.as_ref().map(|member| member.role)
    }

    /// The environment of the page; elsewhere the one that was looked at last.
    pub(super) fn environment(&self) -> Result<&Arc<EnvironmentView>, Failure> {
        self.environment.as_ref().ok_or(Failure::Missing)
    }

    pub(super) fn environments(&self) -> &[EnvironmentView] {
        &self.environments
    }

    /// A part of the address; empty when the page has none of this name.
    pub(super) fn path(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// A request header as text; empty when it is absent.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The address of a page, with the server's own path before it.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{ROOT}{path}", self.pages.place.base_path)
    }

    /// The address of a page in the environment of this one.
    pub(super) fn environment_link(&self, path: &str) -> String {
        let name = self.environment.as_ref().map_or("", |it| it.name.as_str());
        self.link(&format!("/{name}{path}"))
    }

    /// The picture of a provider.
    pub(super) fn logo(&self, provider: &str) -> String {
        let name = utf8_percent_encode(provider, NON_ALPHANUMERIC);
        format!("{}/images/template-logos/{name}.svg", self.pages.place.base_path)
    }

    /// The parameters of this address as a query string, without some, and without empty ones.
    pub(super) fn query_without(&self, names: &[&str]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.query.pairs() {
            if !value.is_empty() && name != "said" && !names.contains(&name) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// The path of this page, without what the server has before it.
    pub(super) fn own_path(&self) -> &str {
        let path = self.uri.path();
        let path = path.strip_prefix(self.pages.place.base_path.as_str()).unwrap_or(path);
        path.strip_prefix(ROOT).unwrap_or(path)
    }

    /// Path and query of this page, as the browser has them.
    pub(super) fn own_address(&self) -> &str {
        self.uri.path_and_query().map_or("/", |it| it.as_str())
    }

    pub(super) fn browser(&self) -> Browser {
        Browser {
            user_agent: self.header(USER_AGENT.as_str()).to_owned(),
            address: self.address.clone(),
        }
    }

    /// `light`, `dark`, or empty for the device's own.
    pub(super) fn theme(&self) -> String {
        let chosen = cookies::find(&self.headers, THEME_COOKIE).unwrap_or_default();
        if matches!(chosen.as_str(), "light" | "dark") { chosen } else { String::new() }
    }

    pub(super) fn frame(&self, title: &str) -> Frame {
        Frame::new(self, title)
    }

    /// The page itself.
    pub(super) fn page(&self, template: &impl Template) -> Response {
        self.page_with(StatusCode::OK, template)
    }

    /// The page with a form that has to be corrected.
    pub(super) fn corrected(&self, template: &impl Template) -> Response {
        self.page_with(StatusCode::BAD_REQUEST, template)
    }

    fn page_with(&self, status: StatusCode, template: &impl Template) -> Response {
        let mut response = ui::page(status, template, POLICY);
        if let Some(environment) = self.environment.as_ref().filter(|_| status == StatusCode::OK)
            && !self.path("environment").is_empty()
        {
            let cookie = self.cookie(ENVIRONMENT_COOKIE, &environment.name, REMEMBERED_S);
            append_cookies(&mut response, &[cookie]);
        }
        response
    }

    fn cookie(&self, name: &str, value: &str, lifetime_s: u64) -> String {
        cookies::text(name, value, lifetime_s, &self.link(""), self.pages.place.is_https)
    }

    fn set_cookie(&mut self, name: &str, value: &str, lifetime_s: u64) {
        let cookie = self.cookie(name, value, lifetime_s);
        self.new_cookies.push(cookie);
    }

    /// To another page, with a sentence of [`super::words::said`] at its head.
    #[expect(clippy::unused_self, reason = "pages are answers of a visit")]
    pub(super) fn redirect(&self, path: &str, said: &str) -> Response {
        let mark = if path.contains('?') { '&' } else { '?' };
        to(&if said.is_empty() { path.to_owned() } else { format!("{path}{mark}said={said}") })
    }

    /// To another page, signed in.
    pub(super) fn redirect_signed_in(&self, path: &str, token: &str) -> Response {
        let mut response = to(path);
        let lifetime_s = SESSION_IDLE.as_secs();
        append_cookies(&mut response, &[self.cookie(SESSION_COOKIE, token, lifetime_s)]);
        response
    }

    /// To an OpenID provider, with what has to come back from there.
    pub(super) fn redirect_to_openid(&self, start: &OpenIdStart) -> Response {
        let mut response = to(start.url.as_str());
        let cookie = self.cookie(OPENID_COOKIE, start.token.expose(), OPENID_S);
        append_cookies(&mut response, &[cookie]);
        response
    }

    pub(super) fn openid_cookie(&self) -> String {
        cookies::find(&self.headers, OPENID_COOKIE).unwrap_or_default()
    }

    /// To the sign-in page, signed out.
    pub(super) fn redirect_signed_out(&self) -> Response {
        let mut response = self.redirect(&self.link("/account/sign-in"), "signed-out");
        append_cookies(&mut response, &[self.cookie(SESSION_COOKIE, "", 0)]);
        response
    }

    /// To another page, in other colours from now on.
    pub(super) fn redirect_with_theme(&self, path: &str, theme: &str) -> Response {
        let mut response = to(path);
        let lifetime_s = if theme.is_empty() { 0 } else { REMEMBERED_S };
        append_cookies(&mut response, &[self.cookie(THEME_COOKIE, theme, lifetime_s)]);
        response
    }
}

/// What forms of a browser with this cookie carry.
fn form_token(cookie: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes());
    hex::encode(hmac::sign(&key, b"valetkey form"))
}

fn to(path: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(path) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}
