//! The table of a run, as markdown.

use std::{fmt::Write as _, time::Duration};

use super::load::Outcome;

const HEAD: [&str; 10] = [
    "what",
    "engine",
    "connections",
    "measured",
    "p50",
    "p99",
    "of the limit",
    "budget",
    "met",
    "errors",
];

/// One line. What is left empty shows as a dash.
#[derive(Default)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) engine: &'static str,
    pub(super) connections: Option<usize>,
    pub(super) measured: String,
    pub(super) p50: Option<Duration>,
    pub(super) p99: Option<Duration>,
    /// Requests per second divided by the bare handler's.
    pub(super) of_limit: Option<f64>,
    pub(super) budget: String,
    pub(super) met: Option<bool>,
    pub(super) errors: u64,
}

impl Row {
    /// A line about a load.
    pub(super) fn of(
        what: &str,
        engine: &'static str,
        connections: usize,
        outcome: &Outcome,
    ) -> Self {
        Self {
            what: what.to_owned(),
            engine,
            connections: Some(connections),
            measured: format!("{}/s", whole(outcome.per_second() as u64)),
            p50: outcome.histogram.percentile(50),
            p99: outcome.histogram.percentile(99),
            errors: outcome.errors,
            ..Self::default()
        }
    }

    fn cells(&self) -> [String; HEAD.len()] {
        let dash = |text: &str| match text {
            "" => "–".to_owned(),
            text => text.to_owned(),
        };
        let latency = |latency: Option<Duration>| latency.map_or("–".to_owned(), milliseconds);
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "–",
        };
        [
            self.what.clone(),
            dash(self.engine),
            self.connections.map_or("–".to_owned(), |it| it.to_string()),
            dash(&self.measured),
            latency(self.p50),
            latency(self.p99),
            self.of_limit.map_or("–".to_owned(), |ratio| format!("{:.0}%", ratio * 100.0)),
            dash(&self.budget),
            met.to_owned(),
            self.errors.to_string(),
        ]
    }
}

/// All lines of a run, and sentences about what a number cannot say.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn note(&mut self, note: String) {
        println!("  note: {note}");
        self.notes.push(note);
    }

    /// Keep the first error of a load, if it had any.
    pub(super) fn note_errors(&mut self, what: &str, outcome: &Outcome) {
        if let Some(error) = &outcome.first_error {
            self.note(format!("{what}: {} errors, the first: {error}", outcome.errors));
        }
    }

    /// How many budgets were missed.
    pub(super) fn missed(&self) -> usize {
        let missed = self.rows.iter().filter(|row| row.met == Some(false));
        missed.count()
    }

    /// How many requests failed.
    pub(super) fn errors(&self) -> u64 {
        self.rows.iter().map(|row| row.errors).sum()
    }

    /// The table and below it the notes.
    pub(super) fn markdown(&self) -> String {
        let mut lines = vec![HEAD.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: Vec<usize> = (0..HEAD.len())
            .map(|column| {
                let width = lines.iter().map(|line| line[column].chars().count()).max();
                width.unwrap_or_default()
            })
            .collect();
        let rule = widths.iter().enumerate().map(|(column, width)| {
            let dashes = "-".repeat(width - 1);
            let is_text = column < 2 || column == 7 || column == 8;
            if is_text { format!("{dashes}-") } else { format!("{dashes}:") }
        });
        let rule = format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            for (cell, width) in line.iter().zip(&widths) {
                let cell = cell.replace('|', "\\|");
                // Writing to a string cannot fail.
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if index == 0 {
                text.push_str(&rule);
            }
        }
        if !self.notes.is_empty() {
            text.push_str("\nNotes of this run:\n\n");
        }
        for note in &self.notes {
            let note: Vec<&str> = note.split_whitespace().collect();
            let _ = writeln!(text, "- {}", note.join(" "));
        }
        text
    }
}

/// Three significant digits or so.
pub(super) fn milliseconds(latency: Duration) -> String {
    let milliseconds = latency.as_secs_f64() * 1_000.0;
    let decimals = match milliseconds {
        value if value < 1.0 => 3,
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{milliseconds:.decimals$} ms")
}

/// Megabytes (10^6) with one decimal.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// With a comma before every three digits.
pub(super) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Row, Table, milliseconds, whole};

    #[test]
    fn numbers_are_short() {
        assert_eq!(whole(7), "7");
        assert_eq!(whole(999), "999");
        assert_eq!(whole(1_234_567), "1,234,567");
        assert_eq!(milliseconds(Duration::from_micros(34)), "0.034 ms");
        assert_eq!(milliseconds(Duration::from_micros(12_345)), "12.3 ms");
    }

    #[test]
    fn every_line_has_the_same_width() {
        let mut table = Table::default();
        table.push(Row {
            what: "GET /connections/{id}".to_owned(),
            engine: "SQLite",
            met: Some(false),
            of_limit: Some(0.5),
            ..Row::default()
        });
        table.push(Row::default());
        let text = table.markdown();
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        assert_eq!((table.missed(), table.errors()), (1, 0));
    }
}
