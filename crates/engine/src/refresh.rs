//! Refresh: a refresh token is spent once per generation, whoever asks and wherever.
//!
//! Inside a process all readers of a connection join one *flight*. Between processes the flight
//! takes the row's lease for the generation it read; the lease outlives every request the flight
//! may make. The result is written only over that generation and under that lease. A flight runs
//! to its end even when every reader has gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use valetkey_auth::{AuthError, Class, Credentials, Grant, merge_config};
use valetkey_base::Timestamp;
use valetkey_catalog::Provider;
use valetkey_store::{Connection, NewEvent, NewOperation, Notice, RefreshFailure, RefreshSuccess};

use crate::connections::{StoredRefreshError, stored_error};
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::events::AuthEventInput;
use crate::follow_up::Occasion;
use crate::integrations::IntegrationView;
use crate::protocol::{Party, class_name};
use crate::sealing::Column;
use crate::webhooks::payload::AuthOperation;

/// Pause after the first two failures in a row; it doubles from there.
const BACKOFF_FIRST: Duration = Duration::from_secs(30);
/// Longest pause between attempts.
const BACKOFF_MAX: Duration = Duration::from_mins(15);
/// How often a flight looks whether another process has finished, if no notice arrives.
const LEASE_POLL: Duration = Duration::from_millis(250);
/// How often and how patiently a good result is written when the database falters: losing it
/// would lose the new refresh token.
const WRITE_ATTEMPTS: u32 = 8;
const WRITE_PAUSE: Duration = Duration::from_millis(250);
/// A refresh is due at the latest when this part of a token's life is left.
const MARGIN_PART_OF_LIFETIME: u32 = 5;

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The row has a newer generation.
    Refreshed,
    /// These credentials cannot be refreshed, and need not be.
    NothingToDo,
    /// The provider or our own set-up refused; noted with the row.
    Failed(Arc<AuthError>),
    /// The connection was deleted meanwhile.
    Gone,
    /// The database did not do its part.
    Trouble,
}

/// What a flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The token is due.
    Due,
    /// A refresh in spite of back-off and exhaustion.
    Forced,
    /// A new token of the app's own; the provider's tokens only if they are due.
    AppToken,
}

/// Flights of this process, by connection row.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<i64, Flight>>);

/// What a flight is for, and how it ends.
type Flight = (Want, watch::Receiver<Option<Outcome>>);

/// A flight to wait for: what it is for, how it ends, and how to end it when it is one's own.
struct Boarding {
    want: Want,
    told: watch::Receiver<Option<Outcome>>,
    begun: Option<watch::Sender<Option<Outcome>>>,
}

impl Flights {
    pub(crate) fn has(&self, row: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&row)
    }

    fn join_or_begin(&self, row: i64, want: Want) -> Boarding {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((want, told)) = flights.get(&row) {
            return Boarding { want: *want, told: told.clone(), begun: None };
        }
        let (tell, told) = watch::channel(None);
        flights.insert(row, (want, told.clone()));
        Boarding { want, told, begun: Some(tell) }
    }

    fn end(&self, row: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&row);
    }
}

/// Ends the flight even if it panics.
struct Landing {
    engine: Engine,
    row: i64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.engine.flights.end(self.row);
    }
}

/// When a token dies and when the background job should replace it.
pub(crate) fn refresh_times(
    provider: &Provider,
    credentials: &Credentials,
    now: Timestamp,
    lifetime_is_known: bool,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let Some(expires_at) = credentials.expires_at() else {
        return (None, None);
    };
    if !valetkey_auth::can_refresh(provider, credentials) {
        return (Some(expires_at), None);
    }
    let buffer = Duration::from_secs(provider.expiry_buffer_seconds());
    let margin = if lifetime_is_known {
        buffer.min(expires_at.since(now) / MARGIN_PART_OF_LIFETIME)
    } else {
        buffer
    };
    (Some(expires_at), Some(expires_at.minus(margin)))
}

impl Engine {
    /// Refreshes a connection, together with everybody else who asks.
    pub(crate) async fn refresh(
        &self,
        environment: &EnvironmentView,
        row: &Connection,
        want: Want,
    ) -> Outcome {
        let flight = self.flights.join_or_begin(row.id, want);
        let is_enough = flight.want != Want::AppToken || want == Want::AppToken;
        let outcome = self.land(environment, row, flight).await;
        if is_enough {
            return outcome;
        }
        // That flight was for less than is wanted here, and it has changed the row.
        match self.store.connection_by_row(row.environment_id, row.id).await {
            Ok(Some(row)) => {
                let flight = self.flights.join_or_begin(row.id, want);
                self.land(environment, &row, flight).await
            }
            Ok(None) => Outcome::Gone,
            Err(_) => Outcome::Trouble,
        }
    }

    /// Waits for a flight to end; flies it if it is one's own.
    async fn land(
        &self,
        environment: &EnvironmentView,
        row: &Connection,
        flight: Boarding,
    ) -> Outcome {
        let Boarding { want, mut told, begun } = flight;
        if let Some(tell) = begun {
            let landing = Landing { engine: self.clone(), row: row.id };
            let (engine, environment, row) = (self.clone(), environment.clone(), row.clone());
            self.tasks.spawn(async move {
                let outcome = engine.fly(&environment, row, want).await.unwrap_or_else(|error| {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a refresh could not be carried out"
                    );
                    Outcome::Trouble
                });
                drop(landing);
                // Nobody waiting any more is fine.
                let _ = tell.send(Some(outcome));
            });
        }
        match told.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Outcome::Trouble),
            Err(_) => Outcome::Trouble,
        }
    }

    async fn fly(
        &self,
        environment: &EnvironmentView,
        asked: Connection,
        want: Want,
    ) -> Result<Outcome> {
        let row = match self.lease(&asked, want != Want::Due).await? {
            Leased::Row(row) => *row,
            Leased::Settled(outcome) => return Ok(outcome),
        };
        let view = self.integration(environment.id, &row.integration_key).await;
        let (view, opened) = match (view, self.open_connection(&row).await) {
            (Ok(view), Ok(opened)) => (view, opened),
            (Err(error), _) | (_, Err(error)) => {
                self.give_back(&row).await?;
                return Err(error);
            }
        };
        let (credentials, config) = opened;
        let Some(mode) = valetkey_auth::mode(view.provider.auth_mode)
            .filter(|mode| mode.can_refresh(&view.provider, &credentials))
        else {
            self.give_back(&row).await?;
            return Ok(Outcome::NothingToDo);
        };
        let client = view.client();
        let party =
            Party { provider: &view.provider, client: &client, config: &config, repairs: None };
        let context = self.context(&party);
        let began = context.now;
        let is_due = row.refresh_due_at.is_some_and(|due| due <= context.now);
        let only_signed = (want == Want::AppToken && !is_due)
            .then(|| mode.renew_app_token(&context, &credentials))
            .flatten();
        let occasion = only_signed.is_none().then_some(Occasion::Refresh);
        let first = only_signed.unwrap_or_else(|| mode.refresh(&context, &credentials));
        let refreshed = match self.run_steps(mode, &party, first).await {
            Ok(grant) => match occasion {
                Some(occasion) => self.follow_up(&party, grant, occasion).await,
                None => Ok(grant),
            },
            Err(error) => Err(error),
        };
        match refreshed {
            Ok(grant) => self.succeed(environment, &row, &view, grant, config, began).await,
            Err(error) => self.fail(environment, &row, &view, error, began).await,
        }
    }

    /// Takes the lease, or waits for whoever has it.
    async fn lease(&self, asked: &Connection, forced: bool) -> Result<Leased> {
        let mut notices = self.store.notices();
        let deadline = tokio::time::Instant::now() + self.settings.refresh_lease() * 2;
        loop {
            let Some(row) = self.store.connection_by_row(asked.environment_id, asked.id).await?
            else {
                return Ok(Leased::Settled(Outcome::Gone));
            };
            if row.generation != asked.generation {
                return Ok(Leased::Settled(Outcome::Refreshed));
            }
            // Somebody else tried this very generation since our reader saw it, and failed.
            if !forced
                && row.refresh_failed_at > asked.refresh_failed_at
                && let Some(error) = stored_error(&row)
            {
                return Ok(Leased::Settled(Outcome::Failed(Arc::new(restored(error)))));
            }
            let now = self.clock.now();
            if self.try_lease(&row, now).await? {
                return Ok(Leased::Row(Box::new(row)));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(Leased::Settled(Outcome::Trouble));
            }
            let changed = async {
                loop {
                    match notices.recv().await {
                        Ok(Notice::Connection(id)) if id != row.id => {}
                        _ => return,
                    }
                }
            };
            // Waking early or late only costs a look at the row.
            let _ = tokio::time::timeout(LEASE_POLL, changed).await;
        }
    }

    async fn try_lease(&self, row: &Connection, now: Timestamp) -> Result<bool> {
        let (row, owner) = (row.clone(), self.instance.clone());
        let until = now.plus(self.settings.refresh_lease());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.lease_refresh(&row, &owner, until, now).await?) })
            })
            .await
    }

    async fn give_back(&self, row: &Connection) -> Result<()> {
        let (row, owner) = (row.clone(), self.instance.clone());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.release_refresh(&row, &owner).await?) })
            })
            .await
    }

    async fn succeed(
        &self,
        environment: &EnvironmentView,
        row: &Connection,
        view: &IntegrationView,
        grant: Grant,
        mut config: Map<String, Value>,
        began: Timestamp,
    ) -> Result<Outcome> {
        let now = self.clock.now();
        let (expires_at, refresh_due_at) =
            refresh_times(&view.provider, &grant.credentials, now, true);
        let before = config.clone();
        merge_config(&mut config, grant.connection_config);
        let changed = config != before;
        let id = environment.id;
        let credentials = self
            .sealer
            .seal_json(id, Column::CREDENTIALS, &row.row_uuid, &grant.credentials.to_json())
            .await?;
        let config = if changed {
            Some(self.sealer.seal_json(id, Column::CONFIG, &row.row_uuid, &config).await?)
        } else {
            None
        };
        let success = RefreshSuccess { credentials, config, expires_at, refresh_due_at };
        let operation = self.refresh_operation(row, began, "success", None);
        let event = environment
            .settings
            .on_auth_refresh_success
            .then(|| self.refresh_event(environment, row, view, None));
        for attempt in 1..=WRITE_ATTEMPTS {
            match self.write_success(row, &success, (&operation, began), event.as_ref(), now).await
            {
                // False when the row was repaired or deleted meanwhile: what it has now is newer.
                Ok(_) => return Ok(Outcome::Refreshed),
                Err(error) if attempt == WRITE_ATTEMPTS => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        attempt,
                        "new credentials could not be written yet"
                    );
                    tokio::time::sleep(WRITE_PAUSE * attempt).await;
                }
            }
        }
        Ok(Outcome::Trouble)
    }

    async fn write_success(
        &self,
        row: &Connection,
        success: &RefreshSuccess,
        (operation, began): (&NewOperation, Timestamp),
        event: Option<&NewEvent>,
        now: Timestamp,
    ) -> Result<bool> {
        let (row, owner, success) = (row.clone(), self.instance.clone(), success.clone());
        let (operation, event) = (operation.clone(), event.cloned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let written = tx.refresh_succeeded(&row, &owner, &success, now).await?;
                    if written {
                        let expires_at = success.expires_at;
                        tx.insert_refresh(&operation, began, expires_at).await?;
                        if let Some(event) = &event {
                            tx.insert_event(event).await?;
                        }
                    }
                    Ok::<_, Error>(written)
                })
            })
            .await
    }

    async fn fail(
        &self,
        environment: &EnvironmentView,
        row: &Connection,
        view: &IntegrationView,
        error: AuthError,
        began: Timestamp,
    ) -> Result<Outcome> {
        let now = self.clock.now();
        let before = stored_error(row);
        let in_a_row = before.as_ref().map_or(0, |error| error.in_a_row) + 1;
        let terminal = matches!(error.class, Class::Terminal);
        let still_valid = row.expires_at.is_some_and(|at| at > now);
        // A hiccup that no reader feels is not worth a call in the night.
        let tell = !before.as_ref().is_some_and(|error| error.told) && (terminal || !still_valid);
        let mut operation = self.refresh_operation(row, began, "failed", Some(&error));
        let stored = StoredRefreshError {
            class: class_name(error.class).to_owned(),
            code: error.code.clone(),
            message: error.message.clone(),
            log_id: operation.id.clone(),
            in_a_row,
            told: tell || before.as_ref().is_some_and(|error| error.told),
        };
        let pause = self.backoff(in_a_row, error.retry_after_seconds);
        let failure = RefreshFailure {
            failures: row.refresh_failures + i64::from(terminal),
            retry_at: (!terminal).then(|| now.plus(pause)),
            exhausted: terminal,
            error: serde_json::to_string(&stored).unwrap_or_default(),
        };
        let event = tell.then(|| {
            self.refresh_event(environment, row, view, Some((&error.code, &error.message)))
        });
        operation.title = format!("Refresh failed: {}", error.message);
        let (row, owner) = (row.clone(), self.instance.clone());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    if tx.refresh_failed(&row, &owner, &failure, now).await? {
                        tx.insert_operation(&operation, began).await?;
                        if let Some(event) = &event {
                            tx.insert_event(event).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(Outcome::Failed(Arc::new(error)))
    }

    /// The pause after a failure, with jitter so that a thousand connections do not come back at
    /// the same moment.
    fn backoff(&self, in_a_row: u32, retry_after_seconds: Option<u64>) -> Duration {
        let doubled = BACKOFF_FIRST * 2u32.saturating_pow(in_a_row.saturating_sub(2).min(10));
        let pause = doubled.min(BACKOFF_MAX);
        let jitter = Duration::from_millis(self.rng.below(pause.as_millis() as u64 / 3));
        let asked = Duration::from_secs(retry_after_seconds.unwrap_or(0)).min(BACKOFF_MAX);
        pause.saturating_sub(jitter).max(asked)
    }

    fn refresh_operation(
        &self,
        row: &Connection,
        began: Timestamp,
        state: &'static str,
        error: Option<&AuthError>,
    ) -> NewOperation {
        NewOperation {
            id: self.operation_id_at(began),
            environment_id: row.environment_id,
            kind: "auth",
            action: "refresh_token",
            state,
            title: "Token refreshed".to_owned(),
            integration_key: Some(row.integration_key.clone()),
            provider: Some(row.provider.clone()),
            connection_row: Some(row.id),
            connection_id: Some(row.connection_id.clone()),
            error: error.map(|error| crate::operations::error_json(error).to_string()),
            ended_at: Some(self.clock.now()),
            expires_at: None,
        }
    }

    fn refresh_event(
        &self,
        environment: &EnvironmentView,
        row: &Connection,
        view: &IntegrationView,
        failure: Option<(&str, &str)>,
    ) -> NewEvent {
        let tags: Option<Map<String, Value>> = serde_json::from_str(&row.tags).ok();
        self.auth_event(&AuthEventInput {
            environment,
            operation: AuthOperation::Refresh,
            connection_id: &row.connection_id,
            connection_row: Some(row.id),
            integration_key: &row.integration_key,
            provider: &row.provider,
            auth_mode: view.provider.auth_mode.as_str(),
            tags: tags.as_ref(),
            end_user: None,
            webhook_url_override: row.webhook_url_override.as_deref(),
            failure,
        })
    }

    /// Refreshes up to `limit` connections that are due, and says how many it tried.
    pub async fn refresh_due_once(&self, limit: i64) -> Result<usize> {
        let now = self.clock.now();
        let active_since = now.minus(self.settings.refresh_active_within);
        let idle_due_before = now.minus(self.settings.refresh_idle_after);
        let due = self.store.connections_due(now, active_since, idle_due_before, limit).await?;
        let tried = due.len();
        let mut flights = Vec::with_capacity(tried);
        for row in due {
            let environment = self.environment(row.environment_id).await?;
            flights.push(async move { self.refresh(&environment, &row, Want::Due).await });
        }
        futures::future::join_all(flights).await;
        Ok(tried)
    }
}

enum Leased {
    Row(Box<Connection>),
    Settled(Outcome),
}

fn restored(error: StoredRefreshError) -> AuthError {
    AuthError {
        class: match error.class.as_str() {
            "terminal" => Class::Terminal,
            "ours" => Class::Ours,
            _ => Class::Transient,
        },
        code: error.code,
        message: error.message,
        provider_status: None,
        provider_error: None,
        provider_description: None,
        retry_after_seconds: None,
    }
}
