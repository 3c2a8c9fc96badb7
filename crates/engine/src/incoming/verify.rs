//! Whether a delivery is the provider's: signatures, tokens, times. Reads nothing but its
//! arguments; compares in constant time.

use aws_lc_rs::{digest, hmac, signature};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::schema::{
    Encoding, Hash, KeyEncoding, Piece, Place, Scheme, Stamp, StampUnit, Template, Verify,
};

use super::message::{Fill, Message};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the provider's. Carries what was compared, to know a repeat by.
    Good(Vec<u8>),
    /// The signature is wrong.
    Bad,
    /// The signature is right and too old, or of the future, or without a time.
    Stale,
}

/// One way with what the request has for it.
pub(super) struct Way<'r> {
    verify: Verify,
    /// Signatures, without what stands around them.
    pub(super) values: Vec<String>,
    /// The time as it was sent.
    timestamp: Option<String>,
    items: Option<&'r str>,
}

impl<'r> Way<'r> {
    /// `None` when the request has no signature of this kind.
    pub(super) fn of(
        verify: &Verify,
        message: &Message<'_>,
        items: Option<&'r str>,
    ) -> Option<Self> {
        let verify = spelled_out(verify);
        let found = message.values(&verify.signature, items);
        let parts: Vec<&str> = match &verify.split {
            Some(separator) => {
                found.iter().flat_map(|value| value.split(&**separator)).map(str::trim).collect()
            }
            None => found.iter().map(String::as_str).collect(),
        };
        let stripped = |part: &&str| {
            let rest = part.strip_prefix(&*verify.prefix)?;
            let optional = verify.optional_prefix.as_deref().unwrap_or_default();
            Some(rest.strip_prefix(optional).unwrap_or(rest).to_owned())
        };
        let values: Vec<String> = parts.iter().filter_map(stripped).collect();
        let timestamp = verify.timestamp.as_ref().and_then(|stamp| {
            if let Some(place) = &stamp.from {
                return message.value(place, items);
            }
            let prefix = stamp.prefix.as_deref()?;
            parts.iter().find_map(|part| part.strip_prefix(prefix)).map(str::to_owned)
        });
        (!values.is_empty()).then_some(Self { verify, values, timestamp, items })
    }

    /// A way without anything of a request.
    pub(super) fn empty(verify: &Verify) -> Self {
        Self { verify: spelled_out(verify), values: Vec::new(), timestamp: None, items: None }
    }

    pub(super) fn verify(&self) -> &Verify {
        &self.verify
    }

    /// Whether one of the keys made one of the signatures, in time.
    pub(super) fn judge(&self, message: &Message<'_>, keys: &[Secret], now: Timestamp) -> Verdict {
        let good = keys.iter().find_map(|key| self.matching(message, key));
        match good {
            None => Verdict::Bad,
            Some(_) if !self.is_in_time(now) => Verdict::Stale,
            Some(compared) => Verdict::Good(compared),
        }
    }

    fn matching(&self, message: &Message<'_>, key: &Secret) -> Option<Vec<u8>> {
        if self.verify.scheme == Scheme::Token {
            return self.is_token(message, key).then(Vec::new);
        }
        let timestamp = self.timestamp.as_deref().unwrap_or_default();
        let context = Fill { secret: key.expose(), timestamp };
        let text = message.fill(&self.verify.signed, &context)?;
        let key = key_bytes(key.expose(), self.verify.key_encoding)?;
        let signatures = self.values.iter().flat_map(|value| decoded(value, self.verify.encoding));
        let mut signatures = signatures;
        signatures.find(|given| is_signed(&self.verify, &key, &text, given))
    }

    /// Every event of a list must bring the token.
    fn is_token(&self, message: &Message<'_>, key: &Secret) -> bool {
        let expected = digest::digest(&digest::SHA256, key.expose().as_bytes());
        let is_it = |value: &String| {
            let given = digest::digest(&digest::SHA256, value.as_bytes());
            bool::from(given.as_ref().ct_eq(expected.as_ref()))
        };
        let wanted = match &self.verify.signature {
            Place::Item(_) => message.items(self.items.unwrap_or_default()).len(),
            _ => 1,
        };
        !key.expose().is_empty() && self.values.len() == wanted && self.values.iter().all(is_it)
    }

    fn is_in_time(&self, now: Timestamp) -> bool {
        let Some(stamp) = &self.verify.timestamp else { return true };
        let sent = self.timestamp.as_deref().and_then(|text| instant(text, stamp.unit));
        let tolerance = i64::try_from(self.verify.tolerance_seconds).unwrap_or(i64::MAX);
        sent.is_some_and(|sent_ms| {
            (now.millis() - sent_ms).checked_abs().is_some_and(|it| it <= tolerance * 1000)
        })
    }
}

/// Standard Webhooks in the words of the other schemes.
fn spelled_out(verify: &Verify) -> Verify {
    let mut verify = verify.clone();
    if let (Scheme::StandardWebhooks, Place::Header(name)) = (verify.scheme, &verify.signature) {
        let family = name.trim_end_matches("-signature").to_owned();
        let header = |part: &str| Place::Header(format!("{family}-{part}"));
        let dot = || Piece::Text(".".to_owned());
        let pieces = vec![Piece::At(header("id")), dot(), Piece::Timestamp, dot(), Piece::Body];
        verify.signed = Template(pieces);
        verify.timestamp =
            Some(Stamp { from: Some(header("timestamp")), prefix: None, unit: StampUnit::Seconds });
        verify.split = Some(" ".to_owned());
        "v1,".clone_into(&mut verify.prefix);
        (verify.encoding, verify.key_encoding) = (Encoding::Base64, KeyEncoding::Base64);
        (verify.scheme, verify.hash) = (Scheme::Hmac, Hash::Sha256);
    }
    verify
}

fn is_signed(verify: &Verify, key: &[u8], text: &[u8], given: &[u8]) -> bool {
    let public = |algorithm: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
        signature::UnparsedPublicKey::new(algorithm, key).verify(text, given).is_ok()
    };
    match verify.scheme {
        Scheme::Hmac | Scheme::StandardWebhooks => {
            let algorithm = match verify.hash {
                Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => hmac::HMAC_SHA256,
                Hash::Sha512 => hmac::HMAC_SHA512,
            };
            hmac::verify(&hmac::Key::new(algorithm, key), text, given).is_ok()
        }
        Scheme::Digest => {
            let algorithm = match verify.hash {
                Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => &digest::SHA256,
                Hash::Sha512 => &digest::SHA512,
            };
            bool::from(digest::digest(algorithm, text).as_ref().ct_eq(given))
        }
        Scheme::Ed25519 => public(&signature::ED25519, key),
        Scheme::Rsa => {
            pem_bytes(key).is_some_and(|der| public(&signature::RSA_PKCS1_2048_8192_SHA256, &der))
        }
        // The point is the end of the key's DER form (RFC 5480).
        Scheme::Ecdsa => {
            let point = key.len().checked_sub(65).map(|start| &key[start..]);
            point.is_some_and(|point| public(&signature::ECDSA_P256_SHA256_ASN1, point))
        }
        Scheme::Token | Scheme::Jwt => false,
    }
}

fn key_bytes(secret: &str, encoding: KeyEncoding) -> Option<Vec<u8>> {
    match encoding {
        KeyEncoding::Text => Some(secret.as_bytes().to_vec()),
        KeyEncoding::Hex => hex::decode(secret.trim()).ok(),
        KeyEncoding::Base64 => {
            let text = secret.trim();
            BASE64.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()
        }
        KeyEncoding::Sha256 => {
            Some(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec())
        }
    }
    .filter(|key| !key.is_empty())
}

fn decoded(text: &str, encoding: Encoding) -> Vec<Vec<u8>> {
    let as_hex = || hex::decode(text).ok();
    let as_base64 = || BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok();
    let found = match encoding {
        Encoding::Hex => [as_hex(), None],
        Encoding::Base64 => [as_base64(), None],
        Encoding::Any => [as_hex(), as_base64()],
    };
    found.into_iter().flatten().collect()
}

/// The bytes between the lines of a PEM text.
fn pem_bytes(key: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(key).ok()?;
    let inner: String =
        text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(inner).ok()
}

fn instant(text: &str, unit: StampUnit) -> Option<i64> {
    match unit {
        StampUnit::Seconds => text.trim().parse::<i64>().ok()?.checked_mul(1000),
        StampUnit::Milliseconds => text.trim().parse().ok(),
        StampUnit::Rfc3339 => {
            text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
        }
    }
}
