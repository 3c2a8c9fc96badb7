//! The headers by which a receiver knows that a delivery is ours.
//!
//! Two schemes travel together. Standard Webhooks (<https://www.standardwebhooks.com>) signs id,
//! time and body, one signature per valid key, so that keys can be exchanged without a gap. The two
//! `X-Nango-*` headers are what the existing client libraries verify; each has room for one
//! signature, so they use the current key.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use valetkey_base::{Secret, Timestamp};

const HMAC_HEADER: &str = "X-Nango-Hmac-Sha256";
const DIGEST_HEADER: &str = "X-Nango-Signature";
const ID_HEADER: &str = "webhook-id";
const TIMESTAMP_HEADER: &str = "webhook-timestamp";
const SIGNATURE_HEADER: &str = "webhook-signature";

/// The keys that receivers of an environment may verify with.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    /// The key that is shown to the user.
    pub current: Secret,
    /// The one before it, while it still counts.
    pub previous: Option<Secret>,
}

/// Headers, names and values, that sign `body` as sent.
///
/// `id` names the event and stays the same over all its attempts: receivers drop repeats by it. It
/// must not contain a dot. `sent_at` is the time of this attempt: receivers drop what is too old.
pub fn sign(body: &str, keys: &SigningKeys, id: &str, sent_at: Timestamp) -> Vec<(String, String)> {
    let timestamp = sent_at.seconds().to_string();
    let signatures: Vec<String> = std::iter::once(&keys.current)
        .chain(&keys.previous)
        .map(|key| {
            let tag = hmac_sha256(key, &[id, ".", &timestamp, ".", body]);
            format!("v1,{}", STANDARD.encode(tag))
        })
        .collect();
    let header = |name: &str, value: String| (name.to_owned(), value);
    vec![
        header(HMAC_HEADER, hex::encode(hmac_sha256(&keys.current, &[body]))),
        header(DIGEST_HEADER, prefixed_digest(&keys.current, body)),
        header(ID_HEADER, id.to_owned()),
        header(TIMESTAMP_HEADER, timestamp),
        header(SIGNATURE_HEADER, signatures.join(" ")),
    ]
}

/// The signing key in the spelling that Standard Webhooks libraries expect. The key's bytes are the
/// UTF-8 bytes of its text.
pub fn standard_webhooks_secret(key: &Secret) -> Secret {
    Secret::new(format!("whsec_{}", STANDARD.encode(key.expose())))
}

fn hmac_sha256(key: &Secret, parts: &[&str]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part.as_bytes());
    }
    context.sign()
}

/// SHA-256 over key and body. Open to length extension, and sent only because old receivers check
/// it.
fn prefixed_digest(key: &Secret, body: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(key.expose().as_bytes());
    context.update(body.as_bytes());
    hex::encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "11111111-2222-4333-8444-555555555555";
    const ZERO: &str = "00000000-0000-4000-8000-000000000000";
    const SENT_AT: Timestamp = Timestamp::from_millis(1_772_356_211_999);

    fn headers(current: &str, previous: Option<&str>, body: &str) -> Vec<(String, String)> {
        let keys = SigningKeys { current: current.into(), previous: previous.map(Secret::from) };
        sign(body, &keys, "msg_1", SENT_AT)
    }

    fn value(headers: &[(String, String)], name: &str) -> String {
        headers.iter().find(|(key, _)| key == name).unwrap().1.clone()
    }

    #[test]
    fn single_value_headers_match_known_vectors() {
        let vectors = [
            (
                ONE,
                r#"{"a":[1,null,true],"b":{"c":"é"}}"#,
                "73b5f35085fe9e65ffaf2e0257e60b04a71dbc283aee528367ac3a00fc833a81",
                "5107fa92c7969c0a7e450661edcf688be3cb4c6d522b7599ba7635b5e89e3d68",
            ),
            (
                ZERO,
                r#"{"connectionId":"conn-1","from":"nango","type":"sync"}"#,
                "b83ab570a0c4a079ef9f96b7fc57d83e0d1e4f45e1b378a9e3f030a0cd76e876",
                "7fc887804e663e22ea8eedfd2554fe68cfc7892376087e71b0e361e3ff6bf29d",
            ),
        ];
        for (key, body, hmac, digest) in vectors {
            let headers = headers(key, Some("another"), body);
            assert_eq!(value(&headers, HMAC_HEADER), hmac);
            assert_eq!(value(&headers, DIGEST_HEADER), digest);
        }
    }

    #[test]
    fn standard_webhooks_headers_carry_one_signature_per_valid_key() {
        let body = r#"{"a":[1,null,true],"b":{"c":"é"}}"#;
        let alone = headers(ONE, None, body);
        assert_eq!(value(&alone, ID_HEADER), "msg_1");
        assert_eq!(value(&alone, TIMESTAMP_HEADER), "1772356211");
        assert_eq!(
            value(&alone, SIGNATURE_HEADER),
            "v1,fsH/F9kPjc49lTFFzlAmhZgZyTXN8ZJhSAVOoJQGilg="
        );
        assert_eq!(
            value(&headers(ONE, Some(ZERO), body), SIGNATURE_HEADER),
            "v1,fsH/F9kPjc49lTFFzlAmhZgZyTXN8ZJhSAVOoJQGilg= \
             v1,CkzzFglA0z/QuoJswGH0Y8dwUmagb3zBrMapoK2a8FU="
        );
    }

    #[test]
    fn the_shown_secret_is_the_keys_text_in_base64() {
        let shown = standard_webhooks_secret(&ONE.into());
        assert_eq!(shown.expose(), "whsec_MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1");
    }
}
