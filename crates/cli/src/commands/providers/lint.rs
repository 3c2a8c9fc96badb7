//! `valetkey providers lint`: what a careful reviewer would say.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use valetkey_catalog::lines::line_of;
use valetkey_catalog::load::provider_files;
use valetkey_catalog::{Catalog, Finding, Level, lint};

use crate::output::say;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Provider files or folders; the bundled catalogue when none is named.
    paths: Vec<PathBuf>,
    /// Warnings fail, too.
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let (bundled, mut findings) = Catalog::bundled_with_findings();
    let mut count = bundled.len();
    if options.paths.is_empty() {
        findings.extend(bundled.all().flat_map(|provider| lint(provider)));
    } else {
        findings.clear();
        count = 0;
        for path in &options.paths {
            let (catalog, noticed) = bundled
                .overlay_path(path)
                .with_context(|| format!("{} cannot be used", path.display()))?;
            findings.extend(noticed);
            let own =
                catalog.all().filter(|provider| bundled.get(&provider.name) != Some(provider));
            for provider in own {
                count += 1;
                findings.extend(lint(provider));
            }
        }
    }
    findings.sort_by(|a, b| (&a.provider, &a.key).cmp(&(&b.provider, &b.key)));
    for finding in &findings {
        say(located(finding, &options.paths));
    }
    let of = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    say(format!("{count} providers, {errors} errors, {warnings} warnings"));
    let is_bad = errors > 0 || (options.strict && warnings > 0);
    Ok(if is_bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A finding with the file and line it is about.
fn located(finding: &Finding, paths: &[PathBuf]) -> String {
    let place = |file: &str, text: &str| {
        format!("{file}:{}: {finding}", line_of(text, &finding.provider, &finding.key))
    };
    if paths.is_empty() {
        return Catalog::bundled_text(&finding.provider).map_or_else(
            || finding.to_string(),
            |text| place(&format!("catalog/{}.yaml", finding.provider), text),
        );
    }
    for file in paths.iter().filter_map(|path| provider_files(path).ok()).flatten() {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let is_named = file.file_stem().is_some_and(|stem| *stem == *finding.provider);
        let opens = format!("{}:", finding.provider);
        if is_named || text.lines().any(|line| line.starts_with(&opens)) {
            return place(&file.display().to_string(), &text);
        }
    }
    finding.to_string()
}
