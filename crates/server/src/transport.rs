//! The way of a request from the first byte to a handler and back, in one place: the order of the
//! steps decides which error a client sees.
//!
//! Headers and CORS surround everything. Inside: route, content type (415), body (413, 400), who
//! calls (401), rate (429), scope (403), inputs (400), handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use http::header::{ALLOW, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value};
use tower::ServiceExt as _;
use uuid::Uuid;
use valetkey_base::{Clock, Rng};

use crate::api::proxy::Carried;
use crate::auth_header::{self, Credential, Refusal};
use crate::call::{Call, Content};
use crate::error::{self, ApiError, ApiResult, Part};
use crate::extract::body;
use crate::extract::path::{self, Found, PathTable};
use crate::middleware::access_log::{self, Access};
use crate::middleware::client_address::TrustedProxies;
use crate::middleware::rate_limit::{Allowance, Bucket, RateLimiter};
use crate::middleware::{content_type, cors, response_headers};
use crate::openapi;
use crate::query::{self, QueryError};
use crate::route::{Auth, BodyRule, Endpoint, Host, Principal as _, QueryRule};
use crate::schema::Issue;

/// Settings of the transport.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes of a request body; an endpoint may allow less.
    pub body_bytes_max: usize,
    /// Requests per minute of one account and kind of credential; 0 is no limit.
    pub rate_limit_per_min: u32,
    /// Proxies whose word about the client is taken.
    pub trusted_proxies: TrustedProxies,
    /// The URL under which clients reach this server, for the OpenAPI document.
    pub public_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes_max: 75 * 1024 * 1024,
            rate_limit_per_min: 200,
            trusted_proxies: TrustedProxies::default(),
            public_url: "http://localhost:3003".to_owned(),
        }
    }
}

struct Transport<H: Host> {
    host: H,
    endpoints: Vec<Endpoint<H>>,
    table: PathTable,
    pages: Router,
    limiter: Arc<RateLimiter>,
    settings: Settings,
    clock: Clock,
    rng: Rng,
}

/// The whole server: the endpoints, `GET /openapi.json` made from them, and for every path that
/// they do not know, `pages`.
pub fn router<H: Host>(
    host: H,
    mut endpoints: Vec<Endpoint<H>>,
    pages: Router,
    settings: Settings,
    (clock, rng): (Clock, Rng),
) -> Router {
    let document = openapi::document(&endpoints, &settings.public_url);
    endpoints.push(openapi::endpoint(&document));
    let mut table = PathTable::default();
    for (index, endpoint) in endpoints.iter().enumerate() {
        for path in std::iter::once(&endpoint.path).chain(&endpoint.aliases) {
            table.add(endpoint.method.clone(), path, index);
        }
    }
    let limiter = Arc::new(RateLimiter::new(settings.rate_limit_per_min));
    let pages = pages.fallback(async || ApiError::not_found("There is nothing at this path"));
    let transport = Transport { host, endpoints, table, pages, limiter, settings, clock, rng };
    let transport = Arc::new(transport);
    Router::new().fallback(move |request: Request| {
        let transport = Arc::clone(&transport);
        async move { transport.serve(request).await }
    })
}

/// What is learned of a request on its way, for the response's headers and the log.
struct Trail {
    request_id: Uuid,
    route: &'static str,
    allowance: Option<Allowance>,
}

impl<H: Host> Transport<H> {
    async fn serve(&self, mut request: Request) -> Response {
        let begun = tokio::time::Instant::now();
        let method = request.method().clone();
        let proxies = &self.settings.trusted_proxies;
        let client = proxies.client(request.extensions(), request.headers());
        if let Some(client) = client {
            request.extensions_mut().insert(client);
        }
        let mut trail = Trail { request_id: self.rng.uuid(), route: "-", allowance: None };
        let mut response = if method == Method::OPTIONS {
            cors::preflight()
        } else {
            match AssertUnwindSafe(self.answer(request, &mut trail)).catch_unwind().await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => error.into_response(),
                Err(panic) => panicked(panic.as_ref(), trail.request_id),
            }
        };
        response = error::report(response, trail.request_id);
        // An answer of somebody else keeps the headers it came with.
        let is_carried = response.extensions().get::<Carried>().is_some();
        let headers = response.headers_mut();
        cors::apply(headers);
        if !is_carried {
            response_headers::apply(headers, trail.request_id);
            if let Some(allowance) = trail.allowance {
                allowance.apply(headers, self.clock.now());
            }
        }
        access_log::record(&Access {
            method: &method,
            route: trail.route,
            status: response.status(),
            duration: begun.elapsed(),
            client,
            request_id: trail.request_id,
        });
        if method == Method::HEAD { without_body(response) } else { response }
    }

    async fn answer(&self, request: Request, trail: &mut Trail) -> ApiResult<Response> {
        let uri = request.uri().clone();
        content_type::check(uri.path(), request.headers())?;
        let (index, values) = match self.table.find(request.method(), uri.path()) {
            Found::Endpoint(index, values) => (index, values),
            Found::OtherMethods(methods) => return Ok(method_not_allowed(&methods)),
            Found::Nothing => {
                return self.pages.clone().oneshot(request).await.map_err(|never| match never {});
            }
        };
        let endpoint = &self.endpoints[index];
        trail.route = endpoint.path;
        let (parts, body) = request.into_parts();
        let content = self.read_body(endpoint, &parts, body).await?;
        let query = query::parse(uri.query().unwrap_or_default());
        let caller = self.admit(endpoint, &parts, &query, trail).await?;
        let call = Call {
            host: self.host.clone(),
            request_id: trail.request_id,
            limiter: Arc::clone(&self.limiter),
            caller,
            parameters: Vec::new(),
            query: Map::new(),
            body: content,
            parts,
        };
        let call = check_inputs(endpoint, call, query, &values)?;
        (endpoint.handler)(call).await
    }

    async fn read_body(
        &self,
        endpoint: &Endpoint<H>,
        parts: &Parts,
        body: Body,
    ) -> ApiResult<Content> {
        if matches!(endpoint.body, BodyRule::Stream) {
            return Ok(Content::Stream(body));
        }
        let server_max = self.settings.body_bytes_max;
        let bytes_max = endpoint.body_bytes_max.map_or(server_max, |max| max.min(server_max));
        let bytes = body::read(&parts.headers, body, bytes_max).await?;
        if matches!(endpoint.body, BodyRule::Bytes) {
            return Ok(Content::Bytes(bytes));
        }
        body::parse_json(&parts.headers, &bytes).map(Content::Json)
    }

    /// Who calls, within the rate, with the scope. `None` where everyone may call.
    async fn admit(
        &self,
        endpoint: &Endpoint<H>,
        parts: &Parts,
        query: &Result<Map<String, Value>, QueryError>,
        trail: &mut Trail,
    ) -> ApiResult<Option<H::Caller>> {
        let Some(credential) = credential(endpoint.auth, parts, query)? else {
            return Ok(None);
        };
        let is_session = matches!(credential, Credential::Session(_));
        let caller = self.host.authenticate(credential, parts.extensions.get().copied()).await?;
        let account = caller.account_id();
        let bucket = if is_session { Bucket::Sessions(account) } else { Bucket::ApiKeys(account) };
        trail.allowance = self.limiter.take(bucket, self.clock.now());
        if let Some(allowance) = trail.allowance {
            allowance.check(&parts.method, parts.uri.path())?;
        }
        endpoint.auth.permit(&caller)?;
        Ok(Some(caller))
    }
}

fn credential(
    auth: Auth,
    parts: &Parts,
    query: &Result<Map<String, Value>, QueryError>,
) -> Result<Option<Credential>, ApiError> {
    let token = || auth_header::token(&parts.headers);
    let credential = match auth {
        Auth::None => return Ok(None),
        Auth::ApiKey(_) | Auth::AccountKey(_) => auth_header::api_key(token()?)?,
        Auth::ApiKeyOrSession(_) => auth_header::api_key_or_session(token()?)?,
        Auth::Session => auth_header::session(token()?)?,
        Auth::BrowserSession => {
            let query = query.as_ref().map_err(|error| *error)?;
            match query::first(query, "connect_session_token") {
                Some(token) => auth_header::session(&token)?,
                None if query.contains_key("public_key") => return Err(Refusal::PublicKey.into()),
                None => return Err(Refusal::MissingSession.into()),
            }
        }
    };
    Ok(Some(credential))
}

/// Checks query, body and path in the endpoint's order and puts the results into the call.
fn check_inputs<H: Host>(
    endpoint: &Endpoint<H>,
    mut call: Call<H>,
    query: Result<Map<String, Value>, QueryError>,
    values: &[(&'static str, &str)],
) -> ApiResult<Call<H>> {
    let mut query = Some(query);
    for part in endpoint.order {
        match part {
            Part::Query => {
                let Some(given) = query.take() else { continue };
                if matches!(endpoint.query, QueryRule::Raw) {
                    continue;
                }
                call.query = check_query(&endpoint.query, given?)?;
            }
            Part::Body => {
                if let (BodyRule::Json(schema), Content::Json(value)) =
                    (&endpoint.body, &mut call.body)
                {
                    *value = schema
                        .check(value.take())
                        .map_err(|issues| ApiError::validation(Part::Body, issues))?;
                }
            }
            Part::Path => call.parameters = check_path(endpoint, values)?,
            Part::Headers => {}
        }
    }
    Ok(call)
}

fn check_query(rule: &QueryRule, given: Map<String, Value>) -> ApiResult<Map<String, Value>> {
    let QueryRule::Checked(schema) = rule else {
        return Ok(given);
    };
    match schema.check(Some(Value::Object(given))) {
        Ok(Some(Value::Object(checked))) => Ok(checked),
        Ok(_) => Ok(Map::new()),
        Err(issues) => Err(ApiError::validation(Part::Query, issues)),
    }
}

fn check_path<H: Host>(
    endpoint: &Endpoint<H>,
    values: &[(&'static str, &str)],
) -> ApiResult<Vec<(&'static str, String)>> {
    let mut parameters = Vec::with_capacity(values.len());
    let mut issues = Vec::new();
    for (name, raw) in values {
        let decoded = match path::decode(raw) {
            // The rest of a path keeps its escapes: a slash in it is not a slash of a value.
            _ if endpoint.path.contains("{*") => (*raw).to_owned(),
            Ok(decoded) => decoded,
            Err(error) => {
                let what = match error {
                    QueryError::Nul => "A path parameter has a NUL character",
                    _ => "A path parameter has a malformed percent escape",
                };
                issues.push(Issue::custom(what, &[name]));
                continue;
            }
        };
        let rule = endpoint.parameters.iter().find(|field| field.name() == *name);
        let checked = rule.map(|field| field.check(decoded.as_str().into()));
        match checked {
            None => parameters.push((*name, decoded)),
            Some(Ok(value)) => {
                let text = value.as_ref().and_then(Value::as_str).unwrap_or(&decoded).to_owned();
                parameters.push((*name, text));
            }
            Some(Err(found)) => issues.extend(found),
        }
    }
    if issues.is_empty() { Ok(parameters) } else { Err(ApiError::validation(Part::Path, issues)) }
}

fn method_not_allowed(methods: &[Method]) -> Response {
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    let allow = names.join(", ");
    let message = format!("This path answers {allow}");
    let mut response =
        ApiError::simple(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
            .into_response();
    if let Ok(value) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// A panic of a handler: logged with its text, which is ours, and answered like any internal error.
fn panicked(panic: &(dyn std::any::Any + Send), request_id: Uuid) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    tracing::error!(reference = %request_id, panic = text, "handler panicked");
    error::internal_response(request_id)
}

fn without_body(mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
    response
}

#[cfg(test)]
mod tests;
