//! Master keys and data keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use valetkey_base::{Rng, Sealed, Secret};
use zeroize::{Zeroize, Zeroizing};

use crate::hash::token_hash;
use crate::seal::{RowBinding, VaultError, open_with, seal_with};

/// Bytes of a master or data key: AES-256.
pub const KEY_BYTES: usize = 32;

/// Names a data key inside every ciphertext it makes: 16 random bytes.
pub type DataKeyId = [u8; 16];

/// The operator's key. It wraps data keys and nothing else.
#[derive(Clone)]
pub struct MasterKey {
    id: DataKeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl MasterKey {
    /// Makes a new key.
    pub fn generate(rng: &Rng) -> Self {
        Self::from_bytes(rng.bytes())
    }

    /// Reads base64 of exactly 32 bytes.
    ///
    /// # Errors
    /// [`VaultError::MasterKeyFormat`] for anything else; the text never shows the value.
    pub fn from_base64(text: &Secret) -> Result<Self, VaultError> {
        let mut decoded =
            STANDARD.decode(text.expose().trim()).map_err(|_| VaultError::MasterKeyFormat)?;
        let bytes: Result<[u8; KEY_BYTES], _> = decoded.as_slice().try_into();
        decoded.zeroize();
        bytes.map(Self::from_bytes).map_err(|_| VaultError::MasterKeyFormat)
    }

    /// The form an operator stores: base64 of the 32 bytes.
    pub fn to_base64(&self) -> Secret {
        Secret::new(STANDARD.encode(self.bytes.as_ref()))
    }

    /// A public name for the key: the first 16 bytes of a hash of it.
    pub fn id(&self) -> DataKeyId {
        self.id
    }

    fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let named = Zeroizing::new(format!("valetkey master key {}", hex::encode(bytes.as_ref())));
        let mut id = [0u8; 16];
        id.copy_from_slice(&token_hash(&named)[..16]);
        Self { id, bytes }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", hex::encode(self.id))
    }
}

/// The master keys a server holds: the first wraps, all unwrap, so that a key can be replaced
/// while serving.
#[derive(Clone, Debug)]
pub struct MasterKeyRing {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

impl MasterKeyRing {
    /// A ring with one current key and the keys it replaced.
    pub fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// The id of the key that wraps new data keys.
    pub fn current_id(&self) -> DataKeyId {
        self.current.id
    }

    /// Makes a data key for an environment and wraps it.
    pub fn new_data_key(&self, environment_id: i64, rng: &Rng) -> (DataKey, Sealed) {
        let key = DataKey { id: rng.bytes(), bytes: Zeroizing::new(rng.bytes()) };
        let wrapped = self.wrap(&key, environment_id, rng);
        (key, wrapped)
    }

    /// Wraps a data key under the current master key, bound to its environment.
    pub fn wrap(&self, key: &DataKey, environment_id: i64, rng: &Rng) -> Sealed {
        let binding = wrap_binding(environment_id, &key.id);
        seal_with(&self.current.id, &self.current.bytes, &binding, key.bytes.as_ref(), rng)
    }

    /// Unwraps a data key.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when it was wrapped by a master key this ring does not hold,
    /// [`VaultError::Open`] when it was changed or moved to another environment.
    pub fn unwrap_data_key(
        &self,
        id: DataKeyId,
        environment_id: i64,
        wrapped: &Sealed,
    ) -> Result<DataKey, VaultError> {
        let master_id = crate::seal::sealed_with(wrapped)?;
        let master = std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|key| key.id == master_id)
            .ok_or(VaultError::UnknownKey)?;
        let opened = open_with(&master.bytes, &wrap_binding(environment_id, &id), wrapped)?;
        let bytes: [u8; KEY_BYTES] =
            opened.as_slice().try_into().map_err(|_| VaultError::Format)?;
        Ok(DataKey { id, bytes: Zeroizing::new(bytes) })
    }
}

fn wrap_binding(environment_id: i64, id: &DataKeyId) -> RowBinding<'static> {
    RowBinding { table: "data_keys", column: "wrapped", environment_id, row: hex::encode(id) }
}

/// An opened data key. Kept in memory only.
#[derive(Clone)]
pub struct DataKey {
    pub(crate) id: DataKeyId,
    pub(crate) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl DataKey {
    /// The id written into every ciphertext this key makes.
    pub fn id(&self) -> DataKeyId {
        self.id
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", hex::encode(self.id))
    }
}
