//! A call to a provider's API that an app makes through this server: its own method, path, query,
//! headers and body, with the credentials put in as the provider entry describes.
//!
//! Only the entry's own templates are filled in. What the app sends is never looked at for
//! placeholders, so it cannot ask for a secret, and its path cannot leave the base URL.

use std::collections::HashSet;

use http::Method;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use valetkey_catalog::request_values::RequestValues;
use valetkey_catalog::{AuthMode, Provider, Scope, UrlError, render_url};

use crate::api_request::{Place, placed_key, scope};
use crate::credentials::Credentials;
use crate::mode::Context;
use crate::modes::{mode, oauth2_cc};
use crate::request::{Body, HttpRequest};
use crate::token_request::{render_lenient, set_header};

const FORM: &str = "application/x-www-form-urlencoded";
/// The one service whose signed requests need not cover their body.
const S3: &str = "s3";
/// Template functions and names that read the body.
const BODY_READERS: [&str; 3] = ["bodyCanonicalParams", "awsSigV4", "${params"];

/// What the app asks for.
pub struct ProxiedCall<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path under the base URL, still escaped; a whole address must begin with the base URL.
    pub path: &'a str,
    /// The query, still escaped.
    pub query: Option<&'a str>,
    /// In place of the entry's base URL.
    pub base_url: Option<&'a Url>,
    /// Names in lower case. They replace what the entry says, but for `user-agent`.
    pub headers: &'a [(String, String)],
    /// The body: [`Body::Bytes`] where [`needs_body`] says so, else [`Body::Carried`].
    pub body: Body,
}

/// Why a call could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxiedError {
    /// The entry has no base URL and the call brings none.
    #[error("the provider has no base URL of its own; the call has to bring one")]
    NoBaseUrl,
    /// The path is an address elsewhere.
    #[error("the path is a whole address, but not one under the base URL {base}")]
    Elsewhere {
        /// Scheme and host of the base URL.
        base: String,
    },
    /// A template of the entry could not be filled in.
    #[error("the base URL cannot be built: {0}")]
    BaseUrl(UrlError),
    /// Base URL and path make no URL.
    #[error("the path is not a valid URL path")]
    Path,
    /// The connection's client certificate cannot be used.
    #[error("the connection's {0}")]
    Certificate(String),
}

/// Whether a call can only be built when its whole body is known: it is signed, or the entry adds
/// to it.
pub fn needs_body(
    provider: &Provider,
    config: &Map<String, Value>,
    content_type: Option<&str>,
) -> bool {
    let is_form = content_type.is_some_and(is_form);
    let is_s3 = config.get("service").and_then(Value::as_str) == Some(S3);
    let reads = |value: &Value| {
        value.as_str().is_some_and(|text| BODY_READERS.iter().any(|name| text.contains(name)))
    };
    match provider.auth_mode {
        AuthMode::AwsSigV4 if !is_s3 => return true,
        AuthMode::OAuth1 | AuthMode::Tba if is_form => return true,
        _ => {}
    }
    !provider.proxy.body.is_empty() || provider.proxy.headers.values().any(reads)
}

/// The base URL of a connection's calls, filled in.
///
/// # Errors
/// When the entry has none, or a value for it is missing.
pub fn base_url(context: &Context<'_>, credentials: &Credentials) -> Result<Url, ProxiedError> {
    filled_base(context, &scope(context, credentials))
}

fn filled_base(context: &Context<'_>, scope: &Scope<'_>) -> Result<Url, ProxiedError> {
    let own = context.connection_config.get("base_url").and_then(Value::as_str);
    let own = own.filter(|_| context.provider.auth_mode == AuthMode::AwsSigV4);
    if let Some(own) = own.and_then(|own| Url::parse(own).ok()) {
        return Ok(own);
    }
    let template = context.provider.proxy.base_url.as_ref().ok_or(ProxiedError::NoBaseUrl)?;
    render_url(template, scope, true).map_err(ProxiedError::BaseUrl)
}

/// The request to send.
///
/// # Errors
/// See [`ProxiedError`]. Nothing of the call or the credentials is in the texts.
pub fn proxied(
    context: &Context<'_>,
    credentials: &Credentials,
    call: ProxiedCall<'_>,
) -> Result<HttpRequest, ProxiedError> {
    let proxy = &context.provider.proxy;
    let mut scope = scope(context, credentials);
    let base = match call.base_url {
        Some(base) => base.clone(),
        None => filled_base(context, &scope)?,
    };
    let mut url = joined(&base, call.path, call.query)?;
    let placed = placed_key(context, &scope);
    let mut parameters = render_lenient(&proxy.query, &scope);
    if let Some((Place::Query, name, value)) = &placed {
        parameters.push((name.clone(), value.clone()));
    }
    set_parameters(&mut url, &parameters);
    let mut request = HttpRequest::new(call.method.clone(), url);
    request.identity = oauth2_cc::identity(credentials)
        .map_err(|(name, problem)| ProxiedError::Certificate(format!("{name} {problem}")))?;
    let given = |name: &str| {
        let found = call.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let own_type = || {
        let found = proxy.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case("content-type"));
        found.and_then(|(_, value)| value.as_str())
    };
    let content_type = given("content-type").or_else(own_type).unwrap_or_default();
    request.body = with_members(call.body, &proxy.body, content_type, &scope);
    let (_, body) = request.body.encode();
    scope.set_request(RequestValues {
        method: request.method.as_str(),
        url: &request.url,
        body: &String::from_utf8_lossy(&body),
        body_is_form: is_form(content_type),
        content_type: Some(content_type).filter(|text| !text.is_empty()),
    });
    let has_body = !matches!(request.body, Body::Empty);
    for (name, value) in render_lenient(&proxy.headers, &scope) {
        // A type without a body would be a lie that some servers refuse.
        if has_body || !name.eq_ignore_ascii_case("content-type") {
            set_header(&mut request.headers, &name, value);
        }
    }
    if let Some((Place::Header, name, value)) = placed {
        set_header(&mut request.headers, &name, value);
    }
    take_headers(&mut request, call.headers);
    authorize(context, credentials, content_type, given("authorization").is_some(), &mut request);
    Ok(request)
}

/// Puts the credentials in, unless the entry or the app writes the header. AWS signatures come over
/// everything else, whoever wrote it.
fn authorize(
    context: &Context<'_>,
    credentials: &Credentials,
    content_type: &str,
    is_given: bool,
    request: &mut HttpRequest,
) {
    let written = |(name, _): (&String, &Value)| name.eq_ignore_ascii_case("authorization");
    let is_own = is_given || context.provider.proxy.headers.iter().any(written);
    let signs = context.provider.auth_mode == AuthMode::AwsSigV4;
    let Some(mode) = mode(context.provider.auth_mode).filter(|_| signs || !is_own) else { return };
    // OAuth 1.0a signs the fields of a form (RFC 5849 §3.4.1.3.1); the bytes stay what they were.
    let fields = match &request.body {
        Body::Bytes(bytes) if is_form(content_type) => {
            Some(form_urlencoded::parse(bytes).into_owned().collect())
        }
        _ => None,
    };
    match fields.filter(|_| !signs) {
        Some(fields) => {
            let bytes = std::mem::replace(&mut request.body, Body::Form(fields));
            mode.authorize_call(context, credentials, request);
            request.body = bytes;
        }
        None => mode.authorize_call(context, credentials, request),
    }
}

/// The app's headers over those of the entry. A repeated name stays repeated.
fn take_headers(request: &mut HttpRequest, headers: &[(String, String)]) {
    let own_agent = request.headers.iter().any(|(name, _)| name == "user-agent");
    let taken = |name: &str| name != "user-agent" || !own_agent;
    let names: HashSet<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    request.headers.retain(|(name, _)| !(names.contains(name.as_str()) && taken(name)));
    request.headers.extend(headers.iter().filter(|(name, _)| taken(name)).cloned());
}

/// The path under the base URL. What is escaped stays escaped; dot segments are resolved below the
/// host, as every HTTP client does.
fn joined(base: &Url, path: &str, query: Option<&str>) -> Result<Url, ProxiedError> {
    let mut prefix = base.clone();
    prefix.set_query(None);
    prefix.set_fragment(None);
    let prefix = prefix.as_str();
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let path = path.trim_start_matches('/');
    let mut rest = path;
    if path.starts_with("https:/") || path.starts_with("http:/") {
        rest = under(prefix, path)
            .ok_or_else(|| ProxiedError::Elsewhere { base: base.origin().ascii_serialization() })?;
    }
    let mut text = prefix.to_owned();
    if !rest.is_empty() {
        text.push('/');
        text.push_str(rest);
    }
    let queries = [base.query(), query];
    for (index, query) in queries.into_iter().flatten().filter(|it| !it.is_empty()).enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(query);
    }
    let url = Url::parse(&text).map_err(|_| ProxiedError::Path)?;
    if url.origin() == base.origin() { Ok(url) } else { Err(ProxiedError::Path) }
}

/// What follows the base in a whole address. Some clients fold its two slashes into one.
fn under<'a>(prefix: &str, address: &'a str) -> Option<&'a str> {
    let (scheme, rest) = address.split_once(":/")?;
    let (own_scheme, own_rest) = prefix.split_once("://")?;
    let rest = rest.strip_prefix('/').unwrap_or(rest).strip_prefix(own_rest)?;
    let fits = scheme == own_scheme && (rest.is_empty() || rest.starts_with('/'));
    fits.then(|| rest.trim_start_matches('/'))
}

/// Sets parameters, replacing those of the same name. The others stay as they were written.
fn set_parameters(url: &mut Url, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        return;
    }
    let name_of = |pair: &str| {
        form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned())
    };
    let is_set = |pair: &&str| {
        !pair.is_empty()
            && !name_of(pair).is_some_and(|name| parameters.iter().any(|(set, _)| *set == name))
    };
    let mut query: Vec<String> =
        url.query().unwrap_or_default().split('&').filter(is_set).map(str::to_owned).collect();
    query.extend(
        parameters.iter().map(|pair| {
            form_urlencoded::Serializer::new(String::new()).extend_pairs([pair]).finish()
        }),
    );
    url.set_query(Some(&query.join("&")));
}

/// The body with the entry's own members, if it is an object or a form.
fn with_members(
    body: Body,
    members: &Map<String, Value>,
    content_type: &str,
    scope: &Scope<'_>,
) -> Body {
    let Body::Bytes(bytes) = body else { return body };
    if members.is_empty() {
        return Body::Bytes(bytes);
    }
    let members = render_lenient(members, scope);
    if is_form(content_type) {
        let mut fields = form_urlencoded::Serializer::new(String::new());
        let given = form_urlencoded::parse(&bytes)
            .filter(|(name, _)| !members.iter().any(|(member, _)| member == name));
        fields.extend_pairs(given).extend_pairs(&members);
        return Body::Bytes(fields.finish().into_bytes());
    }
    let object = if bytes.is_empty() { Ok(Map::new()) } else { serde_json::from_slice(&bytes) };
    let Ok(mut object) = object else { return Body::Bytes(bytes) };
    object.extend(members.into_iter().map(|(name, value)| (name, Value::String(value))));
    Body::Bytes(Value::Object(object).to_string().into_bytes())
}

fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, path: &str, query: Option<&str>) -> Result<String, ProxiedError> {
        joined(&Url::parse(base).unwrap(), path, query).map(String::from)
    }

    #[test]
    fn paths_stay_as_they_are_under_the_base() {
        for (base, path, query, expected) in [
            ("https://a.test", "v1/me", None, "https://a.test/v1/me"),
            ("https://a.test/api/", "//v1//me/", None, "https://a.test/api/v1//me/"),
            ("https://a.test/api", "", None, "https://a.test/api"),
            (
                "https://a.test",
                "a%2Fb%20c/%zz",
                Some("x=1&x=%20+2"),
                "https://a.test/a%2Fb%20c/%zz?x=1&x=%20+2",
            ),
            ("https://a.test/q?k=1", "p", Some("l=2"), "https://a.test/q/p?k=1&l=2"),
            ("https://a.test/v1", "https://a.test/v1/me", None, "https://a.test/v1/me"),
            ("https://a.test/v1", "https:/a.test/v1/me", None, "https://a.test/v1/me"),
            ("https://a.test/v1", "x@evil.test/", None, "https://a.test/v1/x@evil.test/"),
            ("https://a.test", "${access_token}", None, "https://a.test/$%7Baccess_token%7D"),
            ("https://a.test", "../../x", None, "https://a.test/x"),
        ] {
            assert_eq!(url(base, path, query).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn addresses_elsewhere_are_refused() {
        for path in [
            "https://evil.test/v1",
            "https://a.test/v10",
            "http://a.test/v1",
            "https://a.test.evil/",
        ] {
            let refused = url("https://a.test/v1", path, None);
            assert_eq!(
                refused,
                Err(ProxiedError::Elsewhere { base: "https://a.test".to_owned() }),
                "{path}"
            );
        }
    }

    #[test]
    fn parameters_of_the_entry_replace_those_of_the_same_name() {
        let mut url = Url::parse("https://a.test/?key=mine&b=%20x&K%65y=2&c").unwrap();
        set_parameters(&mut url, &[("key".to_owned(), "the key".to_owned())]);
        assert_eq!(url.query(), Some("b=%20x&K%65y=2&c&key=the+key"));
    }
}
