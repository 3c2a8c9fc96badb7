//! Keys that sign an environment's webhooks, with overlap on rotation.

use valetkey_base::{Secret, Timestamp};
use valetkey_store::{SigningKeyRow, Tx};
use valetkey_vault::DataKey;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sealing::Column;

impl Engine {
    pub(crate) async fn insert_signing_key(
        &self,
        tx: &mut Tx,
        key: &DataKey,
        environment_id: i64,
        now: Timestamp,
    ) -> Result<Secret> {
        let id = self.rng.alphanumeric(16);
        let secret = self.rng.uuid().to_string();
        let sealed =
            self.sealer.seal_with(key, environment_id, Column::SIGNING_KEY, &id, secret.as_bytes());
        let row = SigningKeyRow { id, environment_id, key: sealed, expires_at: None };
        tx.insert_signing_key(&row, now.plus(self.settings.signing_overlap), now).await?;
        Ok(Secret::new(secret))
    }

    /// Webhook signing keys that are valid now, the current one first.
    pub async fn signing_keys(&self, environment_id: i64) -> Result<Vec<Secret>> {
        let rows = self.store.signing_keys(environment_id, self.clock.now()).await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let text =
                self.sealer.open(environment_id, Column::SIGNING_KEY, &row.id, &row.key).await?;
            keys.push(Secret::new(
                String::from_utf8(text).map_err(|_| Error::Corrupt("signing key"))?,
            ));
        }
        Ok(keys)
    }

    /// Makes a new signing key; the old one signs beside it for the overlap.
    pub async fn rotate_signing_key(&self, environment_id: i64, actor: &str) -> Result<Secret> {
        let id = self.rng.alphanumeric(16);
        let secret = Secret::new(self.rng.uuid().to_string());
        let sealed = self
            .sealer
            .seal(environment_id, Column::SIGNING_KEY, &id, secret.expose().as_bytes())
            .await?;
        let row = SigningKeyRow { id, environment_id, key: sealed, expires_at: None };
        let (now, overlap) = (self.clock.now(), self.settings.signing_overlap);
        self.store
            .write(move |tx| {
                Box::pin(async move { tx.insert_signing_key(&row, now.plus(overlap), now).await })
            })
            .await?;
        self.recorder.audit(Some(environment_id), actor, "webhook_signing_key.rotated", "");
        Ok(secret)
    }
}
