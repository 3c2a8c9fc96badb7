//! A call to a provider's API with a connection's credentials, as the provider entry describes it.

use serde_json::{Map, Value};
use url::Url;
use valetkey_catalog::request_values::RequestValues;
use valetkey_catalog::{Scope, UrlError, render, render_url, scalar_text};

use crate::credentials::Credentials;
use crate::mode::Context;
use crate::modes::mode;
use crate::request::{Body, HttpRequest};
use crate::token_request::{render_lenient, set_header};

/// What one call is made of, beyond what every call to the provider carries.
pub(crate) struct ApiCall<'a> {
    pub(crate) by_post: bool,
    /// A template: a path under the base URL, or a whole address.
    pub(crate) endpoint: &'a str,
    /// Instead of the provider's base URL, a template.
    pub(crate) base_url: Option<&'a String>,
    pub(crate) headers: &'a Map<String, Value>,
    /// Sent with `POST` only.
    pub(crate) body: Option<Value>,
}

/// A `GET` of a path under the API's base URL.
///
/// # Errors
/// When the base URL or the path cannot be built from what is known.
pub fn get(
    context: &Context<'_>,
    credentials: &Credentials,
    endpoint: &str,
) -> Result<HttpRequest, UrlError> {
    let headers = Map::new();
    let call = ApiCall { by_post: false, endpoint, base_url: None, headers: &headers, body: None };
    build(context, credentials, call)
}

/// The request of a call, with the credentials in it.
pub(crate) fn build(
    context: &Context<'_>,
    credentials: &Credentials,
    call: ApiCall<'_>,
) -> Result<HttpRequest, UrlError> {
    let proxy = &context.provider.proxy;
    let mut scope = scope(context, credentials);
    let base = call.base_url.or(proxy.base_url.as_ref());
    let mut url = endpoint_url(base, call.endpoint, &scope)?;
    for (name, value) in render_lenient(&proxy.query, &scope) {
        url.query_pairs_mut().append_pair(&name, &value);
    }
    let method = if call.by_post { http::Method::POST } else { http::Method::GET };
    let placed = placed_key(context, &scope);
    if let Some((Place::Query, name, value)) = &placed {
        url.query_pairs_mut().append_pair(name, value);
    }
    let mut request = HttpRequest::new(method, url);
    let headers = || proxy.headers.iter().chain(call.headers);
    let content_type = headers()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .and_then(|(_, value)| value.as_str());
    if let Some(data) = call.body.filter(|_| call.by_post) {
        request.body = body_of(data, content_type);
    }
    // Signatures in headers cover the request, so it is known before they are filled in.
    let (own_type, body) = request.body.encode();
    scope.set_request(RequestValues {
        method: request.method.as_str(),
        url: &request.url,
        body: &String::from_utf8_lossy(&body),
        body_is_form: matches!(request.body, Body::Form(_)),
        content_type: content_type.or(own_type),
    });
    for map in [&proxy.headers, call.headers] {
        for (name, value) in render_lenient(map, &scope) {
            set_header(&mut request.headers, &name, value);
        }
    }
    if let Some((Place::Header, name, value)) = placed {
        set_header(&mut request.headers, &name, value);
    }
    // An entry that writes the header itself gets no other: one that could not be filled in must
    // not let a secret out as a password.
    let is_own = headers().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if let Some(mode) = mode(context.provider.auth_mode).filter(|_| !is_own) {
        mode.authorize_call(context, credentials, &mut request);
    }
    Ok(request)
}

/// Where an integration wants its key.
pub(crate) enum Place {
    Header,
    Query,
}

/// The key of a provider whose integrations choose its place: place, name and value.
pub(crate) fn placed_key(
    context: &Context<'_>,
    scope: &Scope<'_>,
) -> Option<(Place, String, String)> {
    let placement = context.provider.key_placement.as_ref()?;
    let setting = |name: &str| {
        let given = context.client.custom.get(name).and_then(Value::as_str);
        let field = context.provider.integration_config.iter().find(|field| field.name == name);
        given.or_else(|| field?.default_value.as_deref())
    };
    let place = match setting(&placement.place) {
        Some("query") => Place::Query,
        _ => Place::Header,
    };
    let name = setting(&placement.name).filter(|name| !name.is_empty())?.to_owned();
    // The template is the operator's own; what a person typed is only ever a value in it.
    let value = render(setting(&placement.value)?, scope).ok()?;
    Some((place, name, value))
}

/// The names of a provider's API templates: the credentials' own members too.
pub(crate) fn scope<'a>(context: &Context<'a>, credentials: &'a Credentials) -> Scope<'a> {
    let mut scope = context.scope(context.connection_config).with_credentials(credentials.as_map());
    for (name, value) in credentials.as_map() {
        if !value.is_object() {
            scope.set(name, value.clone());
        }
    }
    for field in context.provider.integration_config.iter().filter(|field| !field.secret) {
        if let Some(value) = context.client.custom.get(&field.name) {
            scope.set(&format!("integrationConfig.{}", field.name), value.clone());
        }
    }
    if let Some(token) = credentials.access_token() {
        scope.set("accessToken", token);
    }
    if let Some(id) = &context.client.client_id {
        scope.set("clientId", id.as_str());
    }
    if let Some(secret) = &context.client.client_secret {
        scope.set("clientSecret", secret.expose());
    }
    scope
}

/// Sets the `Authorization` header, unless the provider entry writes its own.
pub(crate) fn authorize_with(request: &mut HttpRequest, value: String) {
    if !request.headers.iter().any(|(name, _)| name == "authorization") {
        request.headers.push(("authorization".to_owned(), value));
    }
}

/// Shows the access token as RFC 6750 §2.1 describes, unless the provider entry writes its own
/// `Authorization` header.
pub(crate) fn authorize_with_bearer(credentials: &Credentials, request: &mut HttpRequest) {
    if let Some(token) = credentials.access_token() {
        authorize_with(request, format!("Bearer {token}"));
    }
}

fn body_of(data: Value, content_type: Option<&str>) -> Body {
    let is_form = content_type.is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    match data {
        Value::Object(map) if is_form => Body::Form(form_pairs(&map)),
        other => Body::Json(other),
    }
}

fn form_pairs(map: &Map<String, Value>) -> Vec<(String, String)> {
    map.iter().filter_map(|(name, value)| Some((name.clone(), scalar_text(value)?))).collect()
}

/// The endpoint under the base URL, or on its own when it is a whole address.
fn endpoint_url(base: Option<&String>, endpoint: &str, scope: &Scope<'_>) -> Result<Url, UrlError> {
    if endpoint.starts_with("http") || endpoint.starts_with("${") {
        return render_url(endpoint, scope, true);
    }
    let mut url = render_url(base.ok_or(UrlError::Invalid)?, scope, true)?;
    // Escaped by its place in the path before it is joined to the base.
    let template = format!("https://placeholder.invalid/{}", endpoint.trim_start_matches('/'));
    let rendered = render_url(&template, scope, true)?;
    let path = format!("{}{}", url.path().trim_end_matches('/'), rendered.path());
    url.set_path(&path);
    let query = match (url.query(), rendered.query()) {
        (Some(left), Some(right)) => Some(format!("{left}&{right}")),
        (left, right) => left.or(right).map(str::to_owned),
    };
    url.set_query(query.as_deref());
    Ok(url)
}
