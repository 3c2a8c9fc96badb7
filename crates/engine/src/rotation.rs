//! Replacing keys while serving.
//!
//! A data key is replaced by making a new active one: what the old one sealed still opens, and is
//! sealed anew whenever it is written. A master key is replaced by wrapping every data key anew;
//! the server must hold both until that is done.

use valetkey_store::DataKeyRow;
use valetkey_vault::sealed_with;

use crate::engine::Engine;
use crate::error::{Error, Result};

impl Engine {
    /// Makes a new data key for an environment; everything sealed from now on uses it.
    pub async fn rotate_data_key(&self, environment_id: i64, actor: &str) -> Result<()> {
        let (sealer, now) = (self.sealer.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    sealer.insert_data_key(tx, environment_id, now).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.sealer.forget(environment_id);
        self.recorder.audit(Some(environment_id), actor, "data_key.rotated", "");
        Ok(())
    }

    /// Wraps every data key under the current master key and says how many needed it.
    pub async fn rewrap_data_keys(&self) -> Result<usize> {
        let current = self.sealer.ring().current_id();
        let mut rewrapped = 0;
        for row in self.store.data_keys().await? {
            if sealed_with(&row.wrapped)? == current {
                continue;
            }
            let key = self.sealer.unwrap(&row)?;
            let wrapped = self.sealer.ring().wrap(&key, row.environment_id, &self.rng);
            let row = DataKeyRow { wrapped, ..row };
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move { Ok(tx.rewrap_data_key(&row.id, &row.wrapped).await?) })
                })
                .await?;
            rewrapped += 1;
        }
        if rewrapped > 0 {
            self.recorder.audit(None, "system", "master_key.replaced", rewrapped.to_string());
        }
        Ok(rewrapped)
    }
}
