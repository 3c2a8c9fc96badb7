//! Whether installations that begin at the provider are taken, and where they lead.

use axum::response::Response;
use serde_json::Map;
use valetkey_engine::Error;
use valetkey_engine::integrations::UpdateIntegration;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::installs::asked;
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::detail::page;
use super::fields;
use crate::api::integrations::update_body;

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let key = visit.path("integration");
    let body = Map::from_iter([("installs".to_owned(), asked(&visit))]);
    let Ok(request) = fields::checked::<UpdateIntegration>(&update_body(), body) else {
        let issues = Issues::one("claim_url", "Expected an address of at most 2048 characters.");
        return Ok(visit.corrected(&page(&visit, issues).await?));
    };
    match visit.engine().update_integration(environment, key, request, &visit.actor()).await {
        Ok(saved) => Ok(visit.redirect(&integration_link(&visit, &saved.row.unique_key), "saved")),
        Err(Error::Invalid(found)) => {
            let text = found.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join(" ");
            Ok(visit.corrected(&page(&visit, Issues::one("claim_url", text)).await?))
        }
        Err(error) => Err(error.into()),
    }
}
