//! A request as a handler gets it: the caller known and permitted, every input checked.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;
use valetkey_base::Timestamp;

use crate::error::{ApiError, ApiResult};
use crate::middleware::rate_limit::{Bucket, RateLimiter};
use crate::route::Host;

/// One call of an endpoint.
pub struct Call<H: Host> {
    /// The application.
    pub host: H,
    /// The request's id, which its log lines carry.
    pub request_id: Uuid,
    /// Method, URI, headers and extensions.
    pub parts: http::request::Parts,
    pub(crate) limiter: Arc<RateLimiter>,
    pub(crate) caller: Option<H::Caller>,
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) query: Map<String, Value>,
    pub(crate) body: Content,
}

/// The body in the form the endpoint asked for.
pub(crate) enum Content {
    Json(Option<Value>),
    Bytes(Bytes),
    Stream(Body),
}

impl<H: Host> Call<H> {
    /// Who calls.
    ///
    /// # Errors
    /// 500 at an endpoint without authentication: a mistake in the route list.
    pub fn caller(&self) -> ApiResult<&H::Caller> {
        self.caller.as_ref().ok_or_else(|| ApiError::internal("the endpoint has no caller"))
    }

    /// Counts a request whose caller the handler had to find itself.
    ///
    /// # Errors
    /// 429 `too_many_request` beyond the limit.
    pub fn count(&self, bucket: Bucket, now: Timestamp) -> ApiResult<()> {
        let allowance = self.limiter.take(bucket, now);
        allowance.map_or(Ok(()), |it| it.check(&self.parts.method, self.parts.uri.path()))
    }

    /// A path parameter, decoded and checked. Empty when the path has none of this name, as an
    /// alias may.
    pub fn path(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The checked query string as a type.
    ///
    /// # Errors
    /// 500 when the type does not fit the endpoint's schema: a mistake in the endpoint.
    pub fn query<T: DeserializeOwned>(&mut self) -> ApiResult<T> {
        let query = std::mem::take(&mut self.query);
        serde_json::from_value(Value::Object(query)).map_err(ApiError::internal)
    }

    /// The query string as a map, for endpoints that do not check it.
    pub fn query_map(&self) -> &Map<String, Value> {
        &self.query
    }

    /// The checked JSON body as a type.
    ///
    /// # Errors
    /// 500 when the type does not fit the endpoint's schema: a mistake in the endpoint.
    pub fn body<T: DeserializeOwned>(&mut self) -> ApiResult<T> {
        let value = self.body_value().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| {
            // The text of a serde error may quote the value, which may be a secret.
            ApiError::internal(format!("the checked body has no {:?} form", error.classify()))
        })
    }

    /// The JSON body, if one was sent.
    pub fn body_value(&mut self) -> Option<Value> {
        match &mut self.body {
            Content::Json(value) => value.take(),
            Content::Bytes(_) | Content::Stream(_) => None,
        }
    }

    /// The body's bytes, at an endpoint that asked for them.
    pub fn body_bytes(&mut self) -> Bytes {
        match &mut self.body {
            Content::Bytes(bytes) => std::mem::take(bytes),
            Content::Json(_) | Content::Stream(_) => Bytes::new(),
        }
    }

    /// The unread body, at an endpoint that asked for it.
    pub fn body_stream(&mut self) -> Body {
        match &mut self.body {
            Content::Stream(body) => std::mem::take(body),
            Content::Json(_) | Content::Bytes(_) => Body::empty(),
        }
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// A header as text; `None` when absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The request's URI.
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }
}
