use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use serde_json::json;

use super::*;

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

fn rsa_pkcs8() -> Vec<u8> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    der.as_ref().to_vec()
}

/// The `RSAPrivateKey` inside a PKCS#8 document.
fn pkcs1_of(pkcs8: &[u8]) -> &[u8] {
    let (_version, rest) = inside(inside(pkcs8).0);
    let (_algorithm, rest) = inside(rest);
    inside(rest).0
}

fn jwk_of(pkcs8: &[u8]) -> Value {
    let (_zero, mut rest) = inside(inside(pkcs1_of(pkcs8)).0);
    let mut jwk = json!({"kty": "RSA", "kid": "key-1"});
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let (number, after) = inside(rest);
        jwk[name] = URL_SAFE_NO_PAD.encode(number.strip_prefix(&[0]).unwrap_or(number)).into();
        rest = after;
    }
    jwk
}

fn spki(text: &str) -> Result<Vec<u8>, KeyError> {
    PrivateKey::read(text).map(|key| key.public_spki())
}

#[test]
fn every_form_of_an_rsa_key_reads_as_the_same_key() {
    let der = rsa_pkcs8();
    let clean = pem("PRIVATE KEY", &der);
    let expected = spki(&clean).unwrap();
    let body = STANDARD.encode(&der);
    let pkcs1 = pem("RSA PRIVATE KEY", pkcs1_of(&der));
    for text in [
        clean.replace('\n', "\\n"),
        format!("\"{}\"", clean.replace('\n', "\\r\\n")),
        clean.replace('\n', " "),
        clean.replace('\n', "\r\n"),
        clean.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
        body.clone(),
        format!("{body}\n-----END PRIVATE KEY-----"),
        STANDARD.encode(&clean),
        STANDARD.encode(&body),
        STANDARD.encode(STANDARD.encode(&clean)),
        body.trim_end_matches('=').to_owned(),
        pkcs1.clone(),
        pkcs1.replace("RSA PRIVATE KEY", "PRIVATE KEY"),
        jwk_of(&der).to_string(),
        json!({"keys": [jwk_of(&der)]}).to_string(),
        format!("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n{clean}"),
    ] {
        assert_eq!(spki(&text), Ok(expected.clone()), "{text}");
    }
    assert_eq!(PrivateKey::read(&jwk_of(&der).to_string()).unwrap().key_id.unwrap(), "key-1");
    let pem_again = PrivateKey::read(&pkcs1.replace("RSA ", "")).unwrap().to_pem().unwrap();
    assert_eq!(pem_again, pkcs1, "the label says what it is");
}

#[test]
fn elliptic_keys_read_in_every_form() {
    for (algorithm, curve, kind) in [
        (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", KeyKind::P256),
        (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", KeyKind::P384),
    ] {
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
        let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at((point.len() - 1) / 2);
        let secret = inside(inside(inside(sec1.as_ref()).0).1).0;
        let jwk = json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y), "d": URL_SAFE_NO_PAD.encode(secret)});
        let expected = spki(&pem("PRIVATE KEY", document.as_ref())).unwrap();
        for text in [
            pem("EC PRIVATE KEY", sec1.as_ref()),
            pem("PRIVATE KEY", sec1.as_ref()),
            format!(
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}",
                pem("EC PRIVATE KEY", sec1.as_ref())
            ),
            jwk.to_string(),
        ] {
            let key = PrivateKey::read(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((key.kind(), key.public_spki()), (kind, expected.clone()), "{text}");
            assert_eq!(spki(&key.to_pem().unwrap()), Ok(expected.clone()));
        }
    }
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = PrivateKey::read(&pem("PRIVATE KEY", document.as_ref())).unwrap();
    assert_eq!(key.kind(), KeyKind::Ed25519);
}

fn refusal(text: &str) -> KeyError {
    PrivateKey::read(text).map(|_| ()).unwrap_err()
}

#[test]
fn what_is_no_private_key_is_told_in_words() {
    let der = rsa_pkcs8();
    let key = PrivateKey::read(&pem("PRIVATE KEY", &der)).unwrap();
    let public = pem("PUBLIC KEY", &key.public_spki());
    assert_eq!(refusal(" "), KeyError::Empty);
    assert_eq!(refusal(&public), KeyError::Public);
    assert_eq!(refusal(&public.replace("PUBLIC", "PRIVATE")), KeyError::Public);
    let mut jwk = jwk_of(&der);
    jwk.as_object_mut().unwrap().remove("d");
    assert_eq!(refusal(&jwk.to_string()), KeyError::Public);
    let openssh = STANDARD.encode("openssh-key-v1\0none");
    assert_eq!(
        refusal(&format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{openssh}\n-----END OPENSSH PRIVATE KEY-----"
        )),
        KeyError::OpenSsh
    );
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAAAA\n-----END RSA PRIVATE KEY-----";
    assert_eq!(refusal(legacy), KeyError::Encrypted);
    assert_eq!(refusal(&STANDARD.encode([0x30, 4, 0x30, 0, 4, 0])), KeyError::Encrypted);
    assert_eq!(refusal(&STANDARD.encode([0x30, 6, 0x30, 0, 0x30, 0, 3, 0])), KeyError::Certificate);
    assert_eq!(refusal(&STANDARD.encode([0x30, 6, 2, 0, 0x30, 0, 4, 0])), KeyError::Unsupported);
    for nonsense in ["not a key", "hunter2", "{\"kty\":\"RSA\"", "{}", "-----BEGIN", "-----", "é"]
    {
        assert_eq!(refusal(nonsense), KeyError::Unknown, "{nonsense}");
    }
    assert_eq!(refusal(&"A".repeat(KEY_BYTES_MAX + 1)), KeyError::TooLong);
}

#[test]
fn public_halves_are_written_as_the_crypto_library_writes_them() {
    fn der(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
        key.as_der().unwrap().as_ref().to_vec()
    }
    let rsa = rsa_pkcs8();
    let ed = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let ec = |algorithm| EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let p256 = ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let p384 = ec(&ECDSA_P384_SHA384_FIXED_SIGNING);
    for document in [rsa.as_slice(), ed.as_ref(), p256.as_ref(), p384.as_ref()] {
        let key = from_der(document.to_vec()).unwrap();
        let expected = match &key.pair {
            SigningPair::Rsa(pair) => der(pair.public_key()),
            SigningPair::P256(pair) | SigningPair::P384(pair) => der(pair.public_key()),
            SigningPair::Ed25519(pair) => der(pair.public_key()),
        };
        assert_eq!(key.public_spki(), expected, "{}", key.kind().as_str());
    }
}

#[test]
fn fingerprints_are_those_of_the_public_half() {
    let der = rsa_pkcs8();
    let key = PrivateKey::read(&pem("PRIVATE KEY", &der)).unwrap();
    let public = pem("PUBLIC KEY", &key.public_spki());
    let print = fingerprint(&pem("PRIVATE KEY", &der)).unwrap();
    assert_eq!(fingerprint(&public).unwrap(), print);
    let hash = digest::digest(&digest::SHA256, &key.public_spki());
    assert_eq!(print, format!("SHA256:{}", STANDARD.encode(hash)));
}

#[test]
fn certificates_come_out_as_clean_pem() {
    let der = [0x30, 6, 0x30, 0, 0x30, 0, 3, 0];
    let clean = pem("CERTIFICATE", &der);
    for text in [
        clean.clone(),
        clean.replace('\n', "\\n"),
        clean.replace('\n', " "),
        STANDARD.encode(der),
        STANDARD.encode(&clean),
    ] {
        assert_eq!(certificate_pem(&text).as_deref(), Some(clean.as_str()), "{text}");
    }
    assert_eq!(certificate_pem(&format!("{clean}{clean}")).unwrap(), format!("{clean}{clean}"));
    assert_eq!(certificate_pem("CERT"), None);
}
