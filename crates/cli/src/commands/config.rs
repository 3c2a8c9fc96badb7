//! `valetkey config`: what the settings are and whether they hold.

use anyhow::Result;
use clap::{Args, Subcommand};
use valetkey_catalog::{Catalog, Level};

use crate::config::flags::AllSettings;
use crate::config::{Needs, Problem, Problems, document};
use crate::output::say;
use crate::providers::{self, ProviderFiles};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check every setting and provider file as `serve` would see it, and open nothing.
    Check(Check),
    /// Print the default configuration file, every line commented out.
    Default,
    /// Print the reference of all settings as Markdown.
    Reference,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    settings: AllSettings,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Check(check) => return self::check(&check.settings),
        Command::Default => say(document::default_file().trim_end()),
        Command::Reference => say(document::reference().trim_end()),
    }
    Ok(())
}

fn check(settings: &AllSettings) -> Result<()> {
    let config = settings.load(Needs::MasterKey)?;
    let overlay = ProviderFiles::new(Catalog::bundled(), &config.providers).read_at_start()?;
    let mut problems = Vec::new();
    for finding in &overlay.findings {
        if finding.level == Level::Error {
            problems.push(Problem::new("VALETKEY_PROVIDERS", finding.to_string()));
        } else {
            say(finding);
        }
    }
    if overlay.count > 0 {
        say(providers::summary(&overlay));
    }
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    say("The settings are good.");
    Ok(())
}
