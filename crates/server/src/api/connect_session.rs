//! `GET` and `DELETE /connect/session`: what a browser with a session token may do, and its end.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth_header::Refusal;
use crate::call::Call;
use crate::error::ApiResult;
use crate::reply;
use crate::route::{Auth, Endpoint};
use crate::schema::{
    any, array, boolean, field, loose_object, nothing, number, object, one_of, record, string,
};

const TAG: &str = "Connect sessions";
const PATH: &str = "/connect/session";

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    vec![
        Endpoint::new(Method::GET, PATH, Auth::Session, show)
            .documented(TAG, "What the session allows and presets")
            .body(nothing().optional())
            .returns(object(vec![field(
                "data",
                loose_object(vec![
                    field("endUser", any()),
                    field("connectUISettings", ui_settings_schema()),
                    field("allowed_integrations", array(string()).optional()),
                    field("integrations_config_defaults", record(string(), any()).optional()),
                    field("isReconnecting", boolean().optional()),
                    field("overrides", record(string(), any()).optional()),
                    field("websocketsPath", string()),
                    field("expires_at", string()),
                    field("return_url", string().optional()),
                    field("single_use", boolean()),
                ]),
            )])),
        Endpoint::new(Method::DELETE, PATH, Auth::Session, end)
            .documented(TAG, "End the session; its token stops working")
            .body(nothing().optional())
            .answers(StatusCode::NO_CONTENT, "The session has ended"),
    ]
}

fn ui_settings_schema() -> crate::schema::Schema {
    let colours = || object(vec![field("primary", string())]);
    let theme = vec![
        field("light", colours()),
        field("dark", colours()),
        field("radius", number().optional()),
        field("fontFamily", string().optional()),
    ];
    object(vec![
        field("showWatermark", boolean()),
        field("defaultTheme", one_of(&["light", "dark", "system"])),
        field("theme", object(theme)),
        field("name", string().optional()),
        field("logo", string().optional()),
    ])
}

async fn show(call: Call<App>) -> ApiResult {
    let session = call.caller()?.session()?;
    let payload = &session.payload;
    let mut data = Map::new();
    let mut add = |name: &str, value: Value| data.insert(name.to_owned(), value);
    add("endUser", payload.end_user.clone().unwrap_or_default());
    let settings = &call.caller()?.environment()?.settings;
    let chosen = match &payload.connect_ui_settings {
        Some(session) => session.over(&settings.connect_ui),
        None => settings.connect_ui.clone(),
    };
    add("connectUISettings", json!(chosen.decided()));
    if let Some(keys) = &payload.allowed_integrations {
        add("allowed_integrations", json!(keys));
    }
    if let Some(defaults) = &payload.integrations_config_defaults {
        add("integrations_config_defaults", shown_defaults(defaults));
    }
    if session.row.reconnect_row.is_some() {
        add("isReconnecting", true.into());
    }
    if let Some(overrides) = &payload.overrides {
        add("overrides", json!(overrides));
    }
    add("websocketsPath", call.host.options.websockets_path.clone().into());
    add("expires_at", session.row.expires_at.to_iso_z().into());
    if let Some(url) = &payload.return_url {
        add("return_url", url.clone().into());
    }
    add("single_use", settings.single_use_sessions.into());
    Ok(reply::ok(&json!({"data": data})))
}

/// Presets as a browser may see them: scopes asked in a person's name stay with the server.
fn shown_defaults(defaults: &Map<String, Value>) -> Value {
    let shown = |preset: &Value| -> Value {
        ["connection_config", "authorization_params"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), preset.get(name)?.clone())))
            .collect::<Map<_, _>>()
            .into()
    };
    defaults.iter().map(|(key, preset)| (key.clone(), shown(preset))).collect::<Map<_, _>>().into()
}

async fn end(call: Call<App>) -> ApiResult {
    let ended = call.host.engine.delete_session(call.caller()?.session()?).await?;
    // Somebody ended it between the look-up and now.
    if ended { Ok(reply::no_content()) } else { Err(Refusal::UnknownSession.into()) }
}
