//! Webhooks that the provider sends: their address, what verifies them, and what is taken.

use axum::response::Response;
use serde_json::{Map, Value, json};
use valetkey_engine::Error;
use valetkey_engine::incoming::{GENERIC_RECIPES, webhook_state};
use valetkey_engine::integrations::{IntegrationView, UpdateIntegration};

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::super::words;
use super::detail::page;
use super::fields;
use crate::api::integrations::update_body;

/// For how long a handshake may bring a secret once somebody asks for it.
const LEARN_MINUTES: i64 = 10;

/// A way to verify, in the choice of them.
pub(super) struct Way {
    pub(super) value: &'static str,
    pub(super) title: &'static str,
    pub(super) is_chosen: bool,
}

/// What the panel shows; never a secret.
pub(super) struct Webhooks {
    pub(super) url: String,
    pub(super) is_verified: bool,
    pub(super) takes_secret: bool,
    pub(super) hint: String,
    pub(super) docs: Option<String>,
    pub(super) ways: Vec<Way>,
    pub(super) can_learn: bool,
    /// Until when a handshake may bring a secret.
    pub(super) learns_until: Option<String>,
    pub(super) accepts_unverified: bool,
    pub(super) forwards: bool,
}

impl Webhooks {
    pub(super) fn of(visit: &Visit, view: &IntegrationView) -> Result<Self, Failure> {
        let state = webhook_state(&view.provider, &view.secrets);
        let now = visit.engine().clock().now();
        let has_own = view.provider.webhooks.is_some();
        let title = |value: &str| match value {
            "standard_webhooks" => "Standard Webhooks",
            "hmac_sha256" => "HMAC-SHA256 in x-webhook-signature",
            "token" => "The secret itself in x-webhook-token",
            _ if has_own => "As the provider signs",
            _ => "Any of these",
        };
        let titles = std::iter::once("").chain(GENERIC_RECIPES.iter().copied());
        let chosen = view.secrets.webhooks.recipe.as_deref().unwrap_or_default();
        let ways =
            titles.map(|value| Way { value, title: title(value), is_chosen: value == chosen });
        Ok(Self {
            url: visit.engine().webhook_url(visit.environment()?, &view.row.unique_key),
            is_verified: state.has_secret,
            takes_secret: state.takes_secret,
            hint: state.secret_hint.unwrap_or_default(),
            docs: state.docs,
            ways: ways.collect(),
            can_learn: state.can_learn,
            learns_until: state.learn_until.filter(|it| *it > now).map(words::full_time),
            accepts_unverified: state.accept_unverified,
            forwards: view.row.forward_webhooks,
        })
    }
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let key = visit.path("integration");
    let is_on = |name: &str| visit.form.given(name) == Some("true");
    let mut change = Map::new();
    if is_on("remove_secret") {
        change.insert("secret".to_owned(), "".into());
    } else if let Some(secret) = visit.form.filled("webhook_secret") {
        change.insert("secret".to_owned(), secret.into());
    }
    change.insert("accept_unverified".to_owned(), is_on("accept_unverified").into());
    if let Some(recipe) = visit.form.given("recipe") {
        if !recipe.is_empty() && !GENERIC_RECIPES.contains(&recipe) {
            let issues = Issues::one("recipe", "Choose one of the ways listed.");
            return Ok(visit.corrected(&page(&visit, issues).await?));
        }
        change.insert("recipe".to_owned(), recipe.into());
    }
    if is_on("learn") {
        change.insert("learn_minutes".to_owned(), LEARN_MINUTES.into());
    }
    let mut body = Map::new();
    body.insert("forward_webhooks".to_owned(), json!(is_on("forward_webhooks")));
    body.insert("webhooks".to_owned(), Value::Object(change));
    let Ok(request) = fields::checked::<UpdateIntegration>(&update_body(), body) else {
        let issues = Issues::one("webhook_secret", "The secret has at most 4096 characters.");
        return Ok(visit.corrected(&page(&visit, issues).await?));
    };
    match visit.engine().update_integration(environment, key, request, &visit.actor()).await {
        Ok(saved) => Ok(visit.redirect(&integration_link(&visit, &saved.row.unique_key), "saved")),
        Err(Error::Refused { message, .. }) => {
            Ok(visit.corrected(&page(&visit, Issues::one("webhook_secret", message)).await?))
        }
        Err(error) => Err(error.into()),
    }
}
