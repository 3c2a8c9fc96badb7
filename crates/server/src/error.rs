//! What a client sees when something fails. Every body is `{"error":{"code":…,"message":…}}`;
//! the other members depend on the shape, because existing clients read them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::reply;
use crate::schema::Issue;

/// The result of a handler.
pub type ApiResult<T = Response> = Result<T, ApiError>;

type Source = Arc<dyn Error + Send + Sync>;

/// Where an invalid input was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The body.
    Body,
    /// The query string.
    Query,
    /// The path.
    Path,
    /// The headers.
    Headers,
}

impl Part {
    fn code(self) -> &'static str {
        match self {
            Part::Body => "invalid_body",
            Part::Query => "invalid_query_params",
            Part::Path => "invalid_uri_params",
            Part::Headers => "invalid_headers",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Part::Body => "body is",
            Part::Query => "query string is",
            Part::Path => "path is",
            Part::Headers => "headers are",
        }
    }
}

/// A failure as the client sees it. Made by the constructors below, one per shape.
#[derive(Clone)]
pub struct ApiError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    /// The value of `error`; null for an internal error until the transport fills it in.
    error: Value,
    source: Option<Source>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    fn new(status: StatusCode, error: Value) -> Self {
        Self(Box::new(Inner { status, error, source: None, header: None }))
    }

    /// `code` and `message`. The shape for all new errors.
    pub fn simple(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, json!({"code": code, "message": message.into()}))
    }

    /// Adds a member to `error`, such as `payload`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(members) = &mut self.0.error {
            members.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Adds a header, such as `Retry-After`.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// An input that breaks its schema: 400 with one entry in `errors` for each issue.
    pub fn validation(part: Part, issues: Vec<Issue>) -> Self {
        let first = issues.first().map_or_else(String::new, |issue| match issue.path.as_slice() {
            [] => format!(": {}", issue.message),
            path => format!(" at {}: {}", path.join("."), issue.message),
        });
        let message = format!("The {} not valid{first}", part.name());
        let errors = serde_json::to_value(issues).unwrap_or_default();
        Self::new(
            StatusCode::BAD_REQUEST,
            json!({"code": part.code(), "message": message, "errors": errors}),
        )
    }

    /// `message`, `code` and an object `payload`: authentication and the older endpoints.
    pub fn legacy(
        status: StatusCode,
        code: &str,
        message: impl Into<String>,
        payload: impl Into<Option<Value>>,
    ) -> Self {
        let payload = payload.into().unwrap_or_else(|| json!({}));
        Self::new(status, json!({"message": message.into(), "code": code, "payload": payload}))
    }

    /// A failure of ours. The client gets a reference; the source goes to the log, once, with the
    /// same reference.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, Value::Null);
        error.0.source = Some(Arc::from(source.into()));
        error
    }

    /// An error whose whole body is given: the few that no constructor fits.
    pub fn exact(status: StatusCode, error: Value) -> Self {
        Self::new(status, error)
    }

    /// 404 `not_found`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::simple(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 403 `forbidden`.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::simple(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// `error.code`; an internal error's is `generic_error_support`.
    pub fn code(&self) -> &str {
        self.0.error.get("code").and_then(Value::as_str).unwrap_or(INTERNAL_CODE)
    }

    /// `error.message`; empty for an internal error and for the few bodies that have none.
    pub fn message(&self) -> &str {
        let message = self.0.error.get("message").and_then(Value::as_str);
        message.unwrap_or_default()
    }
}

const INTERNAL_CODE: &str = "generic_error_support";

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({} {})", self.status().as_u16(), self.code())
    }
}

/// Marks a response whose body waits for the reference under which its source is logged.
#[derive(Clone)]
struct Unreported(Source);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Inner { status, error, source, header } = *self.0;
        if let Some(source) = source {
            let mut response = status.into_response();
            response.extensions_mut().insert(Unreported(source));
            return response;
        }
        let mut response = reply::json(status, &json!({"error": error}));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"valetkey\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response.headers_mut().extend(header);
        response
    }
}

/// Logs the source of an internal error, if the response is one, and writes its body.
pub(crate) fn report(mut response: Response, reference: Uuid) -> Response {
    let Some(Unreported(source)) = response.extensions_mut().remove() else {
        return response;
    };
    tracing::error!(%reference, error = %chain(source.as_ref()), "request failed");
    internal_response(reference)
}

/// The body of an internal error.
pub(crate) fn internal_response(reference: Uuid) -> Response {
    let message = format!("Something failed on our side. Quote \"{reference}\" when you report it");
    let error =
        json!({"message": message, "code": INTERNAL_CODE, "payload": reference.to_string()});
    reply::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error}))
}

/// An error and what caused it, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn each_shape_has_its_members_in_order() {
        let simple = ApiError::not_found("No such integration").with("payload", json!({"a": 1}));
        assert_eq!(
            text(simple.into_response()).await,
            r#"{"error":{"code":"not_found","message":"No such integration","payload":{"a":1}}}"#
        );
        let issue = Issue::custom("Unknown", &["allowed_integrations", "0"]);
        let invalid = ApiError::validation(Part::Body, vec![issue]);
        assert_eq!(
            text(invalid.into_response()).await,
            concat!(
                r#"{"error":{"code":"invalid_body","#,
                r#""message":"The body is not valid at allowed_integrations.0: Unknown","#,
                r#""errors":[{"code":"custom","message":"Unknown","#,
                r#""path":["allowed_integrations","0"]}]}}"#
            )
        );
        let legacy = ApiError::legacy(StatusCode::UNAUTHORIZED, "unknown_account", "No", None);
        let response = legacy.into_response();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"valetkey\"");
        assert_eq!(
            text(response).await,
            r#"{"error":{"message":"No","code":"unknown_account","payload":{}}}"#
        );
    }

    #[tokio::test]
    async fn an_internal_error_shows_a_reference_and_never_its_source() {
        let error = ApiError::internal("the disk is full of hunter2");
        assert_eq!((error.code(), error.status().as_u16()), ("generic_error_support", 500));
        let reference = Uuid::from_u128(7);
        let body = text(report(error.into_response(), reference)).await;
        let value: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["error"]["payload"], reference.to_string());
        assert!(value["error"]["message"].as_str().unwrap().contains(&reference.to_string()));
        assert!(!body.contains("hunter2"));
    }
}
