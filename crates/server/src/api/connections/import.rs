//! `POST /connections`: a connection from credentials the app already has.

use http::{Method, StatusCode};
use valetkey_base::Timestamp;
use valetkey_engine::Error;
use valetkey_engine::connect::ImportConnection;

use super::view::{self, FullConnection};
use super::{BODY_BYTES_MAX, CREATE, TAG};
use crate::api::webhook_url;
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{Field, Schema, any, date, field, named, object, record, string, tagged};

/// Most characters of an OAuth 2 token.
const TOKEN_CHARS_MAX: i64 = 16_384;
/// Most characters of a client secret.
const CLIENT_SECRET_CHARS_MAX: i64 = 2048;
/// Most characters of a certificate or private key in PEM form.
const PEM_CHARS_MAX: i64 = 10_000;

pub(super) fn endpoint() -> Endpoint<App> {
    Endpoint::new(Method::POST, "/connections", Auth::ApiKey(CREATE), import)
        .documented(TAG, "Import a connection")
        .body(object(vec![
            field("provider_config_key", string()),
            field("connection_id", named::connection_id().optional()),
            field("credentials", credentials()),
            field("metadata", record(string(), any()).optional()),
            field("connection_config", named::connection_config(named::scope_array()).optional()),
            field(webhook_url::FIELD, webhook_url::schema().optional()),
            field("end_user", named::end_user().optional()),
            field("tags", named::tags().optional()),
        ]))
        .body_bytes_max(BODY_BYTES_MAX)
        .answers(StatusCode::CREATED, "The connection, with its credentials")
        .returns(view::full_schema())
}

/// By `type`. Types that the server cannot import yet have their form checked too, so that a
/// caller hears of a wrong field first.
fn credentials() -> Schema {
    let text = named::text;
    // Whoever writes null has no date.
    let expires_at = || field("expires_at", date().nullable().optional());
    let installation = || vec![field("app_id", text(255)), field("installation_id", text(255))];
    tagged(
        vec![
            (
                &["OAUTH2"],
                vec![
                    field("access_token", text(TOKEN_CHARS_MAX)),
                    field("refresh_token", text(TOKEN_CHARS_MAX).optional()),
                    expires_at(),
                    config_override(),
                ],
            ),
            (
                &["OAUTH2_CC"],
                vec![
                    field("token", text(4096)),
                    field("client_id", text(255)),
                    field("client_secret", text(CLIENT_SECRET_CHARS_MAX)),
                    field("client_certificate", text(PEM_CHARS_MAX).optional()),
                    field("client_private_key", text(PEM_CHARS_MAX).optional()),
                    expires_at(),
                ],
            ),
            (
                &["OAUTH1"],
                vec![field("oauth_token", text(2048)), field("oauth_token_secret", text(2048))],
            ),
            (&["API_KEY"], vec![field("apiKey", text(1024))]),
            (
                &["BASIC"],
                vec![field("username", string().max(1024)), field("password", string().max(1024))],
            ),
            (
                &["TBA"],
                vec![
                    field("token_id", string().min(1)),
                    field("token_secret", string().min(1)),
                    config_override(),
                ],
            ),
            (&["APP"], installation()),
            (&["CUSTOM"], installation()),
            (&["NONE"], Vec::new()),
        ],
        "Credentials are an object whose type is OAUTH2, OAUTH2_CC, OAUTH1, API_KEY, BASIC, TBA, \
         APP, CUSTOM or NONE",
    )
}

fn config_override() -> Field {
    let fields = vec![
        field("client_id", named::text(255).optional()),
        field("client_secret", named::text(CLIENT_SECRET_CHARS_MAX).optional()),
    ];
    field("config_override", object(fields).optional())
}

async fn import(mut call: Call<App>) -> ApiResult {
    let request: ImportConnection = call.body()?;
    let caller = call.caller()?;
    let engine = &call.host.engine;
    webhook_url::check(engine, request.webhook_url_override.as_deref())?;
    let view = engine
        .import_connection(caller.environment()?, request, true, &caller.actor())
        .await
        .map_err(refused)?;
    let answer = FullConnection::new(&view, Timestamp::to_iso_z);
    Ok(reply::json(StatusCode::CREATED, &answer))
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::UnknownIntegration(_) | Error::UnknownProvider(_) => {
            ApiError::not_found(error.to_string())
        }
        other => other.into(),
    }
}
