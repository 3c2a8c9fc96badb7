//! Taking a delivery: it is remembered, its events are in the outbox and its operation is in the log
//! with one commit.

use std::time::Duration;

use aws_lc_rs::digest;
use serde_json::json;
use valetkey_base::Timestamp;
use valetkey_catalog::schema::Webhooks;
use valetkey_store::{Matched, MessageRow, NewEvent, NewOperation};

use super::forward::{Relay, payload, relayed_headers};
use super::install::Fate;
use super::matching::{Found, MATCHED_MAX};
use super::message::{Fill, Message};
use super::{Addressee, Sender};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;

/// A repeat of what brings neither signature nor id is known for so long, in seconds.
const UNSIGNED_REMEMBERED_S: u64 = 600;

/// What a repeat is known by.
pub(super) struct Marks {
    fingerprints: Vec<String>,
    remember_s: u64,
}

impl Marks {
    pub(super) fn of(recipe: &Webhooks, message: &Message<'_>, sender: &Sender) -> Self {
        let (fingerprints, remember_s) = fingerprints(recipe, message, sender);
        Self { fingerprints, remember_s }
    }
}

/// A delivery that is taken.
pub(super) struct Accepted<'a> {
    pub(super) sender: &'a Sender,
    pub(super) marks: Marks,
    /// What became of the installation that it tells of.
    pub(super) fate: Option<Fate>,
}

/// An event, the headers it travels with, and the connection it is about.
type Outgoing = (Option<i64>, NewEvent, String);

impl Engine {
    /// Whether the delivery came before.
    pub(super) async fn is_repeat(&self, to: &Addressee, marks: &Marks) -> Result<bool> {
        let now = self.clock.now();
        let known = &marks.fingerprints;
        Ok(self.store.is_webhook_known(to.integration.row.id, known, now).await?)
    }

    /// Notes in the log that a delivery came again.
    pub(super) async fn note_repeat(&self, to: &Addressee) -> Result<()> {
        let now = self.clock.now();
        let operation = self.repeat(to, now);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_operation(&operation, now).await?) })
            })
            .await
    }

    fn repeat(&self, to: &Addressee, now: Timestamp) -> NewOperation {
        let title = "Repeat of a webhook, not forwarded again".to_owned();
        NewOperation { title, ..self.operation_about(to, now) }
    }

    /// Remembers, passes on and notes a delivery, in one transaction. A repeat is only noted.
    pub(super) async fn accept(
        &self,
        to: &Addressee,
        recipe: &Webhooks,
        message: &Message<'_>,
        accepted: &Accepted<'_>,
    ) -> Result<()> {
        let view = &to.integration;
        let found = self.connections_of(message, recipe, view).await?;
        let headers = relayed_headers(message, &recipe.verify);
        let payload = payload(message, &recipe.verify, recipe.items.as_deref(), &headers);
        let is_verified = matches!(accepted.sender, Sender::Verified { .. });
        let relay = Relay {
            environment: &to.environment,
            view,
            payload: &payload,
            headers: &headers,
            is_verified,
            is_cut: found.is_cut,
        };
        let now = self.clock.now();
        let events = self.outgoing(&relay, &found, now);
        let fingerprints = accepted.marks.fingerprints.clone();
        let expires_at = now.plus(Duration::from_secs(accepted.marks.remember_s));
        let repeat = self.repeat(to, now);
        let event_type = recipe.event_type.as_ref();
        let event_type = event_type.and_then(|it| message.value(it, recipe.items.as_deref()));
        let operation = self.incoming_operation(to, &found, is_verified, now);
        let detail = json!({
            "event_type": event_type,
            "verified": is_verified,
            "forwarded": events.len(),
            "connections": found.connections.len(),
            "body_bytes": message.request.body.len(),
            "connections_max": MATCHED_MAX,
            "connections_cut": found.is_cut,
            "installation": accepted.fate.map(Fate::as_str),
        });
        let note = MessageRow {
            operation_id: operation.id.clone(),
            level: if found.is_cut { "warn" } else { "info" },
            message: said_of(view, &found, event_type.as_deref()),
            detail: Some(detail.to_string()),
            created_at: now,
        };
        let (environment_id, integration_id) = (to.environment.id, view.row.id);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    let is_new =
                        tx.remember_webhook(integration_id, &fingerprints, now, expires_at).await?;
                    if !is_new {
                        tx.insert_operation(&repeat, now).await?;
                        return Ok(());
                    }
                    for (connection, event, headers) in &events {
                        if let Some(id) = connection
                            && tx.lock_connection_row(environment_id, *id).await?.is_none()
                        {
                            // Deleted since it was found.
                            continue;
                        }
                        tx.insert_relayed_event(event, headers).await?;
                    }
                    tx.insert_operation(&operation, now).await?;
                    Ok(tx.insert_messages(&[note]).await?)
                })
            })
            .await
    }

    /// An event for each connection, one for nobody, or none where nothing is passed on.
    fn outgoing(&self, relay: &Relay<'_>, found: &Found, now: Timestamp) -> Vec<Outgoing> {
        if !relay.view.row.forward_webhooks {
            return Vec::new();
        }
        let one = |to: Option<&Matched>| {
            let (event, headers) = self.relayed(relay, to, now);
            (to.map(|to| to.id), event, headers)
        };
        if found.connections.is_empty() {
            return vec![one(None)];
        }
        found.connections.iter().map(|to| one(Some(to))).collect()
    }

    fn incoming_operation(
        &self,
        to: &Addressee,
        found: &Found,
        is_verified: bool,
        now: Timestamp,
    ) -> NewOperation {
        let one = match found.connections.as_slice() {
            [one] => Some(one),
            _ => None,
        };
        NewOperation {
            title: if is_verified { "Webhook received" } else { "Unverified webhook received" }
                .to_owned(),
            connection_row: one.map(|one| one.id),
            connection_id: one.map(|one| one.connection_id.clone()),
            ..self.operation_about(to, now)
        }
    }

    /// An operation that ended now.
    pub(super) fn operation_about(&self, to: &Addressee, now: Timestamp) -> NewOperation {
        NewOperation {
            id: self.operation_id(),
            environment_id: to.environment.id,
            kind: "webhook",
            action: "incoming",
            state: "success",
            title: String::new(),
            integration_key: Some(to.integration.row.unique_key.clone()),
            provider: Some(to.integration.provider.name.clone()),
            connection_row: None,
            connection_id: None,
            error: None,
            ended_at: Some(now),
            expires_at: None,
        }
    }
}

/// What a repeat is known by, and for how many seconds.
fn fingerprints(recipe: &Webhooks, message: &Message<'_>, sender: &Sender) -> (Vec<String>, u64) {
    let hash = |kind: &str, parts: &[&[u8]]| {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(kind.as_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        hex::encode(context.finish())
    };
    let mut all = Vec::new();
    if let Some(template) = &recipe.delivery_id
        && let Some(id) = message.fill(template, &Fill { secret: "", timestamp: "" })
    {
        all.push(hash("id", &[&id]));
    }
    let body: &[u8] = &message.request.body;
    if let Sender::Verified { compared, is_signature: true } = sender {
        all.push(hash("signature", &[compared, body]));
    }
    if all.is_empty() && !body.is_empty() {
        let soon = recipe.remember_seconds.min(UNSIGNED_REMEMBERED_S);
        return (vec![hash("body", &[body])], soon);
    }
    (all, recipe.remember_seconds)
}

fn said_of(view: &IntegrationView, found: &Found, event_type: Option<&str>) -> String {
    let event = event_type.unwrap_or("an event");
    if !view.row.forward_webhooks {
        return format!("{event}: not forwarded, the integration says so");
    }
    match (found.connections.len(), found.is_named) {
        (0, false) => format!("{event}: names no connection, forwarded without one"),
        (0, true) => format!("{event}: names no connection that is known, forwarded without one"),
        (count, _) if found.is_cut => format!(
            "{event}: forwarded for the first {count} connections; it is about more, which get nothing"
        ),
        (1, _) => format!("{event}: forwarded for one connection"),
        (count, _) => format!("{event}: forwarded for {count} connections"),
    }
}
