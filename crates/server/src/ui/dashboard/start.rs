//! Getting started: three steps that tick themselves as they happen, against the emulated provider
//! where there is one, and with the reader's own provider in the end.

use askama::Template;
use axum::response::Response;
use valetkey_engine::getting_started::GettingStarted;
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::frame::{Abilities, Frame};
use super::logs::connection_link;
use super::visit::Visit;
use super::{Access, Page, look};

pub(super) fn pages() -> Vec<Page> {
    vec![look("/{environment}/start", Access::May(Permission::View), show)]
}

/// A connection that a step made.
struct Made {
    id: String,
    integration: String,
    link: String,
}

#[derive(Template)]
#[template(path = "dashboard/start.html")]
struct StartPage {
    frame: Frame,
    has_demo: bool,
    /// Where an account is connected to the emulated provider.
    connect_demo: String,
    /// The emulated provider's own page.
    provider_page: Option<String>,
    demo: Option<Made>,
    /// The connection whose token is read.
    to_read: Option<Made>,
    has_read: bool,
    has_own_integration: bool,
    connect_own: String,
    own: Option<Made>,
    is_done: bool,
    server: String,
    picker: String,
    keys: String,
    logs: String,
    can: Abilities,
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let found = visit.engine().getting_started(environment).await?;
    let has_read = found.has_read();
    let GettingStarted { demo, own_integration, own_connection } = found;
    let made = |row: &valetkey_engine::connections::Connection| Made {
        id: row.connection_id.clone(),
        integration: row.integration_key.clone(),
        link: connection_link(&visit, &row.integration_key, &row.connection_id),
    };
    let connect = |key: &str| {
        let query: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        visit.environment_link(&format!("/connections/new?integration={query}"))
    };
    let demo_connection = demo.as_ref().and_then(|it| it.connection.as_ref());
    let to_read = if demo.is_some() { demo_connection } else { own_connection.as_ref() };
    let page = StartPage {
        frame: visit.frame("Getting started"),
        has_demo: demo.is_some(),
        connect_demo: demo.as_ref().map_or_else(String::new, |it| connect(&it.integration_key)),
        provider_page: demo.as_ref().and_then(|it| it.provider_page.clone()),
        to_read: to_read.map(made),
        is_done: to_read.is_some() && has_read && own_connection.is_some(),
        demo: demo_connection.map(made),
        has_read,
        has_own_integration: own_integration.is_some(),
        connect_own: own_integration.as_deref().map_or_else(String::new, connect),
        own: own_connection.as_ref().map(made),
        server: visit.engine().settings().public_url.clone(),
        picker: visit.environment_link("/integrations/new"),
        keys: visit.environment_link("/settings/keys"),
        logs: visit.environment_link("/logs"),
        can: Abilities::of(&visit),
    };
    Ok(visit.page(&page))
}
