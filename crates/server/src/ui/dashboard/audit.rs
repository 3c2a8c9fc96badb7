//! The audit trail: who did what, filtered, exported, and checked.

use std::collections::HashMap;
use std::fmt::Write as _;

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use valetkey_base::Timestamp;
use valetkey_engine::audit::{AuditCheck, AuditEntry, AuditFilter};
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, csv, look, words};

/// Entries on a page.
const PAGE_ROWS: i64 = 50;
/// Entries in an export.
const EXPORT_ROWS_MAX: i64 = 10_000;

pub(super) fn pages() -> Vec<Page> {
    const READ: Access = Access::May(Permission::ReadAudit);
    vec![
        look("/account/audit", READ, show),
        look("/account/audit/export.csv", READ, export),
        look("/account/audit/check", READ, check),
    ]
}

/// An entry, as the page shows it.
struct Row {
    at: String,
    at_full: String,
    ago: String,
    actor: String,
    action: String,
    target: String,
    times: i64,
    environment: String,
    is_sound: bool,
}

/// Something to filter by.
struct Choice {
    value: String,
    title: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "dashboard/audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Row>,
    actions: Vec<Choice>,
    actors: Vec<Choice>,
    environments: Vec<Choice>,
    from: String,
    until: String,
    is_filtered: bool,
    export: String,
    /// Address of the entries before the last one here.
    older: Option<String>,
    issue: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "dashboard/audit_check.html")]
struct CheckPage {
    frame: Frame,
    check: AuditCheck,
    entries: String,
    chains: String,
}

/// Names of those who act.
struct Names {
    members: HashMap<i64, String>,
    environments: HashMap<i64, String>,
}

impl Names {
    async fn of(visit: &Visit) -> Result<Self, Failure> {
        let account = visit.member()?.member.account_id;
        let environments = visit.environments().iter().map(|it| (it.id, it.name.clone()));
        Ok(Self {
            members: visit.engine().member_emails(account).await?,
            environments: environments.collect(),
        })
    }

    /// `member:3` is somebody; `key:5` is an API key.
    fn actor(&self, actor: &str) -> String {
        let (kind, id) = actor.split_once(':').unwrap_or((actor, ""));
        let member = id.parse().ok().and_then(|id: i64| self.members.get(&id));
        match (kind, member) {
            ("member", Some(email)) => email.clone(),
            ("member", None) => format!("member {id}"),
            ("key", _) => format!("API key {id}"),
            ("session", _) => format!("connect session {id}"),
            _ => actor.to_owned(),
        }
    }

    fn environment(&self, id: Option<i64>) -> String {
        id.map_or_else(String::new, |id| {
            self.environments.get(&id).cloned().unwrap_or_else(|| format!("environment {id}"))
        })
    }
}

/// `connection.credentials_read` as people say it.
fn action_words(action: &str) -> String {
    let text = action.replace(['.', '_'], " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The beginning of a day, or its end, from `2026-11-23`.
fn day(text: &str, ends: bool) -> Option<Timestamp> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let date: jiff::civil::Date = text.parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(Timestamp::from_millis(if ends { start + DAY_MS - 1 } else { start }))
}

fn filter(visit: &Visit, limit: i64) -> (AuditFilter, Option<&'static str>) {
    let query = &visit.query;
    let from = query.filled("from").map(|text| day(text, false));
    let until = query.filled("until").map(|text| day(text, true));
    let is_wrong = matches!(from, Some(None)) || matches!(until, Some(None));
    let environment = query.filled("environment");
    let environment = environment.map(|name| {
        // A name that is not there shows nothing instead of everything.
        let known = visit.environments().iter().find(|it| it.name == name);
        known.map_or(-1, |it| it.id)
    });
    let filter = AuditFilter {
        before: query.filled("before").and_then(|id| id.parse().ok()).unwrap_or(i64::MAX),
        from: from.flatten().unwrap_or(Timestamp::from_millis(0)),
        until: until.flatten().unwrap_or(Timestamp::from_millis(i64::MAX)),
        actor: query.filled("actor").map(str::to_owned),
        action: query.filled("action").map(str::to_owned),
        environment_id: environment,
        limit,
    };
    (filter, is_wrong.then_some("Write days as year, month and day: 2026-11-23."))
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let (filter, issue) = filter(&visit, PAGE_ROWS + 1);
    let mut entries =
        if issue.is_some() { Vec::new() } else { visit.engine().audit_page(&filter).await? };
    let names = Names::of(&visit).await?;
    let has_older = entries.len() as i64 > PAGE_ROWS;
    entries.truncate(PAGE_ROWS as usize);
    let query = visit.query_without(&["before"]);
    let older = entries.last().filter(|_| has_older).map(|last| {
        visit.link(&format!("/account/audit?{query}{}before={}", amp(&query), last.id))
    });
    let now = visit.now();
    let rows = entries.into_iter().map(|AuditEntry { row, is_sound, .. }| Row {
        at: words::machine_time(row.at),
        at_full: words::full_time(row.at),
        ago: words::relative_time(row.at, now),
        actor: names.actor(&row.actor),
        action: action_words(&row.action),
        environment: names.environment(row.environment_id),
        target: row.target,
        times: row.times,
        is_sound,
    });
    let chosen = |name: &str| visit.query.text(name).to_owned();
    let actions = visit.engine().audit_actions().await?.into_iter().map(|value| Choice {
        title: action_words(&value),
        is_chosen: value == chosen("action"),
        value,
    });
    let mut members: Vec<_> = names.members.iter().collect();
    members.sort_by(|left, right| left.1.cmp(right.1));
    let actors = members.into_iter().map(|(id, email)| {
        let value = format!("member:{id}");
        Choice { title: email.clone(), is_chosen: value == chosen("actor"), value }
    });
    let environments = visit.environments().iter().map(|it| Choice {
        value: it.name.clone(),
        title: it.name.clone(),
        is_chosen: it.name == chosen("environment"),
    });
    let page = AuditPage {
        frame: visit.frame("Audit trail"),
        rows: rows.collect(),
        actions: actions.collect(),
        actors: actors.collect(),
        environments: environments.collect(),
        from: chosen("from"),
        until: chosen("until"),
        is_filtered: !query.is_empty(),
        export: visit.link(&format!("/account/audit/export.csv?{query}")),
        older,
        issue,
    };
    Ok(if issue.is_some() { visit.corrected(&page) } else { visit.page(&page) })
}

fn amp(query: &str) -> &'static str {
    if query.is_empty() { "" } else { "&" }
}

async fn export(visit: Visit) -> Result<Response, Failure> {
    let (filter, issue) = filter(&visit, EXPORT_ROWS_MAX);
    if let Some(issue) = issue {
        return Err(Failure::Refused(issue.to_owned()));
    }
    let names = Names::of(&visit).await?;
    let entries = visit.engine().audit_page(&filter).await?;
    let mut text = String::from(
        "time,actor,action,target,times,environment,chain,position,previous_hash,hash\r\n",
    );
    for AuditEntry { row, .. } in entries {
        let _ = write!(
            text,
            "{},{},{},{},{},{},{},{},{},{}\r\n",
            csv::cell(&words::machine_time(row.at)),
            csv::cell(&names.actor(&row.actor)),
            csv::cell(&row.action),
            csv::cell(&row.target),
            row.times,
            csv::cell(&names.environment(row.environment_id)),
            csv::cell(&row.chain),
            row.position,
            csv::cell(&row.previous_hash),
            csv::cell(&row.hash),
        );
    }
    visit.engine().recorder().audit(None, visit.actor(), "audit.exported", "");
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"audit.csv\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn check(visit: Visit) -> Result<Response, Failure> {
    let check = visit.engine().check_audit().await?;
    Ok(visit.page(&CheckPage {
        frame: visit.frame("Audit trail, checked"),
        entries: words::counted_as(check.entries.cast_signed(), "entry", "entries"),
        chains: words::counted(check.chains.cast_signed(), "chain"),
        check,
    }))
}
