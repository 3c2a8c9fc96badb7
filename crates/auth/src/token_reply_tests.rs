use serde_json::json;
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Purpose;

const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

fn read_with(keys: &str, body: &str) -> Result<Tokens, AuthError> {
    let entry = format!("auth_mode: OAUTH2\n{keys}");
    let (catalog, _) = Catalog::empty().overlay(&entry, "acme.yaml").unwrap();
    let provider = catalog.get("acme").unwrap();
    let pending = Pending::new(Purpose::Exchange);
    let reply = HttpReply { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() };
    read(provider, &pending, &reply, Names::OAuth2, NOW)
}

fn tokens(keys: &str, body: &str) -> (String, Option<String>, Option<String>) {
    let tokens = match read_with(keys, body) {
        Ok(tokens) => tokens,
        Err(error) => panic!("{error}"),
    };
    (tokens.access_token, tokens.refresh_token, tokens.expires_at.map(Timestamp::to_iso_z))
}

fn all(access: &str, refresh: &str, expires: &str) -> (String, Option<String>, Option<String>) {
    (access.to_owned(), Some(refresh.to_owned()), Some(expires.to_owned()))
}

#[test]
fn json_and_forms_read_alike() {
    let expected = all("a", "r", "2026-03-01T10:10:11.120Z");
    assert_eq!(
        tokens("", r#"{"access_token":"a","refresh_token":"r","expires_in":3600}"#),
        expected
    );
    assert_eq!(
        tokens("", r#"{"access_token":"a","refresh_token":"r","expires_in":"3600"}"#),
        expected
    );
    assert_eq!(tokens("", "access_token=a&refresh_token=r&expires_in=3600"), expected);
    assert_eq!(tokens("", r#"{"access_token":"a"}"#), ("a".to_owned(), None, None));
}

#[test]
fn moments_and_units_are_the_providers() {
    let at = |keys: &str, body: &str| tokens(keys, body).2.unwrap();
    let end = "2026-03-01T10:10:11.000Z";
    assert_eq!(at("", r#"{"access_token":"a","expires_at":1772359811,"expires_in":1}"#), end);
    assert_eq!(at("", r#"{"access_token":"a","expires_at":1772359811000}"#), end);
    let hour = "2026-03-01T10:10:11.120Z";
    assert_eq!(
        at("expires_in_unit: milliseconds", r#"{"access_token":"a","expires_in":3600000}"#),
        hour
    );
    assert_eq!(
        at("token_fixed_lifetime_seconds: 3600", r#"{"access_token":"a","expires_in":1}"#),
        hour
    );
}

#[test]
fn tokens_are_found_where_the_entry_says() {
    assert_eq!(
        tokens(
            "alternate_access_token_response_path: authed_user",
            r#"{"ok":true,"authed_user":{"access_token":"u","refresh_token":"r","expires_in":3600}}"#
        ),
        all("u", "r", "2026-03-01T10:10:11.120Z")
    );
    assert_eq!(tokens("alternate_access_token_response_path: a.b", r#"{"a":{"b":"t"}}"#).0, "t");
    assert_eq!(
        tokens(
            "token_response_path: data\ntoken_response_rename: {accessToken: access_token, \
             x.refresh: refresh_token, expireTime: expires_at}",
            r#"{"data":{"accessToken":"a","x":{"refresh":"r"},"expireTime":"2026-03-01T10:10:11Z"}}"#
        ),
        all("a", "r", "2026-03-01T10:10:11.000Z")
    );
}

#[test]
fn metadata_keeps_texts_numbers_and_booleans_under_flat_keys() {
    let keys = "token_response_metadata: [team.id, n, b, list, gone]";
    let body = r#"{"access_token":"a","team":{"id":"T"},"n":7,"b":true,"list":[1]}"#;
    let Ok(found) = read_with(keys, body) else { panic!("a token is there") };
    assert_eq!(Value::Object(found.metadata), json!({"team.id": "T", "n": 7, "b": true}));
}

#[test]
fn a_refusal_with_status_200_is_a_refusal() {
    let failed = |keys: &str, body: &str| read_with(keys, body).err().unwrap();
    let error = failed("", r#"{"ok":false,"error":"invalid_code"}"#);
    assert_eq!(
        (error.code.as_str(), error.provider_error.as_deref()),
        ("unknown_err", Some("invalid_code"))
    );
    let error = failed("", r#"{"error":"bad_verification_code","error_description":"old"}"#);
    assert_eq!(error.provider_description.as_deref(), Some("old"));
    let error = failed(
        "token_response_success: {path: ok, equals: true}",
        r#"{"access_token":"a","ok":false,"error":"ratelimited"}"#,
    );
    assert_eq!(error.class, Class::Transient);
}

#[test]
fn a_reply_without_token_has_its_own_code() {
    for body in
        ["{}", "[]", "<html>a=b</html>", "", r#"{"access_token":""}"#, r#"{"access_token":null}"#]
    {
        let error = read_with("", body).err().unwrap();
        assert_eq!(error.code, "unable_to_parse_token_response", "{body}");
    }
}
