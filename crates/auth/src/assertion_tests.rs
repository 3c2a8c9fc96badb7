use serde_json::json;
use valetkey_base::Rng;
use valetkey_catalog::Catalog;

use super::*;
use crate::mode::Client;
use crate::test_keys;

fn with<T>(entry: &str, config: &Value, work: impl FnOnce(&Context<'_>) -> T) -> T {
    let (catalog, findings) = Catalog::empty().overlay(entry, "acme.yaml").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    work(&Context {
        provider: catalog.get("acme").unwrap(),
        client: &Client::default(),
        connection_config: config.as_object().unwrap(),
        repairs: None,
        now: Timestamp::from_millis(1_772_356_211_120),
        rng: &Rng::seeded(3),
    })
}

#[test]
fn issuer_audience_and_algorithm_are_the_entrys_to_say() {
    let entry = "auth_mode: OAUTH2\nclient_assertion: {issuer: '${redirectHost}', \
                 audience: 'https://revolut.test', algorithm: PS256, lifetime_seconds: 60}";
    let key = test_keys::rsa();
    let secret = Secret::from(key.pem.as_str());
    let url = Url::parse("https://a.test/token").unwrap();
    let callback = Some("https://v.example.com:8443/oauth/callback");
    let remembered = json!({"redirectHost": "v.example.com"});
    for (config, callback) in [(json!({}), callback), (remembered, None)] {
        let made = with(entry, &config, |context| {
            assert!(names_redirect_host(context.provider));
            client_assertion("id", &url, &secret, callback, context).unwrap()
        });
        let (header, claims) = key.verified(&made);
        assert_eq!(header["alg"], "PS256");
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("v.example.com"), &json!("id")));
        assert_eq!(claims["aud"], "https://revolut.test");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    }
    with("auth_mode: OAUTH2", &json!({}), |context| {
        assert!(!names_redirect_host(context.provider));
        let error = client_assertion("id", &url, &"x".into(), None, context).unwrap_err();
        assert!(error.starts_with("The client's private key is not a private key;"), "{error}");
    });
}

const RECIPE: &str = "auth_mode: TWO_STEP\nassertion: {type: jwt, key: '${assertionOption.key}', \
                      lifetimeInSeconds: '7200', header: {alg: ES256, kid: '${credentials.kid}'}, \
                      payload: {iss: '${credentials.id}', jti: '${random}'}}\n\
                      assertion_option: {key: {type: string, title: Signing key}}";

#[test]
fn a_recipe_is_signed_and_a_stored_one_used_while_it_holds() {
    let key = test_keys::p256();
    with(RECIPE, &json!({}), |context| {
        let recipe = context.provider.assertion.as_ref().unwrap();
        let values = json!({"kid": "k1", "id": "me"});
        let scope = context.scope(context.connection_config);
        let scope = scope.with_credentials(values.as_object().unwrap());
        let mut full = scope.clone();
        full.set("assertionOption", json!({"key": key.pem}));
        let made = from_recipe(context, recipe, &full, None).unwrap();
        let (header, claims) = key.verified(&made);
        assert_eq!(header, json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}));
        assert_eq!(claims["iss"], "me");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7200);

        let again = from_recipe(context, recipe, &scope, Some(&made)).unwrap();
        assert_eq!(again, made);
        let later = Context { now: context.now.plus(Duration::from_secs(7150)), ..*context };
        let fault = from_recipe(&later, recipe, &scope, Some(&made)).unwrap_err();
        let issue = fault.into_issue().unwrap();
        assert_eq!(issue.path, ["assertionOption", "key"]);
        assert_eq!(issue.message, "Signing key is required.");

        full.set("assertionOption", json!({"key": test_keys::rsa().pem}));
        let issue = from_recipe(context, recipe, &full, None).unwrap_err().into_issue().unwrap();
        assert_eq!(
            issue.message,
            "Signing key is a key of the kind RSA; ES256 signs with an EC key on P-256."
        );
    });
}
