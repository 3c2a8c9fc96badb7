//! The refresh storm: thousands of readers of one connection that has just expired, spread over
//! all processes. However many they are, the provider must be asked once.

use std::{collections::BTreeSet, fs, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    Bench,
    histogram::Histogram,
    request::{Numbers, Request},
    site::{self, Engine, Server, Site},
    table::{Row, whole},
    token::{ANSWER_DELAY, TOKEN_PREFIX},
    wire::{self, Connection},
};
use crate::process;

/// Sockets to one server process.
const READERS_PER_PROCESS_MAX: usize = 2_500;
const OPENING_AT_ONCE_MAX: usize = 64;
const READER_TIMEOUT: Duration = Duration::from_mins(1);
/// A background refresh may be faster than the readers; then another connection is tried.
const ATTEMPTS_MAX: u32 = 3;
/// Files this program needs besides its sockets.
const OTHER_FILES: usize = 256;

#[derive(Default)]
struct Storm {
    latencies: Histogram,
    tokens: BTreeSet<String>,
    errors: u64,
    first_error: Option<String>,
}

/// A storm on a fresh site with this many server processes.
pub(super) fn measure(
    bench: &mut Bench,
    engine: Engine,
    site: &Site,
    processes: usize,
) -> Result<()> {
    let mut servers = vec![site.start()?];
    site.create_integration(&servers[0])?;
    for _ in 1..processes {
        servers.push(site.start()?);
    }
    let wanted = bench.options.readers().min(READERS_PER_PROCESS_MAX * processes);
    let readers = wanted.min(open_files_max()?.saturating_sub(OTHER_FILES));
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    println!(
        "refresh storm on {}: {} readers of {processes} server(s)",
        engine.name(),
        whole(readers as u64)
    );
    if readers < wanted {
        bench.table.note(format!(
            "refresh storm: {readers} readers only, as the limit of open files allows no more"
        ));
    }
    let runtime = wire::runtime()?;
    for attempt in 1..=ATTEMPTS_MAX {
        let id = format!("storm-{attempt}");
        let connections = runtime.block_on(open(&addresses, readers))?;
        let before = bench.token.requests();
        site.import_expired(&servers[0], &id)?;
        if bench.token.requests() > before {
            continue;
        }
        let target = site::read_target(&id);
        let request = Request::new("GET", &target, &site.api_key, None, Numbers::Random(1));
        let request: Arc<[u8]> = request.about(0).into();
        let begin = Instant::now();
        let mut storm = runtime.block_on(read_all(connections, &request))?;
        let elapsed = begin.elapsed();
        // Once more from each process: what it answers now must be the same token.
        let after = runtime.block_on(open(&addresses, processes))?;
        let after = runtime.block_on(read_all(after, &request))?;
        storm.errors += after.errors;
        storm.first_error = storm.first_error.or(after.first_error);
        storm.tokens.extend(after.tokens);
        let asked = bench.token.requests() - before;
        report(bench, engine, (processes, readers), &storm, asked, elapsed);
        return stop(servers);
    }
    stop(servers)?;
    bail!("the refresh was over before the readers came, {ATTEMPTS_MAX} times")
}

fn report(
    bench: &mut Bench,
    engine: Engine,
    (processes, readers): (usize, usize),
    storm: &Storm,
    asked: u64,
    elapsed: Duration,
) {
    println!("  token requests: {asked}");
    println!(
        "  {} of {readers} readers got a fresh token, {} different ones, in {:.2} s",
        storm.latencies.total(),
        storm.tokens.len(),
        elapsed.as_secs_f64()
    );
    let what = format!(
        "refresh storm, {} readers, {processes} process{}",
        whole(readers as u64),
        if processes == 1 { "" } else { "es" }
    );
    if let Some(error) = &storm.first_error {
        bench.table.note(format!("{what}: {} errors, the first: {error}", storm.errors));
    }
    bench.table.push(Row {
        what,
        engine: engine.name(),
        connections: Some(readers),
        measured: format!("token requests: {asked}"),
        p50: storm.latencies.percentile(50),
        p99: storm.latencies.percentile(99),
        budget: format!("1, all served ({} ms provider)", ANSWER_DELAY.as_millis()),
        met: Some(asked == 1 && storm.errors == 0 && storm.tokens.len() == 1),
        errors: storm.errors,
        ..Row::default()
    });
}

fn stop(servers: Vec<Server>) -> Result<()> {
    for server in servers {
        server.process.stop()?;
    }
    Ok(())
}

/// Open `count` connections, spread evenly over the addresses.
async fn open(addresses: &[SocketAddr], count: usize) -> Result<Vec<Connection>> {
    let each = addresses.iter().copied().cycle().take(count);
    stream::iter(each.map(Connection::open))
        .buffer_unordered(OPENING_AT_ONCE_MAX)
        .try_collect()
        .await
        .context("opening the readers' connections")
}

/// Read on every connection at once.
async fn read_all(connections: Vec<Connection>, request: &Arc<[u8]>) -> Result<Storm> {
    let mut readers = JoinSet::new();
    for mut connection in connections {
        let request = Arc::clone(request);
        readers.spawn(async move {
            let begin = Instant::now();
            let token = timeout(READER_TIMEOUT, read(&mut connection, &request))
                .await
                .unwrap_or_else(|_| Err(anyhow!("no reply in {} s", READER_TIMEOUT.as_secs())));
            (begin.elapsed(), token)
        });
    }
    let mut storm = Storm::default();
    while let Some(reader) = readers.join_next().await {
        if process::interrupted() {
            bail!("interrupted");
        }
        match reader.context("a reader's task")? {
            (latency, Ok(token)) => {
                storm.latencies.record(latency);
                storm.tokens.insert(token);
            }
            (_, Err(error)) => {
                storm.errors += 1;
                storm.first_error.get_or_insert(format!("{error:#}"));
            }
        }
    }
    Ok(storm)
}

/// The access token in the reply; an error when it is not one of the provider's new ones.
async fn read(connection: &mut Connection, request: &[u8]) -> Result<String> {
    let reply = connection.exchange(request).await?;
    if reply.status != 200 {
        bail!("{}", reply.summary());
    }
    let body: serde_json::Value =
        serde_json::from_slice(reply.body).context("a reply that is not JSON")?;
    match body["credentials"]["access_token"].as_str() {
        Some(token) if token.starts_with(TOKEN_PREFIX) => Ok(token.to_owned()),
        _ => bail!("served without the new token: {}", reply.summary()),
    }
}

/// How many files this process may have open.
fn open_files_max() -> Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits").context("reading /proc/self/limits")?;
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .context("no limit of open files in /proc/self/limits")?;
    Ok(soft.parse().unwrap_or(usize::MAX))
}
