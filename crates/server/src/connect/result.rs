//! `GET /connect/result/{clientId}`: how a redirect flow ended, for browsers whose WebSocket did
//! not open or did not last.

use http::{Method, StatusCode};

use super::params;
use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema;

/// The id is known to nobody but the browser that waits, and the outcome holds no secret.
pub(super) fn endpoint() -> Endpoint<App> {
    Endpoint::new(Method::GET, "/connect/result/{clientId}", Auth::None, outcome)
        .documented("Connect", "How a redirect flow ended; 202 while it goes on")
        .parameter("clientId", schema::string().uuid())
        .any_query()
        .answers(StatusCode::OK, "The flow has ended")
}

async fn outcome(call: Call<App>) -> ApiResult {
    let id = params::client_id(call.path("clientId")).unwrap_or_default();
    let (status, result) = match call.host.engine.flow_result(&id).await? {
        Some(result) => (StatusCode::OK, result),
        None => (StatusCode::ACCEPTED, "null".to_owned()),
    };
    Ok(reply::json_bytes(status, format!("{{\"data\":{result}}}")))
}
