//! `valetkey providers lint`: what a careful reviewer would say.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use valetkey_catalog::lines::line_of;
use valetkey_catalog::{Catalog, Finding, Level, lint};

use crate::output::say;
use crate::providers;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Provider files or folders; the bundled catalogue when none is named.
    paths: Vec<PathBuf>,
    /// Warnings fail, too.
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let (findings, end) = if options.paths.is_empty() {
        let (bundled, mut findings) = Catalog::bundled_with_findings();
        findings.extend(Catalog::bundled_against_schema());
        findings.extend(bundled.all().flat_map(|provider| lint(provider)));
        findings.sort_by(|a, b| (&a.provider, &a.key).cmp(&(&b.provider, &b.key)));
        (findings.into_iter().map(located).collect(), format!("{} providers", bundled.len()))
    } else {
        let overlay = Catalog::bundled().overlaid(&options.paths)?;
        let end = providers::summary(&overlay);
        (overlay.findings, end)
    };
    for finding in &findings {
        say(finding);
    }
    let of = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    say(format!("{errors} errors, {warnings} warnings"));
    say(end);
    let is_bad = errors > 0 || (options.strict && warnings > 0);
    Ok(if is_bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A finding about a bundled entry with the line it is about.
fn located(finding: Finding) -> Finding {
    let place = Catalog::bundled_text(&finding.provider).map(|text| {
        let line = line_of(text, &finding.provider, &finding.key);
        (format!("catalog/{}.yaml", finding.provider), line)
    });
    Finding { place, ..finding }
}
