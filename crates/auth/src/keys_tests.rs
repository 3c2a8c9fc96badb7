use serde_json::json;

use super::*;
use crate::test_keys::{self, CERTIFICATE, TestKey};

fn token(key: &TestKey, algorithm: &str) -> Result<String, SignError> {
    let claims = json!({"sub": "ann"});
    let key = SigningKey::private(&key.pem)?;
    signed_jwt(Map::new(), claims.as_object().unwrap(), &key, algorithm.parse()?)
}

#[test]
fn every_algorithm_verifies_with_the_public_key() {
    let (rsa, p256, p384, ed) =
        (test_keys::rsa(), test_keys::p256(), test_keys::p384(), test_keys::ed25519());
    for (key, algorithms) in [
        (&rsa, &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..]),
        (&p256, &["ES256"]),
        (&p384, &["ES384"]),
        (&ed, &["EdDSA"]),
    ] {
        for algorithm in algorithms {
            let (header, claims) = key.verified(&token(key, algorithm).unwrap());
            assert_eq!(header, json!({"alg": algorithm, "typ": "JWT"}));
            assert_eq!(claims, json!({"sub": "ann"}));
        }
        let usual = SigningKey::private(&key.pem).unwrap().usual_algorithm();
        assert_eq!(usual.as_str(), algorithms[0]);
    }
    assert_eq!(
        token(&p256, "RS256").unwrap_err().to_string(),
        "is a key of the kind EC P-256; RS256 signs with an RSA key"
    );
    assert_eq!(
        token(&rsa, "ES384").unwrap_err().to_string(),
        "is a key of the kind RSA; ES384 signs with an EC key on P-384"
    );
    assert!(matches!(token(&rsa, "HS256"), Err(SignError::WrongKind { .. })));
    assert!(matches!(token(&rsa, "none"), Err(SignError::UnknownAlgorithm)));
}

/// RFC 7515 A.1: the key is known, and so is the signature.
#[test]
fn shared_secrets_sign_as_the_rfc_shows() {
    let secret = URL_SAFE_NO_PAD
        .decode(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        )
        .unwrap();
    let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let key = SigningKey::shared(&hex::encode(secret), false).unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.encode(key.sign(Algorithm::Hs256, message.as_bytes()).unwrap()),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    assert_eq!(key.sign(Algorithm::Hs512, b"x").unwrap().len(), 64);
    let error = |text: &str, is_text| SigningKey::shared(text, is_text).map(|_| ()).unwrap_err();
    assert_eq!(error("xyz", false), SignError::NotHex);
    assert_eq!(error("", true), SignError::NoSecret);
}

#[test]
fn the_key_id_of_a_jwk_goes_with_the_token() {
    // RFC 7515 A.3.
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "key-7",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"});
    let key = SigningKey::private(&jwk.to_string()).unwrap();
    let made = signed_jwt(Map::new(), &Map::new(), &key, Algorithm::Es256).unwrap();
    let header = URL_SAFE_NO_PAD.decode(made.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["kid"], "key-7");
}

#[test]
fn tls_identities_are_checked_field_by_field() {
    let key = test_keys::rsa();
    let flat = key.pem.replace('\n', "\\n");
    let identity = client_identity(&CERTIFICATE.replace('\n', " "), &flat).unwrap();
    assert_eq!(identity.certificate, CERTIFICATE);
    assert!(identity.key.expose().starts_with("-----BEGIN PRIVATE KEY-----\nMII"));
    assert_eq!(client_identity("CERT", &flat).unwrap_err().0, "client_certificate");
    let (field, problem) = client_identity(CERTIFICATE, CERTIFICATE).unwrap_err();
    assert_eq!(field, "client_private_key");
    assert_eq!(problem, "is a certificate; its private key is expected");
}
