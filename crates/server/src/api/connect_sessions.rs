//! `POST /connect/sessions` and `POST /connect/sessions/reconnect`: an app's backend mints the
//! token with which a browser connects.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_engine::Engine;
use valetkey_engine::sessions::{CreateSession, MadeSession};

use crate::api::webhook_url;
use crate::app::App;
use crate::call::Call;
use crate::error::{ApiError, ApiResult, Part};
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{
    Field, Schema, array, boolean, field, integer, named, object, one_of, record, string,
};

const TAG: &str = "Connect sessions";
const WRITE: &[&str] = &["environment:connect_sessions:write"];
/// Most bytes of a body: presets of many integrations fit many times.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most integrations a session names.
const INTEGRATIONS_MAX: i64 = 1000;
/// Most characters of a text for which the contract names no limit.
const TEXT_CHARS_MAX: i64 = 8192;

const DEFAULTS: &str = "integrations_config_defaults";
const CONNECTION_CONFIG: &str = "connection_config";
/// Where older clients put the webhook URL.
const NESTED_WEBHOOK_URL: &str = "webhook_url";

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    vec![
        Endpoint::new(Method::POST, "/connect/sessions", Auth::ApiKey(WRITE), create)
            .documented(TAG, "Make a session in which a browser may connect")
            .body(create_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .answers(StatusCode::CREATED, "The session's token, shown once")
            .returns(made_schema()),
        Endpoint::new(Method::POST, "/connect/sessions/reconnect", Auth::ApiKey(WRITE), reconnect)
            .documented(TAG, "Make a session in which a browser repairs one connection")
            .body(reconnect_body())
            .body_bytes_max(BODY_BYTES_MAX)
            .answers(StatusCode::CREATED, "The session's token, shown once")
            .returns(made_schema()),
    ]
}

fn create_body() -> Schema {
    let mut fields = vec![
        field(
            "end_user",
            named::end_user()
                .required_unless("tags")
                .about("Who connects; may be left out when tags are given"),
        ),
        field("organization", named::organization().optional()),
        field(
            "allowed_integrations",
            array(named::integration_key())
                .max(INTEGRATIONS_MAX)
                .optional()
                .about("An empty list allows all"),
        ),
    ];
    fields.extend(presets());
    object(fields)
}

fn reconnect_body() -> Schema {
    let mut fields = vec![
        field("connection_id", named::connection_id()),
        field("integration_id", named::integration_key()),
        field("end_user", named::end_user().optional()),
        field("organization", named::organization().optional()),
    ];
    fields.extend(presets());
    object(fields)
}

/// What both kinds of session preset.
fn presets() -> Vec<Field> {
    let text = || string().max(TEXT_CHARS_MAX);
    let connection_config = named::connection_config(text()).with(field(
        NESTED_WEBHOOK_URL,
        webhook_url::schema().optional().about("Use webhook_url_override instead"),
    ));
    let defaults = object(vec![
        field("user_scopes", text().optional()),
        field("authorization_params", record(text(), text()).optional()),
        field(CONNECTION_CONFIG, connection_config.optional()),
    ]);
    let overrides = object(vec![field("docs_connect", text().optional())]).strip();
    vec![
        field(DEFAULTS, record(named::integration_key(), defaults).optional()),
        field("overrides", record(named::integration_key(), overrides).optional()),
        field(webhook_url::FIELD, webhook_url::schema().optional()),
        field("tags", named::tags().optional()),
        field("connect_ui_settings", connect_ui_settings().optional()),
        field(
            "return_url",
            named::url().optional().about(
                "Where a connect link leads afterwards. Its origin, or an address it lies below, is \
                 in the environment's return_urls; this machine's own will do in test environments",
            ),
        ),
        field(
            "lang",
            named::language()
                .optional()
                .about("The language of the connect link, such as fr; otherwise the browser's"),
        ),
    ]
}

/// What a session changes about the look of its page; the engine checks the values.
fn connect_ui_settings() -> Schema {
    let colours = || object(vec![field("primary", string().optional())]).optional();
    let theme = vec![
        field("light", colours()),
        field("dark", colours()),
        field("radius", integer().min(0).max(255).optional().about("CSS pixels, 0 to 32")),
        field("fontFamily", string().optional().about("Fonts of the device; none is loaded")),
    ];
    object(vec![
        field("showWatermark", boolean().optional()),
        field("defaultTheme", one_of(&["light", "dark", "system"]).optional()),
        field("theme", object(theme).optional()),
        field("name", string().optional().about("The product's name")),
        field("logo", string().optional().about("A picture of at most 32 KiB as data: URL")),
    ])
    .about("How the Connect UI looks, over the environment's settings")
}

fn made_schema() -> Schema {
    object(vec![field(
        "data",
        object(vec![
            field("token", string()),
            field("connect_link", string()),
            field("expires_at", string()),
        ]),
    )])
}

async fn create(mut call: Call<App>) -> ApiResult {
    let mut body: CreateSession = call.body()?;
    settle_webhook_url(&call.host.engine, &mut body)?;
    let caller = call.caller()?;
    let made =
        call.host.engine.create_session(caller.environment()?, body, &caller.actor()).await?;
    Ok(answer(&made))
}

#[derive(Deserialize)]
struct Reconnect {
    connection_id: String,
    integration_id: String,
    #[serde(flatten)]
    session: CreateSession,
}

async fn reconnect(mut call: Call<App>) -> ApiResult {
    let mut body: Reconnect = call.body()?;
    settle_webhook_url(&call.host.engine, &mut body.session)?;
    let caller = call.caller()?;
    let made = call
        .host
        .engine
        .create_reconnect_session(
            caller.environment()?,
            &body.connection_id,
            &body.integration_id,
            body.session,
            &caller.actor(),
        )
        .await?;
    Ok(answer(&made))
}

fn answer(made: &MadeSession) -> axum::response::Response {
    let data = json!({
        "token": made.token.expose(),
        "connect_link": made.connect_link,
        "expires_at": made.expires_at.to_iso_z(),
    });
    reply::json(StatusCode::CREATED, &json!({"data": data}))
}

/// Checks every webhook URL and moves the first nested one to where it belongs.
///
/// # Errors
/// 400 `invalid_body` with an issue for each URL that this server may not call.
fn settle_webhook_url(engine: &Engine, body: &mut CreateSession) -> ApiResult<()> {
    let mut issues = Vec::new();
    let nested = body.integrations_config_defaults.as_mut().map(take_nested).unwrap_or_default();
    for (key, url) in &nested {
        let path = [DEFAULTS, key, CONNECTION_CONFIG, NESTED_WEBHOOK_URL];
        issues.extend(webhook_url::issue(engine, url, &path));
    }
    if let Some(url) = &body.webhook_url_override {
        issues.extend(webhook_url::issue(engine, url, &[webhook_url::FIELD]));
    }
    if !issues.is_empty() {
        return Err(ApiError::validation(Part::Body, issues));
    }
    if body.webhook_url_override.is_none() {
        let first = nested.into_iter().map(|(_, url)| url).find(|url| !url.is_empty());
        body.webhook_url_override = first;
    }
    Ok(())
}

/// Takes the nested URLs out, and with them each configuration that held nothing else.
fn take_nested(defaults: &mut Map<String, Value>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, preset) in defaults.iter_mut() {
        let Some(preset) = preset.as_object_mut() else { continue };
        let Some(config) = preset.get_mut(CONNECTION_CONFIG).and_then(Value::as_object_mut) else {
            continue;
        };
        let Some(Value::String(url)) = config.shift_remove(NESTED_WEBHOOK_URL) else { continue };
        if config.is_empty() {
            preset.shift_remove(CONNECTION_CONFIG);
        }
        found.push((key.clone(), url));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Issue;

    fn lines(schema: &Schema, body: Value) -> Vec<String> {
        let line = |issue: &Issue| format!("{} {}", issue.code, issue.path.join("."));
        schema.check(Some(body)).err().unwrap_or_default().iter().map(line).collect()
    }

    #[test]
    fn an_end_user_is_needed_unless_there_are_tags() {
        let schema = create_body();
        assert_eq!(lines(&schema, json!({})), ["invalid_type end_user"]);
        assert!(lines(&schema, json!({"tags": {}})).is_empty());
        assert_eq!(lines(&schema, json!({"tags": 1})), ["invalid_type tags"]);
        assert_eq!(
            lines(&schema, json!({"tags": {}, "end_user": {}})),
            ["invalid_type end_user.id"]
        );
    }

    #[test]
    fn issues_name_the_place_inside_presets() {
        let body = json!({
            "tags": {},
            "integrations_config_defaults": {
                "a": {"user_scopes": 1, "authorization_params": {"p": 2}, "other": 3},
                "b": {"connection_config": {"oauth_scopes_override": 1, "webhook_url": "no"}},
                "c/d": {},
            },
            "overrides": {"a": {"docs_connect": 1, "dropped": 2}},
        });
        assert_eq!(
            lines(&create_body(), body),
            [
                "invalid_type integrations_config_defaults.a.user_scopes",
                "invalid_type integrations_config_defaults.a.authorization_params.p",
                "unrecognized_keys integrations_config_defaults.a",
                "invalid_type integrations_config_defaults.b.connection_config.oauth_scopes_override",
                "invalid_union integrations_config_defaults.b.connection_config.webhook_url",
                "invalid_key integrations_config_defaults.c/d",
                "invalid_type overrides.a.docs_connect",
            ]
        );
    }

    #[test]
    fn a_nested_webhook_url_leaves_no_empty_configuration_behind() {
        let mut defaults = json!({
            "a": {"connection_config": {"webhook_url": ""}},
            "b": {"connection_config": {"webhook_url": "https://hooks.example.com", "region": "eu"}},
        });
        let found = take_nested(defaults.as_object_mut().unwrap());
        assert_eq!(found[0], ("a".to_owned(), String::new()));
        assert_eq!(found[1].0, "b");
        assert_eq!(defaults, json!({"a": {}, "b": {"connection_config": {"region": "eu"}}}));
    }
}
