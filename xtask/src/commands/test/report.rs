//! What each step came to, how long it took, and how many tests it ran.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process;

/// Tests a step counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Count {
    /// Add what a closing line of `cargo test`, of Node's `spec` reporter or of pytest says.
    pub(crate) fn read_line(&mut self, line: &str) {
        if let Some(rest) = line.trim_start().strip_prefix("test result: ") {
            for part in rest.split(['.', ';']) {
                match part.trim().split_once(' ') {
                    Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                    Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                    Some((number, "ignored")) => self.skipped += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        } else if let Some(rest) = line.strip_prefix("ℹ ") {
            match rest.split_once(' ') {
                Some(("pass", number)) => self.passed += number.parse().unwrap_or(0),
                Some(("fail" | "cancelled", number)) => {
                    self.failed += number.parse().unwrap_or(0);
                }
                Some(("skipped" | "todo", number)) => self.skipped += number.parse().unwrap_or(0),
                _ => {}
            }
        } else if let Some((counts, _)) = line.trim_matches(['=', ' ']).split_once(" in ") {
            for part in counts.split(", ") {
                match part.split_once(' ') {
                    Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                    Some((number, "failed" | "error" | "errors")) => {
                        self.failed += number.parse().unwrap_or(0);
                    }
                    Some((number, "skipped")) => self.skipped += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
    count: Option<Count>,
}

/// The rows of the closing table.
pub(crate) struct Report {
    rows: Vec<Row>,
    ci: bool,
    started: Instant,
}

impl Report {
    pub(crate) fn new(ci: bool) -> Self {
        Self { rows: Vec::new(), ci, started: now() }
    }

    /// A report of steps that run at the same time, to be taken in by [`Self::take`].
    pub(crate) fn beside(&self) -> Self {
        Self::new(self.ci)
    }

    /// Take in the rows of another report.
    pub(crate) fn take(&mut self, beside: Self) {
        self.rows.extend(beside.rows);
    }

    /// Run a step. Returns whether it passed.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> bool {
        self.measure(name, |_| work(), false)
    }

    /// Run a step that counts tests. A run that passes without any test is a failure.
    pub(crate) fn tests(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Count) -> Result<()>,
    ) -> bool {
        self.measure(name, work, true)
    }

    /// Run a step that prepares the machine; where it cannot be done, what needs it is skipped.
    pub(crate) fn preparation<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Option<T> {
        if process::interrupted() {
            return None;
        }
        println!("\n=== {name}");
        let started = now();
        let (value, outcome) = match work() {
            Ok(value) => (Some(value), Outcome::Passed),
            Err(error) => (None, self.skipped(name, format!("{error:#}"))),
        };
        self.rows.push(Row { name, outcome, took: started.elapsed(), count: None });
        value
    }

    /// Note a step that cannot run.
    pub(crate) fn skip(&mut self, name: &'static str, reason: &str) {
        if process::interrupted() {
            return;
        }
        let outcome = self.skipped(name, reason.to_owned());
        self.rows.push(Row { name, outcome, took: Duration::ZERO, count: None });
    }

    pub(crate) fn failures(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.outcome, Outcome::Failed(_))).count()
    }

    /// Print the table and the totals.
    pub(crate) fn print(&self) {
        println!("\n{:<30} {:<8} {:>9}  tests", "step", "result", "time");
        for row in &self.rows {
            let (result, detail) = match &row.outcome {
                Outcome::Passed => ("ok", None),
                Outcome::Failed(reason) => ("FAILED", Some(reason)),
                Outcome::Skipped(reason) => ("SKIPPED", Some(reason)),
            };
            let count = row.count.map(shown).unwrap_or_default();
            let seconds = row.took.as_secs_f64();
            println!("{:<30} {result:<8} {seconds:>8.1}s  {count}", row.name);
            if let Some(detail) = detail.and_then(|text| text.lines().next()) {
                println!("    {detail}");
            }
        }
        println!("{:<30} {:<8} {:>8.1}s", "all", "", self.started.elapsed().as_secs_f64());
        let mut total = Count::default();
        let mut counted = false;
        for count in self.rows.iter().filter_map(|row| row.count) {
            total.add(count);
            counted = true;
        }
        if counted {
            println!("\nTotal: {}", shown(total));
        }
    }

    fn measure(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Count) -> Result<()>,
        counts: bool,
    ) -> bool {
        if process::interrupted() {
            return false;
        }
        println!("\n=== {name}");
        let started = now();
        let mut count = Count::default();
        let outcome = match work(&mut count) {
            Ok(()) if counts && count.passed == 0 => Outcome::Failed("no test ran".to_owned()),
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        if let Outcome::Failed(reason) = &outcome {
            println!("FAILED: {name}: {reason}");
        }
        let passed = matches!(outcome, Outcome::Passed);
        let count = counts.then_some(count);
        self.rows.push(Row { name, outcome, took: started.elapsed(), count });
        passed
    }

    fn skipped(&self, name: &str, reason: String) -> Outcome {
        println!("SKIPPED: {name}: {reason}");
        if self.ci { Outcome::Failed(reason) } else { Outcome::Skipped(reason) }
    }
}

fn shown(count: Count) -> String {
    format!("{} passed, {} failed, {} skipped", count.passed, count.failed, count.skipped)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took is printed, nothing depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn closing_lines_of_every_runner_are_added_up() {
        let mut count = Count::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "ℹ tests 9",
            "ℹ pass 7",
            "ℹ fail 1",
            "ℹ cancelled 0",
            "ℹ skipped 1",
            "===== 1 failed, 4 passed, 1 skipped in 3.21s =====",
            "waited in vain",
        ] {
            count.read_line(line);
        }
        assert_eq!(count, Count { passed: 26, failed: 4, skipped: 3 });
    }
}
