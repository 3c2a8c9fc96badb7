//! Logs: operations and their messages.

mod curl;
mod filter;
mod list;
mod live;
mod operation;
mod told;

use super::visit::Visit;
use super::{Access, Page, look};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use valetkey_engine::members::Permission;

const VIEW: Access = Access::May(Permission::View);

pub(super) fn pages() -> Vec<Page> {
    vec![
        look("/{environment}/logs", VIEW, list::show),
        look("/{environment}/logs/live", VIEW, live::tell),
        look("/{environment}/logs/{id}", VIEW, operation::show),
        look("/{environment}/logs/{id}/json", VIEW, operation::download),
    ]
}

/// What a part of a path may show as it is.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A part of a path, of any text.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// The page of an operation.
pub(super) fn operation_link(visit: &Visit, id: &str) -> String {
    visit.environment_link(&format!("/logs/{}", part(id)))
}

/// The page of an integration.
pub(super) fn integration_link(visit: &Visit, key: &str) -> String {
    visit.environment_link(&format!("/integrations/{}", part(key)))
}

/// The page of a connection.
pub(super) fn connection_link(visit: &Visit, integration_key: &str, id: &str) -> String {
    visit.environment_link(&format!("/connections/{}/{}", part(integration_key), part(id)))
}
