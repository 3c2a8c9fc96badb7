//! An MCP server with an authorization server in it, on loopback. What it says of itself is a table
//! that a test may change; what it is asked is written down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::app::{TestApp, serve};

/// Where the protected server is.
pub(super) const PATH: &str = "/mcp";
pub(super) const RESOURCE_AT_PATH: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const RESOURCE_AT_ROOT: &str = "/.well-known/oauth-protected-resource";
pub(super) const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// One request it got.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn form(&self) -> HashMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

#[derive(Default)]
struct Inner {
    documents: HashMap<String, (u16, Value)>,
    asked: Vec<Asked>,
    /// What a registration says beside the id.
    registration: Value,
    challenge: Option<String>,
    clients: usize,
    tokens: usize,
}

#[derive(Clone)]
pub(super) struct McpServer {
    pub(super) base: String,
    inner: Arc<Mutex<Inner>>,
}

impl McpServer {
    /// A server that describes itself below its path.
    pub(super) async fn start(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { base, inner: Arc::default() };
        let (resource, metadata) = (server.resource(), server.metadata());
        server.says(RESOURCE_AT_PATH, 200, &resource);
        server.says(OAUTH, 200, &metadata);
        serve(&app.tasks, listener, Router::new().fallback(answer).with_state(server.clone()));
        server
    }

    pub(super) fn url(&self) -> String {
        format!("{}{PATH}", self.base)
    }

    pub(super) fn resource(&self) -> Value {
        json!({
            "resource": self.url(),
            "authorization_servers": [self.base],
            "scopes_supported": ["tools"]
        })
    }

    pub(super) fn metadata(&self) -> Value {
        let base = &self.base;
        json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "registration_endpoint": format!("{base}/register"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"]
        })
    }

    /// The description with one member changed.
    pub(super) fn metadata_with(&self, name: &str, value: Value) -> Value {
        let mut metadata = self.metadata();
        metadata[name] = value;
        metadata
    }

    pub(super) fn says(&self, path: &str, status: u16, body: &Value) {
        let mut inner = self.inner.lock().unwrap();
        inner.documents.insert(path.to_owned(), (status, body.clone()));
    }

    pub(super) fn is_silent_at(&self, path: &str) {
        self.says(path, 404, &json!({"message": "not found"}));
    }

    /// What refused strangers are told.
    pub(super) fn challenges(&self, header: &str) {
        self.inner.lock().unwrap().challenge = Some(header.to_owned());
    }

    /// What registrations answer beside the id.
    pub(super) fn registers_with(&self, more: Value) {
        self.inner.lock().unwrap().registration = more;
    }

    pub(super) fn asked(&self, line: &str) -> Vec<Asked> {
        let inner = self.inner.lock().unwrap();
        inner.asked.iter().filter(|asked| asked.line == line).cloned().collect()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.inner.lock().unwrap().asked.iter().map(|asked| asked.line.clone()).collect()
    }

    pub(super) fn forget(&self) {
        self.inner.lock().unwrap().asked.clear();
    }
}

async fn answer(
    State(server): State<McpServer>,
    method: Method,
    uri: http::Uri,
    headers: http::HeaderMap,
    body: String,
) -> Response {
    let line = format!("{method} {}", uri.path());
    let authorization = headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    let mut inner = server.inner.lock().unwrap();
    let asked = Asked { line: line.clone(), authorization, body };
    inner.asked.push(asked.clone());
    if let Some((status, body)) = inner.documents.get(uri.path()) {
        return json_answer(*status, body);
    }
    match line.as_str() {
        "POST /mcp" => {
            let mut response = StatusCode::UNAUTHORIZED.into_response();
            if let Some(challenge) = &inner.challenge {
                response.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
            }
            response
        }
        "POST /register" => {
            inner.clients += 1;
            let mut client = json!({"client_id": format!("client-{}", inner.clients)});
            for (name, value) in inner.registration.as_object().into_iter().flatten() {
                client[name] = value.clone();
            }
            json_answer(201, &client)
        }
        "POST /token" => {
            inner.tokens += 1;
            let number = inner.tokens;
            json_answer(
                200,
                &json!({
                    "access_token": format!("at-{number}"), "token_type": "bearer",
                    "refresh_token": format!("rt-{number}"), "expires_in": 3600
                }),
            )
        }
        _ if method == Method::PUT && uri.path().starts_with("/register/") => {
            let id = uri.path().rsplit('/').next().unwrap_or_default();
            json_answer(200, &json!({"client_id": id}))
        }
        _ => json_answer(404, &json!({"message": "not found"})),
    }
}

fn json_answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, axum::Json(body.clone())).into_response()
}
