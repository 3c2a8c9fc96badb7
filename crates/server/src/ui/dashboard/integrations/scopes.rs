//! The scopes of an integration: edited as a list, shown as a difference, saved when confirmed.

use axum::response::Response;
use serde_json::{Map, json};
use valetkey_engine::Error;
use valetkey_engine::integrations::UpdateIntegration;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::detail::{keep_stored, page};
use super::fields;
use crate::api::integrations::update_body;

/// What a save would change.
pub(super) struct ScopeChanges {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    /// Confirms exactly this list.
    pub(super) sure: String,
}

/// Scopes as people write them: on lines, or with commas or spaces between.
fn listed(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split([',', ' ', '\n', '\r', '\t']).filter(|it| !it.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let key = visit.path("integration");
    let view = visit.engine().integration(environment.id, key).await?;
    let (before, after) = (listed(&view.row.scopes), listed(visit.form.text("scopes")));
    let without = |all: &[String], others: &[String]| {
        all.iter().filter(|scope| !others.contains(scope)).cloned().collect::<Vec<_>>()
    };
    let (added, removed) = (without(&after, &before), without(&before, &after));
    let written = after.join(",");
    let has_changes = !added.is_empty() || !removed.is_empty();
    if has_changes && visit.form.given("sure") != Some(&written) {
        let mut page = page(&visit, Issues::default()).await?;
        page.scope_changes = Some(ScopeChanges { added, removed, sure: written });
        return Ok(visit.page(&page));
    }
    let mut body = Map::new();
    let kind = view.provider.auth_mode.as_str();
    body.insert("credentials".to_owned(), json!({"type": kind, "scopes": written}));
    keep_stored(&view, &mut body);
    let stored_client = body["credentials"].get("client_id").is_some();
    if !stored_client {
        let issues = Issues::one("scopes", "Save client id and secret first.");
        return Ok(visit.corrected(&page(&visit, issues).await?));
    }
    let request: UpdateIntegration = match fields::checked(&update_body(), body) {
        Ok(request) => request,
        Err(issues) => return Ok(visit.corrected(&page(&visit, issues).await?)),
    };
    match visit.engine().update_integration(environment, key, request, &visit.actor()).await {
        Ok(saved) => Ok(visit.redirect(&integration_link(&visit, &saved.row.unique_key), "saved")),
        Err(Error::Refused { message, .. }) => {
            Ok(visit.corrected(&page(&visit, Issues::one("scopes", message)).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// Brings a deleted integration back.
pub(super) async fn restore(visit: Visit) -> Result<Response, Failure> {
    let id = visit.form.text("id").parse().map_err(|_| Failure::Missing)?;
    let environment = visit.environment()?;
    let key = visit.engine().restore_integration(environment, id, &visit.actor()).await?;
    Ok(visit.redirect(&integration_link(&visit, &key), "restored"))
}
