//! `POST /api-auth/…`, `/oauth2/auth/…`, `/auth/…`: credentials typed into forms.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use valetkey_catalog::AuthMode;
use valetkey_engine::Error;
use valetkey_engine::connect::Cause;

use super::params;
use crate::app::App;
use crate::call::Call;
use crate::engine_error::wire_issues;
use crate::error::{ApiError, ApiResult, Part};
use crate::reply;
use crate::route::{Auth, BodyRule, Endpoint};
use crate::schema::{self, field, named, object};

/// Most bytes of a form: the longest are certificates and private keys.
const FORM_BYTES_MAX: usize = 256 * 1024;

pub(super) fn endpoints() -> Vec<Endpoint<App>> {
    vec![
        endpoint(
            "/api-auth/api-key/{providerConfigKey}",
            AuthMode::ApiKey,
            "Connect with an API key",
        ),
        endpoint(
            "/api-auth/basic/{providerConfigKey}",
            AuthMode::Basic,
            "Connect with a user name and a password",
        ),
        endpoint(
            "/oauth2/auth/{providerConfigKey}",
            AuthMode::OAuth2Cc,
            "Connect with OAuth 2 client credentials",
        ),
        endpoint(
            "/auth/jwt/{providerConfigKey}",
            AuthMode::Jwt,
            "Connect with a key that tokens are signed with",
        ),
        endpoint(
            "/auth/two-step/{providerConfigKey}",
            AuthMode::TwoStep,
            "Connect with credentials that are exchanged for a token",
        ),
        endpoint(
            "/auth/tba/{providerConfigKey}",
            AuthMode::Tba,
            "Connect with a token made for the integration",
        ),
        endpoint(
            "/auth/signature/{providerConfigKey}",
            AuthMode::Signature,
            "Connect with a login that signs every call",
        ),
        endpoint(
            "/auth/bill/{providerConfigKey}",
            AuthMode::Bill,
            "Connect with a login that gives a session",
        ),
        endpoint(
            "/auth/aws-sigv4/{providerConfigKey}",
            AuthMode::AwsSigV4,
            "Connect with an AWS role",
        ),
        endpoint(
            "/auth/oauth-outbound/{providerConfigKey}",
            AuthMode::OAuth2,
            "Begin a connection that the provider completes",
        ),
        endpoint(
            "/auth/unauthenticated/{providerConfigKey}",
            AuthMode::None,
            "Connect to an API that needs no credentials",
        ),
    ]
}

fn endpoint(path: &'static str, mode: AuthMode, summary: &'static str) -> Endpoint<App> {
    Endpoint::new(Method::POST, path, Auth::BrowserSession, move |call| submit(call, mode))
        .documented("Connect", summary)
        .parameter("providerConfigKey", named::integration_key())
        .any_query()
        .body_rule(BodyRule::AnyJson)
        .body_bytes_max(FORM_BYTES_MAX)
        .answers(StatusCode::OK, "The connection was made or repaired")
        .returns(object(vec![
            field("connectionId", schema::string()),
            field("providerConfigKey", schema::string()),
            field("isPending", schema::boolean().optional()),
        ]))
}

async fn submit(mut call: Call<App>, mode: AuthMode) -> ApiResult {
    params::refuse_connection_id(call.query_map())?;
    let body = call.body_value().unwrap_or(Value::Null);
    let config = params::connection_config(call.query_map());
    let session = call.caller()?.session()?;
    let key = call.path("providerConfigKey");
    let submitted = call
        .host
        .engine
        .submit_credentials(session, key, mode, &body, &config)
        .await
        .map_err(|error| refusal(error, &session.row.operation_id))?;
    let mut answer = json!({
        "connectionId": submitted.connection_id,
        "providerConfigKey": submitted.integration_key,
    });
    if submitted.is_pending {
        answer["isPending"] = Value::Bool(true);
    }
    Ok(reply::ok(&answer))
}

/// Configuration came in the query string, so that is where its issues are. Beside what every error
/// says, pages are told what is behind it, and the reference to quote.
fn refusal(error: Error, operation_id: &str) -> ApiError {
    let cause = Cause::of_submission(&error);
    let refused: ApiError = placed(error);
    refused.with("cause", cause.as_str()).with("operation_id", operation_id)
}

fn placed(error: Error) -> ApiError {
    let of_config = |issue: &valetkey_engine::Issue| {
        issue.path.first().is_some_and(|first| first == "connection_config")
    };
    match error {
        Error::Invalid(issues) if issues.iter().any(of_config) => {
            let mut issues = wire_issues(issues);
            for first in issues.iter_mut().filter_map(|issue| issue.path.first_mut()) {
                "params".clone_into(first);
            }
            ApiError::validation(Part::Query, issues)
        }
        other => other.into(),
    }
}
