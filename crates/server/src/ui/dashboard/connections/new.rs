//! A connection to try things with: a session, and the Connect UI.

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value};
use valetkey_engine::sessions::CreateSession;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::Frame;
use super::super::visit::Visit;

/// Marks connections that were made from here.
pub(in super::super) const ORIGIN: (&str, &str) = ("origin", "dashboard");

#[derive(Template)]
#[template(path = "dashboard/connection_new.html")]
struct NewPage {
    frame: Frame,
    integrations: Vec<(String, String)>,
    chosen: String,
    end_user_id: String,
    email: String,
    here: String,
    list: String,
    integrations_link: String,
    /// A link that was just made.
    link: Option<String>,
    issues: Issues,
}

async fn page(visit: &Visit, link: Option<String>, issues: Issues) -> Result<NewPage, Failure> {
    let environment = visit.environment()?;
    let views = visit.engine().integrations(environment).await?;
    let integrations = views.into_iter().map(|(it, provider)| {
        let of_provider = provider.map(|provider| provider.display_name.clone());
        let name = it.display_name.or(of_provider).unwrap_or_default();
        (it.unique_key, name)
    });
    let given =
        |name: &str| visit.form.given(name).unwrap_or_else(|| visit.query.text(name)).to_owned();
    let me = &visit.member()?.member;
    let user = visit.form.given("end_user_id");
    Ok(NewPage {
        frame: visit.frame("Add a test connection"),
        integrations: integrations.collect(),
        chosen: given("integration"),
        end_user_id: user.map_or_else(|| format!("test-{}", me.id), str::to_owned),
        email: given("email"),
        here: visit.environment_link("/connections/new"),
        list: visit.environment_link("/connections"),
        integrations_link: visit.environment_link("/integrations"),
        link,
        issues,
    })
}

pub(super) async fn ask(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, None, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn begin(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let integration = visit.form.text("integration");
    let mut tags = Map::new();
    tags.insert(ORIGIN.0.to_owned(), Value::from(ORIGIN.1));
    for (field, tag) in [("end_user_id", "end_user_id"), ("email", "end_user_email")] {
        if let Some(value) = visit.form.filled(field) {
            tags.insert(tag.to_owned(), Value::from(value));
        }
    }
    let request = CreateSession {
        allowed_integrations: Some(vec![integration.to_owned()]),
        tags: Some(tags),
        ..CreateSession::default()
    };
    if integration.is_empty() {
        let issues = Issues::one("integration", "Choose an integration.");
        return Ok(visit.corrected(&page(&visit, None, issues).await?));
    }
    match visit.engine().create_session(environment, request, &visit.actor()).await {
        Ok(made) if visit.form.text("how") == "share" => {
            let page = page(&visit, Some(made.connect_link), Issues::default()).await?;
            Ok(visit.page(&page))
        }
        Ok(made) => Ok(visit.redirect(&made.connect_link, "")),
        Err(error) => {
            Issues::from_error(error)?;
            let issues = Issues::one("integration", "There is no such integration.");
            Ok(visit.corrected(&page(&visit, None, issues).await?))
        }
    }
}
