//! A webhook that tells of an installation: it completes the connection that waits for it, or the
//! installation is held until the app claims it. What it holds is never attached to a customer by
//! guessing.

use std::time::Duration;

use serde_json::json;
use valetkey_auth::AuthError;
use valetkey_catalog::schema::{Install, Webhooks};
use valetkey_store::{Connection, NewOperation};

use super::arrival::{Arrival, Failure};
use super::matching::identifiers;
use super::message::Message;
use super::{Addressee, Sender};
use crate::connect::save::is_pending;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::installs::{Turn, identity_of_id};

/// Pending connections that are looked at for one installation.
const PENDING_MAX: usize = 20;

/// What became of an installation, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It completed a connection.
    Completed,
    /// It waits to be claimed.
    Held,
    /// Another delivery of it is being taken in just now, and passed on.
    Another,
    /// As many wait as may be.
    TooMany,
    /// It ended at the provider.
    Gone,
    /// The provider gave no credentials for it.
    Failed,
}

impl Fate {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed a pending connection",
            Self::Held => "held until it is claimed",
            Self::Another => "another delivery of it is being taken in",
            Self::TooMany => "not held: too many wait to be claimed",
            Self::Gone => "ended at the provider",
            Self::Failed => "the provider gave no credentials for it",
        }
    }
}

impl Engine {
    /// Takes in the installation that a verified delivery tells of, if it tells of one that is new.
    ///
    /// # Errors
    /// [`valetkey_store::Error::Overloaded`] when the provider did not answer for now; it should
    /// send again.
    pub(super) async fn take_install(
        &self,
        to: &Addressee,
        recipe: &Webhooks,
        message: &Message<'_>,
        sender: &Sender,
    ) -> Result<Option<Fate>> {
        let view = &to.integration;
        let Some(install) = &recipe.install else { return Ok(None) };
        if !matches!(sender, Sender::Verified { .. }) {
            return Ok(None);
        }
        let Some(id) = install.id.as_ref().and_then(|place| message.value(place, None)) else {
            return Ok(None);
        };
        let identity = identity_of_id(view, &id);
        let is = |conditions: &[_]| !conditions.is_empty() && message.holds(conditions, "");
        if is(&install.gone) {
            let row = view.row.id;
            let gone = self
                .store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move { Ok(tx.delete_install_of(row, &identity).await?) })
                })
                .await?;
            return Ok(gone.then_some(Fate::Gone));
        }
        let is_known = !self.connections_of(message, recipe, view).await?.connections.is_empty();
        if !is(&install.when) || is_known {
            return Ok(None);
        }
        let pending = self.pending_of(to, recipe, install, message).await?;
        if pending.is_none() && !view.secrets.installs.accept {
            return Ok(None);
        }
        let reserved = match self.reserve_install(view, identity.clone()).await? {
            Turn::Mine(row) => row,
            Turn::Another => return Ok(Some(Fate::Another)),
            Turn::Over => return Ok(None),
        };
        let fresh = Arrival { to, install, message, id, identity, reserved };
        let done = match pending {
            Some(row) => self.complete(&fresh, &row).await,
            None => self.hold(&fresh).await,
        };
        match done {
            Ok(fate) => Ok(Some(fate)),
            Err(Failure::Provider(error)) => {
                self.release_install(reserved).await?;
                self.install_failed(to, &error).await?;
                if error.class == valetkey_auth::Class::Transient {
                    return Err(valetkey_store::Error::Overloaded.into());
                }
                Ok(Some(Fate::Failed))
            }
            Err(Failure::Ours(Error::Conflict(_))) => {
                // Somebody else completed it meanwhile.
                self.release_install(reserved).await?;
                Ok(None)
            }
            Err(Failure::Ours(error)) => {
                self.release_install(reserved).await?;
                Err(error)
            }
        }
    }

    /// The pending connection that an installation completes. Of several, the newest if all belong
    /// to the same end user; otherwise none, for it would be a guess.
    async fn pending_of(
        &self,
        to: &Addressee,
        recipe: &Webhooks,
        install: &Install,
        message: &Message<'_>,
    ) -> Result<Option<Connection>> {
        let view = &to.integration;
        let mut pending: Vec<Connection> = Vec::new();
        for rule in &install.completes {
            for value in identifiers(message, rule, recipe.items.as_deref()) {
                for target in &rule.to {
                    for found in self.found_by(recipe, view, target, &value).await? {
                        let row =
                            self.store.connection_by_row(view.row.environment_id, found.id).await?;
                        let Some(row) = row else { continue };
                        if self.waits_for(install, &row).await? {
                            pending.push(row);
                        }
                        if pending.len() >= PENDING_MAX {
                            break;
                        }
                    }
                }
            }
        }
        pending.sort_by_key(|row| (row.created_at, row.id));
        pending.dedup_by_key(|row| row.id);
        let newest = pending.pop();
        let is_clear = newest.as_ref().is_some_and(|newest| {
            pending.iter().all(|row| row.end_user == newest.end_user && row.tags == newest.tags)
        });
        Ok(newest.filter(|_| is_clear))
    }

    async fn waits_for(&self, install: &Install, row: &Connection) -> Result<bool> {
        let is_young = install.completes_within_seconds.is_none_or(|seconds| {
            row.updated_at.plus(Duration::from_secs(seconds)) > self.clock.now()
        });
        Ok(is_young && is_pending(&self.stored_config(row).await?))
    }

    async fn install_failed(&self, to: &Addressee, error: &AuthError) -> Result<()> {
        let now = self.clock.now();
        let operation = NewOperation {
            state: "failed",
            title: format!("Installation not taken: {}", error.message),
            error: Some(json!({"code": error.code, "message": error.message}).to_string()),
            ..self.operation_about(to, now)
        };
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_operation(&operation, now).await?) })
            })
            .await
    }
}
