//! Webhooks that providers send: verified, answered or relayed to the app.
//!
//! The order is the point: handshakes that come before there is a secret, then the signature, then
//! everything that reads what was sent. A delivery that is accepted is remembered, its events are in
//! the outbox and its operation is in the log with one commit.

mod accept;
mod arrival;
mod forward;
mod handshake;
mod install;
mod keys;
mod matching;
mod message;
mod refusal;
mod settings;
mod verify;

use serde_json::{Value, json};
use valetkey_base::Secret;
use valetkey_catalog::schema::{KeySource, Scheme, Webhooks};
use valetkey_store::NewOperation;

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;

use accept::{Accepted, Marks};
pub(crate) use forward::KIND as FORWARD_KIND;
pub use forward::{CUT_HEADER, UNATTRIBUTED_HEADER, UNVERIFIED_HEADER};
use handshake::{answer, answering_secret, reply_of};
use install::Fate;
pub(crate) use keys::{FETCHED_ANEW_AFTER, FETCHED_FOR, FETCHED_MAX};
pub use message::Incoming;
use message::Message;
pub(crate) use message::at;
pub use refusal::Refusal;
use refusal::{invalid_handshake, invalid_signature, missing_secret, missing_signature, stale};
pub(crate) use settings::recipe_of;
pub use settings::{GENERIC_RECIPES, UpdateWebhooks, WebhookSettings, WebhookState, webhook_state};
use verify::{Verdict, Way};

/// What stays as it is in a path (RFC 3986, section 2.3).
pub(crate) const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

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
            return Ok(answer(reply, &message, &secret).ok_or_else(invalid_handshake));
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
            return Ok(answer(reply, &message, &secret).ok_or_else(invalid_handshake));
        }
        let marks = Marks::of(&recipe, &message, &sender);
        if self.is_repeat(to, &marks).await? {
            self.note_repeat(to).await?;
        } else {
            let fate = self.take_install(to, &recipe, &message, &sender).await?;
            if fate == Some(Fate::Another) {
                self.note_repeat(to).await?;
            } else {
                let accepted = Accepted { sender: &sender, marks, fate };
                self.accept(to, &recipe, &message, &accepted).await?;
            }
        }
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
