use serde_json::{Map, json};
use valetkey_base::Rng;
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;
use crate::test_keys;

const ENTRY: &str = r"
auth_mode: TWO_STEP
assertion:
  type: saml
  key: '${assertionOption.privateKey}'
  issuer: www.example.com
  audiences: 'https://a.test, https://b.test'
  recipient: https://a.test/token?x=1&y=2
  sessionIndex: '${random}'
  nameIdentifier: '${credentials.user}'
  attributes: {api_key: '${credentials.key}', use_username: true, absent: '${credentials.none}'}
";

fn made(key: Option<&SigningKey>) -> String {
    let (catalog, _) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
    let provider = catalog.get("acme").unwrap();
    let credentials = json!({"user": "a&b<\"c\">", "key": "k\r\n"});
    let context = Context {
        provider,
        client: &Client::default(),
        connection_config: &Map::new(),
        repairs: None,
        now: Timestamp::from_millis(1_772_356_211_120),
        rng: &Rng::seeded(3),
    };
    let scope = context.scope(context.connection_config);
    let scope = scope.with_credentials(credentials.as_object().unwrap());
    let recipe = provider.assertion.as_ref().unwrap();
    let text = assertion(&context, recipe, &scope, key, Duration::from_mins(5)).unwrap();
    String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

#[test]
fn digest_and_signature_fit_the_canonical_form() {
    let key = test_keys::rsa();
    let text = made(Some(&SigningKey::private(&key.pem).unwrap()));
    let (before, rest) = text.split_once("<ds:Signature ").unwrap();
    let (signature, after) = rest.split_once("</ds:Signature>").unwrap();
    assert!(before.ends_with("<saml:Issuer>www.example.com</saml:Issuer>"), "{before}");

    let id = between(&text, " ID=\"", "\"");
    assert_eq!(between(signature, "URI=\"#", "\""), id);
    let hash = digest::digest(&digest::SHA256, format!("{before}{after}").as_bytes());
    let told = between(signature, "<ds:DigestValue>", "</ds:DigestValue>");
    assert_eq!(told, STANDARD.encode(hash));

    let inside = between(signature, "<ds:SignedInfo>", "</ds:SignedInfo>");
    let canonical = format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{inside}</ds:SignedInfo>");
    let value = between(signature, "<ds:SignatureValue>", "</ds:SignatureValue>");
    assert!(key.accepts("RS256", canonical.as_bytes(), &STANDARD.decode(value).unwrap()));
}

#[test]
fn values_are_escaped_and_what_has_none_is_left_out() {
    let text = made(None);
    assert!(!text.contains("Signature"));
    assert!(text.contains("unspecified\">a&amp;b&lt;\"c\"&gt;</saml:NameID>"), "{text}");
    assert!(text.contains(" Recipient=\"https://a.test/token?x=1&amp;y=2\">"), "{text}");
    assert!(text.contains(">k&#xD;\n</saml:AttributeValue>"), "{text}");
    assert!(text.contains("<saml:Audience>https://b.test</saml:Audience>"), "{text}");
    assert!(text.contains("xsi:type=\"xs:string\">true</saml:AttributeValue>"), "{text}");
    assert!(!text.contains("absent"), "{text}");
    assert!(!text.contains(">\n") && !text.contains("/>"), "{text}");
    let ends = ends_at(&STANDARD.encode(&text)).unwrap();
    assert_eq!(ends.to_iso_z(), "2026-03-01T09:15:11.000Z");
}

#[test]
fn only_rsa_keys_sign() {
    let key = SigningKey::private(&test_keys::p256().pem).unwrap();
    let error = signature("_1", "x", &key).unwrap_err();
    assert_eq!(error.to_string(), "is a key of the kind EC P-256; RS256 signs with an RSA key");
}
