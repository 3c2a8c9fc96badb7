//! The provider's answer as the app gets it, or why there is none.

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use valetkey_engine::proxy::{Budget, EgressError, ProxyAnswer, ProxyFailure};
use valetkey_engine::{Engine, Error};

use super::tunnel;
use crate::error::ApiError;

const ATTEMPTS: HeaderName = HeaderName::from_static("valetkey-attempts");
const BUDGET_LIMIT: HeaderName = HeaderName::from_static("valetkey-budget-limit");
const BUDGET_LEFT: HeaderName = HeaderName::from_static("valetkey-budget-remaining");
const BUDGET_NEXT: HeaderName = HeaderName::from_static("valetkey-budget-next-ms");

/// Marks a response that is somebody else's: nothing is added to its headers.
#[derive(Clone, Copy)]
pub(crate) struct Carried;

/// The answer on its way.
pub(super) fn response(engine: &Engine, parts: &mut Parts, answer: ProxyAnswer) -> Response {
    let ProxyAnswer { status, mut headers, body, attempts, budget, upgraded } = answer;
    // Which pages may read an answer is this server's to say.
    let name = ACCESS_CONTROL_ALLOW_ORIGIN.as_str().rsplit_once("allow-origin");
    let prefix = name.map_or("access-control-", |(prefix, _)| prefix);
    let foreign: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect();
    for name in foreign {
        headers.remove(name);
    }
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
    if let Some(budget) = budget {
        tell_budget(&mut headers, budget);
    }
    if let Some(far) = upgraded {
        tunnel::open(engine, parts, far);
    }
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(Carried);
    response
}

fn tell_budget(headers: &mut HeaderMap, budget: Budget) {
    headers.insert(BUDGET_LIMIT, HeaderValue::from(budget.per_minute));
    headers.insert(BUDGET_LEFT, HeaderValue::from(budget.left));
    let next = u64::try_from(budget.next_in.as_millis()).unwrap_or(u64::MAX);
    headers.insert(BUDGET_NEXT, HeaderValue::from(next));
}

/// Why there is no answer of the provider.
pub(super) fn failure(failure: ProxyFailure) -> ApiError {
    let code = failure.code();
    let text = failure.to_string();
    let simple = |status| ApiError::simple(status, code, text.clone());
    match failure {
        ProxyFailure::Engine(error) => of_engine(error),
        ProxyFailure::NotGranted(_) => simple(StatusCode::FORBIDDEN),
        ProxyFailure::GrantSpent => simple(StatusCode::TOO_MANY_REQUESTS),
        ProxyFailure::BodyTooLarge { .. } => simple(StatusCode::PAYLOAD_TOO_LARGE),
        ProxyFailure::OverBudget { budget, .. } => {
            let seconds = budget.next_in.as_secs() + 1;
            simple(StatusCode::TOO_MANY_REQUESTS)
                .with("calls_per_minute", budget.per_minute)
                .with_header(RETRY_AFTER, HeaderValue::from(seconds))
        }
        ProxyFailure::NoAnswer(EgressError::Timeout { .. }) => simple(StatusCode::GATEWAY_TIMEOUT),
        ProxyFailure::NoAnswer(_) => simple(StatusCode::BAD_GATEWAY),
        _ => simple(StatusCode::BAD_REQUEST),
    }
}

/// Statuses and codes that clients branch on; they are not those of other endpoints.
fn of_engine(error: Error) -> ApiError {
    let text = error.to_string();
    match error {
        Error::UnknownConnection { .. } => {
            ApiError::simple(StatusCode::BAD_REQUEST, "server_error", text)
                .with("payload", json!({"code": "unknown_connection"}))
        }
        Error::NotFresh(why) => {
            let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::BAD_REQUEST);
            let code = match why.cause.as_str() {
                known @ "connection_refresh_backoff" => known,
                _ => "server_error",
            };
            let payload = json!({"code": why.cause, "needs_reconnect": why.needs_reconnect});
            ApiError::simple(status, code, why.message).with("payload", payload)
        }
        other => other.into(),
    }
}
