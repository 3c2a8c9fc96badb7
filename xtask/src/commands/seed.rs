//! `cargo xtask seed`: a database as large as a busy installation's, to look around in and to
//! measure. The server makes it; an example of the testkit, which knows the store, fills it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{process, workspace};

/// Which database, and how much goes into it.
#[derive(Args)]
pub(crate) struct Options {
    /// A data folder, made when missing, or a PostgreSQL URL (then with `VALETKEY_MASTER_KEY`). No
    /// server may run on it, it must have no connections, and when this is interrupted it is of no
    /// use.
    #[arg(long, value_name = "FOLDER or URL", default_value = "target/seeded")]
    database: String,

    /// Connections, of 40 integrations of the environment `dev`. They open, but their credentials
    /// are made up: no provider takes them. None is refreshed by itself within two months.
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(1..=9_000_000))]
    connections: u64,

    /// Operations of the last 14 days.
    #[arg(long, default_value_t = 10_000_000,
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    operations: u64,

    /// The same number makes the same rows.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Build, make, fill, and say how to go on.
pub(crate) fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let root = workspace::root();
    for what in [&["valetkey-cli"][..], &["valetkey-testkit", "--example", "seed"]] {
        let mut cargo = process::command(env!("CARGO"), &root);
        process::run(cargo.args(["build", "--release", "--locked", "-p"]).args(what))?;
    }
    let release = workspace::release_folder(&root)?;
    let place = Place::of(&options.database)?;
    println!("making {}", options.database);
    let mut first_run = process::command(release.join("valetkey"), &root);
    // Any command that opens the database makes what the first start makes.
    process::capture(place.tell(&mut first_run).args(["env", "list"]))
        .context("making the database")?;
    let mut seed = process::command(release.join("examples/seed"), &root);
    process::run(seed.args(["--database", place.argument()]).args([
        format!("--connections={}", options.connections),
        format!("--operations={}", options.operations),
        format!("--seed={}", options.seed),
    ]))?;
    println!("\nfilled. A server on it, which prints the link that creates the owner:\n");
    println!("    {} {} serve", place.shown(), release.join("valetkey").display());
    println!("\nHow fast its pages are: cargo xtask pages --database {}", options.database);
    Ok(())
}

/// Where the data lies.
pub(crate) enum Place {
    /// A data folder, as an absolute path.
    Folder(String),
    /// A PostgreSQL URL.
    Url(String),
}

impl Place {
    /// Reads an argument; a folder that is missing is made.
    pub(crate) fn of(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Url(text.to_owned()));
        }
        if text.contains("://") {
            bail!("`{text}` is neither a folder nor a PostgreSQL URL");
        }
        fs::create_dir_all(text).with_context(|| format!("creating {text}"))?;
        let folder = Path::new(text).canonicalize().with_context(|| format!("finding {text}"))?;
        Ok(Self::Folder(folder.to_str().context("the folder's name is not UTF-8")?.to_owned()))
    }

    fn argument(&self) -> &str {
        match self {
            Self::Folder(text) | Self::Url(text) => text,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Folder(folder) => format!("VALETKEY_DATA_DIR={folder}"),
            Self::Url(url) => format!("DATABASE_URL={url}"),
        }
    }

    /// Gives the server its settings.
    pub(crate) fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Folder(folder) => {
                command.env_remove("DATABASE_URL").env("VALETKEY_DATA_DIR", folder)
            }
            Self::Url(url) => command.env("DATABASE_URL", url),
        }
    }

    /// The engine's name.
    pub(crate) fn engine(&self) -> &'static str {
        match self {
            Self::Folder(_) => "SQLite",
            Self::Url(_) => "PostgreSQL",
        }
    }
}
