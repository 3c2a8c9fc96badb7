//! Sending what lies in the outbox: claim, sign, send, settle.
//!
//! A claim is a lease in the database, so of any number of processes one sends. A process that dies
//! after sending and before settling leaves a lease that runs out, and the event is sent again with
//! the same `webhook-id`: receivers get every event at least once and can tell a repeat.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::Url;
use valetkey_base::Timestamp;
use valetkey_egress::{Redirects, Reply, Request};
use valetkey_store::{
    Attempt, Breaker as StoredBreaker, Delivery, DeliveryOutcome, MessageRow, NewOperation, Tx,
};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::incoming::FORWARD_KIND;
use crate::installs;
use crate::webhooks::mail;
use crate::webhooks::schedule::{Admission, Breaker, Decision, Outcome, next_attempt};
use crate::webhooks::signature::{SigningKeys, sign};
use crate::webhooks::{CONTENT_TYPE, USER_AGENT};

/// Deliveries under way to one destination at once, so that a slow one leaves room for others.
const DESTINATION_PARALLEL_MAX: usize = 8;
/// A lease outlives the attempt by this, for signing before and writing after.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// Bytes kept of an answer's body.
const EXCERPT_BYTES_MAX: usize = 2048;

/// A delivery that this process may send now.
#[derive(Debug)]
pub(crate) struct Admitted {
    delivery: Delivery,
    /// Whether it is the one that finds out how a resting destination is.
    probe: bool,
}

impl Admitted {
    /// What shares a limit with it.
    pub(crate) fn destination(&self) -> &str {
        &self.delivery.destination
    }
}

/// What a claim brought.
#[derive(Debug)]
pub(crate) struct Claim {
    /// To be sent now.
    pub(crate) admitted: Vec<Admitted>,
    /// Whether there may be more that is due.
    pub(crate) more: bool,
}

/// What an attempt brought.
struct Sent {
    outcome: Outcome,
    attempt: Attempt,
    retry_after: Option<String>,
}

impl Engine {
    /// Sends what is due now, at most [`crate::Settings::webhook_parallel_max`], and says how many
    /// attempts that were. For tests and for emptying the outbox by hand; a running server has a
    /// job for it.
    pub async fn deliver_due_once(&self) -> Result<usize> {
        let limit = self.settings.webhook_parallel_max;
        let claim = self.claim_deliveries(limit, &HashMap::new()).await?;
        let attempts = claim.admitted.len();
        let sending = claim.admitted.into_iter().map(|one| self.deliver(one));
        futures::future::join_all(sending).await;
        Ok(attempts)
    }

    /// Takes up to `limit` due deliveries. `under_way` counts this process's by destination.
    pub(crate) async fn claim_deliveries(
        &self,
        limit: usize,
        under_way: &HashMap<String, usize>,
    ) -> Result<Claim> {
        let now = self.clock.now();
        let lease_until = now.plus(self.settings.webhook_timeout + LEASE_MARGIN);
        let under_way = under_way.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let busy: Vec<String> = under_way
                        .iter()
                        .filter(|(_, count)| **count >= DESTINATION_PARALLEL_MAX)
                        .map(|(destination, _)| destination.clone())
                        .collect();
                    let claimed =
                        tx.claim_deliveries(now, lease_until, limit as i64, &busy).await?;
                    let more = claimed.len() >= limit;
                    // Sorted, so that two processes lock breakers in the same order.
                    let mut groups: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
                    for delivery in claimed {
                        let group = groups.entry(delivery.destination.clone()).or_default();
                        group.push(delivery);
                    }
                    let mut admitted = Vec::new();
                    for (destination, group) in groups {
                        let room = DESTINATION_PARALLEL_MAX
                            - under_way.get(&destination).copied().unwrap_or_default();
                        admit(tx, &destination, group, room, now, &mut admitted).await?;
                    }
                    Ok(Claim { admitted, more })
                })
            })
            .await
    }

    /// Sends one delivery and writes down what came of it. A delivery that cannot be signed, or
    /// whose result cannot be written, is left to its lease: it is tried again when that runs out.
    pub(crate) async fn deliver(&self, admitted: Admitted) {
        let delivery = &admitted.delivery;
        let keys = match self.signing_keys(delivery.environment_id).await {
            Ok(keys) => keys,
            Err(error) => return report(&error, delivery, "a webhook could not be signed"),
        };
        let mut keys = keys.into_iter();
        let Some(current) = keys.next() else {
            let error = Error::NotFound("webhook signing key");
            return report(&error, delivery, "a webhook could not be signed");
        };
        let keys = SigningKeys { current, previous: keys.next() };
        let sent = match delivery.url.strip_prefix(mail::SCHEME) {
            Some(address) => self.send_mail(delivery, address).await,
            None => self.send_webhook(delivery, &keys).await,
        };
        if let Err(error) = self.settle_webhook(&admitted, sent).await {
            report(&error, delivery, "the result of a webhook could not be written");
        }
    }

    async fn send_webhook(&self, delivery: &Delivery, keys: &SigningKeys) -> Sent {
        let (started_at, begun) = (self.clock.now(), Instant::now());
        let result = match Url::parse(&delivery.url) {
            Ok(url) => {
                let mut headers = sign(&delivery.payload, keys, &delivery.event_id, started_at);
                headers.push(("content-type".to_owned(), CONTENT_TYPE.to_owned()));
                headers.push(("user-agent".to_owned(), USER_AGENT.to_owned()));
                relay(delivery, &mut headers);
                let request = Request {
                    method: http::Method::POST,
                    url,
                    headers,
                    body: delivery.payload.clone().into(),
                    timeout: Some(self.settings.webhook_timeout),
                    redirects: Redirects::Follow,
                    identity: None,
                };
                let result = self.egress.send(request).await;
                let outcome = Outcome::of(&result);
                result.map_err(|error| (error.to_string(), outcome))
            }
            Err(error) => Err((format!("the URL is malformed: {error}"), Outcome::Refused)),
        };
        let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let attempt =
            Attempt { started_at, duration_ms, status: None, error: None, response_excerpt: None };
        match result {
            Ok(reply) => answered(&reply, attempt),
            Err((text, outcome)) => Sent {
                outcome,
                attempt: Attempt { error: Some(text), ..attempt },
                retry_after: None,
            },
        }
    }

    async fn send_mail(&self, delivery: &Delivery, address: &str) -> Sent {
        let (started_at, begun) = (self.clock.now(), Instant::now());
        let mailer = self.mailer.as_ref();
        let (outcome, answer) =
            mail::send(mailer, &delivery.event_id, address, &delivery.payload).await;
        let attempt = Attempt {
            started_at,
            duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            status: match outcome {
                Outcome::Status(status) => Some(i64::from(status)),
                _ => None,
            },
            error: answer.as_ref().err().cloned(),
            response_excerpt: answer.ok().and_then(|text| excerpt(text.as_bytes())),
        };
        Sent { outcome, attempt, retry_after: None }
    }

    /// Attempt, schedule, breaker and log, in one transaction.
    async fn settle_webhook(&self, admitted: &Admitted, sent: Sent) -> Result<()> {
        let now = self.clock.now();
        let (delivery, probe) = (admitted.delivery.clone(), admitted.probe);
        let attempt_count = u32::try_from(delivery.attempts + 1).unwrap_or(u32::MAX);
        let retry_after = sent.retry_after.as_deref();
        let decision = next_attempt(attempt_count, sent.outcome, now, retry_after, &self.rng);
        let operation = self.delivery_operation(&delivery, &sent, now);
        let message =
            delivery_message(&operation.id, &delivery, attempt_count, &sent, decision, now);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let outcome = match decision {
                        Decision::Delivered => DeliveryOutcome::Delivered,
                        Decision::RetryAt(at) => DeliveryOutcome::RetryAt(at),
                        Decision::Dead => DeliveryOutcome::Dead,
                    };
                    tx.settle_delivery(&delivery.id, &sent.attempt, outcome, now).await?;
                    count(tx, &delivery.destination, sent.outcome, probe, now).await?;
                    tx.insert_operation(&operation, sent.attempt.started_at).await?;
                    Ok(tx.insert_messages(&[message]).await?)
                })
            })
            .await
    }

    fn delivery_operation(&self, delivery: &Delivery, sent: &Sent, now: Timestamp) -> NewOperation {
        let payload: Value = serde_json::from_str(&delivery.payload).unwrap_or_default();
        // What is relayed for nobody is another's body: nothing in it is ours.
        let is_ours = delivery.kind != FORWARD_KIND || delivery.connection_row.is_some();
        let text = |key: &str| payload[key].as_str().filter(|_| is_ours).map(str::to_owned);
        let provider = if delivery.kind == FORWARD_KIND { "from" } else { "provider" };
        let failure = sent.attempt.error.as_deref();
        let code = "webhook_delivery_failed";
        NewOperation {
            id: self.operation_id_at(sent.attempt.started_at),
            environment_id: delivery.environment_id,
            kind: "webhook",
            action: match delivery.kind.as_str() {
                "auth.creation" => "connection_create",
                FORWARD_KIND => "forward",
                installs::KIND => "install",
                _ => "connection_refresh",
            },
            state: if failure.is_none() { "success" } else { "failed" },
            title: match failure {
                None => "Webhook delivered".to_owned(),
                Some(reason) => format!("Webhook not delivered: {reason}"),
            },
            integration_key: text("providerConfigKey"),
            provider: text(provider),
            connection_row: delivery.connection_row,
            connection_id: text("connectionId"),
            error: failure.map(|message| json!({"code": code, "message": message}).to_string()),
            ended_at: Some(now),
            expires_at: None,
        }
    }
}

/// Adds the headers a provider sent, where they are not ours.
fn relay(delivery: &Delivery, headers: &mut Vec<(String, String)>) {
    let text = delivery.headers.as_deref().unwrap_or("{}");
    let relayed: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    for (name, value) in relayed {
        let is_ours = headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name));
        if let (false, Value::String(value)) = (is_ours, value) {
            headers.push((name, value));
        }
    }
}

/// Keeps what the destination's breaker and limit let through, and gives the rest back.
async fn admit(
    tx: &mut Tx,
    destination: &str,
    group: Vec<Delivery>,
    room: usize,
    now: Timestamp,
    admitted: &mut Vec<Admitted>,
) -> Result<()> {
    let breaker = from_stored(tx.lock_breaker(destination).await?);
    let (room, probe) = match breaker.admit(now) {
        Admission::Go { probe: false, .. } => (room, false),
        Admission::Go { state, probe: true } => {
            tx.set_breaker(destination, to_stored(state)).await?;
            (room.min(1), true)
        }
        Admission::WaitUntil(_) => (0, false),
    };
    for (index, delivery) in group.into_iter().enumerate() {
        if index < room {
            admitted.push(Admitted { delivery, probe });
        } else {
            tx.release_delivery(&delivery.id).await?;
        }
    }
    Ok(())
}

/// Lets the destination's breaker know how an attempt ended.
async fn count(
    tx: &mut Tx,
    destination: &str,
    outcome: Outcome,
    probe: bool,
    now: Timestamp,
) -> Result<()> {
    let stored = if outcome.is_delivered() {
        let stored = tx.lock_breaker(destination).await?;
        if stored == StoredBreaker::default() {
            return Ok(());
        }
        stored
    } else {
        tx.hold_breaker(destination).await?
    };
    let next = from_stored(stored).after(outcome, probe, now);
    Ok(tx.set_breaker(destination, to_stored(next)).await?)
}

fn from_stored(stored: StoredBreaker) -> Breaker {
    Breaker {
        failures_in_row: u32::try_from(stored.failures).unwrap_or(u32::MAX),
        open_until: Some(stored.open_until).filter(|until| *until > Timestamp::default()),
    }
}

fn to_stored(breaker: Breaker) -> StoredBreaker {
    StoredBreaker {
        failures: i64::from(breaker.failures_in_row),
        open_until: breaker.open_until.unwrap_or_default(),
    }
}

fn answered(reply: &Reply, mut attempt: Attempt) -> Sent {
    let outcome = Outcome::Status(reply.status);
    let status = reply.status;
    attempt.status = Some(i64::from(status));
    attempt.error = (!outcome.is_delivered()).then(|| format!("the answer had status {status}"));
    attempt.response_excerpt = excerpt(&reply.body);
    let retry_after = reply.header("retry-after").map(str::to_owned);
    Sent { outcome, attempt, retry_after }
}

/// The beginning of a body as text, cut between characters.
fn excerpt(body: &[u8]) -> Option<String> {
    let cut = &body[..body.len().min(EXCERPT_BYTES_MAX)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    // A replacement character can be longer than what it replaces.
    text.truncate(text.floor_char_boundary(EXCERPT_BYTES_MAX));
    Some(text).filter(|text| !text.is_empty())
}

fn delivery_message(
    operation_id: &str,
    delivery: &Delivery,
    attempt_count: u32,
    sent: &Sent,
    decision: Decision,
    now: Timestamp,
) -> MessageRow {
    let (url, verb) = (shown_url(&delivery.url), verb(&delivery.url));
    let (level, what_next) = match decision {
        Decision::Delivered => ("info", "delivered"),
        Decision::RetryAt(_) => ("warn", "to be tried again"),
        Decision::Dead => ("error", "given up"),
    };
    let detail = json!({
        "method": verb,
        "url": url,
        "event_id": delivery.event_id,
        "delivery_id": delivery.id,
        "attempt": attempt_count,
        "status": sent.attempt.status,
        "duration_ms": sent.attempt.duration_ms,
        "error": sent.attempt.error,
        "next_attempt_at": match decision {
            Decision::RetryAt(at) => Some(at.to_iso_z()),
            Decision::Delivered | Decision::Dead => None,
        },
    });
    MessageRow {
        operation_id: operation_id.to_owned(),
        level,
        message: format!("{verb} {url}, attempt {attempt_count}: {what_next}"),
        detail: Some(detail.to_string()),
        created_at: now,
    }
}

/// How it is sent, for people.
fn verb(url: &str) -> &'static str {
    if url.starts_with(mail::SCHEME) { "Mail to" } else { "POST" }
}

/// Scheme, host and path, or the e-mail address. Query and user name may hold a secret of the receiver's.
fn shown_url(text: &str) -> String {
    if let Some(address) = text.strip_prefix(mail::SCHEME) {
        return address.to_owned();
    }
    let Ok(url) = Url::parse(text) else {
        return "(malformed URL)".to_owned();
    };
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn report(error: &Error, delivery: &Delivery, what: &str) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        delivery_id = delivery.id,
        environment_id = delivery.environment_id,
        "{what}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_bounded_text_cut_between_characters() {
        assert_eq!(excerpt(b""), None);
        assert_eq!(excerpt(b"ok").as_deref(), Some("ok"));
        let long = "é".repeat(EXCERPT_BYTES_MAX);
        let odd = format!("a{long}");
        for body in [long.as_bytes(), odd.as_bytes(), &[0xff; 4096]] {
            let kept = excerpt(body).unwrap();
            assert!(kept.len() <= EXCERPT_BYTES_MAX && kept.len() > EXCERPT_BYTES_MAX - 4);
        }
    }

    #[test]
    fn the_log_shows_neither_query_nor_user() {
        assert_eq!(
            shown_url("https://user:pass@app.example:8443/hooks/in?token=secret#x"),
            "https://app.example:8443/hooks/in"
        );
        assert_eq!(shown_url("mailto:ada@example.com"), "ada@example.com");
        assert_eq!(shown_url("not a url ?secret"), "(malformed URL)");
    }

    #[test]
    fn a_closed_breaker_is_no_row() {
        assert_eq!(to_stored(Breaker::default()), StoredBreaker::default());
        let open = Breaker { failures_in_row: 6, open_until: Some(Timestamp::from_millis(9)) };
        assert_eq!(from_stored(to_stored(open)), open);
    }
}
