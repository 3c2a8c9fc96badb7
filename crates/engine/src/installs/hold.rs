//! Holding an installation: marked while it is received, complete afterwards.

use std::time::Duration;

use serde_json::{Map, Value};
use valetkey_auth::Credentials;
use valetkey_base::Timestamp;
use valetkey_store::{NewInstall, NewOperation};

use super::{Content, HELD_MAX, KEPT_FOR, words};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;
use crate::sealing::Column;

/// Receiving one takes no longer; whoever began it before is gone.
const REPLY_WITHIN: Duration = Duration::from_mins(2);

/// An installation as it came.
pub(crate) struct Fresh {
    pub(crate) identity: String,
    /// `webhook` or `callback`.
    pub(crate) source: &'static str,
    pub(crate) label: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) config: Map<String, Value>,
    /// Hex SHA-256 of a claim token, and when that ends.
    pub(crate) claim: Option<(String, Timestamp)>,
    pub(crate) told_after: Duration,
}

/// How holding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Now,
    /// It is held, or being received, already.
    Before,
    /// As many are held as may be.
    Full,
}

/// Whose turn it is to receive an installation.
pub(crate) enum Turn {
    /// The caller's, with the row of the mark.
    Mine(i64),
    /// Somebody else's, just now.
    Another,
    /// Nobody's: it is held already.
    Over,
}

impl Engine {
    /// Marks that an installation is being received: of any number of callers, one goes on. It is
    /// visible to nobody yet.
    pub(crate) async fn reserve_install(
        &self,
        view: &IntegrationView,
        identity: String,
    ) -> Result<Turn> {
        let now = self.clock.now();
        let new = NewInstall {
            install_id: self.rng.uuid().to_string(),
            environment_id: view.row.environment_id,
            integration_id: view.row.id,
            identity,
            source: "webhook",
            label: None,
            installed_by: None,
            external_id: None,
            content: None,
            claim: None,
            tell_at: now,
            expires_at: now.plus(REPLY_WITHIN * 2),
        };
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    let given_up = now.minus(REPLY_WITHIN);
                    if let Some(row) = tx.insert_install(&new, now, given_up).await? {
                        return Ok(Turn::Mine(row));
                    }
                    let (integration_id, identity) = (new.integration_id, &new.identity);
                    let underway = tx.install_is_underway(integration_id, identity).await?;
                    Ok(if underway { Turn::Another } else { Turn::Over })
                })
            })
            .await
    }

    /// Ends what was reserved and came to nothing.
    pub(crate) async fn release_install(&self, row: i64) -> Result<()> {
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.delete_install(row).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Holds an installation in the place of the reservation `over`, with its entry in the log. One
    /// from a callback also replaces what a webhook said of the same one: it holds more.
    pub(crate) async fn hold_install(
        &self,
        view: &IntegrationView,
        fresh: Fresh,
        over: Option<i64>,
    ) -> Result<Held> {
        let now = self.clock.now();
        let install_id = self.rng.uuid().to_string();
        let content = Content {
            credentials: fresh.credentials.map(|credentials| credentials.as_map().clone()),
            config: fresh.config,
        };
        let environment_id = view.row.environment_id;
        let sealed =
            self.sealer.seal_json(environment_id, Column::INSTALL, &install_id, &content).await?;
        let new = NewInstall {
            install_id,
            environment_id,
            integration_id: view.row.id,
            identity: fresh.identity,
            source: fresh.source,
            label: fresh.label.as_deref().and_then(words),
            installed_by: fresh.by.as_deref().and_then(words),
            external_id: fresh.external_id.as_deref().and_then(words),
            content: Some(sealed),
            claim: fresh.claim,
            tell_at: now.plus(fresh.told_after),
            expires_at: now.plus(KEPT_FOR),
        };
        let operation = self.held_operation(view, &new, now);
        let replaces = new.source == "callback";
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    if tx.install_count(new.integration_id, now, HELD_MAX + 1).await? > HELD_MAX {
                        return Ok(Held::Full);
                    }
                    if let Some(row) = over {
                        tx.delete_install(row).await?;
                    } else if replaces {
                        tx.delete_install_of(new.integration_id, &new.identity).await?;
                    }
                    let given_up = now.minus(REPLY_WITHIN);
                    if tx.insert_install(&new, now, given_up).await?.is_none() {
                        return Ok(Held::Before);
                    }
                    tx.insert_operation(&operation, now).await?;
                    Ok(Held::Now)
                })
            })
            .await
    }

    fn held_operation(
        &self,
        view: &IntegrationView,
        new: &NewInstall,
        now: Timestamp,
    ) -> NewOperation {
        let account = new.label.as_deref().map(|label| format!(" in {label}")).unwrap_or_default();
        NewOperation {
            id: self.operation_id(),
            environment_id: new.environment_id,
            kind: "auth",
            action: "install",
            state: "success",
            title: format!("Installed at the provider{account}, unclaimed"),
            integration_key: Some(view.row.unique_key.clone()),
            provider: Some(view.provider.name.clone()),
            connection_row: None,
            connection_id: None,
            error: None,
            ended_at: Some(now),
            expires_at: None,
        }
    }
}
