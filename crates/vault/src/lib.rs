//! Envelope encryption: a master key wraps one data key per environment, data keys seal rows.
//!
//! The vault does no I/O. It is handed wrapped keys and sealed bytes, and hands back opened ones.
//! See [`seal`] for the stored format.

pub mod hash;
pub mod keyring;
pub mod seal;

pub use hash::{token_hash, token_hash_hex};
pub use keyring::{DataKey, DataKeyId, MasterKey, MasterKeyRing};
pub use seal::{RowBinding, VaultError, open, seal, sealed_with};
