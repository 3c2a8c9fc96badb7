//! TBA, SIGNATURE and BILL: token pairs and logins, against the emulator, which verifies every
//! signature.

use serde_json::{Value, json};
use valetkey_emulator::provider::{BASIC_PASSWORD, BASIC_USERNAME, CLIENT_ID, CLIENT_SECRET};

use crate::app::{Answer, TestApp, on_each};

const TOKEN_ID: &str = "emulator-token";
const TOKEN_SECRET: &str = "emulator-token-secret";

async fn post(app: &TestApp, uri: &str, body: &Value) -> Answer {
    app.post(uri).bearer(&app.api_key).json(body).send().await
}

/// Makes the integration `own`; one of TBA with this client.
async fn integration(app: &TestApp, provider: &str, client: Option<(&str, &str)>) {
    let mut request = json!({"provider": provider, "unique_key": "own"});
    if let Some((id, secret)) = client {
        request["credentials"] = json!({"type": "TBA", "client_id": id, "client_secret": secret});
    }
    let made = post(app, "/integrations", &request).await;
    assert_eq!(made.status, 200, "{}", made.text);
}

async fn submit(app: &TestApp, path: &str, body: &Value) -> Answer {
    let token = app.session(json!({"tags": {"a": "b"}})).await;
    let separator = if path.contains('?') { '&' } else { '?' };
    app.post(format!("{path}{separator}connect_session_token={token}")).json(body).send().await
}

async fn connected(app: &TestApp, path: &str, body: &Value) -> String {
    let answer = submit(app, path, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["connectionId"].as_str().unwrap().to_owned()
}

async fn read(app: &TestApp, id: &str) -> Answer {
    let uri = format!("/connections/{id}?provider_config_key=own");
    app.get(uri).bearer(&app.api_key).send().await
}

async fn connection(app: &TestApp, id: &str) -> Value {
    let answer = read(app, id).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn assert_nothing_stored(app: &TestApp) {
    let answer = app.get("/connections").bearer(&app.api_key).send().await;
    assert_eq!(answer.json()["connections"], json!([]));
}

/// Where `errors[]` are.
fn paths(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let path = |issue: &Value| {
        let parts = issue["path"].as_array().unwrap().iter();
        parts.map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(".")
    };
    body["error"]["errors"].as_array().unwrap().iter().map(path).collect()
}

/// Stores metadata, connects the same connection again and requires that it is still there.
async fn assert_repair_keeps_metadata(app: &TestApp, path: &str, id: &str, body: &Value) {
    let metadata =
        json!({"connection_id": id, "provider_config_key": "own", "metadata": {"plan": "pro"}});
    assert_eq!(post(app, "/connections/metadata", &metadata).await.status, 201);
    let again = json!({"connection_id": id, "integration_id": "own"});
    let session = post(app, "/connect/sessions/reconnect", &again).await.json();
    let token = session["data"]["token"].as_str().unwrap();
    let separator = if path.contains('?') { '&' } else { '?' };
    let uri = format!("{path}{separator}connect_session_token={token}");
    let answer = app.post(uri).json(body).send().await;
    assert_eq!(answer.json()["connectionId"], id, "{}", answer.text);
    let after = connection(app, id).await;
    assert_eq!(after["metadata"], json!({"plan": "pro"}));
    assert_eq!(after["tags"], json!({"a": "b"}));
}

const TBA: &str = "/auth/tba/own?params[accountId]=1234567-sb1";

#[tokio::test]
async fn a_token_pair_signs_its_own_test_and_no_client_secret_is_shown() {
    on_each(async |app| {
        integration(&app, "emulator-tba", Some((CLIENT_ID, CLIENT_SECRET))).await;
        let body = json!({"token_id": TOKEN_ID, "token_secret": TOKEN_SECRET});
        let id = connected(&app, TBA, &body).await;
        let made = connection(&app, &id).await;
        assert_eq!(
            made["credentials"],
            json!({
                "type": "TBA", "token_id": TOKEN_ID, "token_secret": TOKEN_SECRET,
                "config_override": {}
            })
        );
        assert_eq!(made["connection_config"], json!({"accountId": "1234567-sb1"}));
        assert!(!made.to_string().contains(CLIENT_SECRET), "{made}");
        assert_repair_keeps_metadata(&app, TBA, &id, &body).await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_may_bring_its_own_consumer() {
    on_each(async |app| {
        integration(&app, "emulator-tba", None).await;
        let mut body = json!({"token_id": TOKEN_ID, "token_secret": TOKEN_SECRET});
        let refused = submit(&app, TBA, &body).await;
        assert_eq!(refused.error(), (400, "invalid_body".to_owned()));
        assert_eq!(paths(&refused), ["oauth_client_id_override"]);
        body["oauth_client_id_override"] = json!(CLIENT_ID);
        body["oauth_client_secret_override"] = json!(CLIENT_SECRET);
        let id = connected(&app, TBA, &body).await;
        assert_eq!(
            connection(&app, &id).await["credentials"]["config_override"],
            json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
        );
    })
    .await;
}

#[tokio::test]
async fn a_bad_token_pair_is_refused_and_nothing_is_stored() {
    on_each(async |app| {
        integration(&app, "emulator-tba", Some((CLIENT_ID, CLIENT_SECRET))).await;
        let wrong = json!({"token_id": TOKEN_ID, "token_secret": "not the one"});
        let refused = submit(&app, TBA, &wrong).await;
        assert_eq!(refused.error(), (400, "connection_test_failed".to_owned()));
        assert!(!refused.text.contains("not the one"), "{}", refused.text);

        let nowhere = submit(&app, "/auth/tba/own", &wrong).await;
        assert_eq!(nowhere.error(), (400, "invalid_query_params".to_owned()));
        assert_eq!(paths(&nowhere), ["params.accountId"]);
        let short = submit(&app, TBA, &json!({"token_id": "", "more": 1})).await;
        assert_eq!(paths(&short)[..2], ["token_id", "token_secret"]);
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_pair_is_tested_at_its_import() {
    on_each(async |app| {
        integration(&app, "emulator-tba", None).await;
        let own = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
        let body = |secret: &str, config: Value| {
            json!({
                "provider_config_key": "own", "connection_id": "mine", "connection_config": config,
                "credentials": {
                    "type": "TBA", "token_id": TOKEN_ID, "token_secret": secret,
                    "config_override": own
                },
            })
        };
        let config = json!({"accountId": "1234567-sb1"});
        let wrong = post(&app, "/connections", &body("wrong", config.clone())).await;
        assert_eq!(wrong.error(), (400, "connection_test_failed".to_owned()));
        let nowhere = post(&app, "/connections", &body(TOKEN_SECRET, json!({}))).await;
        assert_eq!(nowhere.error(), (400, "invalid_body".to_owned()));
        assert_eq!(paths(&nowhere), ["connection_config.accountId"]);
        assert_nothing_stored(&app).await;
        let made = post(&app, "/connections", &body(TOKEN_SECRET, config)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json()["credentials"]["config_override"], own);
    })
    .await;
}

#[tokio::test]
async fn a_signed_login_is_tested_and_signed_again_before_it_ages() {
    on_each(async |app| {
        integration(&app, "emulator-signature", None).await;
        let path = "/auth/signature/own";
        let body =
            json!({"type": "SIGNATURE", "username": BASIC_USERNAME, "password": BASIC_PASSWORD});
        let mut wrong = body.clone();
        wrong["password"] = json!("wrong-one");
        let refused = submit(&app, path, &wrong).await;
        assert_eq!(refused.error(), (400, "connection_test_failed".to_owned()));
        assert!(!refused.text.contains("wrong-one"), "{}", refused.text);
        let quoted = json!({"type": "SIGNATURE", "username": "a\"b", "password": "p"});
        assert_eq!(paths(&submit(&app, path, &quoted).await), ["username"]);
        assert_eq!(paths(&submit(&app, path, &json!({"username": "a"})).await), ["password"]);
        assert_nothing_stored(&app).await;

        let id = connected(&app, path, &body).await;
        let first = connection(&app, &id).await["credentials"].clone();
        let names: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["type", "username", "password", "token", "expires_at"]);
        assert!(first["token"].as_str().unwrap().starts_with("UsernameToken Username=\"demo\", "));
        assert_eq!(first["expires_at"], "2026-03-01T09:14:11.120Z");
        app.advance_s(60);
        assert_eq!(connection(&app, &id).await["credentials"]["token"], first["token"]);
        app.advance_s(180);
        let second = connection(&app, &id).await["credentials"].clone();
        assert_ne!(second["token"], first["token"]);
        assert_eq!(second["expires_at"], "2026-03-01T09:18:11.120Z");
        assert_repair_keeps_metadata(&app, path, &id, &body).await;
    })
    .await;
}

fn bill_login() -> Value {
    json!({
        "username": BASIC_USERNAME, "password": BASIC_PASSWORD, "organization_id": "org_demo",
        "dev_key": "emulator-developer-key"
    })
}

#[tokio::test]
async fn a_session_is_opened_and_opened_again() {
    on_each(async |app| {
        integration(&app, "emulator-bill", None).await;
        let path = "/auth/bill/own";
        let id = connected(&app, path, &bill_login()).await;
        let first = connection(&app, &id).await["credentials"].clone();
        let session = first["session_id"].as_str().unwrap();
        assert_eq!(
            first,
            json!({
                "type": "BILL", "username": BASIC_USERNAME, "password": BASIC_PASSWORD,
                "organization_id": "org_demo", "dev_key": "emulator-developer-key",
                "session_id": session, "user_id": BASIC_USERNAME,
                "expires_at": "2026-03-01T09:45:11.120Z",
                "raw": {
                    "sessionId": session, "userId": BASIC_USERNAME, "organizationId": "org_demo"
                }
            })
        );
        app.advance_s(10 * 60);
        assert_eq!(connection(&app, &id).await["credentials"]["session_id"], session);
        app.advance_s(25 * 60);
        let second = connection(&app, &id).await["credentials"].clone();
        assert_ne!(second["session_id"], session);
        assert_eq!(second["password"], BASIC_PASSWORD);
        assert_repair_keeps_metadata(&app, path, &id, &bill_login()).await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_login_is_always_answered() {
    on_each(async |app| {
        integration(&app, "emulator-bill", None).await;
        let path = "/auth/bill/own";
        for name in ["username", "password", "organization_id", "dev_key"] {
            let mut body = bill_login();
            body.as_object_mut().unwrap().shift_remove(name);
            let missing = submit(&app, path, &body).await;
            assert_eq!(missing.error(), (400, "invalid_body".to_owned()));
            assert_eq!(paths(&missing), [name]);
            body[name] = json!("wrong-one");
            let refused = submit(&app, path, &body).await;
            assert_eq!(refused.error(), (400, "bill_tokens_fetch_error".to_owned()));
            assert!(!refused.text.contains("wrong-one"), "{}", refused.text);
        }
        assert_nothing_stored(&app).await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_without_a_login_address_is_told() {
    on_each(async |app| {
        let entry = "own: {display_name: Own, auth_mode: BILL}";
        let (catalog, _) = app.engine.catalog().overlay(entry, "own").unwrap();
        app.engine.set_catalog(catalog);
        integration(&app, "own", None).await;
        let refused = submit(&app, "/auth/bill/own", &bill_login()).await;
        assert_eq!(refused.error(), (400, "missing_token_url".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn neither_login_can_be_imported() {
    on_each(async |app| {
        for (provider, kind) in [("emulator-bill", "BILL"), ("emulator-signature", "SIGNATURE")] {
            let request = json!({"provider": provider, "unique_key": provider});
            assert_eq!(post(&app, "/integrations", &request).await.status, 200);
            let body = json!({
                "provider_config_key": provider,
                "credentials": {"type": kind, "username": "a", "password": "b"},
            });
            let refused = post(&app, "/connections", &body).await;
            assert_eq!(refused.error(), (400, "invalid_body".to_owned()));
            assert_eq!(paths(&refused), ["credentials.type"]);
        }
        assert_nothing_stored(&app).await;
    })
    .await;
}
