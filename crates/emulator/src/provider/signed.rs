//! Calls to the API that carry a proof instead of a token: a JWT the caller signed (RFC 7519), an
//! OAuth 1.0a signature (RFC 5849), a WSSE user name token. Each is verified for real.

use aws_lc_rs::{constant_time, digest, hmac};
use axum::http::{HeaderMap, Method, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use url::form_urlencoded;
use valetkey_base::Timestamp;

use super::{BASIC_PASSWORD, BASIC_USERNAME, CLIENT_ID, CLIENT_SECRET};

/// Id of the key that signs JWTs.
pub const JWT_KEY_ID: &str = "emulator-key";
/// Its HMAC secret in hex: a public demo value.
pub const JWT_SECRET_HEX: &str = "6465766f6e6c792d6465766f6e6c792d6465766f6e6c79";
/// A token made for the integration, and its secret: public demo values.
pub const TOKEN_ID: &str = "emulator-token";
/// The secret of [`TOKEN_ID`].
pub const TOKEN_SECRET: &str = "emulator-token-secret";

/// A signature's nonce and time hold this long, in seconds.
const WINDOW_SECONDS: i64 = 300;
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who signed a request; none when it carries no proof, or one that does not hold.
pub(crate) fn owner(
    method: &Method,
    base_url: &str,
    uri: &Uri,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<Value> {
    if let Some(value) = headers.get("x-wsse") {
        return wsse_owner(value.to_str().ok()?, now);
    }
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => jwt_owner(rest.trim(), base_url, now),
        "oauth" => oauth1_owner(method, base_url, uri, rest, now),
        _ => None,
    }
}

fn jwt_owner(token: &str, base_url: &str, now: Timestamp) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, payload) = signed.split_once('.')?;
    let part = |text: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    };
    let (head, claims) = (part(head)?, part(payload)?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &hex::decode(JWT_SECRET_HEX).ok()?);
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&key, signed.as_bytes(), &signature).ok()?;
    let is_right = head["alg"] == "HS256"
        && head["kid"] == JWT_KEY_ID
        && claims["aud"] == base_url
        && claims["exp"].as_i64().is_some_and(|at| at > now.seconds());
    is_right.then(|| json!({"sub": "workspace_demo", "name": "Demo workspace"}))
}

fn wsse_owner(value: &str, now: Timestamp) -> Option<Value> {
    let fields = quoted(value.strip_prefix("UsernameToken ")?);
    let of = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    let (nonce, created) = (of("Nonce")?, of("Created")?);
    let age = now.seconds() - Timestamp::parse_iso(created)?.seconds();
    let text = format!("{nonce}{created}{BASIC_PASSWORD}");
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    // The digest is written in hex before it becomes base64, as the senders of this scheme do.
    let expected = STANDARD.encode(hex::encode(sha1));
    let is_right = of("Username")? == BASIC_USERNAME
        && age.abs() <= WINDOW_SECONDS
        && is_same(&expected, of("PasswordDigest")?);
    is_right.then(|| json!({"sub": BASIC_USERNAME, "name": "Demo user"}))
}

fn oauth1_owner(
    method: &Method,
    base_url: &str,
    uri: &Uri,
    header: &str,
    now: Timestamp,
) -> Option<Value> {
    let fields = quoted(header);
    let of = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    let algorithm = match of("oauth_signature_method")? {
        "HMAC-SHA1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "HMAC-SHA256" => hmac::HMAC_SHA256,
        _ => return None,
    };
    let at: i64 = of("oauth_timestamp")?.parse().ok()?;
    let escape = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let query = uri.query().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (escape(&name), escape(&value)))
        .chain(
            fields
                .iter()
                .filter(|(name, _)| !matches!(&**name, "oauth_signature" | "realm"))
                .map(|(name, value)| (escape(name), escape(value))),
        )
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let base = [method.as_str(), &format!("{base_url}{}", uri.path()), &pairs.join("&")]
        .map(escape)
        .join("&");
    let key = format!("{}&{}", escape(CLIENT_SECRET), escape(TOKEN_SECRET));
    let signature = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), base.as_bytes());
    let is_right = of("oauth_consumer_key")? == CLIENT_ID
        && of("oauth_token")? == TOKEN_ID
        && (now.seconds() - at).abs() <= WINDOW_SECONDS
        && is_same(&STANDARD.encode(signature), of("oauth_signature")?);
    is_right.then(|| json!({"sub": "workspace_demo", "name": "Demo workspace"}))
}

fn is_same(expected: &str, given: &str) -> bool {
    constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok()
}

/// `name="value"` pairs, values percent-decoded.
fn quoted(text: &str) -> Vec<(String, String)> {
    text.split(',')
        .filter_map(|part| {
            let (name, value) = part.trim().split_once('=')?;
            let value = value.trim().trim_matches('"');
            let value = percent_decode_str(value).decode_utf8().ok()?.into_owned();
            Some((name.trim().to_owned(), value))
        })
        .collect()
}
