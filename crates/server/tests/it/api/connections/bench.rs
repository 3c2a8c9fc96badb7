//! A server with connections to be read, behind short calls.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use valetkey_base::ScopeSet;
use valetkey_emulator::provider::{CLIENT_ID, CLIENT_SECRET, Fault, Kind, Target};

use crate::app::{Answer, PUBLIC_URL, TestApp};

/// A provider whose tokens come in pairs.
const OAUTH1_PROVIDER: &str = "
twitterish:
    display_name: Twitterish
    categories: [other]
    auth_mode: OAUTH1
    request_url: https://example.com/request
    authorization_url: https://example.com/authorize
    token_url: https://example.com/token
    docs: https://example.com
    source: https://example.com
    checked: \"2026-11-22\"
";
/// A PKCE verifier and its S256 challenge, from RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A server with one integration of every mode.
pub(crate) struct Bench {
    pub(crate) app: TestApp,
}

/// What a refusal says.
pub(crate) trait Refusal {
    /// Status and error code, `-` when there is none.
    fn outcome(&self) -> (u16, String);
    /// Code and path of every validation issue.
    fn issues(&self) -> Vec<(String, String)>;
}

impl Refusal for Answer {
    fn outcome(&self) -> (u16, String) {
        let code = self.json()["error"]["code"].as_str().unwrap_or("-").to_owned();
        (self.status, code)
    }

    fn issues(&self) -> Vec<(String, String)> {
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let shown = |issue: &Value| {
            let path: Vec<String> = issue["path"].as_array().unwrap().iter().map(text).collect();
            (text(&issue["code"]), path.join("/"))
        };
        body["error"]["errors"].as_array().into_iter().flatten().map(shown).collect()
    }
}

/// Asserts the status; answers with the body.
#[track_caller]
pub(crate) fn expect(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.json()
}

/// Runs a test on every database.
pub(crate) async fn on_each(test: impl AsyncFn(Bench)) {
    crate::app::on_each(async |app| {
        let (catalog, _) = app.engine.catalog().overlay(OAUTH1_PROVIDER, "test").unwrap();
        app.engine.set_catalog(catalog);
        for (key, provider) in [
            ("github-prod", "emulator-oauth2"),
            ("machine", "emulator-oauth2-cc"),
            ("keyed", "emulator-api-key"),
            ("basic", "emulator-basic"),
            ("silent", "test-none"),
        ] {
            app.integration(provider, key).await;
        }
        let request = json!({
            "provider": "twitterish", "unique_key": "twitterish",
            "credentials": {"type": "OAUTH1", "client_id": "c", "client_secret": "s"},
        });
        let request = serde_json::from_value(request).unwrap();
        app.engine.create_integration(&app.environment, request, "test").await.unwrap();
        test(Bench { app }).await;
    })
    .await;
}

impl Bench {
    /// A new key of an environment.
    pub(crate) async fn key_with(&self, environment: &str, scopes: &[&str]) -> String {
        let account = self.app.account_id;
        let view = self.app.engine.environment_by_name(account, environment).await.unwrap();
        let scopes = ScopeSet::new(scopes.iter().map(|&scope| scope.to_owned()).collect());
        let name = self.app.engine.rng().hex(4);
        let made = self
            .app
            .engine
            .create_api_key(account, Some(view.id), &name, scopes, None, "test")
            .await
            .unwrap();
        made.1.expose().to_owned()
    }

    /// Sends a request; a null body is none.
    pub(crate) async fn send_as(&self, key: &str, line: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_text(key, line, &[], &body).await
    }

    pub(crate) async fn send_text(
        &self,
        key: &str,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut call = self.app.call(method.parse::<Method>().unwrap(), path);
        if !key.is_empty() {
            call = call.bearer(key);
        }
        if !body.is_empty() {
            call = call.text("application/json", body);
        }
        for (name, value) in headers {
            call = call.header(*name, value);
        }
        call.send().await
    }

    pub(crate) async fn send(&self, line: &str, body: Value) -> Answer {
        self.send_as(&self.app.api_key, line, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), Value::Null).await
    }

    /// Imports a connection and answers with it.
    pub(crate) async fn import(&self, body: Value) -> Value {
        expect(&self.send("POST /connections", body).await, 201)
    }

    /// Imports a connection of the API-key integration.
    pub(crate) async fn import_keyed(&self, id: &str, more: Value) -> Value {
        let mut body = json!({
            "provider_config_key": "keyed", "connection_id": id,
            "credentials": {"type": "API_KEY", "apiKey": "emk_0123456789"},
        });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.import(body).await
    }

    /// Authorizes at the provider and imports what it gives as a connection that lives two
    /// minutes; answers with the access token.
    pub(crate) async fn import_living(&self, id: &str) -> String {
        let redirect = format!("{PUBLIC_URL}/oauth/callback");
        let ask = format!(
            "/oauth/authorize?response_type=code&client_id={CLIENT_ID}&redirect_uri={redirect}\
             &scope=profile&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let back = self.app.visit_provider(&ask, "auto=approve").await;
        let back = url::Url::parse(PUBLIC_URL).unwrap().join(&back).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1;
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={redirect}\
             &code_verifier={VERIFIER}&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"
        );
        let tokens = self.app.provider_call(Method::POST, "/oauth/token").form(&form).send().await;
        let tokens = expect(&tokens, 200);
        let expires_at = self.app.clock.now().plus(Duration::from_mins(2)).to_iso_z();
        self.import(json!({
            "provider_config_key": "github-prod", "connection_id": id,
            "credentials": {
                "type": "OAUTH2", "access_token": tokens["access_token"],
                "refresh_token": tokens["refresh_token"], "expires_at": expires_at,
            },
        }))
        .await;
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Reads a connection of the OAuth integration; `more` goes into the query.
    pub(crate) async fn read(&self, id: &str, more: &str) -> Answer {
        self.get(&format!("/connections/{id}?provider_config_key=github-prod{more}")).await
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.app.advance_s(seconds);
    }

    /// Makes the provider's token endpoint fail.
    pub(crate) fn fail_tokens(&self, kind: Kind, times: u64) {
        assert!(self.app.emulator.add_fault(Fault { times, ..Fault::once(Target::Token, kind) }));
    }

    /// Refresh requests the provider has seen.
    pub(crate) fn refreshes(&self) -> u64 {
        self.app.emulator.stats()["token_requests"]["refresh_token"].as_u64().unwrap()
    }

    /// Events that tell of failed refreshes.
    pub(crate) async fn refresh_failures_told(&self) -> usize {
        let events =
            self.app.engine.store().events(self.app.environment.id, None, 1000).await.unwrap();
        let failed = |payload: &str| {
            let payload: Value = serde_json::from_str(payload).unwrap();
            payload["operation"] == "refresh" && payload["success"] == false
        };
        events.iter().filter(|event| failed(&event.payload)).count()
    }
}
