//! Sealing: AES-256-GCM under a key derived for each ciphertext, bound to its row.
//!
//! ```text
//! byte 0        format version, 1
//! bytes 1..17   id of the key (data key, or master key for a wrapped data key)
//! bytes 17..33  salt, random
//! bytes 33..45  nonce, random
//! bytes 45..    ciphertext and 16-byte tag
//! ```
//!
//! The message key is `HKDF-SHA256(key, salt, "valetkey seal v1")` (RFC 5869), so a data key may
//! seal any number of rows without coming near the bound of 96-bit random nonces. The associated
//! data names table, column, environment and row: a ciphertext copied to another place will not
//! open there.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use valetkey_base::{Rng, Sealed};
use zeroize::Zeroizing;

use crate::keyring::{DataKey, DataKeyId, KEY_BYTES};

const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + 16 + SALT_BYTES + NONCE_BYTES;

/// Why something could not be sealed or opened. No variant carries key or text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VaultError {
    /// The master key is not base64 of 32 bytes.
    #[error("the master key must be base64 of exactly 32 bytes")]
    MasterKeyFormat,
    /// The sealed bytes are cut or of an unknown version.
    #[error("the sealed value has an unknown format")]
    Format,
    /// The sealed bytes name a key that is not at hand.
    #[error("the value was sealed with a key this server does not hold")]
    UnknownKey,
    /// The bytes were changed, or belong to another row.
    #[error("the sealed value does not open: it was changed or belongs to another row")]
    Open,
}

/// Where a sealed value lives; it opens nowhere else.
#[derive(Clone, Debug)]
pub struct RowBinding<'a> {
    /// Table name.
    pub table: &'a str,
    /// Column name.
    pub column: &'a str,
    /// The tenant.
    pub environment_id: i64,
    /// The row's own immutable id.
    pub row: String,
}

impl RowBinding<'_> {
    fn associated_data(&self) -> Vec<u8> {
        // No part may contain the separator: names are ours, ids are numbers, hex or UUIDs.
        format!("{}\n{}\n{}\n{}", self.table, self.column, self.environment_id, self.row)
            .into_bytes()
    }
}

/// Seals a text for one row and column.
pub fn seal(key: &DataKey, binding: &RowBinding<'_>, plaintext: &[u8], rng: &Rng) -> Sealed {
    seal_with(&key.id, &key.bytes, binding, plaintext, rng)
}

/// Opens what [`seal`] made, for the same row and column.
///
/// # Errors
/// [`VaultError::UnknownKey`] for another key's ciphertext, [`VaultError::Open`] when the bytes
/// were changed or belong elsewhere, [`VaultError::Format`] when they are no sealed value.
pub fn open(
    key: &DataKey,
    binding: &RowBinding<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    if sealed_with(sealed)? != key.id {
        return Err(VaultError::UnknownKey);
    }
    open_with(&key.bytes, binding, sealed)
}

/// The id of the key a value was sealed with.
///
/// # Errors
/// [`VaultError::Format`] when the bytes are no sealed value.
pub fn sealed_with(sealed: &Sealed) -> Result<DataKeyId, VaultError> {
    let bytes = sealed.as_bytes();
    if bytes.len() < HEADER_BYTES + TAG_BYTES || bytes[0] != VERSION {
        return Err(VaultError::Format);
    }
    bytes[1..17].try_into().map_err(|_| VaultError::Format)
}

#[expect(
    clippy::expect_used,
    reason = "sizes are constants; AES-GCM sealing of short texts cannot fail"
)]
pub(crate) fn seal_with(
    key_id: &DataKeyId,
    key: &[u8; KEY_BYTES],
    binding: &RowBinding<'_>,
    plaintext: &[u8],
    rng: &Rng,
) -> Sealed {
    let salt: [u8; SALT_BYTES] = rng.bytes();
    let nonce: [u8; NONCE_BYTES] = rng.bytes();
    let message_key = message_key(key, &salt).expect("HKDF yields 32 bytes");
    let mut out = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
    out.push(VERSION);
    out.extend_from_slice(key_id);
    out.extend_from_slice(&salt);
    out.extend_from_slice(&nonce);
    let mut text = plaintext.to_vec();
    let tag = message_key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(binding.associated_data()),
            &mut text,
        )
        .expect("AES-GCM seals");
    out.extend_from_slice(&text);
    out.extend_from_slice(tag.as_ref());
    Sealed::from_bytes(out)
}

pub(crate) fn open_with(
    key: &[u8; KEY_BYTES],
    binding: &RowBinding<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    sealed_with(sealed)?;
    let bytes = sealed.as_bytes();
    let salt = &bytes[17..17 + SALT_BYTES];
    let nonce: [u8; NONCE_BYTES] =
        bytes[17 + SALT_BYTES..HEADER_BYTES].try_into().map_err(|_| VaultError::Format)?;
    let message_key = message_key(key, salt)?;
    let mut text = bytes[HEADER_BYTES..].to_vec();
    let length = message_key
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(binding.associated_data()),
            &mut text,
        )
        .map_err(|_| VaultError::Open)?
        .len();
    text.truncate(length);
    Ok(Zeroizing::new(text))
}

struct Aes256;

impl KeyType for Aes256 {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

fn message_key(key: &[u8; KEY_BYTES], salt: &[u8]) -> Result<LessSafeKey, VaultError> {
    let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
    Salt::new(HKDF_SHA256, salt)
        .extract(key)
        .expand(&[b"valetkey seal v1"], Aes256)
        .and_then(|okm| okm.fill(bytes.as_mut()))
        .map_err(|_| VaultError::Open)?;
    UnboundKey::new(&AES_256_GCM, bytes.as_ref())
        .map(LessSafeKey::new)
        .map_err(|_| VaultError::Open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::{MasterKey, MasterKeyRing};

    fn ring(rng: &Rng) -> MasterKeyRing {
        MasterKeyRing::new(MasterKey::generate(rng), vec![])
    }

    fn binding(row: &str) -> RowBinding<'static> {
        RowBinding {
            table: "connections",
            column: "credentials",
            environment_id: 7,
            row: row.to_owned(),
        }
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_own_row() {
        let rng = Rng::seeded(1);
        let (key, _) = ring(&rng).new_data_key(7, &rng);
        let sealed = seal(&key, &binding("1"), b"secret", &rng);
        assert_eq!(open(&key, &binding("1"), &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(open(&key, &binding("2"), &sealed), Err(VaultError::Open));
        let elsewhere = RowBinding { environment_id: 8, ..binding("1") };
        assert_eq!(open(&key, &elsewhere, &sealed), Err(VaultError::Open));
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let rng = Rng::seeded(2);
        let (key, _) = ring(&rng).new_data_key(7, &rng);
        let sealed = seal(&key, &binding("1"), b"secret", &rng).into_bytes();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&key, &binding("1"), &Sealed::from_bytes(changed)).is_err(), "{index}");
            let cut = Sealed::from_bytes(sealed[..index].to_vec());
            assert!(open(&key, &binding("1"), &cut).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_replaced_master_key_still_unwraps_until_it_is_dropped() {
        let rng = Rng::seeded(3);
        let old = MasterKey::generate(&rng);
        let (key, wrapped) = MasterKeyRing::new(old.clone(), vec![]).new_data_key(1, &rng);
        let new = MasterKey::generate(&rng);
        let both = MasterKeyRing::new(new.clone(), vec![old]);
        let opened = both.unwrap_data_key(key.id(), 1, &wrapped).unwrap();
        let rewrapped = both.wrap(&opened, 1, &rng);
        let only_new = MasterKeyRing::new(new, vec![]);
        assert!(only_new.unwrap_data_key(key.id(), 1, &rewrapped).is_ok());
        assert_eq!(
            only_new.unwrap_data_key(key.id(), 1, &wrapped).unwrap_err(),
            VaultError::UnknownKey
        );
        assert_eq!(both.unwrap_data_key(key.id(), 2, &wrapped).unwrap_err(), VaultError::Open);
    }

    #[test]
    fn debug_shows_no_key() {
        let rng = Rng::seeded(4);
        let master = MasterKey::generate(&rng);
        let shown = format!("{master:?}");
        assert!(!shown.contains(master.to_base64().expose()));
        assert!(shown.len() < 60);
    }
}
