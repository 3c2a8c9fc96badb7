//! How the last days went: how much was done, what failed, and how long others took to answer.
//!
//! Drawn from sums that a job keeps, never from the operations themselves.

use std::time::Duration;

use valetkey_base::Timestamp;
use valetkey_store::{DURATION_STEPS, DayCount, DayDuration, HOUR_MS};

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::Result;

/// Days a chart covers, today with them.
pub const CHART_DAYS: i64 = 14;
const DAY_MS: i64 = 24 * HOUR_MS;

/// One day of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChartDay {
    /// When it began, in UTC.
    pub begins: Timestamp,
    /// Those that went well.
    pub good: i64,
    /// Those that did not.
    pub failed: i64,
}

/// How long requests of one day took. Both are estimates: they lie within the step of a scale whose
/// steps double, see [`valetkey_store::duration_step`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyDay {
    /// When it began, in UTC.
    pub begins: Timestamp,
    /// How many there were.
    pub times: i64,
    /// Half of them took no longer; zero without any.
    pub p50: Duration,
    /// Nineteen of twenty took no longer; zero without any.
    pub p95: Duration,
}

/// The last [`CHART_DAYS`] days, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Charts {
    /// Authorizations.
    pub authorizations: Vec<ChartDay>,
    /// Refreshes.
    pub refreshes: Vec<ChartDay>,
    /// Attempts to deliver a webhook.
    pub webhooks: Vec<ChartDay>,
    /// Calls of providers' APIs through the proxy.
    pub calls: Vec<ChartDay>,
    /// How long refreshes took.
    pub refresh_latency: Vec<LatencyDay>,
    /// How long attempts to deliver a webhook took.
    pub webhook_latency: Vec<LatencyDay>,
    /// How long calls through the proxy took.
    pub call_latency: Vec<LatencyDay>,
}

/// The duration that `percent` of those counted did not exceed, supposing that those of a step are
/// spread evenly over it. Zero when nothing was counted.
fn percentile(steps: &[i64; DURATION_STEPS], percent: i64) -> Duration {
    let total: i64 = steps.iter().sum();
    // In hundredths of one, so that the rank needs no rounding.
    let rank = total * percent;
    let mut below = 0;
    for (step, &times) in steps.iter().enumerate() {
        let up_to = below + times * 100;
        if times > 0 && rank <= up_to {
            let end = 1_i64 << step;
            let begin = if step == 0 { 0 } else { end / 2 };
            let part = (end - begin) * (rank - below) / (times * 100);
            return Duration::from_millis(u64::try_from(begin + part.max(1)).unwrap_or(0));
        }
        below = up_to;
    }
    Duration::ZERO
}

fn latency(durations: &[DayDuration], kind: &str, day: i64) -> LatencyDay {
    let mut steps = [0; DURATION_STEPS];
    for it in durations.iter().filter(|it| it.day == day && it.kind == kind) {
        steps[it.step.min(DURATION_STEPS - 1)] += it.times;
    }
    LatencyDay {
        begins: Timestamp::from_millis(day * DAY_MS),
        times: steps.iter().sum(),
        p50: percentile(&steps, 50),
        p95: percentile(&steps, 95),
    }
}

fn chart_day(counts: &[DayCount], day: i64, is_mine: &dyn Fn(&DayCount) -> bool) -> ChartDay {
    let (mut good, mut failed) = (0, 0);
    for count in counts.iter().filter(|count| count.day == day && is_mine(count)) {
        match count.state.as_str() {
            "success" => good += count.times,
            "failed" | "timeout" => failed += count.times,
            _ => {}
        }
    }
    ChartDay { begins: Timestamp::from_millis(day * DAY_MS), good, failed }
}

impl Engine {
    /// How the last days went, of one integration or of all.
    pub async fn charts(
        &self,
        environment: &EnvironmentView,
        integration_key: Option<&str>,
    ) -> Result<Charts> {
        let today = self.clock.now().millis().div_euclid(DAY_MS);
        let first = today - CHART_DAYS + 1;
        let since = Timestamp::from_millis(first * DAY_MS);
        let id = environment.id;
        let counts = self.store.operations_per_day(id, since, integration_key).await?;
        let durations = self.store.durations_per_day(id, since, integration_key).await?;
        let chart = |is_mine: &dyn Fn(&DayCount) -> bool| {
            (first..=today).map(|day| chart_day(&counts, day, is_mine)).collect()
        };
        let latency =
            |kind: &str| (first..=today).map(|day| latency(&durations, kind, day)).collect();
        Ok(Charts {
            authorizations: chart(&|it| it.kind == "auth" && it.action == "create_connection"),
            refreshes: chart(&|it| it.kind == "auth" && it.action == "refresh_token"),
            webhooks: chart(&|it| it.kind == "webhook"),
            calls: chart(&|it| it.kind == "proxy"),
            refresh_latency: latency("auth"),
            webhook_latency: latency("webhook"),
            call_latency: latency("proxy"),
        })
    }
}

#[cfg(test)]
mod tests {
    use valetkey_store::duration_step;

    use super::*;

    #[test]
    fn percentiles_lie_within_the_step_of_the_scale() {
        assert_eq!(percentile(&[0; DURATION_STEPS], 95), Duration::ZERO);
        let mut steps = [0; DURATION_STEPS];
        for ms in 1..=1000 {
            steps[duration_step(Duration::from_millis(ms))] += 1;
        }
        assert_eq!(percentile(&steps, 50).as_millis(), 500);
        let p95 = percentile(&steps, 95).as_millis();
        assert!((940..=1000).contains(&p95), "{p95}");
        let mut one = [0; DURATION_STEPS];
        one[duration_step(Duration::from_millis(1500))] = 1;
        assert!((1025..=2048).contains(&percentile(&one, 50).as_millis()));
        assert_eq!(duration_step(Duration::ZERO), 0);
        assert_eq!(duration_step(Duration::from_millis(1025)), 11);
        assert_eq!(duration_step(Duration::from_hours(9)), DURATION_STEPS - 1);
    }
}
