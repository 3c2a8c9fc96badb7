use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::{Client, Step};
use crate::modes::mode;

/// The outcome of submitting credentials, and the test calls as `METHOD url [headers] body`.
fn submitted(keys: &str, config: &Value, body: &Value) -> Result<Vec<String>, String> {
    let (catalog, _) = Catalog::empty().overlay(keys, "acme.yaml").unwrap();
    let context = Context {
        provider: catalog.get("acme").unwrap(),
        client: &Client::default(),
        connection_config: config.as_object().unwrap(),
        repairs: None,
        now: Timestamp::from_millis(0),
        rng: &Rng::seeded(1),
    };
    let mode = mode(context.provider.auth_mode).unwrap();
    let grant = match mode.submit(&context, body) {
        Ok(Step::Done(grant)) => grant,
        Ok(Step::Failed(error)) => return Err(error.code),
        Ok(other) => panic!("{other:?}"),
        Err(issues) => return Err(issues.into_iter().map(|issue| issue.message).collect()),
    };
    let calls = verification(&context, &grant.credentials);
    Ok(calls
        .into_iter()
        .map(|call| {
            let headers: Vec<String> =
                call.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let body = String::from_utf8(call.body.encode().1).unwrap();
            format!("{} {} [{}] {body}", call.method, call.url, headers.join(", "))
        })
        .collect())
}

#[test]
fn a_key_is_shown_as_the_entry_says() {
    let keys = "auth_mode: API_KEY
proxy:
  base_url: https://${connectionConfig.sub}.acme.test/api/
  headers: {x-key: '${apiKey}', x-gone: '${connectionConfig.gone}'}
  query: {k: '${apiKey}'}
  verification: {endpoints: ['/me?full=1', '/v/${credentials.apiKey}']}
";
    let body = json!({"apiKey": "k&1"});
    assert_eq!(
        submitted(keys, &json!({"sub": "eu"}), &body).unwrap(),
        [
            "GET https://eu.acme.test/api/me?full=1&k=k%261 [x-key: k&1] ",
            "GET https://eu.acme.test/api/v/k&1?k=k%261 [x-key: k&1] ",
        ]
    );
    assert_eq!(submitted(keys, &json!({"sub": "evil.com/"}), &body).unwrap_err(), "url_param_err");
}

#[test]
fn basic_credentials_make_their_own_header() {
    let keys = "auth_mode: BASIC
proxy:
  base_url: https://acme.test
  verification:
    method: POST
    endpoints: [rpc]
    headers: {content-type: application/json}
    data: {limit: 1}
";
    let body = json!({"username": "ann", "password": ""});
    assert_eq!(
        submitted(keys, &json!({}), &body).unwrap(),
        [
            "POST https://acme.test/rpc [content-type: application/json, authorization: Basic YW5uOg==] \
         {\"limit\":1}"
        ]
    );
    let body = json!({"username": "ann", "token": "x"});
    assert_eq!(
        submitted(keys, &json!({}), &body).unwrap_err(),
        "Invalid input: expected string, received undefinedUnrecognized key: \"token\""
    );
}
