//! How long others took, as pictures that need no script and no colour: half of a day's requests took
//! no longer than the dot on the solid line, nineteen of twenty no longer than the square on the
//! broken one.

use std::time::Duration;

use valetkey_engine::charts::{Charts, LatencyDay};

use super::super::words;
use super::chart::{HEIGHT, STEP, WIDTH, day_name};

/// Marks at the edge are drawn whole.
const MARGIN: i64 = 6;

/// A day with requests.
pub(super) struct Day {
    pub(super) name: String,
    pub(super) times: String,
    pub(super) p50: String,
    pub(super) p95: String,
    /// What a screen reader and a pointer hear of it.
    pub(super) says: String,
    /// Where its column begins.
    pub(super) left: i64,
    pub(super) x: i64,
    pub(super) p50_y: i64,
    pub(super) p95_y: i64,
}

/// A chart of one kind of request.
pub(super) struct Latency {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The latest day's.
    pub(super) p50: String,
    pub(super) p95: String,
    pub(super) latest: String,
    /// The longest p95.
    pub(super) most: String,
    pub(super) view_box: String,
    /// Days with requests only.
    pub(super) days: Vec<Day>,
    /// The lines, as `x,y` pairs.
    pub(super) p50_line: String,
    pub(super) p95_line: String,
    pub(super) first: String,
    pub(super) last: String,
}

impl Latency {
    /// Those of which there is something to see.
    pub(super) fn all(charts: &Charts) -> Vec<Self> {
        let all = [
            ("refresh-latency", "Token refreshes", &charts.refresh_latency),
            ("webhook-latency", "Webhooks", &charts.webhook_latency),
            ("call-latency", "Requests through the proxy", &charts.call_latency),
        ];
        all.into_iter().filter_map(|(name, title, days)| Self::new(name, title, days)).collect()
    }

    fn new(name: &'static str, title: &'static str, days: &[LatencyDay]) -> Option<Self> {
        let latest = days.iter().rev().find(|day| day.times > 0)?;
        let most = days.iter().map(|day| day.p95).max().unwrap_or_default();
        let y = |took: Duration| {
            let part =
                took.as_millis() * u128::from(HEIGHT.unsigned_abs()) / most.as_millis().max(1);
            HEIGHT - i64::try_from(part).unwrap_or(HEIGHT)
        };
        let drawn = days.iter().zip(0..).filter(|(day, _)| day.times > 0).map(|(day, at)| {
            let name = day_name(day.begins);
            let (p50, p95) = (words::duration(day.p50), words::duration(day.p95));
            let times = words::number(day.times);
            Day {
                says: format!("{name}: p50 {p50}, p95 {p95}, of {times}"),
                left: at * STEP,
                x: at * STEP + STEP / 2,
                p50_y: y(day.p50),
                p95_y: y(day.p95),
                name,
                times,
                p50,
                p95,
            }
        });
        let drawn: Vec<Day> = drawn.collect();
        let line = |y: &dyn Fn(&Day) -> i64| {
            let points: Vec<_> = drawn.iter().map(|day| format!("{},{}", day.x, y(day))).collect();
            points.join(" ")
        };
        Some(Self {
            name,
            title,
            p50: words::duration(latest.p50),
            p95: words::duration(latest.p95),
            latest: day_name(latest.begins),
            most: words::duration(most),
            view_box: format!("0 {} {WIDTH} {}", -MARGIN, HEIGHT + 2 * MARGIN),
            p50_line: line(&|day| day.p50_y),
            p95_line: line(&|day| day.p95_y),
            first: days.first().map_or_else(String::new, |day| day_name(day.begins)),
            last: days.last().map_or_else(String::new, |day| day_name(day.begins)),
            days: drawn,
        })
    }
}
