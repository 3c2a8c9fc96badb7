//! `valetkey providers show`: one entry with everything it extends.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{Source, named};
use crate::output::say;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The provider.
    name: String,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let (catalog, _) = options.source.catalog()?;
    for provider in named(&catalog, std::slice::from_ref(&options.name))? {
        let entry = Value::Object(provider.whole_entry().clone());
        say(serde_json::to_string_pretty(&entry)?);
    }
    Ok(())
}
