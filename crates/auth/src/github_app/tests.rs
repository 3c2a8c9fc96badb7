use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use valetkey_base::{Rng, Secret, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;
use crate::test_keys;

const NOW_SECONDS: i64 = 1_772_356_211;

fn with_context<T>(provider: &str, client: &Client, test: impl FnOnce(&Context<'_>) -> T) -> T {
    let catalog = Catalog::bundled();
    let context = Context {
        provider: catalog.get(provider).unwrap(),
        client,
        connection_config: &Map::new(),
        repairs: None,
        now: Timestamp::from_millis(NOW_SECONDS * 1000),
        rng: &Rng::seeded(1),
    };
    test(&context)
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn the_apps_token_leaves_room_for_clocks_and_is_signed_with_any_form_of_the_key() {
    let key = test_keys::rsa();
    for text in [key.pem.clone(), STANDARD.encode(&key.pem)] {
        let client = Client {
            client_id: Some("4711".to_owned()),
            client_secret: Some(Secret::new(text)),
            // What else an operator keeps there does not move the key elsewhere.
            custom: map(&json!({"webhookSecret": "x", "private_key": "other", "app_id": "1"})),
            ..Client::default()
        };
        let token = with_context("github-app", &client, |context| {
            App::of(context).unwrap().token(context).unwrap()
        });
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let expected = json!({"iss": "4711", "iat": NOW_SECONDS - 60, "exp": NOW_SECONDS + 540});
        assert_eq!(claims, expected);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.public)
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
    }
}

#[test]
fn an_app_with_people_has_its_key_beside_the_client() {
    let client = Client {
        client_id: Some("Iv1".to_owned()),
        client_secret: Some(Secret::new("client-secret")),
        custom: map(&json!({"app_id": "4711", "private_key": "no key"})),
        ..Client::default()
    };
    with_context("github-app-oauth", &client, |context| {
        let app = App::of(context).unwrap();
        assert_eq!(app.id, "4711");
        let error = app.token(context).unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (Class::Ours, TOKEN_ERROR));
        assert!(!error.message.contains("no key"), "{}", error.message);
    });
    with_context("github-app-oauth", &Client::default(), |context| {
        assert_eq!(App::of(context).err().unwrap().code, "provider_config_err");
    });
}

#[test]
fn ids_of_installations_are_numbers() {
    assert_eq!(checked_id("12345678").as_deref(), Some("12345678"));
    for text in ["", "1a", "-1", "7/../8", "123456789012345678901"] {
        assert_eq!(checked_id(text), None, "{text}");
    }
}
