//! TWO_STEP and JWT: credentials exchanged for a token, and tokens signed here.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{Answer, TestApp, on_each};

/// What a provider saw, and how it behaves.
#[derive(Default)]
struct Seen {
    /// `path body`, in order.
    requests: Vec<String>,
    /// The `authorization` of calls to the API.
    tokens: Vec<String>,
    tokens_made: usize,
    refuses: bool,
    is_down: bool,
}

#[derive(Clone, Default)]
struct Provider(Arc<Mutex<Seen>>);

impl Provider {
    fn requests(&self, path: &str) -> usize {
        let seen = self.0.lock().unwrap();
        seen.requests.iter().filter(|request| request.starts_with(path)).count()
    }

    fn last(&self) -> String {
        self.0.lock().unwrap().requests.last().unwrap().clone()
    }
}

async fn answer(
    State(provider): State<Provider>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut seen = provider.0.lock().unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    seen.requests.push(format!("{} {text}", uri.path()));
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    if seen.is_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if seen.refuses {
        let refusal = json!({"error": "denied", "message": format!("no: {text}")});
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    seen.tokens_made += 1;
    let number = seen.tokens_made;
    match uri.path() {
        "/login" => Json(json!({"data": {"session": format!("s{number}")}})).into_response(),
        "/token" if header("x-session").is_none() => StatusCode::FORBIDDEN.into_response(),
        "/token" | "/renew" => Json(json!({
            "access": format!("t{number}"), "renew": format!("r{number}"), "ttl": "10 minutes"
        }))
        .into_response(),
        "/assert" => {
            Json(json!({"access_token": format!("t{number}"), "expires_in": 3600})).into_response()
        }
        "/whoami" => {
            seen.tokens.push(header("authorization").unwrap_or_default());
            Json(json!({"me": true})).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Starts a provider and adds the entries as the integrations `steps`, `bearer` and `signed`.
async fn provider(app: &TestApp) -> Provider {
    let provider = Provider::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(provider.clone());
    let stopping = app.tasks.stopping();
    app.tasks.spawn(async move {
        let served = axum::serve(listener, router);
        served.with_graceful_shutdown(stopping.cancelled_owned()).await
    });
    let entries = ENTRIES.replace("BASE", &base);
    let (catalog, findings) = app.engine.catalog().overlay(&entries, "own").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    app.engine.set_catalog(catalog);
    for key in ["steps", "bearer", "signed"] {
        app.integration(key, key).await;
    }
    provider
}

const ENTRIES: &str = "
steps:
  display_name: Steps
  auth_mode: TWO_STEP
  token_url: BASE/login
  token_params: {user: '${credentials.user}', password: '${credentials.password}'}
  additional_steps:
    - {token_url: BASE/token, token_headers: {x-session: '${step1.data.session}'}, token_params: {user: '${credentials.user}'}}
  refresh_url: BASE/renew
  refresh_token_params: {renew: '${refresh_token}'}
  token_response: {token: access, refresh_token: renew, token_expiration: ttl, token_expiration_strategy: expireIn}
  credentials:
    user: {type: string, title: User, pattern: '^[a-z]+$', example: ann}
    password: {type: string, title: Password, secret: true}
bearer:
  display_name: Bearer
  auth_mode: TWO_STEP
  token_url: BASE/assert
  body_format: form
  token_params: {client_assertion: '${credentials.assertion}'}
  token_response: {token: access_token, token_expiration: expires_in, token_expiration_strategy: expireIn}
  assertion: {type: jwt, key: '${assertionOption.privateKey}', lifetimeInSeconds: 60, header: {alg: RS256}, payload: {iss: '${credentials.clientId}'}}
  credentials:
    clientId: {type: string, title: Client ID}
    assertion: {type: string, title: Assertion, automated: true}
  assertion_option:
    privateKey: {type: string, title: Private key, secret: true}
signed:
  display_name: Signed
  auth_mode: JWT
  signature: {protocol: RSA}
  token:
    signing_key: '${credentials.privateKey}'
    expires_in_ms: 300000
    header: {alg: RS256, kid: '${credentials.keyId}'}
    payload: {iss: '${credentials.keyId}', aud: here}
  credentials:
    keyId: {type: string, title: Key ID}
    privateKey: {type: string, title: Private key, secret: true}
  proxy:
    base_url: BASE
    verification: {method: GET, endpoints: [/whoami]}
";

struct Key {
    pem: String,
    public: Vec<u8>,
}

fn key() -> Key {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let body = STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    Key { pem, public: pair.public_key().as_ref().to_vec() }
}

impl Key {
    /// The claims of a token this key signed.
    fn claims(&self, token: &str) -> Value {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public)
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let claims = signed.split_once('.').unwrap().1;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }
}

async fn submit(app: &TestApp, path: &str, body: &Value) -> Answer {
    let token = app.session(json!({"tags": {"a": "b"}})).await;
    app.post(format!("{path}?connect_session_token={token}")).json(body).send().await
}

async fn connected(app: &TestApp, path: &str, body: &Value) -> String {
    let answer = submit(app, path, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["connectionId"].as_str().unwrap().to_owned()
}

async fn read(app: &TestApp, key: &str, id: &str, more: &str) -> Answer {
    let uri = format!("/connections/{id}?provider_config_key={key}{more}");
    app.get(uri).bearer(&app.api_key).send().await
}

async fn credentials(app: &TestApp, key: &str, id: &str) -> Value {
    let answer = read(app, key, id, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["credentials"].clone()
}

async fn assert_nothing_stored(app: &TestApp) {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    assert_eq!(answer.json()["connections"], json!([]));
}

/// The messages of `errors[]`, with where they belong.
fn issues(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.error(), (400, "invalid_body".to_owned()), "{}", answer.text);
    let body = answer.json();
    let issue = |issue: &Value| {
        let path: Vec<_> =
            issue["path"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
        format!("{}: {}", path.join("."), issue["message"].as_str().unwrap())
    };
    body["error"]["errors"].as_array().unwrap().iter().map(issue).collect()
}

#[tokio::test]
async fn steps_lead_to_a_token_that_is_renewed_with_its_own_request() {
    on_each(async |app| {
        let provider = provider(&app).await;
        let body = json!({"type": "TWO_STEP", "user": "ann", "password": "hunter22"});
        let id = connected(&app, "/auth/two-step/steps", &body).await;
        assert_eq!(provider.0.lock().unwrap().requests[0], r#"/login {"user":"ann","password":"hunter22"}"#);
        let first = credentials(&app, "steps", &id).await;
        assert_eq!(
            first,
            json!({"type": "TWO_STEP", "token": "t2", "expires_at": "2026-03-01T09:20:11.120Z",
                "raw": {"access": "t2", "renew": "r2", "ttl": "10 minutes"},
                "user": "ann", "password": "hunter22"})
            );
        assert_eq!(read(&app, "steps", &id, "&refresh_token=true").await.json()["credentials"]["refresh_token"], "r2");

        // Ten minutes of life, a margin of two: reads in between ask nobody.
        for _ in 0..4 {
            app.advance_s(110);
            assert_eq!(credentials(&app, "steps", &id).await["token"], "t2");
        }
        assert_eq!(provider.requests("/"), 2);
        app.advance_s(60);
        let again = credentials(&app, "steps", &id).await;
        assert_eq!(provider.last(), r#"/renew {"renew":"r2"}"#);
        assert_eq!(again["token"], "t3");
        assert_eq!(provider.requests("/"), 3);
    })
    .await;
}

#[tokio::test]
async fn a_spent_refresh_token_leads_back_to_the_login() {
    on_each(async |app| {
        let provider = provider(&app).await;
        let body = json!({"user": "ann", "password": "hunter22"});
        let id = connected(&app, "/auth/two-step/steps", &body).await;
        app.advance_s(700);
        provider.0.lock().unwrap().is_down = true;
        let down = read(&app, "steps", &id, "").await;
        assert_eq!(down.error(), (400, "invalid_credentials".to_owned()), "{}", down.text);
        assert_eq!(provider.requests("/renew"), 1);
        provider.0.lock().unwrap().is_down = false;
        app.advance_s(120);
        assert_eq!(credentials(&app, "steps", &id).await["token"], "t3");

        app.advance_s(700);
        provider.0.lock().unwrap().refuses = true;
        let refused = read(&app, "steps", &id, "").await;
        assert_eq!(refused.error(), (400, "invalid_credentials".to_owned()));
        assert!(provider.last().starts_with("/login "), "{}", provider.last());
        assert!(!refused.text.contains("hunter22"), "{}", refused.text);
    })
    .await;
}

#[tokio::test]
async fn refusals_are_told_and_nothing_is_stored() {
    on_each(async |app| {
        let provider = provider(&app).await;
        assert_eq!(
            issues(&submit(&app, "/auth/two-step/steps", &json!({"user": "Ann!"})).await),
            [
                "user: User does not have the expected form. It looks like: ann",
                "password: Password is required."
            ]
        );
        assert_eq!(provider.requests("/"), 0);
        provider.0.lock().unwrap().refuses = true;
        let body = json!({"user": "ann", "password": "hunter22"});
        let refused = submit(&app, "/auth/two-step/steps", &body).await;
        assert_eq!(refused.error(), (400, "two_step_credentials_fetch_error".to_owned()));
        assert!(refused.text.contains("denied"), "{}", refused.text);
        assert!(!refused.text.contains("hunter22"), "{}", refused.text);
        let wrong_mode = submit(&app, "/auth/jwt/steps", &body).await;
        assert_eq!(wrong_mode.error(), (400, "invalid_auth_mode".to_owned()));
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn one_time_inputs_are_kept_to_sign_again_and_never_shown() {
    on_each(async |app| {
        let provider = provider(&app).await;
        let key = key();
        let body = json!({"type": "TWO_STEP", "clientId": "me",
            "assertionOption": {"privateKey": key.pem.replace('\n', "\\n")}});
        let id = connected(&app, "/auth/two-step/bearer", &body).await;
        let first = credentials(&app, "bearer", &id).await;
        let assertion = first["assertion"].as_str().unwrap();
        assert_eq!(key.claims(assertion)["iss"], "me");
        assert_eq!(provider.last(), format!("/assert client_assertion={assertion}"));

        // The assertion ended a minute after it was made.
        app.advance_s(3500);
        let second = credentials(&app, "bearer", &id).await;
        assert_eq!(second["token"], "t2");
        let assertion = second["assertion"].as_str().unwrap();
        assert_eq!(key.claims(assertion)["iat"], 1_772_356_211 + 3500);

        let mut texts = Vec::new();
        for more in ["", "&refresh_token=true", "&force_refresh=true"] {
            texts.push(read(&app, "bearer", &id, more).await.text);
        }
        texts.push(app.get("/connections").bearer(&app.api_key).send().await.text);
        texts.push(app.get("/events").bearer(&app.api_key).send().await.text);
        for text in texts {
            assert!(!text.contains("_assertion_option"), "{text}");
            assert!(!text.contains("PRIVATE KEY"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_signed_token_verifies_and_is_not_made_at_every_read() {
    on_each(async |app| {
        let provider = provider(&app).await;
        let key = key();
        let body = json!({"type": "JWT", "keyId": "k1", "privateKey": key.pem});
        let id = connected(&app, "/auth/jwt/signed", &body).await;
        let first = credentials(&app, "signed", &id).await;
        let token = first["token"].as_str().unwrap().to_owned();
        assert_eq!(
            key.claims(&token),
            json!({"iss": "k1", "aud": "here", "iat": 1_772_356_211, "exp": 1_772_356_511})
        );
        assert_eq!(first["expires_at"], "2026-03-01T09:15:11.120Z");
        assert_eq!(provider.0.lock().unwrap().tokens, [format!("Bearer {token}")]);
        for _ in 0..3 {
            app.advance_s(70);
            assert_eq!(credentials(&app, "signed", &id).await["token"], token.as_str());
        }
        app.advance_s(45);
        let renewed = credentials(&app, "signed", &id).await;
        assert_eq!(key.claims(renewed["token"].as_str().unwrap())["iat"], 1_772_356_211 + 255);
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_none_are_named_and_nothing_is_stored() {
    on_each(async |app| {
        let provider = provider(&app).await;
        let public = "-----BEGIN PUBLIC KEY-----\nMAUwAAMBAA==\n-----END PUBLIC KEY-----";
        for (given, problem) in [
            (public, "is a public key; the private key is expected"),
            ("hunter22", "is not a private key; PEM (PKCS#8, PKCS#1 or SEC1) or a JWK with its private part is expected"),
        ] {
            let body = json!({"keyId": "k1", "privateKey": given});
            let answer = submit(&app, "/auth/jwt/signed", &body).await;
            assert_eq!(issues(&answer), [format!("privateKey: Private key {problem}.")]);
            assert!(!answer.text.contains(given), "what was typed is not repeated");
            let body = json!({"clientId": "me", "assertionOption": {"privateKey": given}});
            let answer = submit(&app, "/auth/two-step/bearer", &body).await;
            assert_eq!(
                issues(&answer),
                [format!("assertionOption.privateKey: Private key {problem}.")]
            );
        }
        provider.0.lock().unwrap().refuses = true;
        let body = json!({"keyId": "k1", "privateKey": key().pem});
        let refused = submit(&app, "/auth/jwt/signed", &body).await;
        assert_eq!(refused.error(), (400, "connection_test_failed".to_owned()));
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn neither_can_be_imported() {
    on_each(async |app| {
        provider(&app).await;
        for (key, mode) in [("steps", "TWO_STEP"), ("signed", "JWT")] {
            let body =
                json!({"provider_config_key": key, "credentials": {"type": mode, "token": "x"}});
            let answer = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
            let told = issues(&answer).remove(0);
            assert!(told.starts_with("credentials.type: "), "{told}");
        }
    })
    .await;
}
