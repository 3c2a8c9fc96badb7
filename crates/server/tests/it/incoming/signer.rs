//! A provider that signs: builds deliveries from a recipe, with code of its own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use valetkey_catalog::schema::{
    Encoding, Hash, KeyEncoding, Piece, Place, Scheme, StampUnit, Verify, Webhooks,
};

use crate::app::{Answer, PUBLIC_URL, TestApp};

/// What the secret's text is where it may be any.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// What is changed in a body that is tampered with.
const FILLER: &str = "aaaa";

/// A key, and the text an operator enters for it.
pub(crate) struct Signer {
    pub(crate) secret: String,
    key: Key,
}

enum Key {
    Bytes(Vec<u8>),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    Ecdsa(EcdsaKeyPair),
}

pub(crate) fn rsa() -> RsaKeyPair {
    let pem = include_str!("../apps/app_key.pem");
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    RsaKeyPair::from_der(&der).or_else(|_| RsaKeyPair::from_pkcs8(&der)).unwrap()
}

impl Signer {
    pub(crate) fn of(way: &Verify) -> Self {
        match way.scheme {
            Scheme::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
                Self { secret: hex::encode(pair.public_key()), key: Key::Ed25519(pair) }
            }
            Scheme::Rsa => {
                let pair = rsa();
                let der = STANDARD.encode(pair.public_key());
                let secret =
                    format!("-----BEGIN RSA PUBLIC KEY-----\n{der}\n-----END RSA PUBLIC KEY-----");
                Self { secret, key: Key::Rsa(Box::new(pair)) }
            }
            Scheme::Ecdsa => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
                let mut spki =
                    hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
                spki.extend_from_slice(pair.public_key().as_ref());
                Self { secret: STANDARD.encode(spki), key: Key::Ecdsa(pair) }
            }
            Scheme::StandardWebhooks => Self {
                secret: format!("whsec_{}", STANDARD.encode(SECRET)),
                key: Key::Bytes(SECRET.as_bytes().to_vec()),
            },
            _ => match way.key_encoding {
                KeyEncoding::Text => {
                    Self { secret: SECRET.to_owned(), key: Key::Bytes(SECRET.as_bytes().to_vec()) }
                }
                KeyEncoding::Hex => Self {
                    secret: hex::encode(SECRET),
                    key: Key::Bytes(SECRET.as_bytes().to_vec()),
                },
                KeyEncoding::Base64 => Self {
                    secret: STANDARD.encode(SECRET),
                    key: Key::Bytes(SECRET.as_bytes().to_vec()),
                },
                KeyEncoding::Sha256 => Self {
                    secret: SECRET.to_owned(),
                    key: Key::Bytes(
                        digest::digest(&digest::SHA256, SECRET.as_bytes()).as_ref().to_vec(),
                    ),
                },
            },
        }
    }

    fn sign(&self, way: &Verify, text: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Ed25519(pair) => pair.sign(text).as_ref().to_vec(),
            Key::Ecdsa(pair) => pair.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec(),
            Key::Rsa(pair) => rs256(pair, text),
            Key::Bytes(_) if way.scheme == Scheme::Digest => {
                let algorithm = match way.hash {
                    Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                    Hash::Sha256 => &digest::SHA256,
                    Hash::Sha512 => &digest::SHA512,
                };
                digest::digest(algorithm, text).as_ref().to_vec()
            }
            Key::Bytes(key) => {
                let algorithm = match way.hash {
                    Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    Hash::Sha256 => hmac::HMAC_SHA256,
                    Hash::Sha512 => hmac::HMAC_SHA512,
                };
                hmac::sign(&hmac::Key::new(algorithm, key), text).as_ref().to_vec()
            }
        }
    }
}

pub(crate) fn rs256(pair: &RsaKeyPair, text: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
    signature
}

/// A JSON Web Token, signed by `sign`.
pub(crate) fn jwt(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

/// A delivery in the making.
#[derive(Clone)]
pub(crate) struct Draft {
    recipe: Webhooks,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: Value,
    /// What replaces the body on its way.
    tampered: Option<Vec<u8>>,
}

impl Draft {
    pub(crate) fn new(recipe: &Webhooks, path: String) -> Self {
        let item = json!({"filler": FILLER});
        let mut body = json!({"filler": FILLER});
        match recipe.items.as_deref() {
            Some("") => body = json!([item]),
            Some(path) => put(&mut body, path, json!([item])),
            None => {}
        }
        Self {
            recipe: recipe.clone(),
            path,
            headers: Vec::new(),
            query: Vec::new(),
            body,
            tampered: None,
        }
    }

    pub(crate) fn set(&mut self, place: &Place, value: &str) {
        match place {
            Place::Header(name) => self.headers.push((name.clone(), value.to_owned())),
            Place::Query(name) => self.query.push((name.clone(), value.to_owned())),
            Place::Body(path) => put(&mut self.body, path, value.into()),
            Place::Item(path) => {
                let items = self.recipe.items.clone().unwrap();
                let pointer = if items.is_empty() {
                    "/0".to_owned()
                } else {
                    format!("/{}/0", items.replace('.', "/"))
                };
                put(self.body.pointer_mut(&pointer).unwrap(), path, value.into());
            }
            Place::Literal(_) => {}
        }
    }

    fn get(&self, place: &Place) -> String {
        let of = |pairs: &[(String, String)], name: &str| {
            pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        match place {
            Place::Header(name) => of(&self.headers, name).unwrap(),
            Place::Query(name) => of(&self.query, name).unwrap(),
            Place::Body(path) => {
                let pointer = format!("/{}", path.replace('.', "/"));
                self.body.pointer(&pointer).unwrap().as_str().unwrap().to_owned()
            }
            Place::Item(_) | Place::Literal(_) => panic!("not signed"),
        }
    }

    fn is_form(&self) -> bool {
        let sorted = |way: &Verify| way.signed.0.contains(&Piece::SortedForm);
        self.recipe.form_json.is_some() || self.recipe.verify.iter().any(sorted)
    }

    fn form(&self) -> Vec<(String, String)> {
        if let Some(name) = &self.recipe.form_json {
            return vec![(name.clone(), self.body.to_string())];
        }
        let members = self.body.as_object().unwrap().iter();
        members.map(|(name, it)| (name.clone(), it.as_str().unwrap().to_owned())).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        if !self.is_form() {
            return self.body.to_string().into_bytes();
        }
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(self.form()).finish().into_bytes()
    }

    fn uri(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("{}?{}", self.path, query.extend_pairs(&self.query).finish())
    }

    /// Gives the delivery what its recipe looks for beside the signature.
    pub(crate) fn fill(&mut self, id: &str) {
        for piece in self.recipe.delivery_id.clone().iter().flat_map(|it| it.0.clone()) {
            if let Piece::At(place) = piece {
                self.set(&place, id);
            }
        }
        for way in self.recipe.verify.clone() {
            for piece in &way.signed.0 {
                if let Piece::At(place @ Place::Body(_)) = piece {
                    self.set(place, id);
                }
            }
        }
    }

    /// Signs as one way has it, at an instant.
    pub(crate) fn sign(&mut self, way: &Verify, signer: &Signer, now_ms: i64) {
        let (mut way, mut stamp_text) = (way.clone(), String::new());
        if way.scheme == Scheme::StandardWebhooks {
            let Place::Header(name) = &way.signature else { panic!("a header") };
            let family = name.trim_end_matches("-signature");
            let id = self.headers.iter().find(|(name, _)| *name == format!("{family}-id"));
            let id = id.map_or("msg_1".to_owned(), |(_, id)| id.clone());
            let seconds = now_ms / 1000;
            self.headers.retain(|(name, _)| !name.starts_with(family));
            self.headers.push((format!("{family}-id"), id.clone()));
            self.headers.push((format!("{family}-timestamp"), seconds.to_string()));
            let mut text = format!("{id}.{seconds}.").into_bytes();
            text.extend(self.bytes());
            let signature = STANDARD.encode(signer.sign(&way, &text));
            let value = format!("v1,AAAA v1,{signature}");
            let place = way.signature.clone();
            return self.set(&place, &value);
        }
        if way.scheme == Scheme::Token {
            let value = format!("{}{}", way.prefix, signer.secret);
            return self.set(&way.signature, &value);
        }
        if let Some(stamp) = &way.timestamp {
            stamp_text = match stamp.unit {
                StampUnit::Seconds => (now_ms / 1000).to_string(),
                StampUnit::Milliseconds => now_ms.to_string(),
                StampUnit::Rfc3339 => valetkey_base::Timestamp::from_millis(now_ms).to_iso_z(),
            };
            if let Some(place) = &stamp.from {
                self.set(place, &stamp_text);
            }
        }
        let mut text = Vec::new();
        for piece in &way.signed.0 {
            match piece {
                Piece::Text(it) => text.extend(it.as_bytes()),
                Piece::Body => text.extend(self.bytes()),
                Piece::Timestamp => text.extend(stamp_text.as_bytes()),
                Piece::Url => text.extend(format!("{PUBLIC_URL}{}", self.uri()).as_bytes()),
                Piece::Method => text.extend(b"POST"),
                Piece::Secret => text.extend(signer.secret.as_bytes()),
                Piece::SortedForm => {
                    let mut fields = self.form();
                    fields.sort();
                    text.extend(fields.iter().flat_map(|(n, v)| format!("{n}{v}").into_bytes()));
                }
                Piece::At(place) => text.extend(self.get(place).as_bytes()),
                other => panic!("{other:?} is not signed"),
            }
        }
        let bytes = signer.sign(&way, &text);
        let signature = match way.encoding {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 | Encoding::Any => STANDARD.encode(bytes),
        };
        let mut value = format!("{}{signature}", way.prefix);
        if let Some(separator) = &way.split {
            let stamp = way.timestamp.as_ref().and_then(|stamp| stamp.prefix.as_ref());
            let before = stamp.map_or("x=1".to_owned(), |prefix| format!("{prefix}{stamp_text}"));
            value = format!("{before}{separator}{value}");
        }
        way.split = None;
        self.set(&way.signature, &value);
    }

    /// One byte of the body is another.
    pub(crate) fn tamper_body(&mut self) {
        let text = String::from_utf8(self.bytes()).unwrap();
        assert!(text.contains(FILLER));
        self.tampered = Some(text.replacen(FILLER, "aaab", 1).into_bytes());
    }

    /// One character of what stands at a place is another.
    pub(crate) fn tamper(&mut self, place: &Place) {
        let changed = |text: &str| {
            let last = text.trim_end_matches('=').len() - 4;
            let (before, after) = text.split_at(last);
            let other = if after.starts_with('0') { "1" } else { "0" };
            format!("{before}{other}{}", &after[1..])
        };
        match place {
            Place::Header(name) => {
                let header = self.headers.iter_mut().find(|(known, _)| known == name).unwrap();
                header.1 = changed(&header.1);
            }
            Place::Query(name) => {
                let value = self.query.iter_mut().find(|(known, _)| known == name).unwrap();
                value.1 = changed(&value.1);
            }
            Place::Body(path) => {
                let pointer = format!("/{}", path.replace('.', "/"));
                let value = self.body.pointer_mut(&pointer).unwrap();
                *value = changed(value.as_str().unwrap()).into();
            }
            Place::Item(path) => {
                let items = self.recipe.items.clone().unwrap();
                let value = self.body.pointer_mut(&format!("/{items}/0/{path}")).unwrap();
                *value = changed(value.as_str().unwrap()).into();
            }
            Place::Literal(_) => panic!("no signature"),
        }
    }

    pub(crate) async fn send(&self, app: &TestApp) -> Answer {
        let bytes = self.tampered.clone().unwrap_or_else(|| self.bytes());
        let kind =
            if self.is_form() { "application/x-www-form-urlencoded" } else { "application/json" };
        let mut call = app.post(self.uri()).text(kind, str::from_utf8(&bytes).unwrap());
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        call.send().await
    }
}

/// Sets a dotted path.
fn put(value: &mut Value, path: &str, new: Value) {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match path.split_once('.') {
        Some((key, rest)) => put(&mut value[key], rest, new),
        None => value[path] = new,
    }
}
