//! Installations that began at the provider: from its directory of apps, by its own install button.
//!
//! Nobody here knows yet whose they are, so they are never attached to a customer: they are held,
//! sealed, until the app claims one for a connection, dismisses it, or its time is over. They come by
//! webhook ([`crate::incoming`]) or by a callback without a state of ours ([`callback`]).

pub mod callback;
pub mod claim;
mod hold;
mod settings;

use std::time::Duration;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use valetkey_catalog::scalar_text;
use valetkey_store::Event;
pub use valetkey_store::Install;
use valetkey_store::{NewDelivery, NewEvent};

pub use callback::{Landing, Received, by_browser, by_webhook};
pub use claim::{ClaimInstall, Claimed};
pub(crate) use hold::{Fresh, Held, Turn};
pub use settings::{InstallSettings, UpdateInstalls};

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::events::{origin, urls_of};
use crate::integrations::IntegrationView;
use crate::webhooks::payload::{FROM, canonical_json};

/// The event's kind.
pub(crate) const KIND: &str = "install.unclaimed";
/// How long an unclaimed installation is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24 * 14);
/// Unclaimed installations of one integration that are held at once.
pub const HELD_MAX: i64 = 1000;
/// Callbacks of installations that are taken in a minute, for each integration.
pub const CALLBACKS_PER_MINUTE: u32 = 60;
/// How long a claim token can be exchanged.
pub const CLAIM_TOKEN_LIVES: Duration = Duration::from_mins(15);
/// How a claim token begins.
pub const CLAIM_TOKEN_PREFIX: &str = "vk_claim_";
/// The query parameter of the claim address that holds the token.
pub const CLAIM_TOKEN_PARAMETER: &str = "claim_token";
/// Where an installation came by webhook, the person may still be on their way back with a state of
/// ours: only after this is the app told that it is unclaimed.
pub(crate) const TOLD_AFTER: Duration = Duration::from_mins(1);
/// Most characters of a provider's words that are kept.
const WORDS_CHARS_MAX: usize = 255;

/// What is sealed with an unclaimed installation.
#[derive(Serialize, Deserialize)]
pub(crate) struct Content {
    /// None when they are had for the asking, as those of a GitHub App are.
    credentials: Option<Map<String, Value>>,
    config: Map<String, Value>,
}

/// What tells an installation from others of an integration: a hash, of the provider's id or of the
/// code that it came with.
fn identity(view: &IntegrationView, kind: &str, value: &str) -> String {
    let text = format!("{}\n{kind}\n{value}", view.row.row_uuid);
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

pub(crate) fn identity_of_id(view: &IntegrationView, external_id: &str) -> String {
    identity(view, "id", external_id)
}

/// The provider's id of the installation in a connection's configuration.
pub(crate) fn external_id_in(
    view: &IntegrationView,
    config: &Map<String, Value>,
) -> Option<String> {
    let install = view.provider.webhooks.as_ref()?.install.as_ref()?;
    config.get(install.id_key.as_deref()?).and_then(scalar_text)
}

/// The identity of the installation that a connection with this configuration is of.
pub(crate) fn identity_in(view: &IntegrationView, config: &Map<String, Value>) -> Option<String> {
    external_id_in(view, config).map(|id| identity_of_id(view, &id))
}

/// A provider's words, short and on one line.
fn words(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_control()).take(WORDS_CHARS_MAX).collect();
    Some(plain.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Engine {
    /// What is held in an environment, newest first, after the one with the id `after`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when that one is no longer there.
    pub async fn installs(
        &self,
        environment: &EnvironmentView,
        integration_key: Option<&str>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Install>> {
        let before = match after {
            Some(id) => Some(self.install(environment, id).await?.id),
            None => None,
        };
        let now = self.clock.now();
        Ok(self.store.installs(environment.id, integration_key, before, now, limit).await?)
    }

    /// One that is held.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn install(&self, environment: &EnvironmentView, id: &str) -> Result<Install> {
        let found = self.store.install(environment.id, id, self.clock.now()).await?;
        Ok(found.ok_or(Error::NotFound("installation"))?.0)
    }

    /// Ends one that nobody wants. The installation at the provider stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn dismiss_install(
        &self,
        environment: &EnvironmentView,
        id: &str,
        actor: &str,
    ) -> Result<()> {
        let row = self.install(environment, id).await?.id;
        let gone = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.delete_install(row).await?) })
            })
            .await?;
        if !gone {
            return Err(Error::NotFound("installation"));
        }
        self.recorder.audit(Some(environment.id), actor, "install.dismissed", id);
        Ok(())
    }

    /// Tells apps of installations that are still unclaimed, and says how many it told of.
    pub async fn tell_installs_once(&self) -> Result<usize> {
        const AT_ONCE: i64 = 100;
        let now = self.clock.now();
        let rows = self.store.installs_to_tell(now, AT_ONCE).await?;
        for &(row, environment_id) in &rows {
            let engine = self.clone();
            let environment = self.environment(environment_id).await?;
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move {
                        let Some(install) = tx.set_install_told(row, now).await? else {
                            return Ok(());
                        };
                        let event = engine.install_event(&environment, &install);
                        Ok(tx.insert_event(&event).await?)
                    })
                })
                .await?;
        }
        Ok(rows.len())
    }

    fn install_event(&self, environment: &EnvironmentView, install: &Install) -> NewEvent {
        let now = self.clock.now();
        let payload = json!({
            "from": FROM,
            "type": "install",
            "operation": "unclaimed",
            "installId": install.install_id,
            "providerConfigKey": install.integration_key,
            "provider": install.provider,
            "environment": environment.name,
            "source": install.source,
            "account": install.label,
            "installedBy": install.installed_by,
            "externalId": install.external_id,
            "expiresAt": install.expires_at.to_iso_z(),
        });
        let deliveries = urls_of(&environment.settings, None).into_iter().map(|url| NewDelivery {
            id: self.sortable_id("dlv", now),
            url: url.to_owned(),
            destination: origin(url),
        });
        NewEvent {
            deliveries: deliveries.collect(),
            event: Event {
                id: self.sortable_id("evt", now),
                environment_id: environment.id,
                connection_row: None,
                kind: KIND.to_owned(),
                payload: canonical_json(&payload),
                created_at: now,
            },
        }
    }
}
