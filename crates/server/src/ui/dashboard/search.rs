//! One box that finds everything: connections by id, e-mail or tag, integrations, operations.

use askama::Template;
use axum::response::Response;
use valetkey_engine::connection_lists::ConnectionPage;
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::frame::Frame;
use super::logs::{connection_link, integration_link, operation_link};
use super::visit::Visit;
use super::{Access, Page, look};

/// Connections that are shown.
const CONNECTIONS_SHOWN: i64 = 20;

pub(super) fn pages() -> Vec<Page> {
    vec![look("/{environment}/search", Access::May(Permission::View), show)]
}

/// Something that was found.
struct Found {
    link: String,
    title: String,
    below: String,
}

#[derive(Template)]
#[template(path = "dashboard/search.html")]
struct SearchPage {
    frame: Frame,
    query: String,
    groups: Vec<(&'static str, Vec<Found>)>,
    all_connections: Option<String>,
    logs: String,
}

async fn connections(visit: &Visit, query: &str) -> Result<Vec<Found>, Failure> {
    let page = ConnectionPage {
        environment_id: visit.environment()?.id,
        integration_id: None,
        failing: false,
        search: Some(query.to_owned()),
        after: None,
        limit: CONNECTIONS_SHOWN,
    };
    let rows = visit.engine().connection_page(&page).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (name, below) = super::connections::customer(&row);
            let link = connection_link(visit, &row.integration_key, &row.connection_id);
            let below = [row.integration_key, name, below];
            let below = below.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
            Found { link, title: row.connection_id, below: below.join(" · ") }
        })
        .collect())
}

async fn integrations(visit: &Visit, query: &str) -> Result<Vec<Found>, Failure> {
    let query = query.to_lowercase();
    let all = visit.engine().integrations(visit.environment()?).await?;
    Ok(all
        .into_iter()
        .map(|(it, provider)| {
            let of_provider = provider.map(|provider| provider.display_name.clone());
            (it.unique_key, it.display_name.or(of_provider).unwrap_or_default())
        })
        .filter(|(key, name)| format!("{key} {name}").to_lowercase().contains(&query))
        .map(|(key, name)| Found { link: integration_link(visit, &key), title: key, below: name })
        .collect())
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let query = visit.query.text("q").trim().to_owned();
    let mut groups = Vec::new();
    let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let mut all_connections = None;
    if !query.is_empty() {
        let found = connections(&visit, &query).await?;
        if found.len() as i64 == CONNECTIONS_SHOWN {
            all_connections = Some(visit.environment_link(&format!("/connections?q={encoded}")));
        }
        groups.push(("Connections", found));
        groups.push(("Integrations", integrations(&visit, &query).await?));
        if let Ok((operation, _)) = visit.engine().operation(environment.id, &query).await {
            let link = operation_link(&visit, &operation.id);
            let found = Found { link, title: operation.title, below: operation.id };
            groups.push(("Operations", vec![found]));
        }
        groups.retain(|(_, found)| !found.is_empty());
    }
    // One thing alone is where the person wants to go.
    if let [(_, found)] = groups.as_slice()
        && let [one] = found.as_slice()
    {
        return Ok(visit.redirect(&one.link, ""));
    }
    Ok(visit.page(&SearchPage {
        frame: visit.frame("Search"),
        logs: visit.environment_link(&format!("/logs?q={encoded}")),
        query,
        groups,
        all_connections,
    }))
}
