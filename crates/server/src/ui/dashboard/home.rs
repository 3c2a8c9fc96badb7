//! The first page: what needs attention.

use askama::Template;
use axum::response::Response;
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, look};

pub(super) fn pages() -> Vec<Page> {
    vec![
        look("/", Access::Member, enter),
        look("/{environment}", Access::May(Permission::View), show),
    ]
}

#[derive(Template)]
#[template(path = "dashboard/home.html")]
struct HomePage {
    frame: Frame,
}

/// To the environment that was looked at last.
async fn enter(visit: Visit) -> Result<Response, Failure> {
    visit.environment()?;
    Ok(visit.redirect(&visit.environment_link(""), ""))
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    visit.environment()?;
    Ok(visit.page(&HomePage { frame: visit.frame("Home") }))
}
