//! `cargo xtask pages`: what every page of the dashboard costs on a database that `cargo xtask
//! seed` filled, in time and in bytes.
//!
//! Time is from the first byte of the request to the last of the answer, on loopback with a
//! connection of its own each: the server's time and a little more. Bytes are compressed.

mod browser;

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::browser::Browser;
use super::{
    child::{self, Folder, Process},
    table::{milliseconds, whole},
};
use crate::{commands::seed::Place, process, workspace};

const TIME_BUDGET: Duration = Duration::from_millis(50);
const BYTES_BUDGET: usize = 60_000;
/// A file to keep is not a page; its beginning has to come in time.
const EXPORT: &str = "export.csv";

/// Which database.
#[derive(Args)]
pub(crate) struct Options {
    /// A data folder or a PostgreSQL URL, as given to `seed`.
    #[arg(long, value_name = "FOLDER or URL", default_value = "target/seeded")]
    database: String,

    /// How often each page is asked for.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    times: u16,

    /// Only pages whose name has this.
    #[arg(long, default_value = "")]
    only: String,

    /// A server binary to measure instead of building one.
    #[arg(long, env = "VALETKEY_BENCH_BIN", value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// A page, and what it is called.
struct Page {
    name: &'static str,
    path: String,
}

/// What a page cost.
struct Cost {
    first: Duration,
    median: Duration,
    p95: Duration,
    bytes: usize,
}

/// Build, start, sign in, measure, print.
pub(crate) fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let root = workspace::root();
    let binary = if let Some(binary) = &options.binary {
        binary.clone()
    } else {
        let mut cargo = process::command(env!("CARGO"), &root);
        process::run(cargo.args(["build", "--release", "--locked", "-p", "valetkey-cli"]))?;
        workspace::release_folder(&root)?.join("valetkey")
    };
    let place = Place::of(&options.database)?;
    let folder = Folder::new()?;
    let address = child::free_address()?;
    let said = folder.path().join("said");
    let out = std::fs::File::create(&said).context("making a file for what the server says")?;
    let mut command = Command::new(binary);
    place
        .tell(command.arg("serve"))
        .env("VALETKEY_LISTEN", address.to_string())
        .env_remove("VALETKEY_BENCH_BIN")
        .env("VALETKEY_RATE_LIMIT_PER_MIN", "0")
        .stdout(out);
    let mut server = Process::spawn(&mut command, &folder.path().join("log"))?;
    let mut browser = Browser::new(address);
    browser.wait_for(&mut server)?;
    let said = std::fs::read_to_string(&said).unwrap_or_default();
    browser.sign_in(said.split_once("token=").map(|(_, rest)| rest.trim()))?;
    let measured = measure(options, &mut browser);
    let log = server.log_end();
    server.stop()?;
    let missed = measured.with_context(|| format!("the server's log ends with:\n{log}"))?;
    println!("\n{}; pages over a budget: {missed}", place.engine());
    Ok(())
}

/// Prints a line per page; answers how many are over a budget.
fn measure(options: &Options, browser: &mut Browser) -> Result<usize> {
    let pages = pages(browser)?;
    let mut missed = 0;
    println!("| page | first | median | p95 | bytes | |");
    println!("|---|--:|--:|--:|--:|---|");
    for page in pages.iter().filter(|page| page.name.contains(&options.only)) {
        if process::interrupted() {
            bail!("interrupted");
        }
        let cost = cost(browser, page, options.times)?;
        let is_met =
            cost.median < TIME_BUDGET && (cost.bytes < BYTES_BUDGET || page.path.contains(EXPORT));
        missed += usize::from(!is_met);
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            page.name,
            milliseconds(cost.first),
            milliseconds(cost.median),
            milliseconds(cost.p95),
            whole(cost.bytes as u64),
            if is_met { "" } else { "**over**" },
        );
    }
    Ok(missed)
}

fn cost(browser: &mut Browser, page: &Page, times: u16) -> Result<Cost> {
    let mut all = Vec::with_capacity(usize::from(times));
    let mut bytes = 0;
    for _ in 0..times {
        let answer = browser.get(&page.path, true)?;
        if answer.status != 200 {
            bail!("{} ({}) was answered with {}", page.name, page.path, answer.status);
        }
        let is_export = page.path.contains(EXPORT);
        all.push(if is_export { answer.first_byte } else { answer.whole });
        bytes = answer.bytes;
    }
    let first = all[0];
    all.sort();
    let at = |percent: usize| all[(all.len() * percent / 100).min(all.len() - 1)];
    Ok(Cost { first, median: at(50), p95: at(95), bytes })
}

/// Every page, with the filters and searches that people use.
fn pages(browser: &mut Browser) -> Result<Vec<Page>> {
    let list = browser.get("/dev/connections", false)?;
    let connection = list.link("/dashboard/dev/connections/", "/")?;
    let logs = browser.get("/dev/logs?state=failed", false)?;
    let operation = logs.link("/dashboard/dev/logs/", "")?;
    let id = connection.rsplit('/').next().unwrap_or_default().to_owned();
    let newest: String = operation.rsplit('/').next().unwrap_or_default().to_owned();
    let older = list.link("/dashboard/dev/connections?", "after=")?;
    let deep = older.split_once("after=").map_or("", |(before, _)| before).to_owned();
    let days_ago = |days: i64| -> Result<String> {
        let at = newest.split('_').next().and_then(|at| at.parse::<i64>().ok());
        Ok((at.context("the operation's id has no time")? - days * 86_400_000).to_string())
    };
    let (year_ago, week_ago) = (days_ago(365)?, days_ago(7)?);
    let page = |name, path: &str| Page { name, path: path.to_owned() };
    let mut all = vec![
        page("home", "/dev"),
        page("home, one integration", "/dev?integration=slack"),
        page("integrations", "/dev/integrations"),
        page("integrations, failing", "/dev/integrations?show=failing"),
        page("integration, largest", "/dev/integrations/slack"),
        page("connections", "/dev/connections"),
        page("connections, a year back", &format!("{deep}after={year_ago}-1")),
        page("connections, failing", "/dev/connections?state=error"),
        page("connections, one integration", "/dev/connections?integration=slack"),
        page("connections, failing of one", "/dev/connections?integration=slack&state=error"),
        page(
            "connections, failing of a small one",
            "/dev/connections?integration=notion-eu&state=error",
        ),
        page("connections, e-mail", "/dev/connections?q=ada.baker12"),
        page("connections, common beginning", "/dev/connections?q=ada."),
        page("connections, common beginning, failing", "/dev/connections?q=ada.&state=error"),
        page("connections, id", &format!("/dev/connections?q={id}")),
        page("connections, tag", "/dev/connections?q=Northwind+13"),
        page("connections, one letter", "/dev/connections?q=c"),
        page("connections, no match", "/dev/connections?q=nobody%40nowhere"),
        page("connections, CSV, first bytes", "/dev/connections/export.csv"),
        page("connection", &connection),
        page("logs", "/dev/logs"),
        page("logs, 24 hours", "/dev/logs?period=24h"),
        page("logs, 14 days", "/dev/logs?period=14d"),
        page("logs, a week back", &format!("/dev/logs?before={week_ago}.x")),
        page("logs, kind", "/dev/logs?kind=webhook"),
        page("logs, action", "/dev/logs?kind=auth.create_connection&period=14d"),
        page("logs, failed", "/dev/logs?state=failed&period=14d"),
        page("logs, cancelled", "/dev/logs?state=cancelled"),
        page("logs, a state there is none of", "/dev/logs?state=waiting"),
        page("logs, integration", "/dev/logs?integration=slack"),
        page("logs, small integration, failed", "/dev/logs?integration=notion-eu&state=failed"),
        page("logs, connection", &format!("/dev/logs?connection={id}")),
    ];
    all.extend(searches(&operation, &id));
    Ok(all)
}

/// Words in logs, the search box, and the account's pages.
fn searches(operation: &str, id: &str) -> Vec<Page> {
    let page = |name, path: &str| Page { name, path: path.to_owned() };
    let number = operation.rsplit('/').next().unwrap_or_default();
    vec![
        page("logs, word in most", "/dev/logs?q=refreshed"),
        page("logs, word in most, 24 hours", "/dev/logs?q=refreshed&period=24h"),
        page("logs, common words", "/dev/logs?q=invalid_grant+revoked"),
        page("logs, common word, failed", "/dev/logs?q=slack&state=failed"),
        page("logs, word in a hundred", "/dev/logs?q=418"),
        page("logs, words that never meet", "/dev/logs?q=refreshed+delivered"),
        page("logs, no match", "/dev/logs?q=xylophone"),
        page("logs, connection id as words", &format!("/dev/logs?q={id}")),
        page("logs, operation id as words", &format!("/dev/logs?q={number}")),
        page("logs, beginning of a common word", "/dev/logs?q=refr*"),
        page("logs, beginning of a rare word", "/dev/logs?q=disab*"),
        page("logs, beginning and word", "/dev/logs?q=418+deliv*"),
        page("logs, beginning of ids", "/dev/logs?q=cust*"),
        page("logs, beginning, no match", "/dev/logs?q=xylo*"),
        page("operation", operation),
        page("search, e-mail", "/dev/search?q=ada."),
        page("search, no match", "/dev/search?q=nobody"),
        page("search, tag", "/dev/search?q=Acme"),
        page("audit trail", "/account/audit"),
        page("audit trail, one action", "/account/audit?action=connections.exported"),
        page("team", "/account/team"),
        page("profile", "/account/profile"),
    ]
}
