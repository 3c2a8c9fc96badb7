//! Apps that are installed at the provider: GitHub Apps with and without their user's token,
//! plug-ins, and installations that begin at the provider.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp, on_each};

mod hub;
mod import;
mod install;
mod outbound;
mod plugin;
mod refresh;
mod unclaimed;
mod user;

use hub::Hub;
pub(crate) use hub::form;

const WAITING: &str = "0e3a5a1e-6d6b-4a8f-9c70-1b7b6d1e2f3a";

/// A browser at the installation page.
struct Browser {
    state: String,
    cookie: String,
}

impl Browser {
    /// Opens the popup of a session.
    async fn start(app: &TestApp, key: &str, session: &str) -> (Self, String) {
        let uri =
            format!("/oauth/connect/{key}?connect_session_token={session}&ws_client_id={WAITING}");
        let answer = app.get(uri).send().await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        let page = answer.location();
        let (_, state) = page.rsplit_once('=').unwrap();
        (Self { state: state.to_owned(), cookie: answer.cookie() }, page)
    }

    /// Comes back with `query`, the state added.
    async fn back(&self, app: &TestApp, path: &str, query: &str) -> Answer {
        let uri = format!("{path}?{query}&state={}", self.state);
        app.get(uri).cookie(&self.cookie).send().await
    }
}

/// What the waiting window is told.
async fn told(app: &TestApp) -> Value {
    app.get(format!("/connect/result/{WAITING}")).send().await.json()["data"].clone()
}

async fn stored(app: &TestApp) -> Vec<Value> {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    answer.json()["connections"].as_array().unwrap().clone()
}

/// The only connection there is, read with `more` in the query.
async fn read(app: &TestApp, more: &str) -> Answer {
    read_as(app, &app.api_key, more).await
}

async fn read_as(app: &TestApp, key: &str, more: &str) -> Answer {
    let connections = stored(app).await;
    assert_eq!(connections.len(), 1, "{connections:?}");
    let text = |name: &str| connections[0][name].as_str().unwrap().to_owned();
    let (id, integration) = (text("connection_id"), text("provider_config_key"));
    let uri = format!("/connections/{id}?provider_config_key={integration}{more}");
    app.get(uri).bearer(key).send().await
}

/// A key that may read connections but no credentials.
async fn open_key(app: &TestApp) -> String {
    let scopes =
        ["environment:connections:read".to_owned(), "environment:connections:list".to_owned()];
    let scopes = valetkey_base::ScopeSet::new(scopes.into_iter().collect());
    let environment = Some(app.environment.id);
    let made = app.engine.create_api_key(app.account_id, environment, "open", scopes, None, "test");
    made.await.unwrap().1.expose().to_owned()
}

/// The operation of every event there is.
async fn operations_told(app: &TestApp) -> Vec<String> {
    let events = app.engine.store().events(app.environment.id, None, 100).await.unwrap();
    let operation = |payload: &str| {
        let payload: Value = serde_json::from_str(payload).unwrap();
        payload["operation"].as_str().unwrap_or_default().to_owned()
    };
    events.iter().map(|event| operation(&event.payload)).collect()
}

/// Expects a failure page that says `words`, and nothing stored.
async fn assert_refused(app: &TestApp, answer: &Answer, words: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains(words), "no {words:?} in {}", answer.text);
    assert_eq!(stored(app).await, Vec::<Value>::new());
    assert_eq!(told(app).await["message_type"], "error");
}

async fn session(app: &TestApp) -> String {
    app.session(json!({"tags": {"team": "a"}})).await
}

/// Runs a test with a GitHub of its own beside the server, and the integrations `app` and `user`.
async fn with_hub(test: impl AsyncFn(TestApp, Hub)) {
    on_each(async |app: TestApp| {
        let hub = Hub::open(&app).await;
        test(app, hub).await;
    })
    .await;
}
