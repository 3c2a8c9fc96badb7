//! A GitHub on loopback: installations, people and their tokens.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use valetkey_base::Clock;

use crate::app::TestApp;

pub(super) const PRIVATE_KEY: &str = include_str!("app_key.pem");
pub(super) const APP_ID: &str = "4711";
/// Only our own app's installations are told to our own app.
const FOREIGN: u64 = 666;

/// What the test may look at and change.
pub(super) struct Shelf {
    clock: Clock,
    pub(super) installations: HashMap<u64, Value>,
    /// Installations the signed-in person may use.
    pub(super) usable: Vec<u64>,
    /// Tokens the app signed itself, as they came.
    pub(super) app_tokens: HashSet<String>,
    pub(super) minted: usize,
    pub(super) people: usize,
    /// Refresh tokens shown.
    pub(super) shown: Vec<String>,
    pub(super) refuses_people: bool,
    pub(super) refuses_installations: bool,
}

#[derive(Clone)]
pub(super) struct Hub(Arc<Mutex<Shelf>>);

impl Hub {
    /// Serves a new one, with an integration of each kind at the server.
    pub(super) async fn open(app: &TestApp) -> Self {
        let hub = Self(Arc::new(Mutex::new(Shelf {
            clock: app.clock.clone(),
            installations: HashMap::new(),
            usable: Vec::new(),
            app_tokens: HashSet::new(),
            minted: 0,
            people: 0,
            shown: Vec::new(),
            refuses_people: false,
            refuses_installations: false,
        })));
        let router = Router::new()
            .route("/app/installations/{id}", get(installation))
            .route("/app/installations/{id}/access_tokens", post(mint))
            .route("/login/oauth/access_token", post(person))
            .route("/user/installations", get(usable))
            .route("/user", get(user))
            .with_state(hub.clone());
        let base = app.serve_beside(router).await;
        let entries = format!(
            "hub-app:\n  extends: github-app\n  display_name: Hub\n  \
             token_url: '{base}/app/installations/${{connectionConfig.installation_id}}/access_tokens'\n  \
             app_installation:\n    \
             url: '{base}/app/installations/${{connectionConfig.installation_id}}'\n    \
             user_installations_url: '{base}/user/installations'\n    \
             user_token_url: '{base}/login/oauth/access_token'\n  \
             proxy: {{base_url: '{base}'}}\n\
             hub-user:\n  extends: github-app-oauth\n  display_name: Hub with people\n  \
             token_url:\n    OAUTH2: '{base}/login/oauth/access_token'\n    \
             APP: '{base}/app/installations/${{connectionConfig.installation_id}}/access_tokens'\n  \
             app_installation:\n    \
             url: '{base}/app/installations/${{connectionConfig.installation_id}}'\n    \
             user_installations_url: '{base}/user/installations'\n  \
             proxy: {{base_url: '{base}'}}\n"
        );
        let (catalog, findings) = app.engine.catalog().overlay(&entries, "hub").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        app.engine.set_catalog(catalog);
        let app_link = "https://github.com/apps/acme";
        let key = PRIVATE_KEY.trim_end();
        let plain = json!({"provider": "hub-app", "unique_key": "app",
            "custom": {"webhookSecret": "whatever"},
            "credentials": {"type": "APP", "app_id": APP_ID, "app_link": app_link,
                "private_key": key}});
        let with_people = json!({"provider": "hub-user", "unique_key": "user",
            "credentials": {"type": "CUSTOM", "client_id": "Iv1", "client_secret": "client-secret",
                "app_id": APP_ID, "app_link": app_link, "private_key": key}});
        for body in [plain, with_people] {
            let made = app.post("/integrations").bearer(&app.api_key).json(&body).send().await;
            assert_eq!(made.status, 200, "{}", made.text);
        }
        hub
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap()
    }

    /// Installs the app, `ago_s` seconds before now.
    pub(super) fn install(&self, id: u64, ago_s: u64) {
        let mut shelf = self.shelf();
        let at = shelf.clock.now().minus(Duration::from_secs(ago_s)).to_iso_z();
        let app_id: u64 = if id == FOREIGN { 1 } else { APP_ID.parse().unwrap() };
        let installation = json!({
            "id": id, "app_id": app_id, "suspended_at": null, "created_at": at, "updated_at": at,
            "account": {"login": "octo-org"}, "permissions": {"contents": "read"},
        });
        shelf.installations.insert(id, installation);
    }
}

/// The members of a form.
pub(crate) fn form(body: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get("authorization").and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

impl Shelf {
    /// Notes the app's own token; a refusal when there is none.
    fn admit(&mut self, headers: &HeaderMap) -> Result<(), Response> {
        let token = bearer(headers);
        if token.split('.').count() != 3 {
            return Err(refusal(StatusCode::UNAUTHORIZED, "A JSON web token could not be decoded"));
        }
        self.app_tokens.insert(token);
        Ok(())
    }
}

async fn installation(State(hub): State<Hub>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let mut shelf = hub.shelf();
    if let Err(refusal) = shelf.admit(&headers) {
        return refusal;
    }
    match shelf.installations.get(&id) {
        Some(found) => Json(found.clone()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "Not Found"),
    }
}

async fn mint(State(hub): State<Hub>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let mut shelf = hub.shelf();
    if let Err(refusal) = shelf.admit(&headers) {
        return refusal;
    }
    if shelf.refuses_installations || !shelf.installations.contains_key(&id) {
        return refusal(StatusCode::NOT_FOUND, "Not Found");
    }
    shelf.minted += 1;
    let expires_at = shelf.clock.now().plus(Duration::from_hours(1)).to_iso_z();
    let token = format!("ghs_{}", shelf.minted);
    let body =
        json!({"token": token, "expires_at": expires_at, "permissions": {"contents": "read"}});
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn person(State(hub): State<Hub>, body: String) -> Response {
    let form = form(&body);
    let mut shelf = hub.shelf();
    let value = |name: &str| form.get(name).cloned().unwrap_or_default();
    assert_eq!(
        (value("client_id"), value("client_secret")),
        ("Iv1".into(), "client-secret".into())
    );
    assert!(!form.contains_key("code_verifier"), "nobody asked for one");
    if value("grant_type") == "refresh_token" {
        shelf.shown.push(value("refresh_token"));
        if shelf.refuses_people {
            let body = json!({"error": "bad_refresh_token",
                "error_description": "The refresh token passed is incorrect or expired."});
            return Json(body).into_response();
        }
    } else if value("code") != "good" {
        return Json(json!({"error": "bad_verification_code"})).into_response();
    }
    shelf.people += 1;
    let n = shelf.people;
    Json(json!({"access_token": format!("ghu_{n}"), "refresh_token": format!("ghr_{n}"),
        "expires_in": 28800, "token_type": "bearer"}))
    .into_response()
}

async fn usable(
    State(hub): State<Hub>,
    Query(query): Query<HashMap<String, usize>>,
    headers: HeaderMap,
) -> Response {
    let shelf = hub.shelf();
    if !bearer(&headers).starts_with("ghu_") {
        return refusal(StatusCode::UNAUTHORIZED, "Bad credentials");
    }
    let (page, size) = (query["page"], query["per_page"]);
    let items: Vec<Value> = shelf
        .usable
        .chunks(size)
        .nth(page - 1)
        .unwrap_or_default()
        .iter()
        .map(|id| json!({"id": id}))
        .collect();
    Json(json!({"total_count": shelf.usable.len(), "installations": items})).into_response()
}

async fn user(headers: HeaderMap) -> Response {
    if bearer(&headers).starts_with("ghu_") {
        return Json(json!({"login": "octocat", "id": 1})).into_response();
    }
    refusal(StatusCode::FORBIDDEN, "Resource not accessible by integration")
}
