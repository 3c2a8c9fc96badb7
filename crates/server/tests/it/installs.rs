//! Installations that begin at the provider: held until the app claims them, never guessed.

mod callback;
mod claim;
mod webhook;

use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::hmac;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, PUBLIC_URL, TestApp, on_each};
use crate::apps::form;
use crate::incoming::patch;

/// The client secret of every integration here.
const CLIENT_SECRET: &str = "client-secret-of-the-tests";
/// What the provider issues.
pub(crate) const ACCESS_TOKEN: &str = "at-of-an-installation";

/// What the provider saw.
#[derive(Default)]
struct Seen {
    /// Token requests as they came.
    forms: Vec<String>,
    /// Codes that were exchanged.
    spent: Vec<String>,
    /// Answers 503 for now.
    is_down: bool,
}

/// A provider on loopback: `market` lists apps in its directory, `sentry` tells by webhook.
#[derive(Clone, Default)]
pub(crate) struct Market(Arc<Mutex<Seen>>);

impl Market {
    pub(crate) async fn open(app: &TestApp) -> Self {
        let market = Self::default();
        let router = Router::new()
            .route("/token", post(token))
            .route("/installations/{id}/authorizations/", post(authorize))
            .route(
                "/installations/{id}/",
                get(async || Json(json!({"organization": {"slug": "o"}}))),
            )
            .with_state(market.clone());
        let base = app.serve_beside(router).await;
        let entries = json!({
            "market": {
                "display_name": "Market", "auth_mode": "OAUTH2", "categories": ["other"],
                "authorization_url": format!("{base}/authorize"), "token_url": format!("{base}/token"),
                "proxy": {"base_url": base.clone()},
                "webhooks": {
                    "verify": [{"scheme": "hmac", "signature": "header.x-signature"}],
                    "install": {"label_keys": ["team.name"]},
                },
            },
            "sentry-here": {
                "extends": "sentry-oauth", "display_name": "Sentry",
                "token_url": format!(
                    "{base}/installations/${{connectionConfig.installation.uuid}}/authorizations/"
                ),
                "post_connection": [{
                    "url": format!("{base}/installations/${{connectionConfig.installation.uuid}}/"),
                    "keep": {"organizationSlug": "organization.slug"},
                }],
            },
        });
        let (catalog, _) = app.engine.catalog().overlay(&entries.to_string(), "market").unwrap();
        app.engine.set_catalog(catalog);
        integration(app, "market", "shop").await;
        integration(app, "sentry-here", "sentry").await;
        market
    }

    /// How many codes were exchanged.
    pub(crate) fn exchanged(&self) -> usize {
        self.seen().spent.len()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    /// Gives each code once.
    fn exchange(&self, code: &str) -> Option<Response> {
        let mut seen = self.seen();
        if seen.is_down {
            return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        if !code.starts_with("good") || seen.spent.iter().any(|spent| spent == code) {
            let body = Json(json!({"error": "invalid_grant"}));
            return Some((StatusCode::BAD_REQUEST, body).into_response());
        }
        seen.spent.push(code.to_owned());
        None
    }
}

async fn token(State(market): State<Market>, body: String) -> Response {
    market.seen().forms.push(body.clone());
    let code = form(&body).get("code").cloned().unwrap_or_default();
    let tokens = json!({"access_token": ACCESS_TOKEN, "refresh_token": "rt-of-an-installation",
        "expires_in": 3600, "token_type": "bearer", "team": {"name": "Acme <b>GmbH</b>"}});
    market.exchange(&code).unwrap_or_else(|| Json(tokens).into_response())
}

async fn authorize(
    State(market): State<Market>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    market.seen().forms.push(body.to_string());
    let tokens = json!({"token": format!("at-{id}"), "refreshToken": format!("rt-{id}"),
        "expiresAt": "2030-01-01T00:00:00Z"});
    market.exchange(body["code"].as_str().unwrap()).unwrap_or_else(|| Json(tokens).into_response())
}

async fn integration(app: &TestApp, provider: &str, key: &str) {
    let body = json!({"provider": provider, "unique_key": key, "credentials": {
        "type": "OAUTH2", "client_id": "cid", "client_secret": CLIENT_SECRET}});
    let made = app.post("/integrations").bearer(&app.api_key).json(&body).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
}

async fn with_market(test: impl AsyncFn(TestApp, Market)) {
    on_each(async |app: TestApp| {
        let market = Market::open(&app).await;
        test(app, market).await;
    })
    .await;
}

/// Switches installations on, with a claim page on the list of return addresses.
pub(crate) async fn accept(app: &TestApp, key: &str) {
    let id = app.environment.id;
    app.engine
        .update_environment_settings(id, "test", |settings| {
            settings.return_urls = vec!["https://app.example".to_owned()];
            settings.webhook_url = Some("https://app.example/hook".to_owned());
        })
        .await
        .unwrap();
    let claim_url = "https://app.example/claim?from=dir";
    patch(app, key, &json!({"installs": {"accept": true, "claim_url": claim_url}})).await;
}

async fn listed(app: &TestApp, more: &str) -> Vec<Value> {
    let answer = app.get(format!("/installs{more}")).bearer(&app.api_key).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].as_array().unwrap().clone()
}

async fn connections(app: &TestApp) -> Vec<Value> {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    answer.json()["connections"].as_array().unwrap().clone()
}

pub(crate) async fn claim(app: &TestApp, id: &str, body: &Value) -> Answer {
    app.post(format!("/installs/{id}/claim")).bearer(&app.api_key).json(body).send().await
}

/// Bodies of the events of unclaimed installations so far.
async fn told(app: &TestApp) -> Vec<Value> {
    while app.engine.tell_installs_once().await.unwrap() > 0 {}
    let events = app.engine.events(app.environment.id, None, 1000).await.unwrap();
    let events = events.iter().filter(|event| event.kind == "install.unclaimed");
    events.map(|event| serde_json::from_str(&event.payload).unwrap()).collect()
}

/// The address of an integration for installations.
async fn address(app: &TestApp, key: &str) -> String {
    let shown = app.get(format!("/integrations/{key}?include=installs")).bearer(&app.api_key);
    let shown = shown.send().await.json();
    let url = shown["data"]["installs"]["url"].as_str().unwrap();
    url.strip_prefix(PUBLIC_URL).unwrap().to_owned()
}

/// Titles of the log's operations.
async fn titles(app: &TestApp) -> Vec<String> {
    let answer = app.get("/logs/operations").bearer(&app.api_key).send().await;
    let data = answer.json()["data"].as_array().cloned().unwrap_or_default();
    data.iter().map(|it| it["title"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Somebody installs `shop`; the id of what is held, and the claim token.
pub(crate) async fn install(app: &TestApp, code: &str) -> (String, String) {
    let page = app.get(format!("{}?code={code}", address(app, "shop").await)).send().await;
    assert_eq!(page.status, 200, "{}", page.text);
    let (_, rest) = page.text.split_once("claim_token=").unwrap();
    let token = rest.split('"').next().unwrap().to_owned();
    let id = listed(app, "").await[0]["id"].as_str().unwrap().to_owned();
    (id, token)
}
