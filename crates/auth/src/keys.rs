//! Signing with the keys people bring: JWTs (RFC 7515, RFC 7518, RFC 8037) and the TLS identity of a
//! client. How keys are read is [`PrivateKey`]'s; one crypto backend does the rest.

use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use valetkey_base::Secret;
use valetkey_catalog::private_key::certificate_pem;
use valetkey_catalog::{KeyError, KeyKind, PrivateKey, SigningPair};

use crate::request::ClientIdentity;

/// A JWS algorithm this server signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    const ALL: [(&'static str, Self); 12] = [
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// The JWS name.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    /// Whether the key is a shared secret.
    pub(crate) const fn is_hmac(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// What a key of that kind usually signs with.
    pub(crate) const fn usual(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Rsa => Self::Rs256,
            KeyKind::P256 => Self::Es256,
            KeyKind::P384 => Self::Es384,
            KeyKind::Ed25519 => Self::EdDsa,
        }
    }

    /// The kind of key it takes, for people.
    const fn needs(self) -> &'static str {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => "a shared secret",
            Self::Es256 => "an EC key on P-256",
            Self::Es384 => "an EC key on P-384",
            Self::EdDsa => "an Ed25519 key",
            _ => "an RSA key",
        }
    }
}

impl FromStr for Algorithm {
    type Err = SignError;

    fn from_str(text: &str) -> Result<Self, SignError> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, algorithm)| *algorithm).ok_or(SignError::UnknownAlgorithm)
    }
}

/// Why something could not be signed. Reads on after the name of the field that holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(
        "is a key of the kind {}; {} signs with {}",
        .found.as_str(), .algorithm.as_str(), .algorithm.needs()
    )]
    WrongKind { algorithm: Algorithm, found: KeyKind },
    #[error("is empty; a shared secret is expected")]
    NoSecret,
    #[error("must be hexadecimal: pairs of the digits 0 to 9 and a to f")]
    NotHex,
    #[error("cannot sign with the algorithm the provider entry asks for")]
    UnknownAlgorithm,
    #[error("could not be used to sign")]
    Failed,
}

/// Something to sign with.
pub(crate) enum SigningKey {
    Shared(Vec<u8>),
    Private(PrivateKey),
}

impl SigningKey {
    /// A private key in any form people have it.
    pub(crate) fn private(text: &str) -> Result<Self, SignError> {
        Ok(Self::Private(PrivateKey::read(text)?))
    }

    /// A shared secret, hexadecimal unless it is plain text.
    pub(crate) fn shared(text: &str, is_text: bool) -> Result<Self, SignError> {
        let text = if is_text { text } else { text.trim() };
        if text.is_empty() {
            return Err(SignError::NoSecret);
        }
        let bytes = if is_text {
            text.as_bytes().to_vec()
        } else {
            hex::decode(text).map_err(|_| SignError::NotHex)?
        };
        Ok(Self::Shared(bytes))
    }

    /// What it signs with when nobody says.
    pub(crate) fn usual_algorithm(&self) -> Algorithm {
        match self {
            Self::Shared(_) => Algorithm::Hs256,
            Self::Private(key) => Algorithm::usual(key.kind()),
        }
    }

    /// The signature in the form of RFC 7518.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let key = match self {
            Self::Shared(secret) => return Ok(signed_with_secret(algorithm, secret, message)),
            Self::Private(key) => key,
        };
        let failed = |_| SignError::Failed;
        match (algorithm, &key.pair) {
            (Algorithm::Es256, SigningPair::P256(pair))
            | (Algorithm::Es384, SigningPair::P384(pair)) => {
                Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec())
            }
            (Algorithm::EdDsa, SigningPair::Ed25519(pair)) => {
                Ok(pair.sign(message).as_ref().to_vec())
            }
            (algorithm, SigningPair::Rsa(pair)) => match rsa_encoding(algorithm) {
                Some(encoding) => signed_with_rsa(pair, encoding, message),
                None => Err(SignError::WrongKind { algorithm, found: key.kind() }),
            },
            _ => Err(SignError::WrongKind { algorithm, found: key.kind() }),
        }
    }
}

fn signed_with_secret(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let hash = match algorithm {
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec()
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        _ => return None,
    })
}

fn signed_with_rsa(
    pair: &RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>, SignError> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| SignError::Failed)?;
    Ok(signature)
}

/// A signed JWT in compact form. `alg` is set; `typ` and, from a JWK, `kid` are added when the
/// header does not have them.
pub(crate) fn signed_jwt(
    mut header: Map<String, Value>,
    claims: &Map<String, Value>,
    key: &SigningKey,
    algorithm: Algorithm,
) -> Result<String, SignError> {
    if algorithm.is_hmac() != matches!(key, SigningKey::Shared(_)) {
        return Err(match key {
            SigningKey::Private(key) => SignError::WrongKind { algorithm, found: key.kind() },
            SigningKey::Shared(_) => SignError::UnknownAlgorithm,
        });
    }
    header.insert("alg".to_owned(), algorithm.as_str().into());
    header.entry("typ").or_insert_with(|| "JWT".into());
    if let SigningKey::Private(PrivateKey { key_id: Some(key_id), .. }) = key {
        header.entry("kid").or_insert_with(|| key_id.as_str().into());
    }
    let part = |map: &Map<String, Value>| {
        serde_json::to_vec(map).map(|text| URL_SAFE_NO_PAD.encode(text)).unwrap_or_default()
    };
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(algorithm, signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a JWT, unverified.
pub(crate) fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A TLS identity from what a person typed: field and problem when it is none.
pub(crate) fn client_identity(
    certificate: &str,
    key: &str,
) -> Result<ClientIdentity, (&'static str, String)> {
    let Some(certificate) = certificate_pem(certificate) else {
        let message = "is no certificate; PEM is expected".to_owned();
        return Err(("client_certificate", message));
    };
    let problem = |error: KeyError| ("client_private_key", error.to_string());
    let key = PrivateKey::read(key).map_err(problem)?;
    let key = key.to_pem().ok_or_else(|| problem(KeyError::Unsupported))?;
    Ok(ClientIdentity { certificate, key: Secret::new(key) })
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
