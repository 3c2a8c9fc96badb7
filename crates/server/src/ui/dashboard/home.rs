//! The first page: what needs attention, and how the last days went.

mod chart;
mod latency;

use askama::Template;
use axum::response::Response;
use valetkey_engine::attention::{Attention, COUNTED_MAX, FirstSteps};
use valetkey_engine::members::Permission;

use super::failure::Failure;
use super::frame::{Abilities, Frame};
use super::logs::{connection_link, integration_link};
use super::visit::Visit;
use super::{Access, Page, look, words};
use chart::Chart;
use latency::Latency;

pub(super) fn pages() -> Vec<Page> {
    vec![
        look("/", Access::Member, enter),
        look("/{environment}", Access::May(Permission::View), show),
    ]
}

/// Something that needs somebody.
struct Trouble {
    link: Option<String>,
    what: String,
    more: String,
    when: String,
}

/// Troubles of one kind.
struct Troubles {
    title: String,
    /// Where all of them are.
    all: String,
    rows: Vec<Trouble>,
    /// How many are not shown.
    hidden: String,
}

/// An integration to look at alone.
struct Choice {
    key: String,
    title: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "dashboard/home.html")]
struct HomePage {
    frame: Frame,
    path: String,
    can: Abilities,
    steps: FirstSteps,
    is_new: bool,
    integrations_link: String,
    connections_link: String,
    settings_link: String,
    start_link: String,
    troubles: Vec<Troubles>,
    integrations: Vec<Choice>,
    charts: Vec<Chart>,
    latencies: Vec<Latency>,
}

/// To the environment that was looked at last.
async fn enter(visit: Visit) -> Result<Response, Failure> {
    visit.environment()?;
    Ok(visit.redirect(&visit.environment_link(""), ""))
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let environment = visit.environment()?;
    let engine = visit.engine();
    let steps = engine.first_steps(environment).await?;
    let chosen = visit.query.filled("integration");
    let integrations = engine.integrations(environment).await?.into_iter().map(|(row, _)| Choice {
        is_chosen: chosen == Some(row.unique_key.as_str()),
        title: row.display_name.unwrap_or_else(|| row.unique_key.clone()),
        key: row.unique_key,
    });
    let charts = engine.charts(environment, chosen).await?;
    let attention = engine.attention(environment).await?;
    let link = |path: &str| visit.environment_link(path);
    let page = HomePage {
        frame: visit.frame("Home"),
        path: link(""),
        can: Abilities::of(&visit),
        start_link: visit.environment_link("/start"),
        steps,
        is_new: !(steps.has_integration && steps.has_connection && steps.has_read),
        integrations_link: link("/integrations"),
        connections_link: link("/connections"),
        settings_link: link("/settings"),
        troubles: troubles(&visit, attention),
        latencies: Latency::all(&charts),
        charts: Chart::all(&charts, chosen, &link("/logs")),
        integrations: integrations.collect(),
    };
    Ok(visit.page(&page))
}

/// How many more there are than are shown.
fn hidden(count: i64, shown: usize) -> String {
    let more = count - i64::try_from(shown).unwrap_or(0);
    match more {
        ..=0 => String::new(),
        _ if count >= COUNTED_MAX => format!("{}+ in all", words::number(COUNTED_MAX)),
        _ => format!("and {} more", words::number(more)),
    }
}

fn troubles(visit: &Visit, attention: Attention) -> Vec<Troubles> {
    let now = visit.now();
    let link = |path: &str| visit.environment_link(path);
    let group = |title: &str, all: String, count: i64, rows: Vec<Trouble>| Troubles {
        title: title.to_owned(),
        all,
        hidden: hidden(count, rows.len()),
        rows,
    };
    let failing = attention.failing.into_iter().map(|it| Trouble {
        link: Some(connection_link(visit, &it.integration_key, &it.connection_id)),
        what: format!("{} · {}", it.connection_id, it.integration_key),
        more: it.message,
        when: words::relative_time(it.failed_at, now),
    });
    let incomplete: Vec<_> = attention
        .incomplete
        .into_iter()
        .map(|it| Trouble {
            link: Some(integration_link(visit, &it.key)),
            what: it.key,
            more: it.what.to_owned(),
            when: String::new(),
        })
        .collect();
    let failed = attention.failed.into_iter().map(|it| Trouble {
        link: None,
        what: it.destination,
        more: it.error,
        when: words::relative_time(it.at, now),
    });
    let resting: Vec<_> = attention
        .resting
        .into_iter()
        .map(|it| Trouble {
            link: None,
            more: format!(
                "{} in a row; nothing is sent for now.",
                words::counted(it.failures, "failure")
            ),
            when: format!("Tried again {}", words::relative_time(it.until, now)),
            what: it.destination,
        })
        .collect();
    let webhooks = || link("/logs?kind=webhook&state=failed");
    let (incomplete_count, resting_count) = (incomplete.len() as i64, resting.len() as i64);
    let mut all = vec![
        group(
            "Connections that fail",
            link("/logs?kind=auth.refresh_token&state=failed"),
            attention.failing_count,
            failing.collect(),
        ),
        group("Integrations to be completed", link("/integrations"), incomplete_count, incomplete),
        group("Webhooks given up this week", webhooks(), attention.failed_count, failed.collect()),
        group("Receivers that are left alone", webhooks(), resting_count, resting),
    ];
    all.retain(|group| !group.rows.is_empty());
    all
}
