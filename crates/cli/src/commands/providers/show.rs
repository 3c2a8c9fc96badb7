//! `valetkey providers show`: one entry with everything it extends.

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;
use valetkey_catalog::Catalog;

use super::{Source, named};
use crate::output::say;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The provider.
    name: String,
    /// The file of a bundled entry as it is written: something to start from.
    #[arg(long)]
    file: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let (catalog, _) = options.source.catalog()?;
    if options.file {
        let text = Catalog::bundled_text(&options.name)
            .with_context(|| format!("the bundled catalogue has no file {}.yaml", options.name))?;
        say(text.trim_end());
        return Ok(());
    }
    for provider in named(&catalog, std::slice::from_ref(&options.name))? {
        let entry = Value::Object(provider.whole_entry().clone());
        say(serde_json::to_string_pretty(&entry)?);
    }
    Ok(())
}
