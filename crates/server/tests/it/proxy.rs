//! The proxy, against a real API on loopback that keeps what it was sent.

mod api;
mod bytes;
mod control;
mod credentials;
mod failures;
mod keys;
mod log;
mod retries;
mod tunnels;

use std::collections::HashMap;

use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::TestApp;
use api::Api;

/// A server, an API, and a connection to it.
pub(crate) struct Bench {
    app: TestApp,
    api: Api,
}

/// An answer, byte for byte.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON, or as a text.
    fn json_or_text(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| self.text().into())
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Runs a test with a provider that is the test API, by `OAUTH2` with a token that lasts, and `more`
/// in its entry's `proxy`.
async fn on_each<F: AsyncFn(Bench)>(more: &str, test: F) {
    crate::app::on_each(async |app| {
        let api = Api::start(&app).await;
        let base = &api.base;
        let entry = format!("  proxy:\n    base_url: '{base}/base/'\n{more}");
        let bench = Bench { app, api };
        let credentials = json!({"type": "OAUTH2", "access_token": "the-token"});
        bench.connection("emulator-oauth2", &entry, credentials, json!({})).await;
        test(bench).await;
    })
    .await;
}

impl Bench {
    /// Makes the provider `own`, extending another, the integration `own` and the connection `c`.
    async fn connection(&self, extends: &str, entry: &str, credentials: Value, config: Value) {
        let entry = format!("own:\n  extends: {extends}\n  display_name: Own\n{entry}");
        let (catalog, findings) = self.app.engine.catalog().overlay(&entry, "own").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        self.app.engine.set_catalog(catalog);
        self.app.integration("own", "own").await;
        self.import(credentials, config).await;
    }

    async fn import(&self, credentials: Value, config: Value) {
        let body = json!({
            "provider_config_key": "own",
            "connection_id": "c",
            "credentials": credentials,
            "connection_config": config,
        });
        let made = self.app.post("/connections").bearer(&self.app.api_key).json(&body).send().await;
        assert!(matches!(made.status, 200 | 201), "{}", made.text);
    }

    async fn change(&self, proxy: Value) {
        let body = json!({"proxy": proxy});
        let call = self.app.call(Method::PATCH, "/integrations/own").bearer(&self.app.api_key);
        let answer = call.json(&body).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    fn request(&self, path: &str) -> http::request::Builder {
        Request::builder()
            .uri(format!("/proxy{path}"))
            .header("authorization", format!("Bearer {}", self.app.api_key))
            .header("provider-config-key", "own")
            .header("connection-id", "c")
    }

    /// The answer as soon as its head is there.
    async fn get_head(&self, path: &str) -> axum::response::Response {
        let request = self.request(path).body(Body::empty()).unwrap();
        self.app.router.clone().oneshot(request).await.unwrap()
    }

    /// A call through the proxy with these headers beside those that every call needs.
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Got {
        let mut request = self.request(path).method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let answer = self.app.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Got { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.send("GET", path, headers, Body::empty()).await
    }
}

/// Headers by name, the last value of each.
fn by_name(headers: &HeaderMap) -> HashMap<&str, &str> {
    headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}
