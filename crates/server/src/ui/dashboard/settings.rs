//! The settings of an environment: a page for each kind, with the ways between them.

mod alerts;
mod callback_url;
mod connect_ui;
mod general;
mod keys;
mod variables;
mod webhooks;

use std::collections::HashMap;

use axum::response::Response;
use valetkey_engine::environment_settings::{self, Change};
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::form::Issues;
use super::frame::Way;
use super::visit::Visit;
use super::{Access, Page, change, look};

/// What a switch is when it is on.
const ON: &str = "true";

pub(super) fn pages() -> Vec<Page> {
    const VIEW: Access = Access::May(Permission::View);
    const CHANGE: Access = Access::May(Permission::Change);
    const REPAIR: Access = Access::May(Permission::Repair);
    const REVEAL: Access = Access::May(Permission::Reveal);
    const MANAGE: Access = Access::May(Permission::ManageEnvironments);
    vec![
        look("/{environment}/settings", VIEW, general::show),
        change("/{environment}/settings", CHANGE, general::save),
        change("/{environment}/settings/identity", MANAGE, general::rename),
        change("/{environment}/settings/delete", MANAGE, general::delete),
        look("/{environment}/settings/keys", VIEW, keys::show),
        change("/{environment}/settings/keys", CHANGE, keys::create),
        change("/{environment}/settings/keys/rotate", CHANGE, keys::rotate),
        change("/{environment}/settings/keys/revoke", CHANGE, keys::revoke),
        look("/{environment}/settings/webhooks", VIEW, webhooks::show),
        change("/{environment}/settings/webhooks", CHANGE, webhooks::save),
        change("/{environment}/settings/webhooks/test", REPAIR, webhooks::test),
        change("/{environment}/settings/webhooks/replay", REPAIR, webhooks::replay),
        change("/{environment}/settings/webhooks/signing-key", REVEAL, webhooks::reveal),
        change("/{environment}/settings/webhooks/signing-key/rotate", CHANGE, webhooks::rotate),
        look("/{environment}/settings/webhooks/deliveries/{delivery}", VIEW, webhooks::delivery),
        look("/{environment}/settings/alerts", VIEW, alerts::show),
        change("/{environment}/settings/alerts", CHANGE, alerts::save),
        change("/{environment}/settings/alerts/test", REPAIR, alerts::test),
        look("/{environment}/settings/callback-url", VIEW, callback_url::show),
        change("/{environment}/settings/callback-url", CHANGE, callback_url::save),
        look("/{environment}/settings/connect-ui", VIEW, connect_ui::show),
        change("/{environment}/settings/connect-ui", CHANGE, connect_ui::save),
        change("/{environment}/settings/connect-ui/preview", CHANGE, connect_ui::preview),
        look("/{environment}/settings/variables", VIEW, variables::show),
        change("/{environment}/settings/variables", CHANGE, variables::set),
        change("/{environment}/settings/variables/unset", CHANGE, variables::unset),
        change("/{environment}/settings/variables/reveal", REVEAL, variables::reveal),
    ]
}

/// Title and place of every page of settings.
const TABS: &[(&str, &str)] = &[
    ("General", ""),
    ("API keys", "/keys"),
    ("Webhooks", "/webhooks"),
    ("Alerts", "/alerts"),
    ("Callback URL", "/callback-url"),
    ("Connect UI", "/connect-ui"),
    ("Variables", "/variables"),
];

/// The ways between the pages of settings.
fn tabs(visit: &Visit) -> Vec<Way> {
    let own = visit.own_path();
    let way = |&(title, place): &(&'static str, &str)| {
        let link = visit.environment_link(&format!("/settings{place}"));
        let is_here = match place {
            "" => own.ends_with("/settings"),
            place => own.contains(&format!("/settings{place}")),
        };
        Way { title, link, icon: "", is_here }
    };
    TABS.iter().map(way).collect()
}

/// The address of a page of settings.
fn place(visit: &Visit, tab: &str) -> String {
    visit.environment_link(&format!("/settings{tab}"))
}

/// What stands in the fields of a form: what was sent, or what is stored.
struct Values(HashMap<String, String>);

impl Values {
    fn of(visit: &Visit) -> Result<Self, Failure> {
        let stored = environment_settings::written(&visit.environment()?.settings);
        let mut values: HashMap<String, String> =
            stored.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in visit.form.pairs() {
            values.insert(name.to_owned(), value.to_owned());
        }
        Ok(Self(values))
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The entries of a list, one on each line.
    fn lines(&self, name: &str) -> String {
        self.text(name).replace(',', "\n")
    }

    fn is_on(&self, name: &str) -> bool {
        self.text(name) == ON
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.text(name) == value
    }
}

/// Reads some settings of a form. A box that is not ticked is not sent; lists have an entry on each
/// line.
fn read(visit: &Visit, texts: &[&str], switches: &[&str]) -> Result<Vec<Change>, Issues> {
    let (mut changes, mut issues) = (Vec::new(), Issues::default());
    let egress = visit.engine().egress();
    let texts = texts.iter().map(|name| (*name, visit.form.text(name).replace(['\r', '\n'], ",")));
    let switches = switches
        .iter()
        .map(|name| (*name, if visit.form.text(name) == ON { ON } else { "false" }.to_owned()));
    for (name, value) in texts.chain(switches) {
        match environment_settings::read(name, &value, egress) {
            Ok(change) => changes.push(change),
            Err(message) => issues.add(name, message),
        }
    }
    if issues.is_empty() { Ok(changes) } else { Err(issues) }
}

/// Stores changes and goes back to the page.
async fn store(visit: &Visit, changes: Vec<Change>, tab: &str) -> Result<Response, Failure> {
    let id = visit.environment()?.id;
    let apply = move |settings: &mut _| {
        for change in changes {
            change.apply(settings);
        }
    };
    visit.engine().update_environment_settings(id, &visit.actor(), apply).await?;
    Ok(visit.redirect(&place(visit, tab), "saved"))
}
