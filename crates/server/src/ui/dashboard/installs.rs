//! Installations that began at the provider: whose they are is decided here, or by the app.

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value, json};
use valetkey_engine::Error;
use valetkey_engine::installs::{ClaimInstall, Install};
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::form::{Form, Issues, line_issue};
use super::frame::{Abilities, Frame};
use super::integrations::checked;
use super::logs::{connection_link, integration_link, part};
use super::visit::Visit;
use super::{Access, Page, change, look, words};
use crate::api::installs::claim_body;
use crate::schema::named::is_valid_email;

/// Rows on a page.
const PAGE_ROWS: i64 = 50;
/// Most characters of the id of an end user.
const END_USER_CHARS_MAX: usize = 255;
/// Most characters of an e-mail address (RFC 5321, section 4.5.3.1.3).
const EMAIL_CHARS_MAX: usize = 254;

pub(super) fn pages() -> Vec<Page> {
    const VIEW: Access = Access::May(Permission::View);
    const CHANGE: Access = Access::May(Permission::Change);
    vec![
        look("/{environment}/installs", VIEW, list),
        look("/{environment}/installs/{install}", VIEW, ask),
        change("/{environment}/installs/{install}", CHANGE, claim),
        change("/{environment}/installs/{install}/dismiss", CHANGE, dismiss),
    ]
}

/// An installation, as pages show it.
struct Row {
    id: String,
    link: String,
    logo: String,
    /// The account, or what else is known of it.
    account: String,
    by: String,
    external_id: String,
    integration: String,
    integration_link: String,
    how: &'static str,
    came: String,
    came_full: String,
    ends: String,
    ends_full: String,
}

impl Row {
    fn of(visit: &Visit, install: &Install) -> Self {
        let now = visit.now();
        let known = install.label.clone().or_else(|| install.external_id.clone());
        Self {
            link: visit.environment_link(&format!("/installs/{}", part(&install.install_id))),
            logo: visit.logo(&install.provider),
            account: known.unwrap_or_else(|| "account not told".to_owned()),
            by: install.installed_by.clone().unwrap_or_default(),
            external_id: install.external_id.clone().unwrap_or_default(),
            integration_link: integration_link(visit, &install.integration_key),
            integration: install.integration_key.clone(),
            how: match install.source.as_str() {
                "webhook" => "by webhook",
                _ => "by a browser",
            },
            came: words::relative_time(install.created_at, now),
            came_full: words::full_time(install.created_at),
            ends: words::relative_time(install.expires_at, now),
            ends_full: words::full_time(install.expires_at),
            id: install.install_id.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "dashboard/installs.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    older: Option<String>,
    integrations: String,
    can: Abilities,
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let key = visit.query.filled("integration");
    let after = visit.query.filled("after");
    let mut found = visit.engine().installs(environment, key, after, PAGE_ROWS + 1).await?;
    let has_older = found.len() as i64 > PAGE_ROWS;
    found.truncate(PAGE_ROWS as usize);
    let query = visit.query_without(&["after"]);
    let older = found.last().filter(|_| has_older).map(|last| {
        let mark = if query.is_empty() { "" } else { "&" };
        visit.environment_link(&format!("/installs?{query}{mark}after={}", last.install_id))
    });
    Ok(visit.page(&ListPage {
        frame: visit.frame("Unclaimed installations"),
        rows: found.iter().map(|it| Row::of(&visit, it)).collect(),
        older,
        integrations: visit.environment_link("/integrations"),
        can: Abilities::of(&visit),
    }))
}

#[derive(Template)]
#[template(path = "dashboard/install.html")]
struct OnePage {
    frame: Frame,
    row: Row,
    connection_id: String,
    end_user_id: String,
    email: String,
    list: String,
    can: Abilities,
    issues: Issues,
}

async fn page(visit: &Visit, issues: Issues) -> Result<OnePage, Failure> {
    let install = visit.engine().install(visit.environment()?, visit.path("install")).await?;
    let given = |name: &str| visit.form.text(name).to_owned();
    Ok(OnePage {
        frame: visit.frame("Unclaimed installation"),
        row: Row::of(visit, &install),
        connection_id: given("connection_id"),
        end_user_id: given("end_user_id"),
        email: given("email"),
        list: visit.environment_link("/installs"),
        can: Abilities::of(visit),
        issues,
    })
}

async fn ask(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Issues::default()).await?;
    Ok(visit.page(&page))
}

/// What a form says, or what is wrong with it.
fn read(form: &Form) -> Result<ClaimInstall, Issues> {
    let mut issues = Issues::default();
    let user = form.filled("end_user_id");
    match user {
        None => issues.add("end_user_id", "Say which of your users it belongs to."),
        Some(id) => {
            if let Some(message) = line_issue(id, END_USER_CHARS_MAX) {
                issues.add("end_user_id", message);
            }
        }
    }
    let email = form.filled("email");
    if email.is_some_and(|it| !is_valid_email(it) || line_issue(it, EMAIL_CHARS_MAX).is_some()) {
        issues.add("email", "Expected an e-mail address like ada@example.com.");
    }
    let mut end_user = Map::new();
    for (name, value) in [("id", user), ("email", email)] {
        if let Some(value) = value {
            end_user.insert(name.to_owned(), value.into());
        }
    }
    let mut body = Map::new();
    if let Some(id) = form.filled("connection_id") {
        body.insert("connection_id".to_owned(), id.into());
    }
    if issues.is_empty() {
        body.insert("end_user".to_owned(), Value::Object(end_user));
    }
    match checked(&claim_body(), body) {
        Ok(claim) if issues.is_empty() => Ok(claim),
        Ok(_) => Err(issues),
        Err(found) => {
            if found.of("connection_id").is_some() {
                issues.add(
                    "connection_id",
                    "Expected at most 255 letters, digits and signs such as - _ . : @ /.",
                );
            }
            if found.of("end_user").is_some() {
                issues.add("end_user_id", "This cannot be the id of an end user.");
            }
            Err(issues)
        }
    }
}

async fn claim(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let claim = match read(&visit.form) {
        Ok(claim) => claim,
        Err(issues) => return Ok(visit.corrected(&page(&visit, issues).await?)),
    };
    let id = visit.path("install");
    let install = visit.engine().install(environment, id).await?;
    if let Some(connection) = &claim.connection_id {
        let key = &install.integration_key;
        let taken = visit.engine().connection_exists(environment, key, connection).await?;
        if taken && visit.form.text("replace") != "true" {
            let text = "A connection has this id. Tick the box below to give it these credentials.";
            let issues = Issues::one("connection_id", text);
            return Ok(visit.corrected(&page(&visit, issues).await?));
        }
    }
    match visit.engine().claim_install(environment, id, claim, &visit.actor()).await {
        Ok(made) => {
            let link = connection_link(&visit, &made.integration_key, &made.connection_id);
            Ok(visit.redirect(&link, "claimed"))
        }
        Err(Error::Provider(error)) => {
            let issues = Issues::one("", error.message.clone());
            Ok(visit.corrected(&page(&visit, issues).await?))
        }
        Err(error) => Err(error.into()),
    }
}

async fn dismiss(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    visit.engine().dismiss_install(environment, visit.path("install"), &visit.actor()).await?;
    Ok(visit.redirect(&visit.environment_link("/installs"), "dismissed"))
}

/// The switch and the page of an integration, as its own page shows them.
pub(super) struct InstallPanel {
    pub(super) accepts: bool,
    pub(super) claim_url: String,
    pub(super) url: String,
    /// Whether a browser may bring them, beside a webhook.
    pub(super) by_browser: bool,
    pub(super) list: String,
    pub(super) settings: String,
}

impl InstallPanel {
    /// `None` for providers that have no installations.
    pub(super) fn of(
        visit: &Visit,
        view: &valetkey_engine::integrations::IntegrationView,
    ) -> Result<Option<Self>, Failure> {
        use valetkey_engine::installs::{by_browser, by_webhook};
        if !by_browser(&view.provider) && !by_webhook(&view.provider) {
            return Ok(None);
        }
        let key = &view.row.unique_key;
        let stored = &view.secrets.installs;
        let typed = visit.form.given("claim_url").map(str::to_owned);
        let is_posted = typed.is_some();
        let query: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        Ok(Some(Self {
            accepts: if is_posted {
                visit.form.text("accept_installs") == "true"
            } else {
                stored.accept
            },
            claim_url: typed.or_else(|| stored.claim_url.clone()).unwrap_or_default(),
            url: visit.engine().install_url(visit.environment()?, key),
            by_browser: by_browser(&view.provider),
            list: visit.environment_link(&format!("/installs?integration={query}")),
            settings: visit.environment_link("/settings"),
        }))
    }
}

/// The change that the panel's form asks for.
pub(super) fn asked(visit: &Visit) -> Value {
    json!({
        "accept": visit.form.text("accept_installs") == "true",
        "claim_url": visit.form.text("claim_url").trim(),
    })
}
