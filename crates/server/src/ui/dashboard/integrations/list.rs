//! What is set up.

use askama::Template;
use axum::response::Response;
use valetkey_engine::integrations::needs_credentials;

use super::super::failure::Failure;
use super::super::frame::{Abilities, Frame};
use super::super::logs::integration_link;
use super::super::visit::Visit;
use super::super::words;

/// Where counting connections of an integration ends.
const COUNTED_MAX: i64 = 1_000;

/// An integration, as the page shows it.
struct Row {
    link: String,
    key: String,
    name: String,
    logo: String,
    mode: String,
    connections: String,
    connections_link: String,
    failing: String,
    /// What it lacks.
    lacks: &'static str,
}

#[derive(Template)]
#[template(path = "dashboard/integrations.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    is_empty: bool,
    search: String,
    show: String,
    list: String,
    new: String,
    /// Row, key and since when, of what can come back.
    deleted: Vec<(i64, String, String)>,
    can: Abilities,
}

fn capped(count: i64) -> String {
    if count > COUNTED_MAX {
        format!("more than {}", words::number(COUNTED_MAX))
    } else {
        words::number(count)
    }
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let all = visit.engine().integrations(environment).await?;
    let counts = visit.engine().connections_per_integration(environment, COUNTED_MAX + 1).await?;
    let is_empty = all.is_empty();
    let search = visit.query.text("q").trim().to_lowercase();
    let wanted = visit.query.text("show");
    let mut rows = Vec::new();
    for (it, provider) in all {
        let lacks = match &provider {
            None => "its provider is not in the catalogue",
            Some(provider) if needs_credentials(provider) && it.client_id.is_none() => {
                "client id and secret"
            }
            Some(_) => "",
        };
        let name = it.display_name.clone();
        let of_provider = provider.as_ref().map(|provider| provider.display_name.clone());
        let name = name.or(of_provider).unwrap_or_else(|| it.provider.clone());
        let text = format!("{name} {} {}", it.unique_key, it.provider).to_lowercase();
        if !text.contains(&search) || (wanted == "incomplete" && lacks.is_empty()) {
            continue;
        }
        let count = counts.iter().find(|count| count.integration_id == it.id);
        let (connections, failing) =
            count.map_or((0, 0), |count| (count.connections, count.failing));
        if wanted == "failing" && failing == 0 {
            continue;
        }
        let query = url::form_urlencoded::byte_serialize(it.unique_key.as_bytes());
        rows.push(Row {
            link: integration_link(&visit, &it.unique_key),
            logo: visit.logo(&it.provider),
            mode: provider.map_or_else(String::new, |it| it.auth_mode.as_str().to_owned()),
            connections: capped(connections),
            connections_link: visit.environment_link(&format!(
                "/connections?integration={}",
                query.collect::<String>()
            )),
            failing: if failing == 0 { String::new() } else { capped(failing) },
            key: it.unique_key,
            name,
            lacks,
        });
    }
    let deleted = visit.engine().deleted_integrations(environment.id).await?.into_iter();
    let deleted =
        deleted.map(|it| (it.id, it.name, words::relative_time(it.deleted_at, visit.now())));
    Ok(visit.page(&ListPage {
        frame: visit.frame("Integrations"),
        rows,
        is_empty,
        search: visit.query.text("q").to_owned(),
        show: wanted.to_owned(),
        list: visit.environment_link("/integrations"),
        new: visit.environment_link("/integrations/new"),
        deleted: deleted.collect(),
        can: Abilities::of(&visit),
    }))
}
