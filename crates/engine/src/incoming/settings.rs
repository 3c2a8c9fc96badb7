//! What an operator decides about the webhooks of an integration, sealed with its secrets.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use valetkey_base::Timestamp;
use valetkey_catalog::Provider;
use valetkey_catalog::read::webhooks::generic;
use valetkey_catalog::schema::{KeySource, Scheme, Webhooks};

use super::keys::webhook_secrets;
use crate::integrations::IntegrationSecrets;

/// Ways of the generic recipe that an operator may choose, by their names on the wire.
pub const GENERIC_RECIPES: &[&str] = &["standard_webhooks", "hmac_sha256", "token"];

/// Secrets kept of those that handshakes taught; the oldest goes first.
pub(super) const LEARNED_MAX: usize = 200;

/// The settings.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookSettings {
    /// Deliveries are taken while no secret is set, and marked.
    pub accept_unverified: bool,
    /// One of [`GENERIC_RECIPES`] in place of the provider's own.
    pub recipe: Option<String>,
    /// Until when a handshake may teach a secret.
    pub learn_until: Timestamp,
    /// What handshakes taught, the latest last.
    pub learned: Vec<String>,
}

/// A validated change of the settings; absent keeps.
#[derive(Clone, Default, Deserialize)]
pub struct UpdateWebhooks {
    /// The integration's secret; an empty text removes it, with those that were learned.
    pub secret: Option<String>,
    /// New switch.
    pub accept_unverified: Option<bool>,
    /// New choice; an empty text is the provider's own.
    pub recipe: Option<String>,
    /// Handshakes may teach a secret for so many minutes; 0 ends it.
    pub learn_minutes: Option<i64>,
}

/// What an operator sees of the settings.
#[derive(Clone, Debug)]
pub struct WebhookState {
    /// Who says how deliveries are verified: `provider`, `generic`, or one of [`GENERIC_RECIPES`].
    pub recipe: String,
    /// Whether deliveries can be verified.
    pub has_secret: bool,
    /// What belongs into the secret, in a sentence.
    pub secret_hint: Option<String>,
    /// The provider's page.
    pub docs: Option<String>,
    /// Whether the integration keeps a secret for webhooks, rather than its client secret.
    pub takes_secret: bool,
    /// Whether a handshake can teach it.
    pub can_learn: bool,
    /// Deliveries are taken while no secret is set.
    pub accept_unverified: bool,
    /// Until when a handshake may teach a secret.
    pub learn_until: Option<Timestamp>,
}

/// What is set for an integration's webhooks, without secrets.
pub fn webhook_state(provider: &Provider, secrets: &IntegrationSecrets) -> WebhookState {
    let settings = &secrets.webhooks;
    let recipe = recipe_of(provider, settings);
    let sources = || recipe.verify.iter().flat_map(|way| &way.key);
    let own = if provider.webhooks.is_some() { "provider" } else { "generic" };
    let has_own = !webhook_secrets(secrets).is_empty();
    let has_secret = sources().any(|source| match source {
        KeySource::WebhookSecret => has_own,
        KeySource::ClientSecret | KeySource::GithubApp => secrets.client_secret.is_some(),
        KeySource::ClientId | KeySource::Fetched => true,
        KeySource::Metadata(_) | KeySource::Config(_) => false,
    });
    WebhookState {
        recipe: settings.recipe.clone().unwrap_or_else(|| own.to_owned()),
        has_secret,
        secret_hint: recipe.secret.clone(),
        docs: recipe.docs.clone(),
        takes_secret: sources().any(|source| *source == KeySource::WebhookSecret),
        can_learn: recipe.replies.iter().any(|reply| reply.learn.is_some()),
        accept_unverified: settings.accept_unverified,
        learn_until: Some(settings.learn_until).filter(|until| *until > Timestamp::default()),
    }
}

impl UpdateWebhooks {
    /// Changes what is stored.
    pub(crate) fn apply(self, secrets: &mut IntegrationSecrets, now: Timestamp) {
        if let Some(secret) = self.secret {
            if secret.is_empty() {
                secrets.webhooks.learned.clear();
                secrets.custom.shift_remove("webhookSecret");
            }
            secrets.webhook_secret = Some(secret).filter(|secret| !secret.is_empty());
        }
        let settings = &mut secrets.webhooks;
        if let Some(accept) = self.accept_unverified {
            settings.accept_unverified = accept;
        }
        if let Some(recipe) = self.recipe {
            settings.recipe = Some(recipe).filter(|recipe| !recipe.is_empty());
        }
        if let Some(minutes) = self.learn_minutes {
            let minutes = u64::try_from(minutes).unwrap_or(0);
            settings.learn_until = now.plus(Duration::from_mins(minutes));
        }
    }
}

/// The recipe that applies to an integration.
pub(crate) fn recipe_of(provider: &Provider, settings: &WebhookSettings) -> Webhooks {
    let own = provider.webhooks.as_ref();
    let Some(chosen) = settings.recipe.as_deref() else {
        return own.unwrap_or_else(|| generic()).clone();
    };
    let wanted = match chosen {
        "standard_webhooks" => Scheme::StandardWebhooks,
        "token" => Scheme::Token,
        _ => Scheme::Hmac,
    };
    let mut recipe = generic().clone();
    recipe.verify.retain(|verify| verify.scheme == wanted);
    // Who the event is about is the provider's own business, however it is signed.
    if let Some(own) = own {
        recipe.connection = own.connection.iter().chain(&recipe.connection).cloned().collect();
        recipe.items.clone_from(&own.items);
        recipe.event_type.clone_from(&own.event_type);
        recipe.form_json.clone_from(&own.form_json);
    }
    recipe
}
