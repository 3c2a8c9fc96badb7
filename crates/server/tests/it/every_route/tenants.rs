//! What one environment has is not there for another's callers.

use serde_json::{Value, json};
use valetkey_base::Secret;
use valetkey_server::app::{self, App};
use valetkey_server::route::{Auth, BodyRule, Endpoint};

use super::sample::{NAME, body, line, path, query};
use super::{Walk, key, on_each};

/// In everything that the first tenant has.
const MARK: &str = "mark-of-the-first";

/// What the first tenant has that a path or a body can name.
struct Ids {
    operation: String,
    delivery: String,
    environment: i64,
    key: i64,
}

/// Fills the first tenant's environment.
async fn furnish(walk: &Walk) -> Ids {
    let (app, id) = (&walk.app, walk.app.environment.id);
    let change = |settings: &mut valetkey_engine::EnvironmentSettings| {
        settings.webhook_url = Some(format!("https://{MARK}.example.com/"));
    };
    app.engine.update_environment_settings(id, "test", change).await.unwrap();
    let value = Secret::new(MARK);
    app.engine.set_environment_variable(id, MARK, &value, "test").await.unwrap();
    let post = async |uri: &str, body: Value| {
        let answer = app.post(uri).bearer(&app.api_key).json(&body).send().await;
        assert!(answer.status < 300, "{uri}: {}", answer.text);
    };
    let credentials = json!({"type": "OAUTH2", "client_id": MARK, "client_secret": MARK});
    let integration = json!({"provider": "emulator-oauth2", "unique_key": NAME,
        "display_name": MARK, "credentials": credentials});
    post("/integrations", integration).await;
    let connection = json!({"provider_config_key": NAME, "connection_id": NAME,
        "credentials": {"type": "OAUTH2", "access_token": MARK}, "metadata": {"a": MARK},
        "tags": {"a": MARK}, "end_user": {"id": MARK}});
    post("/connections", connection).await;
    let delivery = read(walk, "/environment/deliveries").await;
    let operation = read(walk, "/logs/operations").await;
    let text = |value: &Value| value["data"][0]["id"].as_str().unwrap().to_owned();
    let keys = app.engine.store().api_keys(app.account_id, Some(id)).await.unwrap();
    Ids { operation: text(&operation), delivery: text(&delivery), environment: id, key: keys[0].id }
}

async fn read(walk: &Walk, uri: &str) -> Value {
    let answer = walk.app.get(uri).bearer(&walk.app.api_key).send().await;
    assert_eq!(answer.status, 200, "{uri}: {}", answer.text);
    answer.json()
}

/// Everything the first tenant can see of its own.
async fn snapshot(walk: &Walk) -> Vec<Value> {
    let mut all = Vec::new();
    for uri in [
        "/connections",
        "/connections/sample?provider_config_key=sample",
        "/integrations/sample?include=credentials",
        "/environment-variables",
        "/environment/deliveries",
        "/environment/events",
    ] {
        all.push(read(walk, uri).await);
    }
    // Reading notes when; that is no change.
    all[1]["last_fetched_at"] = Value::Null;
    let keys = walk.app.engine.signing_keys(walk.app.environment.id).await.unwrap();
    all.push(keys.iter().map(Secret::expose).collect());
    all
}

/// The path with the first tenant's ids.
fn path_of(endpoint: &Endpoint<App>, ids: &Ids) -> &'static str {
    let id = if endpoint.path.starts_with("/logs/") { &ids.operation } else { &ids.delivery };
    let environment = ids.environment.to_string();
    let filled = endpoint.path.replace("{id}", id).replace("{environmentId}", &environment);
    let mut at = endpoint.clone();
    at.path = filled.leak();
    path(&at).leak()
}

fn body_of(endpoint: &Endpoint<App>, ids: &Ids) -> Value {
    let mut body = body(endpoint);
    for (name, id) in [("environment_id", ids.environment), ("key_id", ids.key)] {
        if body.get(name).is_some() {
            body[name] = json!(id);
        }
    }
    if body.get("tags").is_none() && endpoint.path == "/connect/sessions" {
        body["tags"] = json!({});
    }
    body
}

/// Whether the path itself names something of a tenant.
fn names_something(endpoint: &Endpoint<App>) -> bool {
    endpoint.path.contains('{') && !endpoint.path.starts_with("/providers/")
}

#[tokio::test]
async fn another_tenants_things_are_not_found_and_not_changed() {
    on_each(async |walk: Walk| {
        let ids = furnish(&walk).await;
        let before = snapshot(&walk).await;
        let engine = &walk.app.engine;
        let other = engine.environment_by_name(walk.app.account_id, "prod").await.unwrap();
        let other_key = key(&walk.app, Some(other.id), &["environment:*"]).await;
        let other_account = another_account(&walk).await;
        let mut endpoints = app::endpoints();
        // What makes something of the same name comes last.
        endpoints
            .sort_by_key(|it| ["/integrations", "/connections", "/connection"].contains(&it.path));
        for endpoint in endpoints {
            let session_of_other = async || {
                let request = serde_json::from_value(json!({"tags": {}})).unwrap();
                let made = engine.create_session(&other, request, "test").await.unwrap();
                made.token.expose().to_owned()
            };
            let token = match endpoint.auth {
                Auth::ApiKey(_) | Auth::ApiKeyOrSession(_) => other_key.clone(),
                Auth::AccountKey(_) => other_account.clone(),
                Auth::Session | Auth::BrowserSession => session_of_other().await,
                Auth::None => continue,
            };
            let mut at = endpoint.clone();
            at.path = path_of(&endpoint, &ids);
            let mut call = walk.with(&at, &query(&endpoint), Some(&token));
            if matches!(endpoint.body, BodyRule::Json(_) | BodyRule::AnyJson) {
                call = call.json(&body_of(&endpoint, &ids));
            }
            if endpoint.path.starts_with("/proxy") {
                call = call.header("provider-config-key", NAME);
                call = call.header("connection-id", NAME);
            }
            let answer = call.send().await;
            let what = format!("{} → {} {}", line(&endpoint), answer.status, answer.text);
            assert!(answer.status < 500, "{what}");
            assert!(!answer.text.contains(MARK), "{what}");
            if names_something(&endpoint) {
                assert!(matches!(answer.status, 400 | 404), "{what}");
                let found = answer.error().1;
                let validation =
                    found.starts_with("invalid_") && answer.text.contains("\"errors\"");
                assert!(!validation, "the sample does not fit: {what}");
            }
        }
        assert_eq!(snapshot(&walk).await, before);
        assert_eq!(read(&walk, "/connections").await["connections"].as_array().unwrap().len(), 1);
    })
    .await;
}

/// A full key of an account beside the first.
async fn another_account(walk: &Walk) -> String {
    let engine = &walk.app.engine;
    let now = walk.app.clock.now();
    let account = engine.store().write::<_, valetkey_engine::Error, _>(move |tx| {
        Box::pin(async move { Ok(tx.insert_account("Other", now).await?) })
    });
    let account = account.await.unwrap();
    let scopes = valetkey_base::ScopeSet::new(vec!["account:*".to_owned()]);
    let made = engine.create_api_key(account.id, None, "other", scopes, None, "test").await;
    made.unwrap().1.expose().to_owned()
}
