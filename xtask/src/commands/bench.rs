//! `cargo xtask bench`: one table that says how fast the release binary is, all from one run.
//!
//! The command builds the server and itself optimised, and then measures in a process whose limit
//! of open files is raised. It only ever talks to loopback, and ends what it started.

pub(crate) mod bare;
mod child;
mod database;
mod histogram;
mod load;
mod million;
mod page;
pub(crate) mod pages;
mod proxy;
mod request;
mod requests;
mod site;
mod storm;
mod table;
mod token;
mod wire;

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::{
    child::Folder,
    database::Databases,
    site::{Engine, Ground, Site},
    table::{Row, Table, megabytes, milliseconds},
    token::TokenServer,
};
use crate::{process, workspace};

/// Connections in the installations that are measured.
const STORED: u64 = 1_000;
const SEED_CONNECTIONS: usize = 16;
const SEED_TIME_MAX: Duration = Duration::from_mins(2);
const STARTS: usize = 5;
const START_BUDGET: Duration = Duration::from_millis(150);
const BINARY_BYTES_BUDGET: u64 = 40_000_000;
const STORM_READERS: usize = 10_000;
const STORM_READERS_QUICK: usize = 1_000;
const STORM_PROCESSES: usize = 4;

/// What to measure and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds that count in each row; before them the load runs for a quarter as long, one second
    /// at most.
    #[arg(long, default_value_t = 4.0, value_parser = seconds)]
    seconds: f64,

    /// One second a row and a smaller storm: to see that it works, not to compare.
    #[arg(long)]
    quick: bool,

    /// Measure these only. May be repeated.
    #[arg(long, value_enum)]
    rows: Vec<Part>,

    /// Also store a million connections (which takes long) and read them.
    #[arg(long)]
    million: bool,

    /// How many a million is.
    #[arg(long, hide = true, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    million_count: u64,

    /// With `--million`: seconds of reads before its memory is taken.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=7_200))]
    soak_seconds: u64,

    /// Write the page to this file of the workspace as well, for instance `docs/benchmarks.md`.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// A server binary to measure instead of building one. Nothing is built then.
    #[arg(long, env = "VALETKEY_BENCH_BIN", value_name = "FILE")]
    binary: Option<PathBuf>,

    /// This is the process that measures.
    #[arg(long, hide = true)]
    measure_here: bool,
}

/// A part of the table that can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// `GET /connections/{id}`
    Read,
    /// `GET /connections`
    List,
    /// `POST /connect/sessions`
    Session,
    /// resident memory, idle and after load
    Memory,
    /// from process start to the first 200
    Start,
    /// bytes of the binary
    Size,
    /// many readers of one expired connection
    Storm,
    /// calls through the proxy, beside nginx
    Proxy,
}

impl Options {
    fn measured(&self) -> Duration {
        Duration::from_secs_f64(if self.quick { 1.0 } else { self.seconds })
    }

    fn warm_up(&self) -> Duration {
        (self.measured() / 4).min(Duration::from_secs(1))
    }

    fn readers(&self) -> usize {
        if self.quick { STORM_READERS_QUICK } else { STORM_READERS }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.1 to 600".to_owned()),
    }
}

/// Everything a part needs to measure and to say what it saw.
pub(super) struct Bench<'a> {
    options: &'a Options,
    ground: Ground,
    token: TokenServer,
    table: Table,
}

impl Bench<'_> {
    fn wants(&self, part: Part) -> bool {
        self.options.rows.is_empty() || self.options.rows.contains(&part)
    }

    fn wants_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.wants(*part))
    }
}

/// Build, measure, print.
pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.binary {
        Some(binary) if options.measure_here => measure(options, binary),
        _ => build_and_start_over(options),
    }
}

/// Build what is measured and what measures, then become the latter.
fn build_and_start_over(options: &Options) -> Result<()> {
    let root = workspace::root();
    let (program, binary) = if let Some(binary) = &options.binary {
        let program = std::env::current_exe().context("finding this program")?;
        let binary = fs::canonicalize(binary)
            .with_context(|| format!("there is no {}", binary.display()))?;
        (program, binary)
    } else {
        process::catch_interrupts()?;
        // Apart, so that the server is built with its own features and no others.
        for package in ["valetkey-cli", "xtask"] {
            let mut cargo = process::command(env!("CARGO"), &root);
            process::run(cargo.args(["build", "--release", "--locked", "-p", package]))?;
        }
        let release = workspace::release_folder(&root)?;
        (release.join("xtask"), release.join("valetkey"))
    };
    // A shell can raise the limit of open files that ten thousand sockets need; we cannot.
    let error = Command::new("sh")
        .args(["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$@\"", "sh"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .arg("--measure-here")
        .env("VALETKEY_BENCH_BIN", binary)
        .exec();
    Err(error).context("starting the process that measures")
}

fn measure(options: &Options, binary: &Path) -> Result<()> {
    process::catch_interrupts()?;
    let root = workspace::root();
    let databases = Databases::start()?;
    let folder = Folder::new()?;
    let token = TokenServer::start()?;
    let mut bench = Bench {
        options,
        ground: Ground::new(binary, folder.path(), &token)?,
        token,
        table: Table::default(),
    };
    if cfg!(debug_assertions) {
        bench.table.note(
            "load generator and bare handler are not optimised in this run; nothing compares"
                .to_owned(),
        );
    }
    let measured = parts(&mut bench, &databases);
    println!("\n{}", bench.table.markdown());
    if process::interrupted() {
        bail!("interrupted");
    }
    measured?;
    if let Some(file) = &options.write {
        page::write(&bench, file, &root)?;
    }
    match bench.table.missed() {
        0 => println!("every budget measured here is met"),
        missed => println!("budgets not met: {missed}"),
    }
    match bench.table.errors() {
        0 => Ok(()),
        errors => bail!("{errors} requests failed; the notes have the first of each kind"),
    }
}

/// All parts, one after the other.
fn parts(bench: &mut Bench, databases: &Databases) -> Result<()> {
    let loads = [Part::Read, Part::List, Part::Session, Part::Memory];
    let needs_sites = bench.options.million
        || bench.wants_any(&[Part::Start, Part::Proxy])
        || bench.wants_any(&loads);
    let mut sites = Vec::new();
    if needs_sites {
        for engine in Engine::BOTH {
            sites.push((engine, seeded(bench, databases, engine)?));
        }
    }
    if bench.wants_any(&loads) {
        requests::measure(bench, &sites)?;
    }
    if bench.wants(Part::Start) {
        for (engine, site) in &sites {
            measure_start(bench, *engine, site)?;
        }
    }
    if bench.wants(Part::Size) {
        measure_size(bench)?;
    }
    if bench.wants(Part::Proxy)
        && let Some((_, site)) = sites.first()
    {
        proxy::measure(bench, site).context("measuring calls through the proxy")?;
    }
    if bench.wants(Part::Storm) {
        let site = new_site(bench, databases, Engine::Sqlite, "storm")?;
        storm::measure(bench, Engine::Sqlite, &site, 1)?;
        let site = new_site(bench, databases, Engine::Postgres, "storm")?;
        storm::measure(bench, Engine::Postgres, &site, STORM_PROCESSES)?;
    }
    if bench.options.million {
        for (engine, few) in &sites {
            let many = new_site(bench, databases, *engine, "many")?;
            million::measure(bench, *engine, few, &many)?;
        }
    }
    Ok(())
}

/// An installation on a new database.
fn new_site(bench: &Bench, databases: &Databases, engine: Engine, name: &str) -> Result<Site> {
    match engine {
        Engine::Sqlite => Site::new(&bench.ground, &format!("sqlite-{name}"), None),
        Engine::Postgres => {
            let url = databases.create(&format!("bench_{name}"))?;
            Site::new(&bench.ground, &format!("postgres-{name}"), Some(url))
        }
    }
}

/// An installation with a thousand connections, stopped.
fn seeded(bench: &Bench, databases: &Databases, engine: Engine) -> Result<Site> {
    println!("{}: importing {STORED} connections", engine.name());
    let site = new_site(bench, databases, engine, "main")?;
    let server = site.start()?;
    site.create_integration(&server)?;
    site.import(&server, (0, STORED), SEED_CONNECTIONS, SEED_TIME_MAX)?;
    server.process.stop()?;
    Ok(site)
}

fn measure_start(bench: &mut Bench, engine: Engine, site: &Site) -> Result<()> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let server = site.start()?;
        times.push(server.ready_after);
        server.process.stop()?;
    }
    times.sort();
    let median = times[STARTS / 2];
    println!("start on {}: {}", engine.name(), milliseconds(median));
    bench.table.push(Row {
        what: format!("start on an existing database, median of {STARTS}"),
        engine: engine.name(),
        measured: milliseconds(median),
        budget: format!("under {} ms", START_BUDGET.as_millis()),
        met: Some(median < START_BUDGET),
        ..Row::default()
    });
    Ok(())
}

fn measure_size(bench: &mut Bench) -> Result<()> {
    let binary = &bench.ground.binary;
    let bytes =
        fs::metadata(binary).with_context(|| format!("reading {}", binary.display()))?.len();
    println!("binary: {}", megabytes(bytes));
    bench.table.push(Row {
        what: "size of the binary".to_owned(),
        measured: megabytes(bytes),
        budget: format!("under {} MB", BINARY_BYTES_BUDGET / 1_000_000),
        met: Some(bytes < BINARY_BYTES_BUDGET),
        ..Row::default()
    });
    Ok(())
}
