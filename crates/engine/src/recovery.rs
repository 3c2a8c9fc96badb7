//! Taking a deletion back, while what was deleted is still kept.

pub use valetkey_store::Deleted;

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};

/// Most deleted things a page lists.
const LISTED_MAX: i64 = 50;

impl Engine {
    /// Environments of an account that can come back, the last deleted first.
    pub async fn deleted_environments(&self, account_id: i64) -> Result<Vec<Deleted>> {
        let after = self.clock.now().minus(self.settings.deleted_retention);
        Ok(self.store.deleted_environments(account_id, after, LISTED_MAX).await?)
    }

    /// Integrations of an environment that can come back, the last deleted first.
    pub async fn deleted_integrations(&self, environment_id: i64) -> Result<Vec<Deleted>> {
        let after = self.clock.now().minus(self.settings.deleted_retention);
        Ok(self.store.deleted_integrations(environment_id, after, LISTED_MAX).await?)
    }

    /// Brings an environment back with everything that was deleted with it, its API keys too.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there or too old, [`Error::Conflict`] when there is another
    /// one of its name now.
    pub async fn restore_environment(&self, account_id: i64, id: i64, actor: &str) -> Result<()> {
        let found = self.deleted_environments(account_id).await?.into_iter();
        let deleted = found.into_iter().find(|it| it.id == id);
        let deleted = deleted.ok_or(Error::NotFound("environment"))?;
        let name = deleted.name.clone();
        let restored = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.restore_environment(&deleted)
                        .await
                        .map_err(|error| taken(error, "environment", &deleted.name))
                })
            })
            .await?;
        if !restored {
            return Err(Error::NotFound("environment"));
        }
        self.forget_cached();
        self.recorder.audit(Some(id), actor, "environment.restored", name);
        Ok(())
    }

    /// Brings an integration back with the connections that were deleted with it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there or too old, [`Error::Conflict`] when there is another
    /// one of its key now.
    pub async fn restore_integration(
        &self,
        environment: &EnvironmentView,
        id: i64,
        actor: &str,
    ) -> Result<String> {
        let environment_id = environment.id;
        let found = self.deleted_integrations(environment_id).await?.into_iter();
        let deleted = found.into_iter().find(|it| it.id == id);
        let deleted = deleted.ok_or(Error::NotFound("integration"))?;
        let key = deleted.name.clone();
        let restored = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.restore_integration(environment_id, &deleted)
                        .await
                        .map_err(|error| taken(error, "integration", &deleted.name))
                })
            })
            .await?;
        if !restored {
            return Err(Error::NotFound("integration"));
        }
        self.recorder.audit(Some(environment_id), actor, "integration.restored", key.clone());
        Ok(key)
    }
}

fn taken(error: valetkey_store::Error, what: &str, name: &str) -> Error {
    match error {
        valetkey_store::Error::Duplicate { .. } => Error::Conflict(format!(
            "There is another {what} called '{name}' now. Rename that one first."
        )),
        other => other.into(),
    }
}
