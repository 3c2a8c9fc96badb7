//! Integrations: what is set up, setting up more, and what each needs.

mod detail;
mod fields;
mod installs;
mod list;
mod new;
mod proxy;
mod scopes;
mod webhooks;

use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::visit::Visit;
use super::{Access, Page, change, look};
pub(super) use fields::{checked, has_callback};

pub(super) fn pages() -> Vec<Page> {
    const VIEW: Access = Access::May(Permission::View);
    const CHANGE: Access = Access::May(Permission::Change);
    vec![
        look("/{environment}/integrations", VIEW, list::show),
        look("/{environment}/integrations/new", CHANGE, new::pick),
        look("/{environment}/integrations/new/{provider}", CHANGE, new::ask),
        change("/{environment}/integrations/new/{provider}", CHANGE, new::create),
        look("/{environment}/integrations/{integration}", VIEW, detail::show),
        change("/{environment}/integrations/{integration}", CHANGE, detail::save),
        change("/{environment}/integrations/{integration}/scopes", CHANGE, scopes::save),
        change("/{environment}/integrations/{integration}/proxy", CHANGE, proxy::save),
        change("/{environment}/integrations/{integration}/webhooks", CHANGE, webhooks::save),
        change("/{environment}/integrations/{integration}/installs", CHANGE, installs::save),
        change("/{environment}/integrations/{integration}/delete", CHANGE, detail::delete),
        change("/{environment}/integrations/restore", CHANGE, scopes::restore),
    ]
}

/// Where a provider sends browsers back to in this environment.
fn callback_url(visit: &Visit) -> Result<String, Failure> {
    Ok(visit.engine().redirect_uri(visit.environment()?))
}
