//! `POST /connection`: the older import. Its body is flat and has no schema; which members count
//! depends on the provider's auth mode. It answers with the body and the connection's id.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use valetkey_base::Timestamp;
use valetkey_catalog::AuthMode;
use valetkey_engine::connect::ImportConnection;
use valetkey_engine::{EnvironmentView, Error};

use super::{BODY_BYTES_MAX, CREATE, TAG};
use crate::api::webhook_url;
use crate::app::App;
use crate::call::Call;
use crate::engine_error::wire_issues;
use crate::error::{ApiError, ApiResult, Part};
use crate::reply;
use crate::route::{Auth, BodyRule, Endpoint};
use crate::schema::{Issue, any, date, field, named, number, object, record, string};

/// How long a client-credentials token is taken to live when nothing is said.
const CLIENT_TOKEN_LIFETIME: Duration = Duration::from_mins(55);

type Body = Map<String, Value>;

pub(super) fn endpoint() -> Endpoint<App> {
    Endpoint::new(Method::POST, "/connection", Auth::ApiKey(CREATE), import)
        .documented(TAG, "Import a connection from flat fields")
        .any_query()
        .body_rule(BodyRule::AnyJson)
        .body_bytes_max(BODY_BYTES_MAX)
        .answers(StatusCode::CREATED, "The body, with the connection's id")
        .deprecated()
}

async fn import(mut call: Call<App>) -> ApiResult {
    let mut body = match call.body_value() {
        Some(Value::Object(body)) => body,
        _ => Body::new(),
    };
    let key = text(&body, "provider_config_key")
        .ok_or_else(|| {
            missing("missing_provider_config", "Name the integration in provider_config_key")
        })?
        .to_owned();
    let caller = call.caller()?;
    let (engine, environment) = (&call.host.engine, caller.environment()?);
    let webhook_url = checked_webhook_url(&call, &body)?;
    let integration = engine
        .integration(environment.id, &key)
        .await
        .map_err(|error| refused(error, environment, &key))?;
    let mode = integration.provider.auth_mode;
    let details = checked_details(&body)?;
    let detail = |name: &str| details.get(name).cloned();
    let object = |name: &str| detail(name).and_then(|value| value.as_object().cloned());
    let request = ImportConnection {
        credentials: credentials(mode, &body, engine.clock().now())?,
        raw: body.get("raw").filter(|raw| raw.is_object()).cloned(),
        connection_id: detail("connection_id").and_then(|id| id.as_str().map(str::to_owned)),
        metadata: object("metadata"),
        connection_config: object("connection_config").map(with_scope_list),
        webhook_url_override: webhook_url,
        provider_config_key: key.clone(),
        end_user: None,
        tags: None,
    };
    let view = engine
        .import_connection(environment, request, false, &caller.actor())
        .await
        .map_err(|error| refused(error, environment, &key))?;
    body.insert("connection_id".to_owned(), view.row.connection_id.clone().into());
    Ok(reply::json(StatusCode::CREATED, &body))
}

/// A text that is there and not empty.
fn text<'a>(body: &'a Body, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn missing(code: &str, message: &str) -> ApiError {
    ApiError::legacy(StatusCode::BAD_REQUEST, code, message, None)
}

fn required<'a>(body: &'a Body, name: &str, code: &str) -> ApiResult<&'a str> {
    text(body, name).ok_or_else(|| missing(code, &format!("The field {name} is missing")))
}

fn checked_webhook_url(call: &Call<App>, body: &Body) -> ApiResult<Option<String>> {
    let Some(value) = body.get(webhook_url::FIELD).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let bad = |message: String| ApiError::validation(Part::Body, vec![Issue::custom(message, &[])]);
    let url = webhook_url::schema()
        .check(Some(value.clone()))
        .ok()
        .flatten()
        .and_then(|url| url.as_str().map(str::to_owned))
        .ok_or_else(|| bad("webhook_url_override is not an absolute URL".to_owned()))?;
    webhook_url::check(&call.host.engine, Some(&url)).map_err(|_| {
        bad("webhook_url_override is a URL that the server may not call".to_owned())
    })?;
    Ok(Some(url))
}

/// The members that do not depend on the auth mode, those that are null left out.
fn checked_details(body: &Body) -> ApiResult<Body> {
    let schema = object(vec![
        field("connection_id", named::connection_id().optional()),
        field("metadata", record(string(), any()).optional()),
        field("connection_config", record(string(), any()).optional()),
    ])
    .strip();
    let given = body.iter().filter(|(_, value)| !value.is_null());
    let given: Body = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    match schema.check(Some(Value::Object(given))) {
        Ok(Some(Value::Object(details))) => Ok(details),
        Ok(_) => Ok(Body::new()),
        Err(issues) => Err(ApiError::validation(Part::Body, issues)),
    }
}

/// `oauth_scopes_override` as the list it is stored as.
fn with_scope_list(mut config: Body) -> Body {
    if let Some(Value::String(scopes)) = config.get("oauth_scopes_override") {
        let list = scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty());
        let list: Value = list.map(str::to_owned).collect::<Vec<_>>().into();
        config.insert("oauth_scopes_override".to_owned(), list);
    }
    config
}

/// The flat members as the `credentials` object of the newer import.
fn credentials(mode: AuthMode, body: &Body, now: Timestamp) -> ApiResult<Value> {
    let mut credentials = match mode {
        AuthMode::OAuth2 => oauth2(body, now)?,
        AuthMode::OAuth2Cc => client_credentials(body, now)?,
        AuthMode::OAuth1 => json!({
            "oauth_token": required(body, "oauth_token", "missing_oauth_token")?,
            "oauth_token_secret":
                required(body, "oauth_token_secret", "missing_oauth_token_secret")?,
        }),
        AuthMode::Basic => json!({
            "username": required(body, "username", "missing_basic_username")?,
            "password": text(body, "password").unwrap_or_default(),
        }),
        AuthMode::ApiKey => json!({"apiKey": required(body, "api_key", "missing_api_key")?}),
        AuthMode::App => json!({
            "app_id": required(body, "app_id", "missing_app_id")?,
            "installation_id": required(body, "installation_id", "missing_installation_id")?,
        }),
        AuthMode::Tba => {
            let account = body.get("connection_config").and_then(|config| config.get("accountId"));
            if account.is_none_or(Value::is_null) {
                let message = "connection_config.accountId is missing";
                return Err(missing("missing_account_id", message));
            }
            json!({})
        }
        _ => json!({}),
    };
    credentials["type"] = mode.as_str().into();
    Ok(credentials)
}

fn oauth2(body: &Body, now: Timestamp) -> ApiResult<Value> {
    let mut credentials =
        json!({"access_token": required(body, "access_token", "missing_access_token")?});
    if let Some(refresh_token) = text(body, "refresh_token") {
        credentials["refresh_token"] = refresh_token.into();
    }
    if body.get("no_expiration") != Some(&Value::Bool(true)) {
        let expires_at = expiry(body, now)?.ok_or_else(|| {
            missing("missing_expires_at", "Give expires_at, expires_in or no_expiration: true")
        })?;
        credentials["expires_at"] = expires_at;
    }
    for (flat, name) in [
        ("oauth_client_id_override", "client_id"),
        ("oauth_client_secret_override", "client_secret"),
    ] {
        if let Some(value) = text(body, flat) {
            credentials["config_override"][name] = value.into();
        }
    }
    Ok(credentials)
}

fn client_credentials(body: &Body, now: Timestamp) -> ApiResult<Value> {
    let token = required(body, "access_token", "missing_access_token")?;
    let member = |name: &str| body.get(name).cloned().unwrap_or_default();
    let expires_at =
        expiry(body, now)?.unwrap_or_else(|| now.plus(CLIENT_TOKEN_LIFETIME).millis().into());
    Ok(json!({
        "token": token,
        "client_id": member("oauth_client_id_override"),
        "client_secret": member("oauth_client_secret_override"),
        "expires_at": expires_at,
    }))
}

/// When the token dies, in milliseconds since 1970, from `expires_at` or the seconds in
/// `expires_in`.
fn expiry(body: &Body, now: Timestamp) -> ApiResult<Option<Value>> {
    let given = |name: &str| body.get(name).filter(|value| !value.is_null() && *value != "");
    if let Some(value) = given("expires_at") {
        return match date().check(Some(value.clone())) {
            Ok(expires_at) => Ok(expires_at),
            Err(_) => Err(missing("invalid_expires_at", "expires_at is not a date")),
        };
    }
    let Some(value) = given("expires_in") else { return Ok(None) };
    let seconds = number().coerced().min(0).check(Some(value.clone())).ok().flatten();
    let seconds = seconds.and_then(|seconds| seconds.as_f64());
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(lifetime) => Ok(Some(now.plus(lifetime).millis().into())),
        None => Err(missing("invalid_expires_at", "expires_in is not a number of seconds")),
    }
}

/// The names that callers of this endpoint know for members of `credentials`.
const FLAT_NAMES: &[(&str, &str)] = &[
    ("token", "access_token"),
    ("apiKey", "api_key"),
    ("client_id", "oauth_client_id_override"),
    ("client_secret", "oauth_client_secret_override"),
];

fn refused(error: Error, environment: &EnvironmentView, key: &str) -> ApiError {
    let text = error.to_string();
    match error {
        Error::UnknownIntegration(_) => ApiError::legacy(
            StatusCode::BAD_REQUEST,
            "unknown_provider_config",
            text,
            json!({"providerConfigKey": key, "environmentName": environment.name}),
        ),
        Error::Invalid(issues) => {
            let mut issues = wire_issues(issues);
            for issue in &mut issues {
                issue.path.retain(|part| part != "credentials" && part != "config_override");
                for part in &mut issue.path {
                    if let Some((_, flat)) = FLAT_NAMES.iter().find(|(name, _)| name == part) {
                        (*flat).clone_into(part);
                    }
                }
            }
            ApiError::validation(Part::Body, issues)
        }
        other => other.into(),
    }
}
