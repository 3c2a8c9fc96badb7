//! Client assertions signed with RS256 (RFC 7523), from a private JWK or a PEM key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::Url;
use valetkey_base::Secret;

use crate::mode::Context;

/// `client_assertion_type` of a JWT (RFC 7523 §2.2).
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion holds, in seconds.
const LIFETIME_SECONDS: i64 = 300;

const NO_KEY: &str = "The client's private key must be an RSA key as JWK (JSON) or PEM.";

/// A signed assertion for the token endpoint; the error is a text for a person.
pub(crate) fn client_assertion(
    client_id: &str,
    token_url: &Url,
    key: &Secret,
    context: &Context<'_>,
) -> Result<String, &'static str> {
    let (pair, key_id) = key_pair(key.expose()).ok_or(NO_KEY)?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(key_id) = key_id {
        header["kid"] = Value::String(key_id);
    }
    let issued = context.now.seconds();
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": token_url.as_str(),
        "iat": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": context.rng.uuid().to_string(),
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| NO_KEY)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The key pair and the key id a JWK names.
fn key_pair(text: &str) -> Option<(RsaKeyPair, Option<String>)> {
    let text = text.trim();
    if text.starts_with('{') {
        let jwk: Value = serde_json::from_str(text).ok()?;
        let key_id = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
        return Some((RsaKeyPair::from_der(&pkcs1_of_jwk(&jwk)?).ok()?, key_id));
    }
    let body: String = text
        .replace("\\n", "\n")
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>())
        .collect();
    let der = STANDARD.decode(body).ok()?;
    let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).ok()?;
    Some((pair, None))
}

/// The members of an RSA JWK as an `RSAPrivateKey` of PKCS#1 (RFC 8017 A.1.2).
fn pkcs1_of_jwk(jwk: &Value) -> Option<Vec<u8>> {
    let mut content = integer(&[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?.trim_end_matches('=')).ok()?;
        content.extend(integer(&bytes));
    }
    Some(element(0x30, &content))
}

/// A non-negative DER integer.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut content = bytes[start..].to_vec();
    if content.first().is_none_or(|byte| byte & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(0x02, &content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if content.len() < 0x80 {
        out.push(content.len() as u8);
    } else {
        let length = content.len().to_be_bytes();
        let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
        out.push(0x80 | (length.len() - start) as u8);
        out.extend_from_slice(&length[start..]);
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeyPair as GeneratedPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn der_lengths_take_the_short_form_where_they_can() {
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(element(0x30, &[0; 200])[..3], [0x30, 0x81, 200]);
        assert_eq!(element(0x30, &[0; 300])[..4], [0x30, 0x82, 1, 44]);
    }

    /// Content and rest of the DER element at the start.
    fn inside(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, start) = match usize::from(der[1]) {
            short if short < 0x80 => (short, 2),
            long => {
                let bytes = long & 0x7f;
                let length =
                    der[2..2 + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, 2 + bytes)
            }
        };
        der[start..].split_at(length)
    }

    /// The key of a PKCS#8 document as a JWK.
    fn jwk_of(pkcs8: &[u8]) -> Value {
        let (_version, rest) = inside(inside(pkcs8).0);
        let (_algorithm, rest) = inside(rest);
        let (_zero, mut rest) = inside(inside(inside(rest).0).0);
        let mut jwk = json!({"kty": "RSA", "kid": "key-1"});
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            let (number, after) = inside(rest);
            jwk[name] = URL_SAFE_NO_PAD.encode(number.strip_prefix(&[0]).unwrap_or(number)).into();
            rest = after;
        }
        jwk
    }

    #[test]
    fn a_jwk_reads_as_the_same_key() {
        let generated = GeneratedPair::generate(KeySize::Rsa2048).unwrap();
        let der = generated.as_der().unwrap();
        let (pair, key_id) = key_pair(&jwk_of(der.as_ref()).to_string()).unwrap();
        assert_eq!(key_id.as_deref(), Some("key-1"));
        let original = RsaKeyPair::from_pkcs8(der.as_ref()).unwrap();
        assert_eq!(pair.public_key().as_ref(), original.public_key().as_ref());
    }

    #[test]
    fn a_pem_key_signs_and_nonsense_is_refused() {
        let generated = GeneratedPair::generate(KeySize::Rsa2048).unwrap();
        let der = generated.as_der().unwrap();
        let der: &[u8] = der.as_ref();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            STANDARD.encode(der)
        );
        let (pair, key_id) = key_pair(&pem).unwrap();
        assert_eq!(key_id, None);
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"text", &mut signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
            .verify(b"text", &signature)
            .unwrap();
        assert!(key_pair("{\"kty\":\"RSA\"}").is_none());
        assert!(key_pair("not a key").is_none());
    }
}
