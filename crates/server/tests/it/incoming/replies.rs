//! Handshakes, tokens with keys of the provider's, and secrets that are learned.

use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use valetkey_catalog::Catalog;

use super::signer::{Draft, SECRET, Signer, jwt, rs256, rsa};
use super::{Hook, patch};
use crate::app::{PUBLIC_URL, TestApp, on_each};

/// A signed delivery of a provider with this body.
async fn signed(
    app: &TestApp,
    hook: &Hook<'_>,
    provider: &str,
    parts: &[(&str, &str)],
) -> (u16, String) {
    let recipe = Catalog::bundled().get(provider).unwrap().webhooks.clone().unwrap();
    let mut draft = Draft::new(&recipe, hook.path.clone());
    for (place, value) in parts {
        draft.set(&place.parse().unwrap(), value);
    }
    let way = &recipe.verify[0];
    draft.sign(way, &Signer::of(way), app.clock.now().millis());
    let answer = draft.send(app).await;
    (answer.status, answer.text)
}

#[tokio::test]
async fn handshakes_are_answered_and_never_forwarded() {
    on_each(async |app: TestApp| {
        let slack = Hook::new(&app, "slack", "slack").await;
        patch(&app, "slack", &json!({"webhooks": {"secret": SECRET}})).await;
        let challenge = [("body.type", "url_verification"), ("body.challenge", "3eZb")];
        assert_eq!(signed(&app, &slack, "slack", &challenge).await, (200, "3eZb".to_owned()));
        let unsigned =
            app.post(&*slack.path).json(&json!({"type": "url_verification", "challenge": "x"}));
        assert_eq!(unsigned.send().await.status, 401);

        let zoom = Hook::new(&app, "zoom", "zoom").await;
        patch(&app, "zoom", &json!({"webhooks": {"secret": SECRET}})).await;
        let parts =
            [("body.event", "endpoint.url_validation"), ("body.payload.plainToken", "qgg8")];
        let (status, text) = signed(&app, &zoom, "zoom", &parts).await;
        let reply: Value = serde_json::from_str(&text).unwrap();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag = hex::encode(aws_lc_rs::hmac::sign(&key, b"qgg8"));
        assert_eq!((status, reply), (200, json!({"plainToken": "qgg8", "encryptedToken": tag})));

        let graph = Hook::new(&app, "microsoft", "graph").await;
        let asked = app.post(format!("{}?validationToken=a%3Cb", graph.path)).send().await;
        assert_eq!((asked.status, asked.text.as_str()), (200, "a<b"));
        assert!(asked.header("content-type").starts_with("text/plain"));
        assert_eq!(asked.header("x-content-type-options"), "nosniff");

        let meta = Hook::new(&app, "facebook", "meta").await;
        let asked =
            app.get(format!("{}?hub.mode=subscribe&hub.challenge=77", meta.path)).send().await;
        assert_eq!((asked.status, asked.text.as_str()), (200, "77"));

        let twitter = Hook::new(&app, "twitter", "twitter").await;
        let token = app.get(format!("{}?crc_token=abc", twitter.path)).send().await;
        assert!(token.json()["response_token"].as_str().unwrap().starts_with("sha256="));
        // Nobody may have the body of a delivery signed this way.
        let forged = app.get(format!("{}?crc_token=%7B%22a%22%3A1%7D", twitter.path)).send().await;
        assert_eq!(forged.error(), (400, "webhook_invalid_payload".to_owned()));

        let trello = Hook::new(&app, "trello", "trello").await;
        let head = app.call(http::Method::HEAD, &*trello.path).send().await;
        assert_eq!(head.status, 200);

        let events = app.engine.events(app.environment.id, None, 100).await.unwrap();
        assert!(events.iter().all(|event| event.kind != "forward"), "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn a_secret_is_learned_only_while_somebody_waits_for_it() {
    on_each(async |app: TestApp| {
        let hook = Hook::new(&app, "asana", "asana").await;
        hook.connection("c", &json!({}), &json!({})).await;
        let shake = async || {
            let call = app.post(&*hook.path).json(&json!({}));
            call.header("x-hook-secret", SECRET).send().await
        };
        assert_eq!(shake().await.error(), (401, "webhook_secret_not_expected".to_owned()));
        patch(&app, "asana", &json!({"webhooks": {"learn_minutes": 10}})).await;
        let answer = shake().await;
        assert_eq!((answer.status, answer.header("x-hook-secret")), (200, SECRET));
        app.advance_s(601);
        assert_eq!(shake().await.status, 200, "the same secret again is no news");
        let (status, text) = signed(&app, &hook, "asana", &[("query.connection_id", "c")]).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(hook.events().await.len(), 1);
        let other =
            app.post(&*hook.path).json(&json!({})).header("x-hook-secret", "another-secret");
        assert_eq!(other.send().await.status, 401);
        let shown = app.get("/integrations/asana?include=webhook_settings").bearer(&app.api_key);
        let shown = shown.send().await;
        assert_eq!(shown.json()["data"]["webhooks"]["has_secret"], true);
        assert!(!shown.text.contains(SECRET));
    })
    .await;
}

/// A provider's document at an address.
async fn published(app: &TestApp, document: Value) -> String {
    let answer = move || async move { axum::Json(document) };
    app.serve_beside(Router::new().route("/keys", get(answer))).await
}

/// Modulus and exponent of an RSA key in DER (RFC 8017, appendix A.1.1).
fn numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let length = |at: &[u8]| match at[0] {
        short if short < 0x80 => (usize::from(short), 1),
        0x81 => (usize::from(at[1]), 2),
        _ => (usize::from(at[1]) << 8 | usize::from(at[2]), 3),
    };
    let (_, header) = length(&der[1..]);
    let rest = &der[1 + header..];
    let (n_length, header) = length(&rest[1..]);
    let n = &rest[1 + header..1 + header + n_length];
    let rest = &rest[1 + header + n_length..];
    let (e_length, header) = length(&rest[1..]);
    let e = &rest[1 + header..1 + header + e_length];
    let n = n.strip_prefix(&[0]).unwrap_or(n);
    (n.to_vec(), e.to_vec())
}

#[tokio::test]
async fn tokens_of_the_provider_are_checked_against_its_keys() {
    on_each(async |app: TestApp| {
        let pair = rsa();
        let (n, e) = numbers(pair.public_key().as_ref());
        let base = published(
            &app,
            json!({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1",
                "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)}]}),
        )
        .await;
        let mut recipe = json!({"verify": [{
            "scheme": "jwt", "signature": "header.authorization", "prefix": "Bearer ",
            "jwt": {"keys_url": format!("{base}/keys"), "issuers": ["https://accounts.google.com"],
                "audience": "${url}", "claim": "email"},
        }]});
        let bundled = Catalog::bundled().get("google-mail").unwrap().webhooks.clone().unwrap();
        assert_eq!(bundled.connection[0].base64_json.as_deref(), Some("emailAddress"));
        recipe["connection"] = json!([{"from": ["body.message.data"], "base64_json": "emailAddress",
            "to": ["metadata.emailAddress"]}]);
        let entry = json!({"auth_mode": "OAUTH2", "authorization_url": "https://a.test/a",
            "token_url": "https://a.test/t", "webhooks": recipe});
        let hook = Hook::with(&app, "mail", "mail", &entry).await;
        let account = "push@project.iam.test";
        patch(&app, "mail", &json!({"webhooks": {"secret": account}})).await;
        hook.connection("c", &json!({"emailAddress": "a@b.test"}), &json!({})).await;
        let now = app.clock.now().millis() / 1000;
        let claims = json!({"iss": "https://accounts.google.com", "email": account, "iat": now,
            "aud": format!("{PUBLIC_URL}{}", hook.path), "exp": now + 3600});
        let data = STANDARD.encode(json!({"emailAddress": "a@b.test", "historyId": 1}).to_string());
        let send = async |claims: &Value, kid: &str, n: u32| {
            let head = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
            let token = jwt(&head, claims, |text| rs256(&pair, text));
            let body = json!({"message": {"data": data, "messageId": n}});
            let call = app.post(&*hook.path).json(&body);
            call.header("authorization", &format!("Bearer {token}")).send().await.status
        };
        assert_eq!(send(&claims, "k1", 1).await, 200);
        assert_eq!(hook.events().await[0]["connectionId"], "c");
        assert_eq!(send(&claims, "k1", 1).await, 200);
        for (name, value) in [
            ("iss", json!("https://evil.test")),
            ("aud", json!(format!("{PUBLIC_URL}/webhook/other"))),
            ("email", json!("somebody@else.test")),
            ("exp", json!(now - 120)),
            ("iat", json!(now + 600)),
        ] {
            let mut wrong = claims.clone();
            wrong[name] = value;
            assert_eq!(send(&wrong, "k1", 2).await, 401, "{name}");
        }
        assert_eq!(send(&claims, "k2", 3).await, 401, "an unknown key");
        let forged = jwt(&json!({"alg": "RS256", "kid": "k1"}), &claims, |_| vec![1; 256]);
        let none = jwt(&json!({"alg": "none", "kid": "k1"}), &claims, |_| Vec::new());
        let confused = jwt(&json!({"alg": "HS256", "kid": "k1"}), &claims, |text| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, account.as_bytes());
            aws_lc_rs::hmac::sign(&key, text).as_ref().to_vec()
        });
        for token in [forged, none, confused] {
            let call = app.post(&*hook.path).json(&json!({"message": {"data": data}}));
            let answer = call.header("authorization", &format!("Bearer {token}")).send().await;
            assert_eq!(answer.error(), (401, "webhook_invalid_signature".to_owned()));
        }
        assert_eq!(hook.events().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_fetched_comes_only_from_the_providers_hosts() {
    on_each(async |app: TestApp| {
        let base = published(&app, json!({"signing_key": SECRET})).await;
        let bundled = Catalog::bundled().get("connectwise-psa").unwrap().webhooks.clone().unwrap();
        let entry = |host: &str| json!({"auth_mode": "OAUTH2", "authorization_url": "https://a.test/a",
            "token_url": "https://a.test/t", "webhooks": {"verify": [{
                "scheme": "hmac", "signature": "header.x-content-signature", "key": ["fetched"],
                "encoding": "base64", "key_encoding": "sha256",
                "fetch": {"url": "body.Metadata.key_url", "hosts": [host], "path": "signing_key"},
            }], "connection": [{"from": ["body.ProductInstanceId"], "to": ["metadata.productInstanceId"]}]}});
        for (key, host, expected) in [("here", "127.0.0.1", 200), ("elsewhere", ".myconnectwise.net", 401)] {
            let hook = Hook::with(&app, &format!("cw-{key}"), key, &entry(host)).await;
            hook.connection("c", &json!({"productInstanceId": "p"}), &json!({})).await;
            let way = &bundled.verify[0];
            let mut draft = Draft::new(&bundled, hook.path.clone());
            draft.set(&"body.ProductInstanceId".parse().unwrap(), "p");
            draft.set(&"body.Metadata.key_url".parse().unwrap(), &format!("{base}/keys"));
            draft.sign(way, &Signer::of(way), app.clock.now().millis());
            let answer = draft.send(&app).await;
            assert_eq!(answer.status, expected, "{}", answer.text);
            assert_eq!(hook.events().await.len(), usize::from(expected == 200));
            draft.tamper_body();
            assert_eq!(draft.send(&app).await.status, 401);
        }
    })
    .await;
}
