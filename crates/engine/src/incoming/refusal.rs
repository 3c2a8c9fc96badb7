//! Why a delivery is not taken, in words for whoever reads the provider's log or ours.

use valetkey_catalog::schema::{KeySource, Place, Webhooks};

/// A delivery that is not taken. Texts are for people and hold no secret.
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
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

pub(super) fn invalid_signature() -> Refusal {
    let message = "The signature is not the one that the integration's secret gives.";
    Refusal::new(401, "webhook_invalid_signature", message)
}

pub(super) fn stale(tolerance_s: u64) -> Refusal {
    let message = format!("The delivery was not signed within {tolerance_s} seconds of now.");
    Refusal::new(401, "webhook_invalid_signature", message)
}

pub(super) fn missing_signature(recipe: &Webhooks) -> Refusal {
    let mut names: Vec<String> = recipe.verify.iter().map(|way| place(&way.signature)).collect();
    names.dedup();
    let message = format!("The delivery is not signed: {} is missing.", names.join(" or "));
    Refusal::new(401, "webhook_missing_signature", message)
}

pub(super) fn missing_secret(recipe: &Webhooks) -> Refusal {
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

pub(super) fn invalid_handshake() -> Refusal {
    let message = "The handshake lacks what it should bring, or there is no secret to answer with.";
    Refusal::new(400, "webhook_invalid_payload", message)
}

fn place(place: &Place) -> String {
    match place {
        Place::Header(name) => format!("the header {name}"),
        Place::Query(name) => format!("the query parameter {name}"),
        Place::Body(path) | Place::Item(path) => format!("{path} in the body"),
        Place::Literal(text) => text.clone(),
    }
}
