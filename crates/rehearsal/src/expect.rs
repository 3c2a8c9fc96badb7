//! What a request should look like, read from the entry and compared field by field.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use valetkey_auth::{Body, Context, HttpRequest};
use valetkey_base::Rng;
use valetkey_catalog::schema::BodyFormat;
use valetkey_catalog::{ClientAuth, Provider, Scope, render, render_url, scalar_text};

/// Names and values, a name once.
pub(crate) type Fields = BTreeMap<String, Value>;

/// The names templates may use: settings, credentials and whatever else is given.
pub(crate) fn scope<'a>(
    context: &Context<'a>,
    credentials: &'a Map<String, Value>,
    flat: &[(&str, Value)],
) -> Scope<'a> {
    let mut scope = Scope::new(context.now, &Rng::seeded(9))
        .with_fields(&context.provider.connection_config)
        .with_connection_config(context.connection_config)
        .with_credentials(credentials);
    for (name, value) in credentials.iter().filter(|(_, value)| !value.is_object()) {
        scope.set(name, value.clone());
    }
    for (name, value) in flat {
        scope.set(name, value.clone());
    }
    scope
}

/// A map of templates filled in; one that stays open is left out.
pub(crate) fn filled(map: &Map<String, Value>, scope: &Scope<'_>) -> Fields {
    map.iter()
        .filter_map(|(name, value)| Some((name.clone(), filled_value(value, scope)?)))
        .collect()
}

fn filled_value(value: &Value, scope: &Scope<'_>) -> Option<Value> {
    match value {
        Value::String(text) => render(text, scope).ok().map(Value::String),
        Value::Object(map) => Some(Value::Object(filled(map, scope).into_iter().collect())),
        other => Some(other.clone()),
    }
}

/// A token request as the entry describes it.
pub(crate) struct TokenRequest<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) url: String,
    pub(crate) params: Fields,
    pub(crate) client: (&'a str, &'a str),
    pub(crate) auth: ClientAuth,
    pub(crate) omit: &'a [String],
    pub(crate) by_get: bool,
}

impl TokenRequest<'_> {
    /// Compares; the error says the first difference.
    pub(crate) fn compare(mut self, request: &HttpRequest) -> Result<(), String> {
        let (id, secret) = self.client;
        let mut authorization = None;
        let basic = |user: &str, password: &str| {
            Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        };
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                self.params.insert(name.to_owned(), value.into());
            }
        };
        let mut is_signed = false;
        match self.auth {
            ClientAuth::Nothing => {}
            ClientAuth::Public => add("client_id", id),
            ClientAuth::Body => {
                add("client_id", id);
                add("client_secret", secret);
            }
            ClientAuth::BasicRaw => authorization = basic(id, secret),
            ClientAuth::BasicEncoded => authorization = basic(&encoded(id), &encoded(secret)),
            ClientAuth::SecretAsUser => authorization = basic(secret, ""),
            ClientAuth::Credentials => {
                add("username", id);
                add("password", secret);
            }
            ClientAuth::PrivateKeyJwt => {
                add("client_id", id);
                is_signed = true;
            }
        }
        let (query, body) = self.placed();
        let method = if self.by_get { http::Method::GET } else { http::Method::POST };
        if request.method != method {
            return Err(format!("the method is {}, not {method}", request.method));
        }
        same_address(&self.url, &query, &request.url)?;
        let mut sent = body_fields(&request.body);
        if is_signed {
            signed_parts(&mut sent)?;
        }
        same_fields("body", &body, &sent)?;
        let in_query = self.by_get || self.provider.body_format == BodyFormat::Query;
        let is_json = matches!(request.body, Body::Json(_));
        if !in_query && is_json != (self.provider.body_format == BodyFormat::Json) {
            return Err("the body is in the wrong format".to_owned());
        }
        same_authorization(self.provider, authorization.as_deref(), request)
    }

    /// The parameters by place, under the names they travel with.
    fn placed(&self) -> (Fields, Fields) {
        let provider = self.provider;
        let (mut query, mut body) = (Fields::new(), Fields::new());
        let all_in_query = self.by_get || provider.body_format == BodyFormat::Query;
        for (name, value) in &self.params {
            if self.omit.contains(name) {
                continue;
            }
            let renamed = provider.token_request_rename.iter().find(|(from, _)| from == name);
            let target = renamed.map_or(name, |(_, to)| to).clone();
            if all_in_query || provider.token_request_query.contains(name) {
                query.insert(target, value.clone());
            } else {
                body.insert(target, value.clone());
            }
        }
        (query, body)
    }
}

/// What a client assertion adds, taken out once it is seen to be there.
fn signed_parts(sent: &mut Fields) -> Result<(), String> {
    let kind = sent.remove("client_assertion_type");
    if kind.as_ref().and_then(Value::as_str)
        != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    {
        return Err("client_assertion_type is missing or wrong".to_owned());
    }
    let token = sent.remove("client_assertion");
    let parts = token.as_ref().and_then(Value::as_str).map_or(0, |token| token.split('.').count());
    if parts == 3 { Ok(()) } else { Err("client_assertion is no JWT".to_owned()) }
}

fn same_authorization(
    provider: &Provider,
    expected: Option<&str>,
    request: &HttpRequest,
) -> Result<(), String> {
    let found = header(request, "authorization");
    let is_own =
        provider.token_headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"));
    if found == expected || is_own {
        return Ok(());
    }
    Err(match (expected, found) {
        (None, Some(_)) => "an Authorization header is sent and none is expected".to_owned(),
        (Some(_), None) => "the Authorization header is missing".to_owned(),
        _ => "the Authorization header does not hold the client as the entry says".to_owned(),
    })
}

pub(crate) fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The members of a body.
pub(crate) fn body_fields(body: &Body) -> Fields {
    match body {
        Body::Form(pairs) => {
            pairs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
        }
        Body::Json(Value::Object(map)) => {
            map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        Body::Empty | Body::Text { .. } | Body::Json(_) | Body::Bytes(_) | Body::Carried => {
            Fields::new()
        }
    }
}

/// Compares two sets of fields; values by their text, since forms have no other.
pub(crate) fn same_fields(what: &str, expected: &Fields, found: &Fields) -> Result<(), String> {
    let text = |value: &Value| scalar_text(value).unwrap_or_else(|| value.to_string());
    for (name, value) in expected {
        match found.get(name) {
            None => return Err(format!("{what}: {name} is missing")),
            Some(other) if text(other) != text(value) => {
                return Err(format!("{what}: {name} is {}, not {}", text(other), text(value)));
            }
            Some(_) => {}
        }
    }
    match found.keys().find(|name| !expected.contains_key(*name)) {
        Some(name) => Err(format!("{what}: {name} is sent and not expected")),
        None => Ok(()),
    }
}

/// Compares an address: origin, path, and the query with that of the entry's own URL.
pub(crate) fn same_address(expected: &str, query: &Fields, found: &Url) -> Result<(), String> {
    let expected =
        Url::parse(expected).map_err(|error| format!("the entry's URL {expected}: {error}"))?;
    let place = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
    if place(&expected) != place(found) {
        return Err(format!("the address is {}, not {}", place(found), place(&expected)));
    }
    let mut wanted: Fields = pairs(&expected);
    wanted.extend(query.clone());
    same_fields("query", &wanted, &pairs(found))
}

pub(crate) fn pairs(url: &Url) -> Fields {
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect()
}

/// A URL template filled in.
pub(crate) fn url(template: &str, scope: &Scope<'_>, is_raw: bool) -> Result<String, String> {
    render_url(template, scope, is_raw)
        .map(String::from)
        .map_err(|error| format!("{template}: {error}"))
}
