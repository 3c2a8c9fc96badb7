//! Requests that a provider sends to see whether somebody is here. They are answered and go no
//! further.

use serde_json::Value;
use valetkey_base::Secret;
use valetkey_catalog::schema::{Reply, Template, Webhooks};

use super::keys::webhook_secrets;
use super::message::{Fill, Message};
use super::settings::LEARNED_MAX;
use super::{Answer, Body, Refusal};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;

/// Characters of a secret that a handshake may teach.
const LEARNED_CHARS: std::ops::RangeInclusive<usize> = 8..=512;

/// The reply that a request calls for, among the unsigned or the signed ones.
pub(super) fn reply_of<'r>(
    recipe: &'r Webhooks,
    message: &Message<'_>,
    secret: &str,
    unsigned: bool,
) -> Option<&'r Reply> {
    recipe.replies.iter().filter(|reply| reply.unsigned == unsigned).find(|reply| {
        let method = &message.request.method;
        reply.method.as_ref().is_none_or(|known| known == method)
            && (method != "GET" || reply.method.is_some())
            && message.holds(&reply.when, secret)
    })
}

/// The secret that answers are signed with.
pub(super) fn answering_secret(view: &IntegrationView, recipe: &Webhooks) -> String {
    use valetkey_catalog::schema::KeySource;
    let by_client = recipe.verify.iter().any(|way| way.key.contains(&KeySource::ClientSecret));
    let client = || view.secrets.client_secret.clone().filter(|_| by_client);
    let own = || webhook_secrets(&view.secrets).first().map(|secret| secret.expose().to_owned());
    client().or_else(own).unwrap_or_default()
}

/// What the provider wants to hear. `None` when the request lacks what belongs in it.
pub(super) fn answer(reply: &Reply, message: &Message<'_>, secret: &str) -> Option<Answer> {
    let context = Fill { secret, timestamp: "" };
    let text = |template: &Template| -> Option<String> {
        String::from_utf8(message.fill(template, &context)?).ok()
    };
    let body = match (&reply.text, &reply.json) {
        (Some(template), _) => Body::Text(text(template)?),
        (None, Some(value)) => Body::Json(filled(value, &text)?),
        (None, None) => Body::Text(String::new()),
    };
    let mut headers = Vec::new();
    for (name, value) in &reply.headers {
        let template: Template = value.as_str()?.parse().ok()?;
        headers.push((name.clone(), text(&template)?));
    }
    Some(Answer { status: reply.status, body, headers })
}

fn filled(value: &Value, text: &impl Fn(&Template) -> Option<String>) -> Option<Value> {
    Some(match value {
        Value::String(template) => Value::String(text(&template.parse().ok()?)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| filled(item, text)).collect::<Option<_>>()?)
        }
        Value::Object(members) => {
            let pairs = members.iter().map(|(key, it)| Some((key.clone(), filled(it, text)?)));
            Value::Object(pairs.collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

impl Engine {
    /// Keeps a secret that a handshake brought, if somebody waits for one.
    ///
    /// # Errors
    /// A refusal when nobody does: otherwise a stranger could bring a secret of his own.
    pub(super) async fn learn(
        &self,
        view: &IntegrationView,
        secret: Secret,
    ) -> Result<Option<Refusal>> {
        let known = webhook_secrets(&view.secrets);
        if known.iter().any(|known| known.expose() == secret.expose()) {
            return Ok(None);
        }
        if view.secrets.webhooks.learn_until <= self.clock.now() {
            return Ok(Some(Refusal::new(
                401,
                "webhook_secret_not_expected",
                "The provider sends a new signing secret, and nobody waits for one. Allow it in \
                 the integration's webhook settings (learn_minutes), then create the webhook \
                 again.",
            )));
        }
        if !LEARNED_CHARS.contains(&secret.expose().chars().count()) {
            let message = "The signing secret has fewer than 8 or more than 512 characters.";
            return Ok(Some(Refusal::new(400, "webhook_invalid_payload", message)));
        }
        let (environment_id, key) = (view.row.environment_id, view.row.unique_key.clone());
        let data_key = self.sealer.data_key(environment_id).await?;
        let (engine, now) = (self.clone(), self.clock.now());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    let row = tx.lock_integration(environment_id, &key).await?;
                    let mut row = row.ok_or_else(|| Error::UnknownIntegration(key.clone()))?;
                    let mut secrets = engine.integration_secrets(&row).await?;
                    let learned = &mut secrets.webhooks.learned;
                    learned.push(secret.expose().to_owned());
                    let surplus = learned.len().saturating_sub(LEARNED_MAX);
                    learned.drain(..surplus);
                    row.secrets =
                        engine.seal_secrets(environment_id, &data_key, &row.row_uuid, &secrets)?;
                    tx.update_integration(&row, now).await?;
                    Ok(())
                })
            })
            .await?;
        let target = view.row.unique_key.clone();
        self.recorder.audit(
            Some(environment_id),
            "provider",
            "integration.webhook_secret_learned",
            target,
        );
        Ok(None)
    }
}
