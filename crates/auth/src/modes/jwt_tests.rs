use serde_json::json;
use valetkey_base::{Rng, Timestamp};
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;
use crate::test_keys;

const SPLIT: &str = "auth_mode: JWT\nsignature: {protocol: HMAC}\n\
    credentials: {adminKey: {type: string, title: Admin key, pattern: '^[a-f0-9]{4}:[a-f0-9]{8}$'}}\n\
    credentials_split: {adminKey: {separator: ':', into: [id, secret]}}\n\
    token: {signing_key: '${credentials.adminKey.secret}', expires_in_ms: 300000, \
    header: {alg: HS256, kid: '${credentials.adminKey.id}'}, payload: {aud: /admin/}}";

fn with<T>(entry: &str, work: impl FnOnce(&Context<'_>) -> T) -> T {
    let (catalog, findings) = Catalog::empty().overlay(entry, "acme.yaml").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    work(&Context {
        provider: catalog.get("acme").unwrap(),
        client: &Client::default(),
        connection_config: &Map::new(),
        repairs: None,
        now: Timestamp::from_millis(1_772_356_211_120),
        rng: &Rng::seeded(3),
    })
}

fn grant(step: Step) -> Value {
    match step {
        Step::Done(grant) => grant.credentials.to_json(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_of_two_values_is_split_and_signed_again_from_what_is_stored() {
    with(SPLIT, |context| {
        let body = json!({"type": "JWT", "adminKey": "ab12:00ff00ff", "token": "mine"});
        let stored = grant(Jwt.submit(context, &body).unwrap());
        assert_eq!(stored["adminKey"], json!({"id": "ab12", "secret": "00ff00ff"}));
        assert_eq!(stored["expires_at"], "2026-03-01T09:15:11.120Z");
        assert_ne!(stored["token"], "mine");
        let parted = json!({"adminKey": {"id": "ab12", "secret": "00ff00ff"}});
        assert_eq!(grant(Jwt.submit(context, &parted).unwrap()), stored);

        let later = Context { now: Timestamp::from_millis(1_772_356_500_000), ..*context };
        let credentials = Credentials::from_json(stored.clone());
        assert!(Jwt.can_refresh(context.provider, &credentials));
        let renewed = grant(Jwt.refresh(&later, &credentials));
        assert_eq!(renewed["adminKey"], stored["adminKey"]);
        assert_ne!(renewed["token"], stored["token"]);
    });
}

fn issues(step: Result<Step, Vec<BodyIssue>>) -> Vec<String> {
    let issues = step.map(|step| format!("{step:?}")).unwrap_err();
    issues.iter().map(|issue| format!("{}: {}", issue.path.join("."), issue.message)).collect()
}

#[test]
fn what_is_wrong_is_named() {
    with(SPLIT, |context| {
        for (body, expected) in [
            (json!({}), "adminKey: Admin key is required."),
            (json!({"adminKey": ""}), "adminKey: Admin key is required."),
            (json!({"adminKey": 7}), "adminKey: Admin key must be a text."),
            (json!({"adminKey": "ab12"}), "adminKey: Admin key does not have the expected form."),
        ] {
            assert_eq!(issues(Jwt.submit(context, &body)), [expected], "{body}");
        }
        assert_eq!(
            issues(Jwt.submit(context, &json!([]))),
            [": Invalid input: expected object, received array"]
        );
        assert!(Jwt.import(&json!({"type": "JWT"})).is_err());
    });
    let entry = "auth_mode: JWT\nsignature: {protocol: RSA}\n\
                 credentials: {pem: {type: string, title: Private key}}\n\
                 token: {signing_key: '${credentials.pem}', payload: {a: b}}";
    with(entry, |context| {
        let public = "-----BEGIN PUBLIC KEY-----\nMAUwAAMBAA==\n-----END PUBLIC KEY-----";
        assert_eq!(
            issues(Jwt.submit(context, &json!({"pem": public}))),
            ["pem: Private key is a public key; the private key is expected."]
        );
        let key = test_keys::rsa();
        let stored =
            grant(Jwt.submit(context, &json!({"pem": key.pem.replace('\n', " ")})).unwrap());
        let (header, _) = key.verified(stored["token"].as_str().unwrap());
        assert_eq!(header["alg"], "RS256");
    });
}
