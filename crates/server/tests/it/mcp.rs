//! MCP servers: discovered ones and known ones, and how this server becomes their client.

mod discovered;
mod known;
mod server;

use serde_json::{Value, json};
use url::Url;

use crate::app::{Answer, TestApp};
use server::McpServer;

/// Adds entries for the server at this address.
fn add_entries(app: &TestApp, base: &str, more: &str) {
    let entries = format!(
        "discovered:
  display_name: Any MCP server
  auth_mode: MCP_OAUTH2_GENERIC
  connection_config:
    mcp_server_url: {{type: string, title: Server}}
known:
  display_name: Known
  auth_mode: MCP_OAUTH2
  authorization_url: {base}/authorize
  token_url: {base}/token
  client_registration: dynamic
  registration_url: {base}/register
  resource: {base}/mcp
  default_scopes: [tools]
{more}"
    );
    let (catalog, findings) = app.engine.catalog().overlay(&entries, "mcp").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    app.engine.set_catalog(catalog);
}

async fn make(app: &TestApp, request: Value) -> Answer {
    app.post("/integrations").bearer(&app.api_key).json(&request).send().await
}

async fn make_known(app: &TestApp) -> Answer {
    make(app, json!({"provider": "known", "unique_key": "known"})).await
}

/// A browser on its way to an authorization page.
struct Sent {
    url: Url,
    cookie: String,
}

impl Sent {
    fn asks(&self, name: &str) -> String {
        let found = self.url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    /// The person agrees; `more` comes with the code.
    async fn back(&self, app: &TestApp, more: &str) -> Answer {
        let state = self.asks("state");
        let uri = format!("/oauth/callback?code=c0de&state={state}{more}");
        app.get(uri).cookie(&self.cookie).send().await
    }
}

/// Begins a flow.
async fn begin(app: &TestApp, integration: &str, server_url: &str) -> Result<Sent, Answer> {
    let token = app.session(json!({"tags": {"team": "a"}})).await;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("connect_session_token", &token)
        .append_pair("params[mcp_server_url]", server_url)
        .append_pair("authorization_params[prompt]", "none")
        .finish();
    let answer = app.get(format!("/oauth/connect/{integration}?{query}")).send().await;
    if answer.status != 302 {
        return Err(answer);
    }
    Ok(Sent { url: answer.location().parse().unwrap(), cookie: answer.cookie() })
}

async fn sent(app: &TestApp, integration: &str, server: &McpServer) -> Sent {
    let begun = begin(app, integration, &server.url()).await;
    begun.unwrap_or_else(|answer| panic!("{}", answer.text))
}

/// Every connection with credentials, the oldest first.
async fn connections(app: &TestApp) -> Vec<Value> {
    let list = app.get("/connections").bearer(&app.api_key).send().await.json();
    let mut found = Vec::new();
    for one in list["connections"].as_array().unwrap().iter().rev() {
        let (id, key) = (&one["connection_id"], &one["provider_config_key"]);
        let uri = format!(
            "/connections/{}?provider_config_key={}&refresh_token=true",
            id.as_str().unwrap(),
            key.as_str().unwrap()
        );
        found.push(app.get(uri).bearer(&app.api_key).send().await.json());
    }
    found
}

async fn read(app: &TestApp, connection: &Value, flags: &str) -> Answer {
    let uri = format!(
        "/connections/{}?provider_config_key={}{flags}",
        connection["connection_id"].as_str().unwrap(),
        connection["provider_config_key"].as_str().unwrap()
    );
    app.get(uri).bearer(&app.api_key).send().await
}
