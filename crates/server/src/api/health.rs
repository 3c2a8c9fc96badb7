//! `GET /health` and `GET /ready`, for whoever starts, watches and stops the server.

use http::{Method, StatusCode};
use serde_json::json;

use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{field, object, string};

const TAG: &str = "Server";

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let result = || object(vec![field("result", string())]);
    vec![
        Endpoint::new(Method::GET, "/health", Auth::None, health)
            .documented(TAG, "Whether the process answers")
            .any_query()
            .returns(result()),
        Endpoint::new(Method::GET, "/ready", Auth::None, ready)
            .documented(TAG, "Whether requests should be sent here; 503 when not")
            .any_query()
            .returns(result()),
    ]
}

async fn health(_call: Call<App>) -> ApiResult {
    Ok(reply::ok(&json!({"result": "ok"})))
}

/// Not ready once shutdown has begun, so that a load balancer turns away before the last request.
async fn ready(call: Call<App>) -> ApiResult {
    let engine = &call.host.engine;
    let stopping = engine.tasks().stopping().is_cancelled();
    if stopping || engine.store().ping().await.is_err() {
        let body = json!({"result": "not ready"});
        return Ok(reply::json(StatusCode::SERVICE_UNAVAILABLE, &body));
    }
    Ok(reply::ok(&json!({"result": "ok"})))
}
