//! Webhooks, verified by the [Standard Webhooks](https://www.standardwebhooks.com) headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use crate::secret::Secret;

/// How far a webhook's time may be from ours, unless it was said.
const TOLERANCE: Duration = Duration::from_mins(5);
/// Most signatures of a webhook that are looked at.
const SIGNATURES_MAX: usize = 8;

/// Tells webhooks of a server from all others.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<Secret>,
    tolerance: Duration,
}

/// Why a webhook is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A header is missing or malformed.
    #[error("the header {0} is missing or malformed")]
    Header(&'static str),
    /// Its time is too far from ours: it may have been recorded and sent again.
    #[error("the webhook is too old, or from the future")]
    Time,
    /// No key of ours signed it.
    #[error("the signature does not match")]
    Signature,
    /// It is signed, but not of a form this release knows.
    #[error("the body is not a webhook of this release")]
    Body,
}

/// What a webhook tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A connection was made, repaired or refreshed, or could not be.
    Auth(Box<AuthEvent>),
    /// Anything else.
    Other(Value),
}

/// What happened to a connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuthEvent {
    /// Its id.
    pub connection_id: String,
    /// The key of its integration.
    pub provider_config_key: String,
    /// The provider.
    #[serde(default)]
    pub provider: String,
    /// `creation`, `override` or `refresh`.
    pub operation: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<Value>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Value>,
}

impl Verifier {
    /// With the environment's signing keys; two while one replaces the other.
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(|key| Secret::new(key.into())).collect();
        Self { keys, tolerance: TOLERANCE }
    }

    /// How far a webhook's time may be from ours; five minutes unless set.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Verifies a webhook by its headers and its body, byte for byte as it came.
    ///
    /// # Errors
    /// [`Refused`]: answer with 400 or 401, and believe nothing of it.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, Refused> {
        #[expect(
            clippy::disallowed_methods,
            reason = "callers in other programs have no clock to hand in"
        )]
        let now = SystemTime::now();
        self.verify_at(headers, body, now)
    }

    /// The same at another time.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_at(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Event, Refused> {
        let header = |name: &'static str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.filter(|value| !value.is_empty()).ok_or(Refused::Header(name))
        };
        let id = header("webhook-id")?;
        let timestamp = header("webhook-timestamp")?;
        let signatures = header("webhook-signature")?;
        let seconds: u64 = timestamp.parse().map_err(|_| Refused::Header("webhook-timestamp"))?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now.abs_diff(seconds) > self.tolerance.as_secs() {
            return Err(Refused::Time);
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let given = signatures.split_ascii_whitespace().take(SIGNATURES_MAX);
        let mut given = given.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
        let matches = |tag: Vec<u8>| {
            self.keys.iter().any(|key| {
                // Compares in constant time.
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &bytes(key)), &signed, &tag).is_ok()
            })
        };
        if !given.any(matches) {
            return Err(Refused::Signature);
        }
        let event: Value = serde_json::from_slice(body).map_err(|_| Refused::Body)?;
        if event["type"] == "auth" {
            let auth = serde_json::from_value(event).map_err(|_| Refused::Body)?;
            return Ok(Event::Auth(Box::new(auth)));
        }
        Ok(Event::Other(event))
    }
}

/// A key in either spelling: its text, or `whsec_` and base64.
fn bytes(key: &Secret) -> Vec<u8> {
    let text = key.expose();
    let standard = text.strip_prefix("whsec_").and_then(|rest| STANDARD.decode(rest).ok());
    standard.unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "11111111-2222-4333-8444-555555555555";
    const BODY: &str = r#"{"type":"auth","connectionId":"c","providerConfigKey":"k","operation":"creation","success":true}"#;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn headers(key: &str, seconds: u64) -> HeaderMap {
        let signed = format!("evt_1.{seconds}.{BODY}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "evt_1".parse().unwrap());
        headers.insert("webhook-timestamp", seconds.to_string().parse().unwrap());
        let signature = format!("v1,AAAA v1,{}", STANDARD.encode(tag));
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    #[test]
    fn a_webhook_is_believed_while_a_key_signed_it_and_it_is_new() {
        let standard = format!("whsec_{}", STANDARD.encode(KEY));
        for keys in [vec!["other", KEY], vec![standard.as_str()]] {
            let event =
                Verifier::new(keys).verify_at(&headers(KEY, 1000), BODY.as_bytes(), at(1300));
            let Ok(Event::Auth(auth)) = event else { panic!("{event:?}") };
            assert_eq!((auth.connection_id.as_str(), auth.success), ("c", true));
        }
        let verifier = Verifier::new([KEY]);
        let verify = |headers: &HeaderMap, body: &str, now| {
            verifier.verify_at(headers, body.as_bytes(), at(now)).unwrap_err()
        };
        assert_eq!(verify(&headers(KEY, 1000), BODY, 1301), Refused::Time);
        assert_eq!(verify(&headers(KEY, 1301), BODY, 1000), Refused::Time);
        assert_eq!(
            verify(&headers(KEY, 1000), &BODY.replace("true", "True"), 1000),
            Refused::Signature
        );
        assert_eq!(verify(&headers("other", 1000), BODY, 1000), Refused::Signature);
        let mut bare = headers(KEY, 1000);
        bare.remove("webhook-id");
        assert_eq!(verify(&bare, BODY, 1000), Refused::Header("webhook-id"));
    }
}
