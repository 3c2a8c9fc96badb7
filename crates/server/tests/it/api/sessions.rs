//! `/connect/sessions`, `/connect/session`, `/connect/telemetry`.

use serde_json::{Value, json};
use valetkey_server::app::Options;
use valetkey_testkit::on_each_database;

use super::{error, issues};
use crate::app::{Answer, TestApp, on_each};

async fn create(app: &TestApp, body: Value) -> Answer {
    app.post("/connect/sessions").bearer(&app.api_key).json(&body).send().await
}

async fn token(app: &TestApp, body: Value) -> String {
    let answer = create(app, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["data"]["token"].as_str().unwrap().to_owned()
}

async fn shown(app: &TestApp, token: &str) -> Value {
    let answer = app.get("/connect/session").bearer(token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].clone()
}

#[tokio::test]
async fn a_session_is_made_from_tags_alone() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "github-prod").await;
        let answer = create(
            &app,
            json!({
                "tags": {"end_user_id": "usr_42", "Organization_ID": "org_7"},
                "allowed_integrations": ["github-prod"],
            }),
        )
        .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let data = answer.json()["data"].clone();
        let token = data["token"].as_str().unwrap();
        let hex = token.strip_prefix("nango_connect_session_").unwrap();
        assert_eq!(hex.len(), 64);
        let link = format!("http://localhost:3003/connect-ui/?session_token={token}");
        assert_eq!(data["connect_link"], link);
        assert_eq!(data["expires_at"], "2026-03-01T09:40:11.120Z");
        let tags = app.engine.session(token).await.unwrap().unwrap().payload.tags.unwrap();
        assert_eq!(
            Value::Object(tags),
            json!({"end_user_id": "usr_42", "organization_id": "org_7"})
        );
        assert_eq!(shown(&app, token).await["endUser"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn every_problem_of_a_body_is_named_with_its_place() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "a").await;
        let many: Value = (0..11)
            .map(|n| (format!("k{n}"), json!("v")))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let cases = [
            (json!({}), vec!["invalid_type end_user"]),
            (json!({"end_user": {}}), vec!["invalid_type end_user.id"]),
            (
                json!({"end_user": {"id": "u", "email": "a@b"}}),
                vec!["invalid_format end_user.email", "too_small end_user.email"],
            ),
            (json!({"tags": null}), vec!["invalid_type tags"]),
            (json!({"tags": {"1": "x"}}), vec!["invalid_key tags.1"]),
            (json!({"tags": {"a": ""}}), vec!["too_small tags.a"]),
            (json!({"tags": {"A": "1", "a": "2"}}), vec!["custom tags"]),
            (json!({"tags": many}), vec!["custom tags"]),
            (json!({"tags": {}, "organization": {}}), vec!["invalid_type organization.id"]),
            (json!({"tags": {}, "extra": 1}), vec!["unrecognized_keys "]),
            (
                json!({"tags": {}, "allowed_integrations": ["a/b", 1]}),
                vec![
                    "invalid_format allowed_integrations.0",
                    "invalid_type allowed_integrations.1",
                ],
            ),
            (
                json!({"tags": {}, "webhook_url_override": "no url"}),
                vec!["invalid_union webhook_url_override"],
            ),
            (
                json!({"tags": {}, "webhook_url_override": "http://10.0.0.1/x"}),
                vec!["custom webhook_url_override"],
            ),
            (
                json!({"tags": {}, "integrations_config_defaults": {"a": {"connection_config":
                    {"webhook_url": "http://169.254.169.254/"}}}}),
                vec!["custom integrations_config_defaults.a.connection_config.webhook_url"],
            ),
            (
                json!({
                    "tags": {},
                    "allowed_integrations": ["a", "b"],
                    "integrations_config_defaults": {"c": {}},
                    "overrides": {"d": {}},
                }),
                vec![
                    "custom allowed_integrations.1",
                    "custom integrations_config_defaults.c",
                    "custom overrides.d",
                ],
            ),
        ];
        for (body, expected) in cases {
            let answer = create(&app, body.clone()).await;
            assert_eq!(answer.error(), error(400, "invalid_body"), "{body}");
            assert_eq!(issues(&answer), expected, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_browser_sees_its_session_until_it_ends() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "github-prod").await;
        let token = token(
            &app,
            json!({
                "end_user": {"id": "usr_42", "email": "ann@example.com"},
                "allowed_integrations": ["github-prod"],
                "integrations_config_defaults": {"github-prod": {
                    "user_scopes": "read",
                    "authorization_params": {"prompt": "consent"},
                    "connection_config": {"region": "eu"},
                }},
                "overrides": {"github-prod": {"docs_connect": "https://docs.example.com"}},
            }),
        )
        .await;
        let expected = json!({
            "endUser": {
                "id": "usr_42", "display_name": null, "email": "ann@example.com", "tags": null,
                "organization": null,
            },
            "connectUISettings": {
                "showWatermark": false, "defaultTheme": "system",
                "theme": {"light": {"primary": "#1c6a50"}, "dark": {"primary": "#71cda8"}},
            },
            "allowed_integrations": ["github-prod"],
            "integrations_config_defaults": {"github-prod": {
                "connection_config": {"region": "eu"},
                "authorization_params": {"prompt": "consent"},
            }},
            "overrides": {"github-prod": {"docs_connect": "https://docs.example.com"}},
            "websocketsPath": "/",
            "expires_at": "2026-03-01T09:40:11.120Z",
            "single_use": false,
        });
        assert_eq!(shown(&app, &token).await, expected);

        let body = json!({"a": 1});
        let extra = app.get("/connect/session").bearer(&token).json(&body).send().await;
        assert_eq!(issues(&extra), ["unrecognized_keys "]);
        let by_key = app.get("/connect/session").bearer(&app.api_key).send().await;
        assert_eq!(by_key.error(), error(401, "invalid_connect_session_token_format"));

        let ended = app.call(http::Method::DELETE, "/connect/session").bearer(&token).send().await;
        assert_eq!((ended.status, ended.text.as_str()), (204, ""));
        let gone = app.get("/connect/session").bearer(&token).send().await;
        assert_eq!(gone.error(), error(401, "unknown_connect_session_token"));
    })
    .await;
}

#[tokio::test]
async fn a_session_says_how_its_page_looks_and_where_it_leads() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        let change = |settings: &mut valetkey_engine::EnvironmentSettings| {
            settings.return_urls = vec!["https://app.example.com".to_owned()];
            settings.connect_ui.name = Some("Acme".to_owned());
            settings.connect_ui.theme.dark.primary = Some("#ffcc00".to_owned());
        };
        let id = app.environment.id;
        app.engine.update_environment_settings(id, "test", change).await.unwrap();
        let body = json!({
            "tags": {},
            "return_url": "https://app.example.com/settings?tab=1",
            "lang": "fr-CA",
            "connect_ui_settings": {"showWatermark": true, "theme": {"light": {"primary": "teal"}}},
        });
        let made = create(&app, body).await.json()["data"].clone();
        let token = made["token"].as_str().unwrap();
        assert!(made["connect_link"].as_str().unwrap().ends_with("&lang=fr-CA"), "{made}");
        let data = shown(&app, token).await;
        assert_eq!(data["return_url"], "https://app.example.com/settings?tab=1");
        assert_eq!(
            data["connectUISettings"],
            json!({
                "showWatermark": true, "defaultTheme": "system", "name": "Acme",
                "theme": {"light": {"primary": "teal"}, "dark": {"primary": "#ffcc00"}},
            })
        );
        let cases = [
            (json!({"return_url": "https://evil.example/"}), "custom return_url"),
            (json!({"return_url": "javascript:alert(1)"}), "custom return_url"),
            (json!({"lang": "fr&x=1"}), "invalid_format lang"),
            (
                json!({"connect_ui_settings": {"theme": {"light": {"primary": "red;}"}}}}),
                "custom connect_ui_settings.theme.light.primary",
            ),
            (
                json!({"connect_ui_settings": {"logo": "https://elsewhere.example/l.png"}}),
                "custom connect_ui_settings.logo",
            ),
            (
                json!({"connect_ui_settings": {"colour": "red"}}),
                "unrecognized_keys connect_ui_settings",
            ),
        ];
        for (wrong, expected) in cases {
            let mut body = json!({"tags": {}});
            body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            let answer = create(&app, body).await;
            assert_eq!(answer.error(), error(400, "invalid_body"), "{wrong}");
            assert_eq!(issues(&answer), [expected], "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_may_be_made_to_end_with_its_connection() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        let connect = async |token: &str| {
            let uri = format!("/api-auth/api-key/keys?connect_session_token={token}");
            app.post(uri).json(&json!({"apiKey": "emk_demo_1234567890"})).send().await
        };
        // As a rule it works until its time is up: one link, several connections.
        let kept = token(&app, json!({"tags": {}})).await;
        assert_eq!((connect(&kept).await.status, connect(&kept).await.status), (200, 200));

        let change = |it: &mut valetkey_engine::EnvironmentSettings| it.single_use_sessions = true;
        let id = app.environment.id;
        app.engine.update_environment_settings(id, "test", change).await.unwrap();
        let once = token(&app, json!({"tags": {}})).await;
        assert_eq!(shown(&app, &once).await["single_use"], true);
        let refused = app
            .post(format!("/api-auth/api-key/keys?connect_session_token={once}"))
            .json(&json!({"apiKey": "emk_short"}))
            .send()
            .await;
        assert_eq!(refused.status, 400, "a failed attempt ends nothing");
        assert_eq!(connect(&once).await.status, 200);
        assert_eq!(connect(&once).await.error(), error(401, "unknown_connect_session_token"));
    })
    .await;
}

#[tokio::test]
async fn a_refused_form_names_its_cause_and_its_log_entry() {
    on_each(async |app: TestApp| {
        app.integration("emulator-api-key", "keys").await;
        let token = token(&app, json!({"tags": {}})).await;
        let session = app.engine.session(&token).await.unwrap().unwrap();
        let uri = format!("/api-auth/api-key/keys?connect_session_token={token}");
        let refused = app.post(&uri).json(&json!({"apiKey": "emk_short"})).send().await;
        assert_eq!(refused.error(), error(400, "connection_test_failed"));
        let told = refused.json()["error"].clone();
        assert_eq!(told["cause"], "credentials_refused");
        assert_eq!(told["operation_id"], session.row.operation_id.as_str());
        let log = format!("/logs/operations/{}", session.row.operation_id);
        let entry = app.get(log).bearer(&app.api_key).send().await;
        assert_eq!(entry.status, 200, "{}", entry.text);
        let empty = app.post(&uri).json(&json!({})).send().await.json()["error"].clone();
        assert_eq!(empty["cause"], "input");
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_30_minutes() {
    on_each(async |app: TestApp| {
        let token = token(&app, json!({"tags": {}})).await;
        app.advance_s(30 * 60 - 1);
        shown(&app, &token).await;
        app.advance_s(1);
        let late = app.get("/connect/session").bearer(&token).send().await;
        assert_eq!(late.error(), error(401, "unknown_connect_session_token"));
    })
    .await;
}

#[tokio::test]
async fn a_nested_webhook_url_moves_to_the_top() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "a").await;
        app.integration("emulator-oauth2", "b").await;
        let nested = |url: &str| json!({"connection_config": {"webhook_url": url}});
        let mut body = json!({
            "tags": {},
            "integrations_config_defaults": {"a": nested(""), "b": nested("https://b.example.com")},
        });
        let first = token(&app, body.clone()).await;
        let session = app.engine.session(&first).await.unwrap().unwrap();
        let moved = session.payload.webhook_url_override.as_deref();
        assert_eq!(moved, Some("https://b.example.com"));
        let defaults = &shown(&app, &first).await["integrations_config_defaults"];
        assert_eq!(defaults, &json!({"a": {}, "b": {}}));

        body["webhook_url_override"] = json!("https://top.example.com");
        let second = token(&app, body).await;
        let session = app.engine.session(&second).await.unwrap().unwrap();
        let kept = session.payload.webhook_url_override.as_deref();
        assert_eq!(kept, Some("https://top.example.com"));
    })
    .await;
}

#[tokio::test]
async fn a_reconnect_session_is_for_one_connection() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "github-prod").await;
        let line = "/connect/sessions/reconnect";
        let send = async |body: Value| app.post(line).bearer(&app.api_key).json(&body).send().await;
        let import = json!({
            "provider_config_key": "github-prod", "connection_id": "c 1",
            "credentials": {"type": "OAUTH2", "access_token": "t"},
            "end_user": {"id": "usr_42"},
        });
        let made = app.post("/connections").bearer(&app.api_key).json(&import).send().await;
        assert_eq!(made.status, 201, "{}", made.text);

        let missing = send(json!({})).await;
        assert_eq!(issues(&missing), ["invalid_type connection_id", "invalid_type integration_id"]);
        let allowed = json!({"connection_id": "c 1", "integration_id": "github-prod",
            "allowed_integrations": []});
        assert_eq!(issues(&send(allowed).await), ["unrecognized_keys "]);
        let unknown = json!({"connection_id": "other", "integration_id": "github-prod"});
        let unknown = send(unknown).await;
        assert_eq!(unknown.error(), error(400, "invalid_body"));
        assert!(unknown.json()["error"].get("errors").is_none());

        let good = send(json!({"connection_id": "c 1", "integration_id": "github-prod"})).await;
        assert_eq!(good.status, 201, "{}", good.text);
        let data = shown(&app, good.json()["data"]["token"].as_str().unwrap()).await;
        assert_eq!(data["isReconnecting"], true);
        assert_eq!(data["allowed_integrations"], json!(["github-prod"]));
        assert_eq!(data["endUser"]["id"], "usr_42");
    })
    .await;
}

#[tokio::test]
async fn what_the_connect_ui_tells_is_in_the_sessions_log() {
    on_each(async |app: TestApp| {
        let token = token(&app, json!({"tags": {}})).await;
        let send = async |body: Value| app.post("/connect/telemetry").json(&body).send().await;
        let at = "2026-03-01T09:10:00.000Z";
        let body = |event: &str, at: &str| {
            json!({"token": token, "event": event, "timestamp": at,
                "dimensions": {"integration": "github-prod"}})
        };
        let noted = send(body("popup:closed_early", at)).await;
        assert_eq!((noted.status, noted.text.as_str()), (204, ""));

        assert_eq!(send(json!({})).await.error(), error(401, "missing_auth_header"));
        let nobody = app.post("/connect/telemetry").send().await;
        assert_eq!(nobody.error(), error(401, "missing_auth_header"));
        let malformed = send(json!({"token": "x"})).await;
        assert_eq!(malformed.error(), error(401, "invalid_connect_session_token_format"));
        assert_eq!(issues(&send(body("open", "2026-03-01T06:00:00Z")).await), ["custom timestamp"]);
        assert_eq!(issues(&send(body("jump", at)).await), ["invalid_value event"]);

        app.engine.recorder().flush().await.unwrap();
        let list = app.get("/logs/operations?kind=auth").bearer(&app.api_key).send().await.json();
        let id = list["data"][0]["id"].as_str().unwrap();
        let line = format!("/logs/operations/{id}");
        let one = app.get(line).bearer(&app.api_key).send().await.json();
        let messages = one["data"]["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0]["message"], "The Connect UI reports popup:closed_early");
        assert_eq!(messages[0]["detail"]["at"], at);
    })
    .await;
}

#[tokio::test]
async fn telling_counts_towards_the_rate_limit() {
    on_each_database(async |database| {
        let options = Options { rate_limit_per_min: 2, ..Options::default() };
        let app = TestApp::with_options(database, options).await;
        let token = app.session(json!({"tags": {}})).await;
        let body = json!({"token": token, "event": "open", "timestamp": "2026-03-01T09:10:00Z"});
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(app.post("/connect/telemetry").json(&body).send().await.status);
        }
        assert_eq!(statuses, [204, 204, 429]);
    })
    .await;
}
