//! Webhooks that providers send: verified, answered or relayed to the app.
//!
//! The order is the point: handshakes that come before there is a secret, then the signature, then
//! everything that reads what was sent. A delivery that is accepted is remembered, its events are in
//! the outbox and its operation is in the log with one commit.

mod forward;
mod handshake;
mod keys;
mod matching;
mod message;
mod settings;
mod verify;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use valetkey_base::{Secret, Timestamp};
use valetkey_catalog::schema::{KeySource, Scheme, Webhooks};
use valetkey_store::{Matched, MessageRow, NewEvent, NewOperation};

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;

pub(crate) use forward::KIND as FORWARD_KIND;
use forward::{Relay, payload, relayed_headers};
pub use forward::{UNATTRIBUTED_HEADER, UNVERIFIED_HEADER};
use handshake::{answer, answering_secret, reply_of};
pub(crate) use keys::{FETCHED_ANEW_AFTER, FETCHED_FOR, FETCHED_MAX};
pub use message::Incoming;
use message::{Fill, Message};
pub(crate) use settings::recipe_of;
pub use settings::{GENERIC_RECIPES, UpdateWebhooks, WebhookSettings, WebhookState, webhook_state};
use verify::{Verdict, Way};

/// What stays as it is in a path (RFC 3986, section 2.3).
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A repeat of what brings neither signature nor id is known for so long, in seconds.
const UNSIGNED_REMEMBERED_S: u64 = 600;

/// What the provider is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Body,
    /// Headers beside those of the body.
    pub headers: Vec<(String, String)>,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// `application/json`.
    Json(Value),
    /// `text/plain`.
    Text(String),
}

/// Why a delivery is not taken. Texts are for people and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `webhook_invalid_signature`, `webhook_missing_signature`, …
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

/// Who a webhook is for.
pub struct Addressee {
    /// The environment.
    pub environment: EnvironmentView,
    /// The integration.
    pub integration: IntegrationView,
}

/// How sure it is who sent a delivery.
enum Sender {
    /// It is the provider; fingerprints of what was compared.
    Verified {
        compared: Vec<u8>,
        is_signature: bool,
    },
    /// Nobody checked, as the operator allows.
    Unverified,
    Refused(Refusal),
}

impl Engine {
    /// The integration at a webhook address. `Ok(None)` when there is no such environment.
    ///
    /// # Errors
    /// [`Error::UnknownIntegration`], [`Error::UnknownProvider`].
    pub async fn webhook_addressee(&self, uuid: &str, key: &str) -> Result<Option<Addressee>> {
        let Some(environment) = self.environment_by_uuid(uuid).await? else { return Ok(None) };
        let integration = self.integration(environment.id, key).await?;
        Ok(Some(Addressee { environment, integration }))
    }

    /// The address that a provider's webhooks of an integration go to.
    pub fn webhook_url(&self, environment: &EnvironmentView, key: &str) -> String {
        let key = percent_encoding::utf8_percent_encode(key, UNRESERVED);
        format!("{}/webhook/{}/{key}", self.settings.public_url, environment.uuid)
    }

    /// Takes a webhook in. The inner error is what the provider is told.
    ///
    /// # Errors
    /// When the database cannot be read or written; the provider should try again.
    pub async fn receive_webhook(
        &self,
        to: &Addressee,
        request: &Incoming,
    ) -> Result<Result<Answer, Refusal>> {
        let view = &to.integration;
        let recipe = recipe_of(&view.provider, &view.secrets.webhooks);
        let client_id = view.row.client_id.as_deref().unwrap_or_default();
        let form_json = recipe.form_json.as_deref();
        let public_url = &self.settings.public_url;
        let message = Message::new(request, public_url, client_id, form_json);
        let secret = answering_secret(view, &recipe);
        if let Some(reply) = reply_of(&recipe, &message, &secret, true) {
            if let Some(place) = &reply.learn {
                let taught = message.value(place, None).unwrap_or_default();
                if let Some(refusal) = self.learn(view, Secret::new(taught)).await? {
                    return self.refused(to, refusal).await.map(Err);
                }
            }
            return Ok(answer(reply, &message, &secret).ok_or_else(|| invalid_handshake()));
        }
        if request.method == "GET" {
            let text = "The integration's webhooks are sent with POST.";
            return Ok(Err(Refusal::new(405, "method_not_allowed", text)));
        }
        let sender = self.sender(&recipe, &message, view).await?;
        if let Sender::Refused(refusal) = sender {
            return self.refused(to, refusal).await.map(Err);
        }
        if let Some(reply) = reply_of(&recipe, &message, &secret, false) {
            return Ok(answer(reply, &message, &secret).ok_or_else(|| invalid_handshake()));
        }
        self.accept(to, &recipe, &message, &sender).await?;
        let body = match &recipe.answer {
            Some(text) => Body::Text(text.clone()),
            None => Body::Json(json!({"status": "success"})),
        };
        Ok(Ok(Answer { status: 200, body, headers: Vec::new() }))
    }

    /// Whether the provider sent it. The first way whose signature is there decides.
    async fn sender(
        &self,
        recipe: &Webhooks,
        message: &Message<'_>,
        view: &IntegrationView,
    ) -> Result<Sender> {
        let items = recipe.items.as_deref();
        let of_connection = recipe.verify.iter().flat_map(|way| &way.key);
        let needs_connection = of_connection
            .into_iter()
            .any(|key| matches!(key, KeySource::Metadata(_) | KeySource::Config(_)));
        let named = if needs_connection {
            let found = self.connections_of(message, recipe, view).await?.connections;
            match found.as_slice() {
                [one] => self.named(view, one.id).await?,
                _ => None,
            }
        } else {
            None
        };
        let accepts = view.secrets.webhooks.accept_unverified;
        let (mut has_keys, mut lacks_key) = (false, false);
        for verify in &recipe.verify {
            let way = Way::of(verify, message, items);
            let Some(way) = way.as_ref() else {
                has_keys |= self.has_keys(verify, message, view, named.as_ref()).await;
                continue;
            };
            let keys = self.keys_of(way, message, view, named.as_ref()).await;
            let rules = verify.jwt.as_ref().filter(|_| verify.scheme == Scheme::Jwt);
            // A token of which no claim is compared with a secret proves itself.
            let is_alone =
                rules.is_some_and(|rules| rules.keys_url.is_some() && rules.claim.is_none());
            if keys.is_empty() && !is_alone {
                lacks_key = true;
                continue;
            }
            let verdict = match rules {
                Some(rules) => self.judge_token(way, rules, message, &keys).await,
                None => way.judge(message, &keys, self.clock.now()),
            };
            let is_signature = verify.scheme != Scheme::Token;
            return Ok(match verdict {
                Verdict::Good(compared) => Sender::Verified { compared, is_signature },
                Verdict::Bad => Sender::Refused(invalid_signature()),
                Verdict::Stale => Sender::Refused(stale(verify.tolerance_seconds)),
            });
        }
        Ok(match (has_keys, accepts) {
            (true, _) if !lacks_key => Sender::Refused(missing_signature(recipe)),
            (false, true) => Sender::Unverified,
            _ => Sender::Refused(missing_secret(recipe)),
        })
    }

    /// Whether a way that the request has nothing for could have been checked.
    async fn has_keys(
        &self,
        verify: &valetkey_catalog::schema::Verify,
        message: &Message<'_>,
        view: &IntegrationView,
        named: Option<&keys::Named>,
    ) -> bool {
        if verify.key.contains(&KeySource::Fetched) {
            return true;
        }
        let keys = self.keys_of(&Way::empty(verify), message, view, named).await;
        !keys.is_empty()
    }

    async fn accept(
        &self,
        to: &Addressee,
        recipe: &Webhooks,
        message: &Message<'_>,
        sender: &Sender,
    ) -> Result<()> {
        let view = &to.integration;
        let found = self.connections_of(message, recipe, view).await?;
        let headers = relayed_headers(message, &recipe.verify);
        let payload = payload(message, &recipe.verify, recipe.items.as_deref(), &headers);
        let is_verified = matches!(sender, Sender::Verified { .. });
        let relay = Relay {
            environment: &to.environment,
            view,
            payload: &payload,
            headers: &headers,
            is_verified,
        };
        let now = self.clock.now();
        let events: Vec<(Option<i64>, NewEvent, String)> = if !view.row.forward_webhooks {
            Vec::new()
        } else if found.connections.is_empty() {
            let (event, headers) = self.relayed(&relay, None, now);
            vec![(None, event, headers)]
        } else {
            let one = |to: &Matched| {
                let (event, headers) = self.relayed(&relay, Some(to), now);
                (Some(to.id), event, headers)
            };
            found.connections.iter().map(one).collect()
        };
        let (fingerprints, remember_s) = fingerprints(recipe, message, sender);
        let expires_at = now.plus(std::time::Duration::from_secs(remember_s));
        let event_type = recipe.event_type.as_ref();
        let event_type = event_type.and_then(|it| message.value(it, recipe.items.as_deref()));
        let operation = self.incoming_operation(to, &found, is_verified, now);
        let detail = json!({
            "event_type": event_type,
            "verified": is_verified,
            "forwarded": events.len(),
            "connections": found.connections.len(),
            "body_bytes": message.request.body.len(),
            "connections_max": matching::MATCHED_MAX,
        });
        let note = MessageRow {
            operation_id: operation.id.clone(),
            level: "info",
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

    fn incoming_operation(
        &self,
        to: &Addressee,
        found: &matching::Found,
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

    fn operation_about(&self, to: &Addressee, now: Timestamp) -> NewOperation {
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

    /// Notes a refusal in the log.
    async fn refused(&self, to: &Addressee, refusal: Refusal) -> Result<Refusal> {
        let now = self.clock.now();
        let error = json!({"class": "ours", "code": refusal.code, "message": refusal.message});
        let operation = NewOperation {
            state: "failed",
            title: format!("Webhook refused: {}", refusal.message),
            error: Some(error.to_string()),
            ..self.operation_about(to, now)
        };
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_operation(&operation, now).await?) })
            })
            .await?;
        Ok(refusal)
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

fn said_of(view: &IntegrationView, found: &matching::Found, event_type: Option<&str>) -> String {
    let event = event_type.unwrap_or("an event");
    if !view.row.forward_webhooks {
        return format!("{event}: not forwarded, the integration says so");
    }
    match (found.connections.len(), found.is_named) {
        (0, false) => format!("{event}: names no connection, forwarded without one"),
        (0, true) => format!("{event}: names no connection that is known, forwarded without one"),
        (1, _) => format!("{event}: forwarded for one connection"),
        (count, _) => format!("{event}: forwarded for {count} connections"),
    }
}

fn invalid_signature() -> Refusal {
    let message = "The signature is not the one that the integration's secret gives.";
    Refusal::new(401, "webhook_invalid_signature", message)
}

fn stale(tolerance_s: u64) -> Refusal {
    let message = format!("The delivery was not signed within {tolerance_s} seconds of now.");
    Refusal::new(401, "webhook_invalid_signature", message)
}

fn missing_signature(recipe: &Webhooks) -> Refusal {
    let mut names: Vec<String> = recipe.verify.iter().map(|way| place(&way.signature)).collect();
    names.dedup();
    let message = format!("The delivery is not signed: {} is missing.", names.join(" or "));
    Refusal::new(401, "webhook_missing_signature", message)
}

fn missing_secret(recipe: &Webhooks) -> Refusal {
    let needs = |wanted: &KeySource| recipe.verify.iter().any(|way| way.key.contains(wanted));
    let what = if needs(&KeySource::WebhookSecret) {
        "webhook secret"
    } else if needs(&KeySource::ClientSecret) {
        "client secret"
    } else {
        "secret of the connection"
    };
    let hint = recipe.secret.as_deref().unwrap_or_default();
    let message = format!(
        "The integration has no {what}, so nobody can tell who sent this. Set it, or let the \
         integration accept unverified webhooks. {hint}"
    );
    Refusal::new(401, "webhook_missing_secret", message.trim_end().to_owned())
}

fn invalid_handshake() -> Refusal {
    let message = "The handshake lacks what it should bring, or there is no secret to answer with.";
    Refusal::new(400, "webhook_invalid_payload", message)
}

fn place(place: &valetkey_catalog::schema::Place) -> String {
    use valetkey_catalog::schema::Place;
    match place {
        Place::Header(name) => format!("the header {name}"),
        Place::Query(name) => format!("the query parameter {name}"),
        Place::Body(path) | Place::Item(path) => format!("{path} in the body"),
        Place::Literal(text) => text.clone(),
    }
}
