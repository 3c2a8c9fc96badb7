//! Webhooks that providers send.

mod order;
mod recipes;
mod relay;
mod replies;
mod signer;

use std::cell::Cell;

use serde_json::{Value, json};

use crate::app::TestApp;

/// An integration of a provider whose webhooks are tried, whatever it takes to connect to it.
pub(crate) struct Hook<'a> {
    app: &'a TestApp,
    key: String,
    /// The catalogue entry.
    pub(crate) provider: String,
    /// Where the provider sends webhooks.
    pub(crate) path: String,
    /// Events that were looked at already.
    taken: Cell<usize>,
}

impl<'a> Hook<'a> {
    pub(crate) async fn new(app: &'a TestApp, provider: &str, key: &str) -> Self {
        let more = json!({
            "extends": provider, "auth_mode": "OAUTH2", "display_name": "Hook",
            "authorization_url": "https://a.test/a", "token_url": "https://a.test/t",
            "integration_config": null, "connection_config": null, "credentials": null,
            "token": null, "token_response": null, "signature": null, "proxy": null,
            "post_connection": null, "client_registration": null, "installation": null,
            "default_scopes": null,
        });
        Self::with(app, &format!("t-{key}"), key, &more).await
    }

    /// The same with an entry of the test's own.
    pub(crate) async fn with(app: &'a TestApp, provider: &str, key: &str, entry: &Value) -> Self {
        let mut entries = serde_json::Map::new();
        entries.insert(provider.to_owned(), entry.clone());
        let text = Value::Object(entries).to_string();
        let (catalog, _) = app.engine.catalog().overlay(&text, "hooks.yaml").unwrap();
        app.engine.set_catalog(catalog);
        let body = json!({"provider": provider, "unique_key": key,
            "credentials": {"type": "OAUTH2", "client_id": "cid", "client_secret": "first-secret"}});
        let made = app.post("/integrations").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 200, "{key}: {}", made.text);
        let shown = app.get(format!("/integrations/{key}?include=webhook")).bearer(&app.api_key);
        let shown = shown.send().await.json();
        let url = shown["data"]["webhook_url"].as_str().unwrap();
        let path = url.strip_prefix(crate::app::PUBLIC_URL).unwrap().to_owned();
        Self { app, key: key.to_owned(), provider: provider.to_owned(), path, taken: Cell::new(0) }
    }

    /// A change of the client secret.
    pub(crate) fn client(secret: &str) -> Value {
        json!({"credentials": {"type": "OAUTH2", "client_id": "cid", "client_secret": secret}})
    }

    pub(crate) async fn connection(&self, id: &str, metadata: &Value, config: &Value) {
        let body = json!({"provider_config_key": self.key, "connection_id": id,
            "metadata": metadata, "connection_config": config,
            "credentials": {"type": "OAUTH2", "access_token": "at"}});
        let made = self.app.post("/connections").bearer(&self.app.api_key).json(&body).send().await;
        assert_eq!(made.status, 201, "{}: {}", self.key, made.text);
    }

    /// What was relayed for this integration, oldest first.
    async fn all_events(&self) -> Vec<Value> {
        let events = self.app.engine.events(self.app.environment.id, None, 10_000).await.unwrap();
        let relayed = events.iter().filter(|event| event.kind == "forward");
        let bodies = relayed.map(|event| serde_json::from_str::<Value>(&event.payload).unwrap());
        bodies.filter(|body| body["providerConfigKey"] == json!(self.key)).collect()
    }

    /// What was relayed and not taken.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let mut all = self.all_events().await;
        all.split_off(self.taken.get())
    }

    /// Takes the newest event away and says how many there were more than one.
    pub(crate) async fn take_last(&self) -> usize {
        let count = self.events().await.len();
        self.taken.set(self.taken.get() + 1);
        count - 1
    }
}

/// Changes an integration.
pub(crate) async fn patch(app: &TestApp, key: &str, body: &Value) {
    let path = format!("/integrations/{key}");
    let call = app.call(http::Method::PATCH, path).bearer(&app.api_key).json(body);
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{key}: {}", answer.text);
}
