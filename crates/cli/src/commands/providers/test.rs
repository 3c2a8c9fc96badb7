//! `valetkey providers test`: entries on trial.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use valetkey_rehearsal::{Rehearsal, rehearse};

use super::{Source, named};
use crate::output::{say, table};

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The providers to test.
    names: Vec<String>,
    /// Test every entry.
    #[arg(long)]
    all: bool,
    /// Show what went well, too.
    #[arg(long)]
    verbose: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let (catalog, _) = options.source.catalog()?;
    let providers = if options.all {
        catalog.all().collect()
    } else if options.names.is_empty() {
        bail!("name the providers to test, or say --all");
    } else {
        named(&catalog, &options.names)?
    };
    #[expect(clippy::disallowed_methods, reason = "how long the run took is for a person")]
    let started = Instant::now();
    let rehearsals: Vec<Rehearsal> =
        providers.into_iter().map(|provider| rehearse(provider)).collect();
    let took = started.elapsed();
    report(&rehearsals, options.verbose || !options.all);
    let failed = rehearsals.iter().filter(|rehearsal| !rehearsal.passed()).count();
    let scenes: usize = rehearsals.iter().map(|rehearsal| rehearsal.scenes.len()).sum();
    say(format!(
        "\n{} {}, {scenes} scenes, {failed} failed, {:.1} s",
        rehearsals.len(),
        if rehearsals.len() == 1 { "provider" } else { "providers" },
        took.as_secs_f64()
    ));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn report(rehearsals: &[Rehearsal], with_scenes: bool) {
    let rows: Vec<[String; 4]> = rehearsals
        .iter()
        .map(|rehearsal| {
            let passed = rehearsal.scenes.iter().filter(|scene| scene.outcome.is_ok());
            [
                rehearsal.provider.clone(),
                rehearsal.auth_mode.to_string(),
                format!("{}/{}", passed.count(), rehearsal.scenes.len()),
                if rehearsal.passed() { "ok" } else { "FAILED" }.to_owned(),
            ]
        })
        .collect();
    say(table(["provider", "mode", "scenes", "result"], &rows));
    for rehearsal in rehearsals {
        for scene in &rehearsal.scenes {
            match &scene.outcome {
                Ok(()) if with_scenes => say(format!("  {} {}", rehearsal.provider, scene.name)),
                Ok(()) => {}
                Err(reason) => {
                    say(format!("  {} {}: FAILED: {reason}", rehearsal.provider, scene.name));
                }
            }
        }
    }
}
