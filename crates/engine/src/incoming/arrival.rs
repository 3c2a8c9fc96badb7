//! An installation that is being taken in: the code it brings is exchanged, and a connection or what
//! is held gets the result.

use serde_json::{Map, Value};
use valetkey_auth::{AuthError, Grant, merge_config};
use valetkey_catalog::scalar_text;
use valetkey_catalog::schema::Install;
use valetkey_store::Connection;

use super::Addressee;
use super::install::Fate;
use super::message::{Message, at};
use crate::connect::save::{Config, LogEntry, Save};
use crate::engine::Engine;
use crate::error::Error;
use crate::installs::{Fresh, Held, TOLD_AFTER};

/// An installation that is being taken in.
pub(super) struct Arrival<'a> {
    pub(super) to: &'a Addressee,
    pub(super) install: &'a Install,
    pub(super) message: &'a Message<'a>,
    /// The provider's id of it.
    pub(super) id: String,
    pub(super) identity: String,
    /// The row that keeps others from taking it in as well.
    pub(super) reserved: i64,
}

struct Granted {
    credentials: Option<valetkey_auth::Credentials>,
    config: Map<String, Value>,
}

pub(super) enum Failure {
    Provider(Box<AuthError>),
    Ours(Error),
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::Provider(Box::new(error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Engine {
    /// Completes the connection that waits for it.
    pub(super) async fn complete(
        &self,
        fresh: &Arrival<'_>,
        row: &Connection,
    ) -> Result<Fate, Failure> {
        let began = self.clock.now();
        let stored = self.stored_config(row).await?;
        let Granted { credentials, mut config } = self.granted(fresh, &stored).await?;
        let credentials = if let Some(credentials) = credentials {
            credentials
        } else {
            let view = &fresh.to.integration;
            let grant = self.app_credentials(view, &fresh.id, &stored).await?;
            merge_config(&mut config, grant.connection_config);
            grant.credentials
        };
        for name in ["pending", "pendingLog"] {
            config.insert(name.to_owned(), Value::Null);
        }
        self.save(Save {
            environment: fresh.to.environment.clone(),
            view: fresh.to.integration.clone(),
            connection_id: row.connection_id.clone(),
            repairs: Some(row.id),
            claims: Some(fresh.reserved),
            completes: true,
            ends_session: None,
            credentials,
            lifetime_is_known: true,
            config: Config::Merge(config),
            patch: valetkey_store::ConnectionPatch::default(),
            operation: LogEntry::Insert {
                title: "Connection completed by the provider's webhook".to_owned(),
                began,
            },
            client_id: None,
            actor: "system".to_owned(),
        })
        .await?;
        Ok(Fate::Completed)
    }

    /// Holds it until it is claimed.
    pub(super) async fn hold(&self, fresh: &Arrival<'_>) -> Result<Fate, Failure> {
        let view = &fresh.to.integration;
        let value = |place| fresh.message.value(place, None);
        let mut config: Map<String, Value> = Map::new();
        for (name, place) in &fresh.install.keep {
            if let Some(text) = value(place) {
                config.insert(name.clone(), text.into());
            }
        }
        let granted = self.granted(fresh, &config).await?;
        merge_config(&mut config, granted.config);
        let label = fresh.install.label.as_ref().and_then(value);
        let new = Fresh {
            identity: fresh.identity.clone(),
            source: "webhook",
            label,
            by: fresh.install.by.as_ref().and_then(value),
            external_id: Some(fresh.id.clone()),
            credentials: granted.credentials,
            config,
            claim: None,
            told_after: TOLD_AFTER,
        };
        let held = self.hold_install(view, new, Some(fresh.reserved)).await?;
        if held == Held::Full {
            self.release_install(fresh.reserved).await?;
            return Ok(Fate::TooMany);
        }
        Ok(Fate::Held)
    }

    /// What the delivery itself is worth: a code, exchanged, or nothing but the installation's id.
    async fn granted(
        &self,
        fresh: &Arrival<'_>,
        known: &Map<String, Value>,
    ) -> Result<Granted, Failure> {
        let view = &fresh.to.integration;
        let body = fresh.message.body();
        let text = |path: &str| body.and_then(|body| at(body, path)).and_then(scalar_text);
        let mut learned = Map::new();
        for path in &view.provider.webhook_response_metadata {
            if let Some(value) = text(path) {
                learned.insert(path.clone(), value.into());
            }
        }
        if let Some(key) = &fresh.install.id_key {
            learned.insert(key.clone(), fresh.id.clone().into());
        }
        let path = view.provider.code_in_webhook.as_deref();
        let Some(code) = path.and_then(text) else {
            return Ok(Granted { credentials: None, config: learned });
        };
        let mut config = known.clone();
        merge_config(&mut config, learned.clone());
        let name = view.provider.authorization_code_param_in_callback.clone();
        let query = [(name, code)];
        let redirect_uri = self.redirect_uri(&fresh.to.environment);
        let Grant { credentials, connection_config } =
            self.exchange_install(view, &query, &redirect_uri, &config).await?;
        merge_config(&mut learned, connection_config);
        Ok(Granted { credentials: Some(credentials), config: learned })
    }
}
