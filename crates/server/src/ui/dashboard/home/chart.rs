//! Charts as pictures that need no script: one bar for each day, what failed hatched on top.

use url::form_urlencoded;
use valetkey_base::Timestamp;
use valetkey_engine::charts::{ChartDay, Charts};

use super::super::words;

/// The picture's own units.
pub(super) const WIDTH: i64 = 560;
pub(super) const HEIGHT: i64 = 120;
const BAR: i64 = 28;
pub(super) const STEP: i64 = 40;
/// A bar of one among thousands is still seen.
const BAR_HEIGHT_MIN: i64 = 3;

/// One day.
pub(super) struct Day {
    /// `23 Nov`.
    pub(super) name: String,
    pub(super) good: String,
    pub(super) failed: String,
    /// Everything of that day in the log.
    pub(super) link: String,
    /// What a screen reader and a pointer hear of the bar.
    pub(super) says: String,
    pub(super) x: i64,
    pub(super) good_y: i64,
    pub(super) good_height: i64,
    pub(super) failed_y: i64,
    pub(super) failed_height: i64,
}

/// A chart with its totals.
pub(super) struct Chart {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What going well is called.
    pub(super) good_word: &'static str,
    pub(super) good: String,
    pub(super) failed: String,
    /// The highest day.
    pub(super) most: String,
    pub(super) is_empty: bool,
    /// What makes the first bar.
    pub(super) hint: &'static str,
    /// The picture's frame, with room for thin bars on full ones.
    pub(super) view_box: String,
    pub(super) days: Vec<Day>,
    pub(super) first: String,
    pub(super) last: String,
}

impl Chart {
    pub(super) fn all(charts: &Charts, integration: Option<&str>, logs: &str) -> Vec<Self> {
        let new = |name, title, good_word, hint, days: &[ChartDay], kind: &str| {
            Self::new((name, title, good_word, hint), days, &|day: &ChartDay| {
                day_link(logs, kind, integration, day.begins)
            })
        };
        vec![
            new(
                "authorizations",
                "Authorizations",
                "succeeded",
                "Somebody who connects an account makes the first bar.",
                &charts.authorizations,
                "auth.create_connection",
            ),
            new(
                "refreshes",
                "Token refreshes",
                "succeeded",
                "Tokens are refreshed by themselves when they are about to end.",
                &charts.refreshes,
                "auth.refresh_token",
            ),
            new(
                "webhooks",
                "Webhooks",
                "delivered",
                "Set a webhook address in the settings to be told of connections.",
                &charts.webhooks,
                "webhook",
            ),
            new(
                "calls",
                "Requests through the proxy",
                "answered",
                "Your app's first call of /proxy/… makes the first bar.",
                &charts.calls,
                "proxy",
            ),
        ]
    }

    fn new(
        (name, title, good_word, hint): (&'static str, &'static str, &'static str, &'static str),
        days: &[ChartDay],
        link: &dyn Fn(&ChartDay) -> String,
    ) -> Self {
        let most = days.iter().map(|day| day.good + day.failed).max().unwrap_or(0);
        let height = |count: i64| match count {
            0 => 0,
            count => (count * HEIGHT / most.max(1)).max(BAR_HEIGHT_MIN),
        };
        let drawn = days.iter().zip(0..).map(|(day, at)| {
            let name = day_name(day.begins);
            let (good, failed) = (words::number(day.good), words::number(day.failed));
            let (good_height, failed_height) = (height(day.good), height(day.failed));
            Day {
                says: format!("{name}: {good} {good_word}, {failed} failed"),
                link: link(day),
                x: at * STEP + (STEP - BAR) / 2,
                good_y: HEIGHT - good_height,
                failed_y: HEIGHT - good_height - failed_height,
                good_height,
                failed_height,
                name,
                good,
                failed,
            }
        });
        Self {
            name,
            title,
            good_word,
            hint,
            good: words::number(days.iter().map(|day| day.good).sum()),
            failed: words::number(days.iter().map(|day| day.failed).sum()),
            most: words::number(most),
            is_empty: most == 0,
            view_box: format!("0 {} {WIDTH} {}", -BAR_HEIGHT_MIN, HEIGHT + BAR_HEIGHT_MIN),
            days: drawn.collect(),
            first: days.first().map_or_else(String::new, |day| day_name(day.begins)),
            last: days.last().map_or_else(String::new, |day| day_name(day.begins)),
        }
    }
}

pub(super) fn day_name(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    time.strftime("%-d %b").to_string()
}

/// The log of one day.
fn day_link(logs: &str, kind: &str, integration: Option<&str>, begins: Timestamp) -> String {
    let field = |at: i64| {
        let time = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
        time.strftime("%Y-%m-%dT%H:%M").to_string()
    };
    let day_ms = 24 * 60 * 60 * 1000;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("kind", kind);
    if let Some(key) = integration {
        query.append_pair("integration", key);
    }
    query.append_pair("from", &field(begins.millis()));
    query.append_pair("to", &field(begins.millis() + day_ms));
    format!("{logs}?{}", query.finish())
}
