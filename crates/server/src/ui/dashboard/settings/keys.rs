//! API keys: shown once, with scopes and an end, replaced with overlap, revoked by typing the name.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use valetkey_base::scope::ENVIRONMENT_SCOPES;
use valetkey_base::{ScopeSet, Secret, Timestamp};
use valetkey_engine::Error;
use valetkey_engine::keys::{ApiKey, KEYS_PER_ENVIRONMENT_MAX};

use super::super::failure::Failure;
use super::super::form::{Issues, line_issue};
use super::super::frame::{Abilities, Frame, Way};
use super::super::visit::Visit;
use super::super::words;
use super::{place, tabs};

const TAB: &str = "/keys";
const DAY: Duration = Duration::from_hours(24);
/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 255;
/// The scope that grants every other one.
const EVERYTHING: &str = "environment:*";

/// A choice of a duration: what the form sends, what it says, and how long it is.
type Choice = (&'static str, &'static str, Option<Duration>);

const LIFETIMES: &[Choice] = &[
    ("never", "Never", None),
    ("30d", "In 30 days", Some(Duration::from_hours(30 * 24))),
    ("90d", "In 90 days", Some(Duration::from_hours(90 * 24))),
    ("365d", "In a year", Some(Duration::from_hours(365 * 24))),
];
const OVERLAPS: &[Choice] = &[
    ("1d", "for a day", Some(DAY)),
    ("1h", "for an hour", Some(Duration::from_hours(1))),
    ("7d", "for a week", Some(Duration::from_hours(7 * 24))),
    ("0", "not at all", Some(Duration::ZERO)),
];

struct KeyRow {
    id: i64,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    has_everything: bool,
    made: String,
    used: String,
    /// The address, empty when it is not known.
    used_from: String,
    ends: String,
    is_over: bool,
    /// Whether it was made here, and can be changed here.
    is_ours: bool,
    /// Whether its name was typed wrongly.
    is_confirming: bool,
}

/// Scopes of one kind.
struct ScopeGroup {
    title: String,
    /// The scope, what is said of it, and whether it is ticked.
    scopes: Vec<(&'static str, String, bool)>,
}

#[derive(Template)]
#[template(path = "dashboard/settings/keys.html")]
struct KeysPage {
    frame: Frame,
    tabs: Vec<Way>,
    here: String,
    keys: Vec<KeyRow>,
    is_full: bool,
    /// The name and the secret of a key that was just made; shown once.
    made: Option<(String, Secret)>,
    name: String,
    lifetimes: &'static [Choice],
    lifetime: String,
    overlaps: &'static [Choice],
    is_custom: bool,
    groups: Vec<ScopeGroup>,
    can: Abilities,
    issues: Issues,
}

fn row(key: ApiKey, confirming: Option<i64>, now: Timestamp) -> KeyRow {
    KeyRow {
        id: key.id,
        name: key.display_name,
        prefix: key.prefix,
        has_everything: key.scopes.as_slice().iter().any(|scope| scope == EVERYTHING),
        scopes: key.scopes.as_slice().to_vec(),
        made: words::relative_time(key.created_at, now),
        used: key
            .last_used_at
            .map_or_else(|| "never".to_owned(), |at| words::relative_time(at, now)),
        used_from: key.last_used_from.unwrap_or_default(),
        ends: key.expires_at.map_or_else(|| "never".to_owned(), |at| words::relative_time(at, now)),
        is_over: key.expires_at.is_some_and(|at| at <= now),
        is_ours: key.origin == "created",
        is_confirming: confirming == Some(key.id),
    }
}

/// Every scope but the one that grants all, by what it is about.
fn groups(ticked: &[&str]) -> Vec<ScopeGroup> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for scope in ENVIRONMENT_SCOPES.iter().filter(|scope| **scope != EVERYTHING) {
        let rest = scope.trim_start_matches("environment:");
        let (kind, action) = rest.split_once(':').unwrap_or((rest, ""));
        let title = capital(&kind.replace('_', " "));
        let said = match action {
            "" => title.clone(),
            "*" => "everything".to_owned(),
            action => action.replace(['_', ':'], " "),
        };
        let item = (*scope, said, ticked.contains(scope));
        match groups.iter_mut().find(|group| group.title == title) {
            Some(group) => group.scopes.push(item),
            None => groups.push(ScopeGroup { title, scopes: vec![item] }),
        }
    }
    groups
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

async fn page(
    visit: &Visit,
    made: Option<(String, Secret)>,
    confirming: Option<i64>,
    issues: Issues,
) -> Result<KeysPage, Failure> {
    let (account, now) = (visit.member()?.member.account_id, visit.now());
    let keys = visit.engine().api_keys(account, visit.environment()?.id).await?;
    let ticked: Vec<_> = visit.form.all("scope").collect();
    let is_again = !issues.is_empty() && confirming.is_none();
    Ok(KeysPage {
        frame: visit.frame("API keys"),
        tabs: tabs(visit),
        here: place(visit, TAB),
        is_full: i64::try_from(keys.len()).unwrap_or(i64::MAX) >= KEYS_PER_ENVIRONMENT_MAX,
        keys: keys.into_iter().map(|key| row(key, confirming, now)).collect(),
        made,
        name: if is_again { visit.form.text("name").to_owned() } else { String::new() },
        lifetimes: LIFETIMES,
        lifetime: if is_again { visit.form.text("lifetime").to_owned() } else { String::new() },
        overlaps: OVERLAPS,
        is_custom: is_again && visit.form.text("kind") == "custom",
        groups: groups(if is_again { &ticked } else { &[] }),
        can: Abilities::of(visit),
        issues,
    })
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, None, None, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn create(visit: Visit) -> Result<Response, Failure> {
    let (scopes, name, mut issues) =
        (scopes(&visit), visit.form.text("name").trim(), Issues::default());
    if name.is_empty() || line_issue(name, NAME_CHARS_MAX).is_some() {
        let expected = format!("Expected a name of 1 to {NAME_CHARS_MAX} characters on one line.");
        issues.add("name", expected);
    }
    let lifetime = LIFETIMES.iter().find(|(value, ..)| *value == visit.form.text("lifetime"));
    if lifetime.is_none() {
        issues.add("lifetime", "Choose when it ends.");
    }
    let scopes = scopes.unwrap_or_else(|message| {
        issues.add("scope", message);
        Vec::new()
    });
    let (Some((.., lifetime)), true) = (lifetime, issues.is_empty()) else {
        return Ok(visit.corrected(&page(&visit, None, None, issues).await?));
    };
    let ends = lifetime.map(|lifetime| visit.now().plus(lifetime));
    let (account, id) = (visit.member()?.member.account_id, visit.environment()?.id);
    let scopes = ScopeSet::new(scopes);
    let made =
        visit.engine().create_api_key(account, Some(id), name, scopes, ends, &visit.actor()).await;
    let issues = match made {
        Ok((key, secret)) => {
            let page = page(&visit, Some((key.display_name, secret)), None, Issues::default());
            return Ok(visit.page(&page.await?));
        }
        Err(Error::Conflict(message)) => Issues::one("name", message),
        Err(Error::Refused { message, .. }) => Issues::one("", message),
        Err(error) => return Err(error.into()),
    };
    Ok(visit.corrected(&page(&visit, None, None, issues).await?))
}

fn scopes(visit: &Visit) -> Result<Vec<String>, &'static str> {
    if visit.form.text("kind") != "custom" {
        return Ok(vec![EVERYTHING.to_owned()]);
    }
    let chosen: Vec<String> = visit.form.all("scope").map(str::to_owned).collect();
    if chosen.is_empty() {
        return Err("Tick at least one thing the key may do.");
    }
    if chosen.iter().any(|scope| !ENVIRONMENT_SCOPES.contains(&scope.as_str())) {
        return Err("One of these is not known.");
    }
    Ok(chosen)
}

fn key_id(visit: &Visit) -> Result<i64, Failure> {
    visit.form.text("id").parse().map_err(|_| Failure::Missing)
}

pub(super) async fn rotate(visit: Visit) -> Result<Response, Failure> {
    let id = key_id(&visit)?;
    let overlap = OVERLAPS.iter().find(|(value, ..)| *value == visit.form.text("overlap"));
    let overlap = overlap.and_then(|(.., overlap)| *overlap).unwrap_or(DAY);
    let (account, environment) = (visit.member()?.member.account_id, visit.environment()?.id);
    let (key, secret) =
        visit.engine().rotate_api_key(account, environment, id, overlap, &visit.actor()).await?;
    let page = page(&visit, Some((key.display_name, secret)), None, Issues::default()).await?;
    Ok(visit.page(&page))
}

pub(super) async fn revoke(visit: Visit) -> Result<Response, Failure> {
    let id = key_id(&visit)?;
    let (account, environment) = (visit.member()?.member.account_id, visit.environment()?.id);
    let keys = visit.engine().api_keys(account, environment).await?;
    let key = keys.into_iter().find(|key| key.id == id).ok_or(Failure::Missing)?;
    if visit.form.text("confirm") != key.display_name {
        let issues = Issues::one("confirm", "Type the key's name.");
        return Ok(visit.corrected(&page(&visit, None, Some(id), issues).await?));
    }
    visit.engine().revoke_api_key(account, Some(environment), id, &visit.actor()).await?;
    Ok(visit.redirect(&place(&visit, TAB), "key-revoked"))
}
