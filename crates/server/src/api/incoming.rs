//! `POST /webhook/{environmentUuid}/{providerConfigKey}`: webhooks of providers. `GET` answers the
//! handshakes that come that way.

use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use valetkey_engine::Error;
use valetkey_engine::incoming::{Answer, Body, Incoming};

use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::middleware::rate_limit::Bucket;
use crate::reply;
use crate::route::{Auth, BodyRule, Endpoint};
use crate::schema::{field, named, object, string};

/// Most bytes of a webhook; the largest that a known provider sends have 25 MB.
const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

const TAG: &str = "Webhooks";
const PATH: &str = "/webhook/{environmentUuid}/{providerConfigKey}";

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let endpoint = |method: Method, summary: &'static str| {
        Endpoint::new(method, PATH, Auth::None, receive)
            .documented(TAG, summary)
            .parameter("environmentUuid", string().uuid())
            .parameter("providerConfigKey", named::integration_key())
            .any_query()
    };
    vec![
        endpoint(Method::POST, "Where a provider sends its webhooks; the signature says who it is")
            .body_rule(BodyRule::Bytes)
            .body_bytes_max(BODY_BYTES_MAX)
            .returns(object(vec![field("status", string())])),
        endpoint(Method::GET, "What a provider asks before it sends webhooks"),
    ]
}

async fn receive(mut call: Call<App>) -> ApiResult {
    let (uuid, key) = (call.path("environmentUuid"), call.path("providerConfigKey"));
    let engine = &call.host.engine;
    let to = engine.webhook_addressee(uuid, key).await.map_err(unknown)?;
    let to = to.ok_or_else(|| {
        let message = "There is no such environment";
        ApiError::simple(StatusCode::NOT_FOUND, "unknown_environment", message)
    })?;
    let now = engine.clock().now();
    let allowance = call.host.webhook_limiter.take(Bucket::Webhooks(to.integration.row.id), now);
    let checked = allowance.map(|it| it.check(&call.parts.method, call.parts.uri.path()));
    let mut response = if let Some(Err(error)) = checked {
        error.into_response()
    } else {
        let request = request(&mut call);
        match call.host.engine.receive_webhook(&to, &request).await? {
            Ok(answer) => answered(answer),
            Err(refusal) => {
                let status = StatusCode::from_u16(refusal.status);
                let status = status.unwrap_or(StatusCode::BAD_REQUEST);
                ApiError::simple(status, refusal.code, refusal.message).into_response()
            }
        }
    };
    if let Some(allowance) = allowance {
        allowance.apply(response.headers_mut(), now);
    }
    Ok(response)
}

fn unknown(error: Error) -> ApiError {
    match error {
        // The provider has left the catalogue: to whoever sends, the integration is gone.
        Error::UnknownIntegration(_) | Error::UnknownProvider(_) => {
            let text = "There is no integration with this key";
            ApiError::simple(StatusCode::NOT_FOUND, "unknown_provider_config", text)
        }
        other => other.into(),
    }
}

fn request(call: &mut Call<App>) -> Incoming {
    let headers = call.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let path_and_query = call.uri().path_and_query();
    Incoming {
        // Whoever asks without wanting the answer's body asks all the same.
        method: match call.parts.method {
            Method::HEAD => "GET".to_owned(),
            ref other => other.as_str().to_owned(),
        },
        path_and_query: path_and_query.map_or_else(String::new, |it| it.as_str().to_owned()),
        headers,
        body: call.body_bytes(),
    }
}

fn answered(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = match answer.body {
        Body::Json(value) => reply::json(status, &value),
        Body::Text(text) => {
            let mut response = (status, text).into_response();
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, plain);
            response
        }
    };
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
