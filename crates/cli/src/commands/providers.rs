//! `valetkey providers`: what the catalogue holds, and whether its entries are right.

mod lint;
mod pages;
mod show;
mod test;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use valetkey_catalog::{Catalog, Finding};

use crate::output::{say, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the providers by name.
    List(List),
    /// Look entries over: unknown keys, bad templates, hosts that a typed value could move.
    Lint(lint::Options),
    /// Print one entry as it is read, with everything it extends.
    Show(show::Options),
    /// Play entries through their whole life against a provider that behaves as they say.
    Test(test::Options),
    /// Write a page for each provider.
    Pages(pages::Options),
    /// Print the JSON schema of provider files.
    Schema,
}

/// Where entries come from.
#[derive(Args, Debug)]
pub(crate) struct Source {
    /// Provider files or folders laid over the bundled catalogue, as `serve` would.
    #[arg(long = "providers", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Source {
    /// The catalogue and what reading it noticed.
    fn catalog(&self) -> Result<(Catalog, Vec<Finding>)> {
        let (mut catalog, mut findings) = Catalog::bundled_with_findings();
        for path in &self.paths {
            let (more, noticed) = catalog
                .overlay_path(path)
                .with_context(|| format!("{} cannot be used", path.display()))?;
            catalog = more;
            findings.extend(noticed);
        }
        Ok((catalog, findings))
    }
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    source: Source,
    /// Only entries of this auth mode.
    #[arg(long)]
    mode: Option<String>,
}

pub(crate) fn run(command: &Command) -> Result<std::process::ExitCode> {
    let done = |()| std::process::ExitCode::SUCCESS;
    match command {
        Command::List(options) => list(options).map(done),
        Command::Lint(options) => lint::run(options),
        Command::Show(options) => show::run(options).map(done),
        Command::Test(options) => test::run(options),
        Command::Pages(options) => pages::run(options).map(done),
        Command::Schema => {
            say(valetkey_catalog::JSON_SCHEMA.trim_end());
            Ok(std::process::ExitCode::SUCCESS)
        }
    }
}

fn list(options: &List) -> Result<()> {
    let (catalog, _) = options.source.catalog()?;
    let rows: Vec<[String; 4]> = catalog
        .all()
        .filter(|provider| {
            options.mode.as_ref().is_none_or(|mode| mode == provider.auth_mode.as_str())
        })
        .map(|provider| {
            [
                provider.name.clone(),
                provider.auth_mode.to_string(),
                provider.display_name.clone(),
                provider.categories.join(", "),
            ]
        })
        .collect();
    say(table(["provider", "mode", "name", "categories"], &rows));
    say(format!("\n{} providers", rows.len()));
    Ok(())
}

/// The entries of these names.
///
/// # Errors
/// The first name there is none of, with what comes nearest.
fn named<'c>(
    catalog: &'c Catalog,
    names: &[String],
) -> Result<Vec<&'c std::sync::Arc<valetkey_catalog::Provider>>> {
    names
        .iter()
        .map(|name| {
            catalog.get(name).with_context(|| {
                let nearest = catalog
                    .all()
                    .map(|provider| (strsim::jaro_winkler(name, &provider.name), &provider.name))
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let hint = nearest
                    .filter(|(likeness, _)| *likeness > 0.8)
                    .map(|(_, name)| format!("; did you mean {name}?"))
                    .unwrap_or_default();
                format!("the catalogue has no provider {name:?}{hint}")
            })
        })
        .collect()
}
