use serde_json::json;
use valetkey_base::Rng;
use valetkey_catalog::Catalog;

use super::*;
use crate::test_keys;

const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

fn signed_by(entry: &str, credentials: &Value) -> Result<Option<Signed>, SigningFault> {
    let (catalog, findings) =
        Catalog::empty().overlay(&format!("auth_mode: JWT\n{entry}"), "acme.yaml").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let config = json!({"scopes": "GET /v1/apps, ,POST /v1/x"});
    let scope = Scope::new(NOW, &Rng::seeded(1))
        .with_connection_config(config.as_object().unwrap())
        .with_credentials(credentials.as_object().unwrap());
    signed_token(catalog.get("acme").unwrap(), &scope, NOW)
}

#[test]
fn members_are_filled_in_and_those_without_a_value_left_out() {
    let key = test_keys::p256();
    let entry = "signature: {protocol: EC}\ntoken:\n  signing_key: '${credentials.key}'\n  \
                 expires_in_ms: 900000\n  header: {kid: '${credentials.kid}', x: '${credentials.no}'}\n  \
                 payload: {aud: store, scope: ['${connectionConfig.scopes}', '${connectionConfig.no}'], \
                 none: ['${credentials.no}'], sub: '${credentials.no}', empty: '${credentials.blank}', \
                 deep: {a: '${credentials.kid}', b: '${credentials.no}'}, n: 7, nil: null}";
    let values = json!({"key": key.pem, "kid": "k1", "blank": ""});
    let signed = signed_by(entry, &values).unwrap().unwrap();
    let (header, claims) = key.verified(&signed.token);
    assert_eq!(header, json!({"kid": "k1", "alg": "ES256", "typ": "JWT"}));
    assert_eq!(
        claims,
        json!({"aud": "store", "scope": ["GET /v1/apps", "POST /v1/x"], "deep": {"a": "k1"},
               "n": 7, "nil": null, "iat": 1_772_356_211, "exp": 1_772_357_111})
    );
    assert_eq!(signed.expires_at, NOW.plus(Duration::from_mins(15)));
}

#[test]
fn shared_secrets_are_hexadecimal_unless_they_are_text() {
    let entry = |more: &str, key: &str| {
        format!(
            "signature: {{protocol: HMAC{more}}}\ntoken: {{signing_key: '{key}', header: {{alg: HS256}}, \
             payload: {{aud: x}}}}\ncredentials: {{secret: {{type: string, title: Admin key}}}}"
        )
    };
    let values = json!({"id": "a", "secret": "6b6b"});
    let by_hex = signed_by(&entry("", "${credentials.secret}"), &values).unwrap().unwrap().token;
    let text = entry(", hmac_secret_encoding: utf8", "${credentials.secret}");
    let by_text = signed_by(&text, &json!({"secret": "kk"})).unwrap().unwrap().token;
    assert_eq!(by_hex, by_text);
    let both = entry(", hmac_secret_encoding: utf8", "${credentials.id}||${credentials.secret}");
    let joined = entry(", hmac_secret_encoding: utf8", "${credentials.both}");
    let joined = signed_by(&joined, &json!({"both": "a||6b6b"})).unwrap().unwrap().token;
    assert_eq!(signed_by(&both, &values).unwrap().unwrap().token, joined);

    let issue =
        signed_by(&entry("", "${credentials.secret.part}"), &json!({"secret": {"part": "zz"}}));
    let issue = issue.map(|_| ()).unwrap_err().into_issue().unwrap();
    assert_eq!(issue.path, ["secret"]);
    assert_eq!(
        issue.message,
        "Admin key must be hexadecimal: pairs of the digits 0 to 9 and a to f."
    );
}

#[test]
fn an_incomplete_entry_is_the_operators_to_mend() {
    let code = |entry: &str| match signed_by(entry, &json!({"k": "aa"})).map(|_| ()) {
        Err(fault) => fault.into_error().code,
        Ok(()) => "fine".to_owned(),
    };
    assert_eq!(code("token: {signing_key: a, payload: {a: b}}"), "missing_signature_type");
    assert_eq!(code("signature: {protocol: HMAC}\ntoken: {signing_key: aa}"), "missing_token_body");
    assert_eq!(code("signature: {protocol: HMAC}\ntoken: {payload: {a: b}}"), "failed_to_sign");
    let wrong = "signature: {protocol: HMAC}\ntoken: {signing_key: '${credentials.k}', \
                 header: {alg: RS256}, payload: {a: b}}";
    assert_eq!(code(wrong), "failed_to_sign");
    assert_eq!(code("docs: https://a.test"), "fine");
}
