//! Every environment of the account: making one, and taking a deletion back.

use askama::Template;
use axum::response::Response;
use valetkey_engine::members::Permission;
use valetkey_engine::{EnvironmentSettings, Error};

use super::failure::Failure;
use super::form::Issues;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, change, look, words};

pub(super) fn pages() -> Vec<Page> {
    const MANAGE: Access = Access::May(Permission::ManageEnvironments);
    vec![
        look("/account/environments", Access::Member, show),
        change("/account/environments", MANAGE, create),
        change("/account/environments/restore", MANAGE, restore),
    ]
}

struct EnvironmentRow {
    name: String,
    link: String,
    settings: String,
    is_production: bool,
    integrations: String,
    webhooks: Option<String>,
}

struct DeletedRow {
    id: i64,
    name: String,
    ago: String,
    at: String,
}

#[derive(Template)]
#[template(path = "dashboard/environments.html")]
struct EnvironmentsPage {
    frame: Frame,
    here: String,
    rows: Vec<EnvironmentRow>,
    deleted: Vec<DeletedRow>,
    kept: String,
    can_manage: bool,
    name: String,
    is_production: bool,
    issues: Issues,
}

async fn page(visit: &Visit, issues: Issues) -> Result<EnvironmentsPage, Failure> {
    let (engine, now) = (visit.engine(), visit.now());
    let mut rows = Vec::new();
    for it in visit.environments() {
        let integrations = engine.integrations(it).await?.len();
        rows.push(EnvironmentRow {
            name: it.name.clone(),
            link: visit.link(&format!("/{}", it.name)),
            settings: visit.link(&format!("/{}/settings", it.name)),
            is_production: it.is_production,
            integrations: words::counted(
                i64::try_from(integrations).unwrap_or(i64::MAX),
                "integration",
            ),
            webhooks: it.settings.webhook_url.clone().filter(|url| !url.is_empty()),
        });
    }
    let can_manage = visit.may(Permission::ManageEnvironments);
    let deleted = if can_manage {
        engine.deleted_environments(visit.member()?.member.account_id).await?
    } else {
        Vec::new()
    };
    let deleted = deleted.into_iter().map(|it| DeletedRow {
        id: it.id,
        name: it.name,
        ago: words::relative_time(it.deleted_at, now),
        at: words::full_time(it.deleted_at),
    });
    Ok(EnvironmentsPage {
        frame: visit.frame("Environments"),
        here: visit.link("/account/environments"),
        rows,
        deleted: deleted.collect(),
        kept: words::duration(engine.settings().deleted_retention),
        can_manage,
        name: visit.form.text("name").to_owned(),
        is_production: visit.form.text("is_production") == "true",
        issues,
    })
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Issues::default()).await?;
    Ok(visit.page(&page))
}

async fn create(visit: Visit) -> Result<Response, Failure> {
    let name = visit.form.text("name").trim();
    let is_production = visit.form.text("is_production") == "true";
    let account = visit.member()?.member.account_id;
    let settings = EnvironmentSettings::default();
    let made = visit
        .engine()
        .create_environment(account, name, is_production, settings, &visit.actor())
        .await;
    let issues = match made {
        Ok(made) => {
            return Ok(visit.redirect(&visit.link(&format!("/{}/settings", made.name)), "created"));
        }
        Err(Error::Conflict(message)) => Issues::one("name", message),
        Err(error) => Issues::from_error(error)?,
    };
    Ok(visit.corrected(&page(&visit, issues).await?))
}

async fn restore(visit: Visit) -> Result<Response, Failure> {
    let account = visit.member()?.member.account_id;
    let id = visit.form.text("id").parse().map_err(|_| Failure::Missing)?;
    visit.engine().restore_environment(account, id, &visit.actor()).await?;
    Ok(visit.redirect(&visit.link("/account/environments"), "restored"))
}
