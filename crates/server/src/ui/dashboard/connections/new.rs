//! A connection to try things with: a session, and the Connect UI.

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value};
use valetkey_engine::sessions::CreateSession;

use super::super::failure::Failure;
use super::super::form::{Form, Issues, line_issue};
use super::super::frame::Frame;
use super::super::visit::Visit;
use crate::schema::named::is_valid_email;

/// Marks connections that were made from here.
pub(in super::super) const ORIGIN: (&str, &str) = ("origin", "dashboard");

/// Most characters of a tag's value.
const TAG_CHARS_MAX: usize = 255;
/// Most characters of an e-mail address (RFC 5321, section 4.5.3.1.3).
const EMAIL_CHARS_MAX: usize = 254;

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

/// What is wrong with a form before anything is looked up.
fn issues(form: &Form) -> Issues {
    let mut issues = Issues::default();
    if form.text("integration").is_empty() {
        issues.add("integration", "Choose an integration.");
    }
    let user = form.filled("end_user_id");
    if let Some(message) = user.and_then(|id| line_issue(id, TAG_CHARS_MAX)) {
        issues.add("end_user_id", message);
    }
    let email = form.filled("email");
    if email.is_some_and(|it| !is_valid_email(it) || line_issue(it, EMAIL_CHARS_MAX).is_some()) {
        issues.add("email", "Expected an e-mail address like ada@example.com.");
    }
    issues
}

pub(super) async fn begin(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let issues = issues(&visit.form);
    if !issues.is_empty() {
        return Ok(visit.corrected(&page(&visit, None, issues).await?));
    }
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
