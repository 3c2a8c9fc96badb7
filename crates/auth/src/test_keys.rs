//! Keys made for tests.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A private key as PEM and its public half.
pub(crate) struct TestKey {
    pub(crate) pem: String,
    pub(crate) public: Vec<u8>,
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

pub(crate) fn rsa() -> TestKey {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    TestKey { pem: pem(der.as_ref()), public: pair.public_key().as_ref().to_vec() }
}

pub(crate) fn p256() -> TestKey {
    ec(&ECDSA_P256_SHA256_FIXED_SIGNING)
}

pub(crate) fn p384() -> TestKey {
    ec(&ECDSA_P384_SHA384_FIXED_SIGNING)
}

fn ec(algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> TestKey {
    let der = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref()).unwrap();
    TestKey { pem: pem(der.as_ref()), public: pair.public_key().as_ref().to_vec() }
}

pub(crate) fn ed25519() -> TestKey {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
    TestKey { pem: pem(der.as_ref()), public: pair.public_key().as_ref().to_vec() }
}

fn verification(algorithm: &str) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        "ES384" => &ECDSA_P384_SHA384_FIXED,
        "EdDSA" => &ED25519,
        other => panic!("{other}"),
    }
}

impl TestKey {
    /// Whether the key's public half accepts the signature.
    pub(crate) fn accepts(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(verification(algorithm), &self.public);
        public.verify(message, signature).is_ok()
    }

    /// Header and claims of a JWT that the key signed.
    pub(crate) fn verified(&self, token: &str) -> (Value, Value) {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let part = |text: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
        };
        let header = part(header);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let algorithm = header["alg"].as_str().unwrap();
        assert!(self.accepts(algorithm, signed.as_bytes(), &signature), "a wrong signature");
        (header, part(claims))
    }
}

/// A certificate as far as its form goes.
pub(crate) const CERTIFICATE: &str =
    "-----BEGIN CERTIFICATE-----\nMAYwADAAAwA=\n-----END CERTIFICATE-----\n";
