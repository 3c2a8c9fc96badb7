//! Sealing rows: finds the environment's data key and hands it to the vault.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;
use valetkey_base::{Rng, Sealed, Timestamp};
use valetkey_store::{DataKeyRow, Store, Tx};
use valetkey_vault::{
    DataKey, DataKeyId, MasterKeyRing, RowBinding, VaultError, open, seal, sealed_with,
};

use crate::engine::Engine;
use crate::error::{Error, Result};

/// Opened data keys kept in memory.
const DATA_KEYS_CACHED_MAX: u64 = 1024;

/// How long a replica may go on sealing with a data key that another replica has replaced.
const ACTIVE_KEY_CACHED_FOR: Duration = Duration::from_mins(1);

/// Stands for the environment of secrets that belong to the server itself: those of its members.
pub const SERVER_ENVIRONMENT: i64 = 0;

/// A sealed column of a row, by the names that go into its associated data.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Table name.
    pub table: &'static str,
    /// Column name.
    pub column: &'static str,
}

impl Column {
    /// Credentials of a connection, by `row_uuid`.
    pub const CREDENTIALS: Self = Self { table: "connections", column: "credentials" };
    /// Configuration of a connection, by `row_uuid`.
    pub const CONFIG: Self = Self { table: "connections", column: "config" };
    /// Secrets of an integration, by `row_uuid`.
    pub const INTEGRATION: Self = Self { table: "integrations", column: "secrets" };
    /// Payload of a connect session, by id.
    pub const SESSION: Self = Self { table: "connect_sessions", column: "payload" };
    /// Payload of a redirect flow, by state hash.
    pub const STATE: Self = Self { table: "oauth_states", column: "payload" };
    /// Credentials and configuration of an unclaimed installation, by its id.
    pub const INSTALL: Self = Self { table: "installs", column: "content" };
    /// A webhook signing key, by id.
    pub const SIGNING_KEY: Self = Self { table: "signing_keys", column: "key" };
    /// An environment variable, by name.
    pub const VARIABLE: Self = Self { table: "environment_variables", column: "value" };

    /// The secret of a member's one-time codes, by row id.
    pub const TOTP: Self = Self { table: "members", column: "totp" };
    /// Payload of a step of a sign-in that holds a secret, by kind.
    pub const SIGN_IN_STEP: Self = Self { table: "sign_in_steps", column: "payload" };

    /// Every sealed column there is, for rotation and its test.
    pub const ALL: &[Self] = &[
        Self::CREDENTIALS,
        Self::CONFIG,
        Self::INTEGRATION,
        Self::SESSION,
        Self::STATE,
        Self::INSTALL,
        Self::SIGNING_KEY,
        Self::VARIABLE,
        Self::TOTP,
        Self::SIGN_IN_STEP,
    ];
}

/// Seals and opens columns.
#[derive(Clone)]
pub struct Sealer {
    ring: MasterKeyRing,
    store: Store,
    rng: Rng,
    active: Cache<i64, Arc<DataKey>>,
    by_id: Cache<DataKeyId, Arc<DataKey>>,
}

impl Sealer {
    pub(crate) fn new(ring: MasterKeyRing, store: Store, rng: Rng) -> Self {
        let active = Cache::builder()
            .max_capacity(DATA_KEYS_CACHED_MAX)
            .time_to_live(ACTIVE_KEY_CACHED_FOR)
            .build();
        Self { ring, store, rng, active, by_id: Cache::new(DATA_KEYS_CACHED_MAX) }
    }

    /// Makes the first data key of a new environment, in the transaction that makes it.
    pub async fn insert_data_key(
        &self,
        tx: &mut Tx,
        environment_id: i64,
        now: Timestamp,
    ) -> Result<DataKey> {
        let (key, wrapped) = self.ring.new_data_key(environment_id, &self.rng);
        let row = DataKeyRow { id: hex::encode(key.id()), environment_id, wrapped };
        tx.insert_data_key(&row, now).await?;
        Ok(key)
    }

    /// Opens every data key once, so that a wrong master key is noticed at start.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when the database was made with another master key.
    pub async fn check_master_key(&self) -> Result<()> {
        for row in self.store.data_keys().await? {
            self.unwrap(&row)?;
        }
        Ok(())
    }

    /// Seals a text.
    pub async fn seal(
        &self,
        environment_id: i64,
        column: Column,
        row: &str,
        text: &[u8],
    ) -> Result<Sealed> {
        let key = self.active_key(environment_id).await?;
        Ok(seal(&key, &binding(environment_id, column, row), text, &self.rng))
    }

    /// Seals a text with a key at hand, for rows made together with their environment.
    pub fn seal_with(
        &self,
        key: &DataKey,
        environment_id: i64,
        column: Column,
        row: &str,
        text: &[u8],
    ) -> Sealed {
        seal(key, &binding(environment_id, column, row), text, &self.rng)
    }

    /// Seals a value as JSON.
    pub async fn seal_json<T: Serialize + Sync>(
        &self,
        environment_id: i64,
        column: Column,
        row: &str,
        value: &T,
    ) -> Result<Sealed> {
        let text = serde_json::to_vec(value).map_err(|_| Error::Corrupt("unserialisable value"))?;
        self.seal(environment_id, column, row, &text).await
    }

    /// Opens a text.
    pub async fn open(
        &self,
        environment_id: i64,
        column: Column,
        row: &str,
        sealed: &Sealed,
    ) -> Result<Vec<u8>> {
        let id = sealed_with(sealed)?;
        let key = self.key(id).await?;
        let text = open(&key, &binding(environment_id, column, row), sealed)?;
        Ok(text.to_vec())
    }

    /// Opens a value that was sealed as JSON.
    pub async fn open_json<T: DeserializeOwned>(
        &self,
        environment_id: i64,
        column: Column,
        row: &str,
        sealed: &Sealed,
    ) -> Result<T> {
        let text = self.open(environment_id, column, row, sealed).await?;
        serde_json::from_slice(&text).map_err(|_| Error::Corrupt(column.column))
    }

    /// The key that seals new values of an environment.
    pub async fn data_key(&self, environment_id: i64) -> Result<Arc<DataKey>> {
        self.active_key(environment_id).await
    }

    async fn active_key(&self, environment_id: i64) -> Result<Arc<DataKey>> {
        if let Some(key) = self.active.get(&environment_id) {
            return Ok(key);
        }
        let row =
            self.store.active_data_key(environment_id).await?.ok_or(VaultError::UnknownKey)?;
        let key = Arc::new(self.unwrap(&row)?);
        self.active.insert(environment_id, key.clone());
        self.by_id.insert(key.id(), key.clone());
        Ok(key)
    }

    async fn key(&self, id: DataKeyId) -> Result<Arc<DataKey>> {
        if let Some(key) = self.by_id.get(&id) {
            return Ok(key);
        }
        let row = self.store.data_key(&hex::encode(id)).await?.ok_or(VaultError::UnknownKey)?;
        let key = Arc::new(self.unwrap(&row)?);
        self.by_id.insert(id, key.clone());
        Ok(key)
    }

    /// The master keys.
    pub(crate) fn ring(&self) -> &MasterKeyRing {
        &self.ring
    }

    /// Looks the active key up anew. Other replicas do within the cache's lifetime; until then
    /// they seal with the old key, which still opens.
    pub(crate) fn forget(&self, environment_id: i64) {
        self.active.invalidate(&environment_id);
    }

    pub(crate) fn unwrap(&self, row: &DataKeyRow) -> Result<DataKey> {
        let mut id = DataKeyId::default();
        hex::decode_to_slice(&row.id, &mut id).map_err(|_| Error::Corrupt("data key id"))?;
        Ok(self.ring.unwrap_data_key(id, row.environment_id, &row.wrapped)?)
    }
}

impl Engine {
    /// Opens every data key once, so that a wrong master key is noticed at start.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when the database was made with another master key.
    pub async fn check_master_key(&self) -> Result<()> {
        self.sealer.check_master_key().await
    }
}

fn binding(environment_id: i64, column: Column, row: &str) -> RowBinding<'static> {
    RowBinding { table: column.table, column: column.column, environment_id, row: row.to_owned() }
}
