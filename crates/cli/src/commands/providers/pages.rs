//! `valetkey providers pages`: a page for each provider.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use valetkey_catalog::page;

use super::Source;
use crate::output::say;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The folder to write to; made when it is missing.
    folder: PathBuf,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let (catalog, _) = options.source.catalog()?;
    let folder = &options.folder;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    for provider in catalog.all() {
        write(&format!("{}.md", provider.name), page::of(provider))?;
    }
    write("README.md", page::index(&catalog))?;
    say(format!("{} pages in {}", catalog.len(), folder.display()));
    Ok(())
}
