//! Every check of a ceremony, once passed and once not.

use serde_json::{Value, json};
use valetkey_base::Timestamp;
use valetkey_store::Passkey;
use valetkey_testkit::authenticator::{
    Authenticator, Key, PRESENT_AND_VERIFIED, SYNCABLE, SYNCED, Used, base64url, cose,
};

use super::assertion::{self, Assertion};
use super::attestation::{self, NewCredential};
use super::ceremony::{Flaw, RelyingParty, challenge_of};
use super::decoded;

const ORIGIN: &str = "https://keys.example.com";

fn party() -> RelyingParty {
    RelyingParty { id: "keys.example.com".to_owned(), origin: ORIGIN.to_owned() }
}

fn bytes(text: &str) -> Vec<u8> {
    decoded(text, usize::MAX / 8).unwrap()
}

fn authenticator() -> Authenticator {
    Authenticator::new(Key::es256(), ORIGIN)
}

/// Both halves of a registration, as the use case runs them.
fn register(authenticator: &mut Authenticator) -> Result<NewCredential, Flaw> {
    let options = json!({
        "rp": {"id": "keys.example.com"},
        "user": {"id": base64url(b"somebody")},
        "challenge": "c2VydmVy",
    });
    let made = authenticator.make(&options);
    let challenge = challenge_of(&bytes(&made.client_data), "webauthn.create", &party())?;
    assert_eq!(challenge, "c2VydmVy");
    attestation::verify(&party(), &bytes(&made.attestation))
}

fn stored(credential: NewCredential) -> Passkey {
    Passkey {
        id: base64url(&credential.id),
        member_id: 1,
        public_key: credential.public_key,
        sign_count: credential.sign_count.into(),
        is_syncable: credential.is_syncable,
        is_synced: credential.is_synced,
        name: String::new(),
        created_at: Timestamp::from_millis(0),
        last_used_at: None,
    }
}

fn request() -> Value {
    json!({"rpId": "keys.example.com", "challenge": "c2VydmVy"})
}

fn check(passkey: &Passkey, used: &Used) -> Result<assertion::Used, Flaw> {
    challenge_of(&bytes(&used.client_data), "webauthn.get", &party())?;
    let assertion = Assertion {
        client_data: bytes(&used.client_data),
        authenticator_data: bytes(&used.authenticator_data),
        signature: bytes(&used.signature),
        user_handle: bytes(&used.user_handle),
    };
    assertion::verify(&party(), passkey, b"somebody", &assertion)
}

/// What is found wrong with a registration, once `spoil` has been at the authenticator.
fn registering(spoil: impl FnOnce(&mut Authenticator)) -> Option<Flaw> {
    let mut authenticator = authenticator();
    spoil(&mut authenticator);
    register(&mut authenticator).err()
}

/// The same of a sign-in with a passkey that was well when it was made.
fn using(spoil: impl FnOnce(&mut Authenticator)) -> Option<Flaw> {
    let mut authenticator = authenticator();
    let passkey = stored(register(&mut authenticator).unwrap());
    spoil(&mut authenticator);
    check(&passkey, &authenticator.answer(&request())).err()
}

#[test]
fn each_kind_of_key_is_registered_and_used() {
    for key in [Key::es256(), Key::eddsa(), Key::rs256()] {
        let mut authenticator = Authenticator::new(key, ORIGIN);
        authenticator.sign_count = 7;
        authenticator.flags |= SYNCABLE;
        let credential = register(&mut authenticator).unwrap();
        assert_eq!(credential.id, authenticator.id);
        assert!(credential.is_syncable && !credential.is_synced);
        let passkey = stored(credential);
        authenticator.flags |= SYNCED;
        let used = check(&passkey, &authenticator.answer(&request())).unwrap();
        assert_eq!((used.sign_count, used.is_synced), (8, true));
        // Another's signature of the same kind, and one of another kind.
        for other in [Key::es256(), Key::eddsa(), Key::rs256()] {
            authenticator.key = other;
            let found = check(&passkey, &authenticator.answer(&request()));
            assert_eq!(found.err(), Some(Flaw::Signature));
        }
    }
}

type Spoil = fn(&mut Authenticator);

#[test]
fn what_both_ceremonies_check_is_refused_in_both() {
    let cases: [(Flaw, Spoil); 12] = [
        (Flaw::Type, |it| it.client_data = json!({"type": "payment.get"})),
        (Flaw::Origin, |it| it.origin = "https://evil.example".to_owned()),
        (Flaw::Origin, |it| it.origin = "https://keys.example.com:8443".to_owned()),
        (Flaw::Origin, |it| it.origin = "http://keys.example.com".to_owned()),
        (Flaw::CrossOrigin, |it| it.client_data = json!({"crossOrigin": true})),
        (Flaw::CrossOrigin, |it| it.client_data = json!({"topOrigin": "https://evil.example"})),
        (Flaw::Malformed, |it| it.client_data = json!({"challenge": null})),
        (Flaw::RelyingParty, |it| it.party = Some("evil.example".to_owned())),
        (Flaw::NotPresent, |it| it.flags = 0b100),
        (Flaw::NotVerified, |it| it.flags = 0b001),
        (Flaw::Backup, |it| it.flags = PRESENT_AND_VERIFIED | SYNCED),
        (Flaw::Malformed, |it| it.more = vec![0]),
    ];
    for (at, (flaw, spoil)) in cases.into_iter().enumerate() {
        assert_eq!(registering(spoil), Some(flaw), "registering, {at}");
        assert_eq!(using(spoil), Some(flaw), "using, {at}");
    }
    assert_eq!(registering(|_| {}), None);
    assert_eq!(using(|_| {}), None);
}

#[test]
fn the_other_ceremony_answers_neither() {
    let of = |kind: &str| registering(|it| it.client_data = json!({"type": kind}));
    assert_eq!(of("webauthn.get"), Some(Flaw::Type));
    let of = |kind: &str| using(|it| it.client_data = json!({"type": kind}));
    assert_eq!(of("webauthn.create"), Some(Flaw::Type));
}

#[test]
fn extensions_are_read_over_and_nothing_is_after_them() {
    const HAS_EXTENSIONS: u8 = 1 << 7;
    let with = |more: &'static [u8]| {
        move |it: &mut Authenticator| {
            it.flags |= HAS_EXTENSIONS;
            it.more = more.to_vec();
        }
    };
    // {"credProtect": 2}
    let good = b"\xa1\x6bcredProtect\x02";
    assert_eq!((registering(with(good)), using(with(good))), (None, None));
    for bad in [&b""[..], b"\x01", b"\xa1\x61a", b"\xa1\x61a\x01\x00", b"\xbf"] {
        assert_eq!(registering(with(bad)), Some(Flaw::Malformed), "{bad:?}");
        assert_eq!(using(with(bad)), Some(Flaw::Malformed), "{bad:?}");
    }
}

#[test]
fn a_credential_id_has_1_to_1023_bytes() {
    assert_eq!(registering(|it| it.id = vec![7; 1023]), None);
    assert_eq!(registering(|it| it.id = vec![7; 1024]), Some(Flaw::CredentialId));
    assert_eq!(registering(|it| it.id = Vec::new()), Some(Flaw::CredentialId));
}

#[test]
fn a_key_is_of_a_kind_that_was_asked_for_and_sound() {
    let with = |cose: Vec<u8>| registering(|it| it.cose = Some(cose));
    let one = [1u8; 32];
    let es256: &[(i64, i64)] = &[(1, 2), (3, -7), (-1, 1)];
    // ES384, none at all, and Ed448.
    let other = cose(&[(1, 2), (3, -35), (-1, 2)], &[(-2, &[1; 48]), (-3, &[1; 48])]);
    assert_eq!(with(other), Some(Flaw::Algorithm));
    assert_eq!(with(cose(&[(1, 2)], &[(-2, &one)])), Some(Flaw::Algorithm));
    assert_eq!(with(cose(&[(1, 1), (3, -53), (-1, 7)], &[(-2, &[1; 57])])), Some(Flaw::Algorithm));
    // Not a point of the curve, one coordinate, a short one, the wrong curve, the wrong type.
    assert_eq!(with(cose(es256, &[(-2, &one), (-3, &one)])), Some(Flaw::Key));
    assert_eq!(with(cose(es256, &[(-2, &one)])), Some(Flaw::Key));
    assert_eq!(with(cose(es256, &[(-2, &[1; 31]), (-3, &one)])), Some(Flaw::Key));
    let point: &[(i64, &[u8])] = &[(-2, &one), (-3, &one)];
    assert_eq!(with(cose(&[(1, 2), (3, -7), (-1, 2)], point)), Some(Flaw::Key));
    assert_eq!(with(cose(&[(1, 1), (3, -7), (-1, 1)], point)), Some(Flaw::Key));
    // RSA with 1024 bits, and with an endless exponent.
    let rs256: &[(i64, i64)] = &[(1, 3), (3, -257)];
    let exponent: &[u8] = &[1, 0, 1];
    assert_eq!(with(cose(rs256, &[(-1, &[0xff; 128]), (-2, exponent)])), Some(Flaw::Key));
    assert_eq!(with(cose(rs256, &[(-1, &[0xff; 256]), (-2, &[0xff; 256])])), Some(Flaw::Key));
    // An entry twice, and what is no map.
    assert_eq!(with(cose(&[(1, 2), (1, 2)], &[])), Some(Flaw::Malformed));
    assert_eq!(with(vec![0x01]), Some(Flaw::Malformed));
    assert_eq!(with(Vec::new()), Some(Flaw::Malformed));
}

#[test]
fn an_attestation_object_has_its_three_parts_and_nothing_after_them() {
    let mut authenticator = authenticator();
    let options = json!({"rp": {"id": "keys.example.com"}, "user": {"id": ""}});
    let object = bytes(&authenticator.make(&options).attestation);
    assert!(attestation::verify(&party(), &object).is_ok());
    let flaw = |object: &[u8]| attestation::verify(&party(), object).err();
    for length in 0..object.len() {
        assert!(flaw(&object[..length]).is_some(), "{length} bytes");
    }
    assert_eq!(flaw(&[object.as_slice(), &[0]].concat()), Some(Flaw::Malformed));
    // {"fmt": "none", "attStmt": {"a": 1}}, and a format that nobody asked for.
    let with = |head: &[u8]| {
        let at = object.windows(8).position(|window| window == b"authData").unwrap() - 1;
        flaw(&[head, &object[at..]].concat())
    };
    assert_eq!(with(b"\xa3\x63fmt\x64none\x67attStmt\xa1\x61a\x01"), Some(Flaw::Malformed));
    assert_eq!(with(b"\xa3\x63fmt\x66packed\x67attStmt\xa1\x61a\x01"), None);
    assert_eq!(with(b"\xa3\x63fmt\x64none\x67attStmt\x01"), Some(Flaw::Malformed));
    assert_eq!(with(b"\xa2\x63fmt\x64none"), Some(Flaw::Malformed));
}

#[test]
fn a_sign_in_is_by_the_owner_with_what_was_signed() {
    assert_eq!(using(|it| it.user_handle = b"somebody else".to_vec()), Some(Flaw::UserHandle));
    assert_eq!(using(|it| it.user_handle = Vec::new()), Some(Flaw::UserHandle));
    assert_eq!(using(|it| it.flags |= SYNCABLE), Some(Flaw::Backup), "it was not when made");
    let mut authenticator = authenticator();
    let passkey = stored(register(&mut authenticator).unwrap());
    let mut used = authenticator.answer(&request());
    let other = authenticator.answer(&json!({"rpId": "keys.example.com", "challenge": "b3RoZXI"}));
    let right = std::mem::replace(&mut used.client_data, other.client_data);
    assert_eq!(check(&passkey, &used).err(), Some(Flaw::Signature), "another challenge");
    used.client_data = right;
    assert!(check(&passkey, &used).is_ok());
    // Another count than was signed.
    let mut data = bytes(&used.authenticator_data);
    data[36] = 9;
    used.authenticator_data = base64url(&data);
    assert_eq!(check(&passkey, &used).err(), Some(Flaw::Signature));
}

#[test]
fn a_counter_goes_up_or_is_none() {
    let at = |stored_count: i64, count: u32| {
        let mut authenticator = authenticator();
        let mut passkey = stored(register(&mut authenticator).unwrap());
        passkey.sign_count = stored_count;
        // It counts up by one on its own, once it counts at all.
        authenticator.sign_count = count.saturating_sub(1);
        check(&passkey, &authenticator.answer(&request())).err()
    };
    assert_eq!([at(0, 0), at(0, 2), at(4, 5), at(4, 900)], [None; 4]);
    assert_eq!([at(5, 5), at(6, 5), at(5, 0), at(900, 2)], [Some(Flaw::Counter); 4]);
}

#[test]
fn fields_are_base64url_and_have_limits() {
    assert_eq!(decoded("AQID", 3).unwrap(), [1, 2, 3]);
    assert_eq!(decoded("AQIDBA", 3), Err(Flaw::Malformed));
    for bad in ["AQID=", "AQ==", "A+ID", "A/ID", "AR", " AQID"] {
        assert_eq!(decoded(bad, 3), Err(Flaw::Malformed), "{bad}");
    }
}
