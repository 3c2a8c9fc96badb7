//! What an environment is called and how its sessions end; deleting it.

use askama::Template;
use axum::response::Response;
use valetkey_engine::Error;
use valetkey_engine::connection_lists::ConnectionPage;
use valetkey_engine::members::Permission;

use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame, Way};
use super::super::visit::Visit;
use super::super::words;
use super::{Values, read, store, tabs};

/// Where counting connections ends.
const COUNTED_MAX: i64 = 100_000;

#[derive(Template)]
#[template(path = "dashboard/settings/general.html")]
struct GeneralPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    name: String,
    uuid: String,
    is_production: bool,
    /// Whether it is the one that keeps its name.
    is_fixed: bool,
    integrations: String,
    connections: String,
    log_retention: String,
    event_retention: String,
    deleted_retention: String,
    values: Values,
    can: Abilities,
    can_manage: bool,
    issues: Issues,
}

async fn page(visit: &Visit, issues: Issues) -> Result<GeneralPage, Failure> {
    let environment = visit.environment()?;
    let settings = visit.engine().settings();
    let integrations = visit.engine().integrations(environment).await?.len();
    let connections = ConnectionPage {
        environment_id: environment.id,
        integration_id: None,
        failing: false,
        search: None,
        after: None,
        limit: COUNTED_MAX,
    };
    let connections = visit.engine().connection_count(&connections).await?;
    let more = if connections >= COUNTED_MAX { "more than " } else { "" };
    let was_sent = visit.form.given("name").is_some();
    Ok(GeneralPage {
        frame: visit.frame("General settings"),
        tabs: tabs(visit),
        here: super::place(visit, ""),
        name: visit.form.given("name").unwrap_or(&environment.name).to_owned(),
        uuid: environment.uuid.clone(),
        is_production: if was_sent {
            visit.form.text("is_production") == super::ON
        } else {
            environment.is_production
        },
        is_fixed: environment.name == "prod",
        integrations: words::counted(
            i64::try_from(integrations).unwrap_or(i64::MAX),
            "integration",
        ),
        connections: format!("{more}{}", words::counted(connections, "connection")),
        log_retention: words::duration(settings.log_retention),
        event_retention: words::duration(settings.event_retention),
        deleted_retention: words::duration(settings.deleted_retention),
        values: Values::of(visit)?,
        can: Abilities::of(visit),
        can_manage: visit.may(Permission::ManageEnvironments),
        issues,
    })
}

async fn corrected(visit: &Visit, issues: Issues) -> Result<Response, Failure> {
    Ok(visit.corrected(&page(visit, issues).await?))
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    match read(&visit, &["return_urls"], &["single_use_sessions"]) {
        Ok(changes) => store(&visit, changes, "").await,
        Err(issues) => corrected(&visit, issues).await,
    }
}

pub(super) async fn rename(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let name = visit.form.text("name").trim();
    let is_production = visit.form.text("is_production") == super::ON;
    let result =
        visit.engine().update_environment(environment, name, is_production, &visit.actor()).await;
    match result {
        Ok(()) => Ok(visit.redirect(&visit.link(&format!("/{name}/settings")), "saved")),
        Err(Error::Conflict(message)) => corrected(&visit, Issues::one("name", message)).await,
        Err(Error::Invalid(issues)) => {
            corrected(&visit, Issues::from_error(Error::Invalid(issues))?).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    if visit.form.text("confirm") != environment.name {
        let issues = Issues::one("confirm", "Type the environment's name.");
        return corrected(&visit, issues).await;
    }
    let account = visit.member()?.member.account_id;
    visit.engine().delete_environment(account, environment.id, &visit.actor()).await?;
    Ok(visit.redirect(&visit.link("/account/environments"), "deleted"))
}
