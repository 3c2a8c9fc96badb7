//! Connections: finding one, seeing how it does, and repairing it.

mod bulk;
mod change;
mod detail;
mod list;
mod new;

use axum::response::Response;
use valetkey_engine::connection_lists::{Health, health};
use valetkey_engine::connections::Connection;
use valetkey_engine::members::Permission;

pub(super) use new::ORIGIN;

use super::failure::Failure;
use super::visit::Visit;
use super::{Access, Page, change, look};

pub(super) fn pages() -> Vec<Page> {
    const VIEW: Access = Access::May(Permission::View);
    const REPAIR: Access = Access::May(Permission::Repair);
    const CHANGE: Access = Access::May(Permission::Change);
    const REVEAL: Access = Access::May(Permission::Reveal);
    vec![
        look("/{environment}/connections", VIEW, list::show),
        look("/{environment}/connections/export.csv", VIEW, list::export),
        change("/{environment}/connections/bulk", REPAIR, bulk::run),
        look("/{environment}/connections/new", CHANGE, new::ask),
        change("/{environment}/connections/new", CHANGE, new::begin),
        look("/{environment}/connections/{integration}/{connection}", VIEW, detail::show),
        change(
            "/{environment}/connections/{integration}/{connection}/refresh",
            REPAIR,
            detail::refresh,
        ),
        change("/{environment}/connections/{integration}/{connection}/link", REPAIR, detail::link),
        change(
            "/{environment}/connections/{integration}/{connection}/reconnect",
            REPAIR,
            reconnect,
        ),
        change(
            "/{environment}/connections/{integration}/{connection}/credentials",
            REVEAL,
            detail::reveal,
        ),
        change(
            "/{environment}/connections/{integration}/{connection}/metadata",
            CHANGE,
            change::metadata,
        ),
        change("/{environment}/connections/{integration}/{connection}/tags", CHANGE, change::tags),
        change(
            "/{environment}/connections/{integration}/{connection}/delete",
            CHANGE,
            change::delete,
        ),
    ]
}

/// How a connection does, as pages say it: a word, the chip's colour, and who must act.
fn state(row: &Connection) -> (&'static str, &'static str) {
    match health(row).0 {
        Health::Good => ("works", "good"),
        Health::Retrying => ("retrying", "warn"),
        Health::NeedsReconnect => ("needs reconnect", "bad"),
        Health::NeedsOperator => ("needs you", "bad"),
    }
}

/// Who a connection belongs to, as far as the app told: a name, and what is below it.
pub(super) fn customer(row: &Connection) -> (String, String) {
    let tags: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&row.tags).unwrap_or_default();
    let user: serde_json::Value = row
        .end_user
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let tag = |name: &str| tags.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let of_user = |name: &str| user[name].as_str().map(str::to_owned);
    let name = tag("end_user_display_name").or_else(|| of_user("display_name"));
    let email = tag("end_user_email").or_else(|| of_user("email"));
    let id = tag("end_user_id").or_else(|| of_user("id"));
    let mut known = [name, email, id].into_iter().flatten().filter(|text| !text.is_empty());
    (known.next().unwrap_or_default(), known.next().unwrap_or_default())
}

/// Opens the Connect UI on a session that repairs the connection.
async fn reconnect(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let (integration, id) = (visit.path("integration"), visit.path("connection"));
    let made = visit
        .engine()
        .reconnect_session_of_member(environment, integration, id, &visit.actor())
        .await?;
    Ok(visit.redirect(&made.connect_link, ""))
}
