//! What surrounds every page: the way to the others, who is signed in, and what was just done.

use valetkey_engine::members::Permission;

use super::visit::Visit;
use super::words;

/// What pages may do beside loading our files. Frames are the Connect UI's own.
pub(super) const POLICY: &str =
    "form-action 'self'; frame-ancestors 'none'; connect-src 'self'; frame-src 'self'";

/// A link of the navigation.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) title: &'static str,
    pub(super) link: String,
    /// Name of its picture in the sprite.
    pub(super) icon: &'static str,
    pub(super) is_here: bool,
}

/// An environment to go to.
#[derive(Clone)]
pub(super) struct EnvironmentWay {
    pub(super) name: String,
    pub(super) link: String,
    pub(super) is_production: bool,
    pub(super) is_here: bool,
}

/// What surrounds a page.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) assets: String,
    /// Where the dashboard begins.
    pub(super) root: String,
    /// The token that forms carry.
    pub(super) csrf: String,
    pub(super) theme: String,
    /// Address of the member; none for strangers.
    pub(super) member: Option<String>,
    pub(super) role: &'static str,
    pub(super) environment: String,
    pub(super) is_production: bool,
    pub(super) environments: Vec<EnvironmentWay>,
    pub(super) ways: Vec<Way>,
    pub(super) account_ways: Vec<Way>,
    /// What the page before did.
    pub(super) said: Option<&'static str>,
    /// The first steps of somebody who is new.
    pub(super) start: String,
    /// Where the search box sends to.
    pub(super) search: String,
    /// This very page, to come back to.
    pub(super) here: String,
}

impl Frame {
    pub(super) fn new(visit: &Visit, title: &str) -> Self {
        let environment = visit.environment().ok();
        let here = visit.own_path();
        let is_below = |link: &str, path: &str| {
            path == link || path.strip_prefix(link).is_some_and(|rest| rest.starts_with('/'))
        };
        let way = |title, path: String, icon| Way {
            title,
            link: visit.link(&path),
            icon,
            is_here: is_below(&path, here),
        };
        let name = environment.map_or("", |it| it.name.as_str());
        let mut ways = Vec::new();
        let mut account_ways = Vec::new();
        if visit.signed_in().is_some() {
            let mut home = way("Home", format!("/{name}"), "home");
            home.is_here = here == format!("/{name}");
            ways.push(home);
            ways.push(way("Integrations", format!("/{name}/integrations"), "integrations"));
            ways.push(way("Connections", format!("/{name}/connections"), "connections"));
            ways.push(way("Logs", format!("/{name}/logs"), "logs"));
            ways.push(way("Settings", format!("/{name}/settings"), "settings"));
            let environments = "/account/environments".to_owned();
            account_ways.push(way("Environments", environments, "environments"));
            account_ways.push(way("Team", "/account/team".to_owned(), "team"));
            if visit.may(Permission::ReadAudit) {
                account_ways.push(way("Audit trail", "/account/audit".to_owned(), "audit"));
            }
            account_ways.push(way("Profile", "/account/profile".to_owned(), "profile"));
        }
        let environments = visit.environments().iter().map(|it| EnvironmentWay {
            name: it.name.clone(),
            link: visit.link(&format!("/{}", it.name)),
            is_production: it.is_production,
            is_here: it.name == name,
        });
        Self {
            title: title.to_owned(),
            assets: visit.pages.assets.folder.clone(),
            root: visit.link(""),
            csrf: visit.csrf().to_owned(),
            theme: visit.theme(),
            member: visit.signed_in().map(|it| it.member.email.clone()),
            role: visit.role().map_or("", |role| role.title()),
            environment: name.to_owned(),
            is_production: environment.is_some_and(|it| it.is_production),
            environments: environments.collect(),
            ways,
            account_ways,
            said: visit.query.given("said").and_then(words::said),
            start: visit.environment_link("/start"),
            search: visit.environment_link("/search"),
            here: visit.own_address().to_owned(),
        }
    }
}

/// Whether to show what only some may do.
pub(super) struct Abilities {
    pub(super) repair: bool,
    pub(super) reveal: bool,
    pub(super) change: bool,
}

impl Abilities {
    pub(super) fn of(visit: &Visit) -> Self {
        Self {
            repair: visit.may(Permission::Repair),
            reveal: visit.may(Permission::Reveal),
            change: visit.may(Permission::Change),
        }
    }
}
