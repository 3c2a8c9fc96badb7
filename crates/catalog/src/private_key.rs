//! Private keys as people have them: PEM in any of its forms, with the line breaks lost or written
//! as `\n`, with header and footer missing, base64 of base64, or a JWK.
//!
//! The label in a text is not trusted; what the key is says its DER (RFC 5208, RFC 8017, RFC 5915).

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::alphabet::{STANDARD as STANDARD_ALPHABET, URL_SAFE};
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

mod der;

use der::Shape;

/// Longest text read as a key, in bytes. A 8192 bit RSA key has about 7 thousand as PEM.
pub const KEY_BYTES_MAX: usize = 64 * 1024;

/// How often a text may turn out to be base64 of another text.
const WRAPPINGS_MAX: usize = 3;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Why a text is no usable private key. Reads on after the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was given.
    #[error("is empty; a private key is expected")]
    Empty,
    /// It is too long.
    #[error("is too long to be a private key")]
    TooLong,
    /// It is the other half.
    #[error("is a public key; the private key is expected")]
    Public,
    /// It is a certificate.
    #[error("is a certificate; its private key is expected")]
    Certificate,
    /// It needs a passphrase.
    #[error("is protected by a passphrase; an unencrypted private key is expected")]
    Encrypted,
    /// It has the form of `ssh-keygen`.
    #[error(
        "is in the OpenSSH form; PEM is expected (`ssh-keygen -p -m PEM -f FILE` converts a copy)"
    )]
    OpenSsh,
    /// It is nothing known.
    #[error(
        "is not a private key; PEM (PKCS#8, PKCS#1 or SEC1) or a JWK with its private part is \
         expected"
    )]
    Unknown,
    /// It is a key this server cannot sign with.
    #[error(
        "is a key of an unsupported kind; RSA with 2048 to 8192 bits, EC on P-256 or P-384, or \
         Ed25519 is expected"
    )]
    Unsupported,
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// EC on P-256.
    P256,
    /// EC on P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::P256 => "EC P-256",
            Self::P384 => "EC P-384",
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// A key ready to sign with.
pub enum SigningPair {
    /// RSA.
    Rsa(Box<RsaKeyPair>),
    /// EC on P-256; signatures have a fixed length as JWS wants them.
    P256(Box<EcdsaKeyPair>),
    /// EC on P-384; signatures have a fixed length as JWS wants them.
    P384(Box<EcdsaKeyPair>),
    /// Ed25519.
    Ed25519(Box<Ed25519KeyPair>),
}

/// A private key. It has no `Debug`.
pub struct PrivateKey {
    /// The key itself.
    pub pair: SigningPair,
    /// The `kid` of a JWK.
    pub key_id: Option<String>,
    /// The DER and its PEM label; a JWK of another kind than RSA has none.
    der: Option<(&'static str, Vec<u8>)>,
}

impl PrivateKey {
    /// Reads a key in any form people have it.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        match content(text)? {
            Content::Jwk(jwk) => from_jwk(&jwk),
            Content::Der(der) => from_der(der),
        }
    }

    /// What kind of key it is.
    pub const fn kind(&self) -> KeyKind {
        match self.pair {
            SigningPair::Rsa(_) => KeyKind::Rsa,
            SigningPair::P256(_) => KeyKind::P256,
            SigningPair::P384(_) => KeyKind::P384,
            SigningPair::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The key as PEM under the label that fits it.
    pub fn to_pem(&self) -> Option<String> {
        if let Some((label, der)) = &self.der {
            return Some(pem(label, der));
        }
        match &self.pair {
            SigningPair::P256(pair) | SigningPair::P384(pair) => {
                Some(pem("PRIVATE KEY", pair.to_pkcs8v1().ok()?.as_ref()))
            }
            SigningPair::Ed25519(pair) => {
                Some(pem("PRIVATE KEY", pair.to_pkcs8v1().ok()?.as_ref()))
            }
            SigningPair::Rsa(_) => None,
        }
    }

    /// The public half as `SubjectPublicKeyInfo` (RFC 5280 §4.1).
    pub fn public_spki(&self) -> Vec<u8> {
        match &self.pair {
            SigningPair::Rsa(pair) => der::spki(der::RSA_ALGORITHM, pair.public_key().as_ref()),
            SigningPair::P256(pair) => der::spki(der::P256_ALGORITHM, pair.public_key().as_ref()),
            SigningPair::P384(pair) => der::spki(der::P384_ALGORITHM, pair.public_key().as_ref()),
            SigningPair::Ed25519(pair) => {
                der::spki(der::ED25519_ALGORITHM, pair.public_key().as_ref())
            }
        }
    }
}

/// `SHA256:` and the base64 SHA-256 of a key's public half in DER. A public key may be given too.
pub fn fingerprint(text: &str) -> Result<String, KeyError> {
    let spki = match content(text)? {
        Content::Der(der) if der::shape(&der) == Shape::PublicSpki => der,
        Content::Der(der) => from_der(der)?.public_spki(),
        Content::Jwk(jwk) => from_jwk(&jwk)?.public_spki(),
    };
    let hash = digest::digest(&digest::SHA256, &spki);
    Ok(format!("SHA256:{}", STANDARD.encode(hash)))
}

/// A certificate chain as clean PEM, however its line breaks came through; none when there is no
/// certificate in the text.
pub fn certificate_pem(text: &str) -> Option<String> {
    if text.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut text = unescaped(text);
    for _ in 0..WRAPPINGS_MAX {
        let blocks = certificate_blocks(&text);
        if !blocks.is_empty() {
            return Some(blocks.iter().map(|der| pem("CERTIFICATE", der)).collect());
        }
        text = unescaped(&String::from_utf8(base64_of(&text)?).ok()?);
    }
    None
}

fn certificate_blocks(text: &str) -> Vec<Vec<u8>> {
    let is_certificate = |der: &Vec<u8>| der::shape(der) == Shape::Certificate;
    text.split("-----").filter_map(base64_of).filter(is_certificate).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    for line in encoded.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

enum Content {
    Jwk(Value),
    Der(Vec<u8>),
}

/// Line breaks that came through as text, and quotes around the whole.
fn unescaped(text: &str) -> String {
    let text = text.trim().trim_matches('"').replace("\\r", "").replace("\\n", "\n");
    text.trim().to_owned()
}

fn content(text: &str) -> Result<Content, KeyError> {
    if text.len() > KEY_BYTES_MAX {
        return Err(KeyError::TooLong);
    }
    if text.trim().is_empty() {
        return Err(KeyError::Empty);
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map(Content::Jwk).map_err(|_| KeyError::Unknown);
    }
    let mut text = unescaped(text);
    for _ in 0..WRAPPINGS_MAX {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(&text).map(Content::Jwk).map_err(|_| KeyError::Unknown);
        }
        if text.contains("DEK-Info:") || text.contains("Proc-Type:") {
            return Err(KeyError::Encrypted);
        }
        let bytes = base64_of(block(&text)).ok_or(KeyError::Unknown)?;
        if bytes.first() == Some(&der::SEQUENCE) {
            return Ok(Content::Der(bytes));
        }
        if bytes.starts_with(b"openssh-key-v1") {
            return Err(KeyError::OpenSsh);
        }
        text = unescaped(&String::from_utf8(bytes).map_err(|_| KeyError::Unknown)?);
    }
    Err(KeyError::Unknown)
}

/// What lies between the lines of a PEM text: of several blocks that of a private key, and the whole
/// of a text without such lines.
fn block(text: &str) -> &str {
    let parts: Vec<&str> = text.split("-----").collect();
    let after = |label: &str| {
        let at = parts.iter().position(|part| {
            let part = part.trim();
            part.starts_with("BEGIN") && part.contains(label)
        })?;
        parts.get(at + 1).copied()
    };
    after("PRIVATE KEY")
        .or_else(|| after(""))
        .unwrap_or_else(|| parts.first().copied().unwrap_or_default())
}

fn base64_of(text: &str) -> Option<Vec<u8>> {
    let body: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if body.is_empty() {
        return None;
    }
    [&STANDARD_ALPHABET, &URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(&body).ok())
}

fn from_der(der: Vec<u8>) -> Result<PrivateKey, KeyError> {
    let (label, pair) = match der::shape(&der) {
        Shape::Pkcs8 => ("PRIVATE KEY", pkcs8(&der)),
        Shape::Pkcs1 => {
            let pair = RsaKeyPair::from_der(&der).ok();
            ("RSA PRIVATE KEY", pair.map(|pair| SigningPair::Rsa(Box::new(pair))))
        }
        Shape::Sec1 => ("EC PRIVATE KEY", sec1(&der)),
        Shape::PublicSpki | Shape::PublicPkcs1 => return Err(KeyError::Public),
        Shape::Certificate => return Err(KeyError::Certificate),
        Shape::Encrypted => return Err(KeyError::Encrypted),
        Shape::Other => return Err(KeyError::Unknown),
    };
    let pair = pair.ok_or(KeyError::Unsupported)?;
    Ok(PrivateKey { pair, key_id: None, der: Some((label, der)) })
}

fn pkcs8(der: &[u8]) -> Option<SigningPair> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
        return Some(SigningPair::Rsa(Box::new(pair)));
    }
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        return Some(SigningPair::P256(Box::new(pair)));
    }
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der) {
        return Some(SigningPair::P384(Box::new(pair)));
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
    Some(SigningPair::Ed25519(Box::new(pair)))
}

fn sec1(der: &[u8]) -> Option<SigningPair> {
    let p256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
    if let Ok(pair) = p256 {
        return Some(SigningPair::P256(Box::new(pair)));
    }
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, der).ok()?;
    Some(SigningPair::P384(Box::new(pair)))
}

/// A private JWK (RFC 7517, RFC 7518 §6, RFC 8037).
fn from_jwk(jwk: &Value) -> Result<PrivateKey, KeyError> {
    // A set of one key is meant to be that key.
    if let Some([only]) = jwk.get("keys").and_then(Value::as_array).map(Vec::as_slice) {
        return from_jwk(only);
    }
    let member = |name: &str| {
        let text = jwk.get(name)?.as_str()?.trim_end_matches('=');
        URL_SAFE_NO_PAD.decode(text).ok()
    };
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let key_id = text("kid").map(str::to_owned);
    let kind = text("kty").ok_or(KeyError::Unknown)?;
    let Some(secret) = member("d") else {
        return Err(if kind == "oct" { KeyError::Unknown } else { KeyError::Public });
    };
    let (pair, der) = match (kind, text("crv")) {
        ("RSA", _) => {
            let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
            let numbers: Option<Vec<Vec<u8>>> = names.iter().map(|name| member(name)).collect();
            let der = der::rsa_private_key(&numbers.ok_or(KeyError::Unknown)?);
            let pair = RsaKeyPair::from_der(&der).map_err(|_| KeyError::Unsupported)?;
            (Some(SigningPair::Rsa(Box::new(pair))), Some(("RSA PRIVATE KEY", der)))
        }
        ("EC", Some(curve @ ("P-256" | "P-384"))) => {
            let (x, y) = member("x").zip(member("y")).ok_or(KeyError::Unknown)?;
            (ec(curve, &secret, &x, &y), None)
        }
        ("OKP", Some("Ed25519")) => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&secret).ok();
            (pair.map(|pair| SigningPair::Ed25519(Box::new(pair))), None)
        }
        _ => return Err(KeyError::Unsupported),
    };
    Ok(PrivateKey { pair: pair.ok_or(KeyError::Unsupported)?, key_id, der })
}

fn ec(curve: &str, secret: &[u8], x: &[u8], y: &[u8]) -> Option<SigningPair> {
    let size: usize = if curve == "P-256" { 32 } else { 48 };
    let padded = |number: &[u8]| -> Option<Vec<u8>> {
        let mut padded = vec![0; size.checked_sub(number.len())?];
        padded.extend_from_slice(number);
        Some(padded)
    };
    let mut point = vec![4];
    point.extend(padded(x)?);
    point.extend(padded(y)?);
    let secret = padded(secret)?;
    let with = |algorithm| {
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &secret, &point).ok().map(Box::new)
    };
    if curve == "P-256" {
        with(&ECDSA_P256_SHA256_FIXED_SIGNING).map(SigningPair::P256)
    } else {
        with(&ECDSA_P384_SHA384_FIXED_SIGNING).map(SigningPair::P384)
    }
}

#[cfg(test)]
#[path = "private_key_tests.rs"]
mod tests;
