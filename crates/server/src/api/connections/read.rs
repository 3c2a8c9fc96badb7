//! `GET /connections/{connectionId}`: a connection with credentials that work.
//!
//! This is the request apps make all day. The answer is written from the row and the opened values
//! straight into bytes.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use valetkey_base::Timestamp;
use valetkey_engine::connections::ConnectionView;
use valetkey_engine::read::ReadOptions;
use valetkey_engine::{Error, NotFresh};

use super::view::{self, FullConnection};
use super::{READ, READ_CREDENTIALS, TAG, unknown_integration_is_400};
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint, Principal as _};
use crate::schema::{boolean_word, field, named};

pub(super) fn endpoint() -> Endpoint<App> {
    let flag = |about| boolean_word().default(false).about(about);
    Endpoint::new(Method::GET, "/connections/{connectionId}", Auth::ApiKey(READ), read)
        .alias("/connection/{connectionId}")
        .documented(TAG, "Read a connection with fresh credentials")
        .parameter("connectionId", named::connection_id())
        .query(vec![
            field("provider_config_key", named::integration_key()),
            field("refresh_token", flag("Leave refresh tokens in the answer")),
            field("force_refresh", flag("Refresh even a token that is still good")),
            field(
                "refresh_github_app_jwt_token",
                flag("Only for GitHub Apps: sign a new app token"),
            ),
        ])
        .returns(view::full_schema())
}

#[derive(Deserialize)]
struct Query {
    provider_config_key: String,
    refresh_token: bool,
    force_refresh: bool,
    refresh_github_app_jwt_token: bool,
}

async fn read(mut call: Call<App>) -> ApiResult {
    let query: Query = call.query()?;
    let caller = call.caller()?;
    let with_credentials = caller.scopes().grants(READ_CREDENTIALS);
    let flagged = query.refresh_token || query.force_refresh || query.refresh_github_app_jwt_token;
    if flagged && !with_credentials {
        let message = format!("The API key needs the scope {READ_CREDENTIALS} for these flags");
        return Err(ApiError::forbidden(message));
    }
    let options = ReadOptions {
        with_credentials,
        force_refresh: query.force_refresh,
        with_refresh_token: query.refresh_token,
        renew_app_token: query.refresh_github_app_jwt_token,
    };
    let (key, id) = (&query.provider_config_key, call.path("connectionId"));
    let view = call
        .host
        .engine
        .read_connection(caller.environment()?, key, id, options, &caller.actor())
        .await
        .map_err(refused)?;
    Ok(reply::ok(&full(&view)))
}

fn full(view: &ConnectionView) -> FullConnection<'_> {
    FullConnection::new(view, Timestamp::to_iso_offset)
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::NotFresh(why) => not_fresh(&why),
        other => unknown_integration_is_400(other),
    }
}

/// The connection goes along, so that the app can tell which customer has to do something.
fn not_fresh(why: &NotFresh) -> ApiError {
    let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::BAD_REQUEST);
    let payload = json!({
        "connection": full(&why.connection),
        "needs_reconnect": why.needs_reconnect,
    });
    ApiError::simple(status, "invalid_credentials", why.message.as_str()).with("payload", payload)
}
