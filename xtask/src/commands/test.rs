//! `cargo xtask test`: from a fresh machine with Rust and Node to a table of what passed.
//!
//! Every step runs even when an earlier one failed, but the ones that need the failed one's result.
//! A step that cannot run here is skipped loudly, which is a failure in CI.

mod report;
mod sdk;
mod steps;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use self::{report::Report, steps::Session};
use crate::process;

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run these only, in the usual order. May be repeated.
    #[arg(long, value_enum)]
    only: Vec<Part>,

    /// Run only these end-to-end suites, by file name without `.test.mjs`. May be repeated.
    #[arg(long)]
    suite: Vec<String>,

    /// Count what cannot run here as failed. On when the environment says `CI=true`.
    #[arg(long, env = "CI", value_parser = clap::builder::FalseyValueParser::new())]
    ci: bool,

    /// A PostgreSQL superuser URL to use instead of a throw-away server.
    #[arg(long, env = "VALETKEY_TEST_POSTGRES", value_name = "URL")]
    postgres: Option<String>,
}

/// A part of the tests that can be run alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// `cargo fmt --check`
    Fmt,
    /// `cargo xtask tidy`
    Tidy,
    /// `cargo clippy`, warnings as errors
    Clippy,
    /// `cargo test --workspace`
    Rust,
    /// the client packages, and the built server against them, OAuth servers and a browser
    E2e,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Run the chosen parts and print the table. An error when any of them failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let mut report = Report::new(options.ci);
    // The session owns the PostgreSQL server, which is stopped when this block ends.
    {
        let mut session = Session::new(options);
        session.prepare(&mut report);
        if options.wants(Part::Fmt) {
            report.step("cargo fmt --check", || session.fmt());
        }
        if options.wants(Part::Tidy) {
            report.step("cargo xtask tidy", super::tidy::run);
        }
        if options.wants(Part::Clippy) {
            report.step("cargo clippy", || session.clippy());
        }
        if options.wants(Part::Rust) {
            report.tests("cargo test", |count| session.rust(count));
        }
        if options.wants(Part::E2e) {
            session.e2e(&mut report);
        }
    }
    report.print();
    if process::interrupted() {
        bail!("interrupted");
    }
    match report.failures() {
        0 => Ok(()),
        1 => bail!("one step failed"),
        count => bail!("{count} steps failed"),
    }
}
