//! How the Connect UI looks in this environment, with a preview that follows what is typed.

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value, json};
use valetkey_engine::sessions::CreateSession;

use super::super::connections::ORIGIN;
use super::super::failure::Failure;
use super::super::form::Issues;
use super::super::frame::{Abilities, Frame, Way};
use super::super::visit::Visit;
use super::{Values, place, read, store, tabs};
use crate::reply;

const TAB: &str = "/connect-ui";
const TEXTS: &[&str] = &[
    "connect_ui_name",
    "connect_ui_logo",
    "connect_ui_primary_light",
    "connect_ui_primary_dark",
    "connect_ui_font_family",
    "connect_ui_radius",
    "connect_ui_theme",
];
const SWITCHES: &[&str] = &["connect_ui_watermark"];

#[derive(Template)]
#[template(path = "dashboard/settings/connect_ui.html")]
struct ConnectUiPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    preview: String,
    /// Whether there is something to show in it.
    has_preview: bool,
    values: Values,
    can: Abilities,
    issues: Issues,
}

async fn page(visit: &Visit, issues: Issues) -> Result<ConnectUiPage, Failure> {
    let integrations = visit.engine().integrations(visit.environment()?).await?;
    Ok(ConnectUiPage {
        frame: visit.frame("Connect UI"),
        tabs: tabs(visit),
        here: place(visit, TAB),
        preview: format!("{}/connect-ui/?preview=true&embedded=true", visit.pages.place.base_path),
        has_preview: !integrations.is_empty(),
        values: Values::of(visit)?,
        can: Abilities::of(visit),
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn save(visit: Visit) -> Result<Response, Failure> {
    match read(&visit, TEXTS, SWITCHES) {
        Ok(changes) => store(&visit, changes, TAB).await,
        Err(issues) => Ok(visit.corrected(&page(&visit, issues).await?)),
    }
}

/// Answers the script of the page with the token of a session for the preview: what it shows is real.
/// A preview connects nothing.
pub(super) async fn preview(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let integrations = visit.engine().integrations(environment).await?;
    let (first, _) = integrations.first().ok_or(Failure::Missing)?;
    let mut tags = Map::new();
    tags.insert(ORIGIN.0.to_owned(), Value::from(ORIGIN.1));
    let request = CreateSession {
        allowed_integrations: Some(vec![first.unique_key.clone()]),
        tags: Some(tags),
        ..CreateSession::default()
    };
    let made = visit.engine().create_session(environment, request, &visit.actor()).await?;
    Ok(reply::ok(&json!({"token": made.token.expose()})))
}
