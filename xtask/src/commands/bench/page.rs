//! The page `docs/benchmarks.md`: what was measured on what, and how to read it.

use std::{fs, num::NonZero, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{Bench, Options, STORED};
use crate::{machine, process};

/// Write the page of this run.
pub(super) fn write(bench: &Bench, file: &Path, root: &Path) -> Result<()> {
    let text = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench --write {shown}`. All numbers are from one run.\n\n\
         {table}\n{reading}\n",
        shown = file.display(),
        table = bench.table.markdown(),
        reading = how_to_read(bench.options, root),
    );
    let path = root.join(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

fn how_to_read(options: &Options, root: &Path) -> String {
    format!(
        "## How to read this\n\n\
         Machine: {machine}. {postgres} runs on the same machine with `fsync` on. Source: commit \
         {commit}.\n\n\
         The load generator, the server and PostgreSQL share the cores, in every row alike. A row \
         says little about what a larger machine reaches; the column *of the limit* compares. The \
         limit is a bare axum handler in a process of its own that answers the same bytes and \
         headers without doing anything for them, measured with the same generator and the same \
         number of connections just before and just after the row. Every connection sends its next \
         request when the reply to the last one has come whole, {seconds:.1} s long after \
         {warm_up:.1} s that do not count. Reads are of any of {stored} stored connections, each \
         equally likely, none due for a refresh. The bare rows have no budget: they are the \
         measure.\n\n\
         *Errors* counts replies other than 2xx and broken connections. Memory is the resident set \
         of the server process alone. A start is from before the process is made to the first 200 \
         on `/ready`. In the refresh storm all readers ask for one expired connection at once while \
         the provider takes its time; it must be asked once, and all must get its new token. MB are \
         10^6 bytes.",
        machine = machine_text(),
        postgres = postgres_version(),
        commit = commit(root),
        seconds = options.measured().as_secs_f64(),
        warm_up = options.warm_up().as_secs_f64(),
        stored = STORED,
    )
}

fn machine_text() -> String {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let model = fs::read_to_string("/proc/cpuinfo")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(String::new(), |(_, model)| format!(" ({})", model.trim()));
    format!("{cores} cores{model}, {}", std::env::consts::OS)
}

fn postgres_version() -> String {
    machine::postgres_bin_dir()
        .and_then(|bin| process::capture(Command::new(bin.join("postgres")).arg("--version")).ok())
        .and_then(|text| Some(text.split_whitespace().nth(2)?.to_owned()))
        .map_or("PostgreSQL".to_owned(), |version| format!("PostgreSQL {version}"))
}

fn commit(root: &Path) -> String {
    process::capture(process::command("git", root).args(["rev-parse", "--short", "HEAD"]))
        .map_or("unknown".to_owned(), |text| text.trim().to_owned())
}
