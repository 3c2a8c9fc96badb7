//! An authenticator made of software: it makes and uses one passkey, well or, where a test sets its
//! fields, badly.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Encoder;
use serde_json::{Value, json};

/// Somebody was there, and it was checked who.
pub const PRESENT_AND_VERIFIED: u8 = 0b101;
/// May be copied to other devices.
pub const SYNCABLE: u8 = 1 << 3;
/// Was copied.
pub const SYNCED: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;

/// A private key of a kind that servers take.
pub enum Key {
    /// ECDSA on P-256.
    Es256(EcdsaKeyPair),
    /// Ed25519.
    EdDsa(Ed25519KeyPair),
    /// RSA with 2048 bits.
    Rs256(RsaKeyPair),
}

impl Key {
    /// A new one on P-256, which is what most authenticators make.
    pub fn es256() -> Self {
        Self::Es256(made(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)))
    }

    /// A new one for Ed25519.
    pub fn eddsa() -> Self {
        Self::EdDsa(made(Ed25519KeyPair::generate()))
    }

    /// A new one for RSA.
    pub fn rs256() -> Self {
        Self::Rs256(made(RsaKeyPair::generate(KeySize::Rsa2048)))
    }

    /// The public key as a COSE key.
    pub fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                cose(&[(1, 2), (3, -7), (-1, 1)], &[(-2, x), (-3, y)])
            }
            Self::EdDsa(pair) => {
                cose(&[(1, 1), (3, -8), (-1, 6)], &[(-2, pair.public_key().as_ref())])
            }
            Self::Rs256(pair) => {
                // RFC 8017, appendix A.1.1: a sequence of a modulus of 257 bytes, the first of which
                // is zero, and an exponent of three.
                let der = pair.public_key().as_ref();
                cose(&[(1, 3), (3, -257)], &[(-1, &der[9..265]), (-2, &der[267..270])])
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match self {
            Self::Es256(pair) => made(pair.sign(&rng, message)).as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                made(pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature));
                signature
            }
        }
    }
}

/// A COSE key of numbers and byte strings.
pub fn cose(numbers: &[(i64, i64)], bytes: &[(i64, &[u8])]) -> Vec<u8> {
    let mut map = Encoder::new(Vec::new());
    made(map.map((numbers.len() + bytes.len()) as u64));
    for (label, number) in numbers {
        made(map.i64(*label).and_then(|map| map.i64(*number)));
    }
    for (label, value) in bytes {
        made(map.i64(*label).and_then(|map| map.bytes(value)));
    }
    map.into_writer()
}

/// Base64url without padding, as browsers write bytes.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A new passkey, in base64url.
pub struct Made {
    /// `clientDataJSON`.
    pub client_data: String,
    /// `attestationObject`.
    pub attestation: String,
}

/// A use of a passkey, in base64url.
pub struct Used {
    /// The credential id.
    pub id: String,
    /// `clientDataJSON`.
    pub client_data: String,
    /// `authenticatorData`.
    pub authenticator_data: String,
    /// `signature`.
    pub signature: String,
    /// `userHandle`.
    pub user_handle: String,
}

/// A browser and a device with one passkey. Every field may be set to what should not be.
pub struct Authenticator {
    /// The private key.
    pub key: Key,
    /// The credential id.
    pub id: Vec<u8>,
    /// Scheme and authority of the page.
    pub origin: String,
    /// More for the client data, over what is there.
    pub client_data: Value,
    /// The domain; that of the options where it is none.
    pub party: Option<String>,
    /// [`PRESENT_AND_VERIFIED`] and others.
    pub flags: u8,
    /// How often it was used. It counts only once that is above 0.
    pub sign_count: u32,
    /// Whose passkey it is, as the server said.
    pub user_handle: Vec<u8>,
    /// The COSE key in place of the right one.
    pub cose: Option<Vec<u8>>,
    /// Bytes after the authenticator data.
    pub more: Vec<u8>,
}

impl Authenticator {
    /// One that does everything right.
    pub fn new(key: Key, origin: &str) -> Self {
        let id = digest(&SHA256, &key.cose()).as_ref()[..20].to_vec();
        Self {
            key,
            id,
            origin: origin.to_owned(),
            client_data: json!({}),
            party: None,
            flags: PRESENT_AND_VERIFIED,
            sign_count: 0,
            user_handle: Vec::new(),
            cose: None,
            more: Vec::new(),
        }
    }

    /// Does what `navigator.credentials.create` does with options of a server.
    pub fn make(&mut self, options: &Value) -> Made {
        let user = options["user"]["id"].as_str().unwrap_or_default();
        self.user_handle = made(URL_SAFE_NO_PAD.decode(user));
        let data = self.authenticator_data(&options["rp"]["id"], true);
        let mut object = Encoder::new(Vec::new());
        made(object.map(3).and_then(|it| it.str("fmt")).and_then(|it| it.str("none")));
        made(object.str("attStmt").and_then(|it| it.map(0)));
        made(object.str("authData").and_then(|it| it.bytes(&data)));
        Made {
            client_data: base64url(&self.client_data("webauthn.create", options)),
            attestation: base64url(&object.into_writer()),
        }
    }

    /// Does what `navigator.credentials.get` does with options of a server.
    pub fn answer(&mut self, options: &Value) -> Used {
        if self.sign_count > 0 {
            self.sign_count += 1;
        }
        let data = self.authenticator_data(&options["rpId"], false);
        let client_data = self.client_data("webauthn.get", options);
        let hash = digest(&SHA256, &client_data);
        Used {
            id: base64url(&self.id),
            client_data: base64url(&client_data),
            signature: base64url(&self.key.sign(&[data.as_slice(), hash.as_ref()].concat())),
            authenticator_data: base64url(&data),
            user_handle: base64url(&self.user_handle),
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let mut data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        });
        for (name, value) in self.client_data.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, party: &Value, is_new: bool) -> Vec<u8> {
        let party = self.party.as_deref().or(party.as_str()).unwrap_or_default();
        let mut data = digest(&SHA256, party.as_bytes()).as_ref().to_vec();
        data.push(if is_new { self.flags | HAS_CREDENTIAL } else { self.flags });
        data.extend(self.sign_count.to_be_bytes());
        if is_new {
            data.extend([0; 16]);
            data.extend((self.id.len() as u16).to_be_bytes());
            data.extend(&self.id);
            data.extend(self.cose.clone().unwrap_or_else(|| self.key.cose()));
        }
        data.extend(&self.more);
        data
    }
}

/// What cannot fail in a test.
fn made<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("the authenticator failed: {error:?}"))
}
