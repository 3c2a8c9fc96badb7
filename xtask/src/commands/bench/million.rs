//! A million connections: how long their import takes, what reading costs then, and the memory
//! after minutes of load.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};

use super::{
    Bench, STORED,
    load::{Load, Outcome},
    requests::{self, Endpoint},
    site::{Engine, Server, Site},
    table::{Row, whole},
};

const IMPORT_CONNECTIONS: usize = 64;
const IMPORT_TIME_MAX: Duration = Duration::from_hours(2);
/// Imported at a time, so that there is progress to show.
const BATCH: u64 = 50_000;
const READ_CONNECTIONS: usize = 16;
/// Few and many are read turn by turn, this often.
const ROUNDS: u32 = 3;
/// How much slower a read may be than with a thousand connections.
const SLOWER_MAX: f64 = 1.20;

/// Fill `many`, then read it beside `few`, which holds a thousand.
pub(super) fn measure(bench: &mut Bench, engine: Engine, few: &Site, many: &Site) -> Result<()> {
    let stored = bench.options.million_count;
    let server = many.start()?;
    many.create_integration(&server)?;
    let imported = import(many, &server, stored)?;
    let what = format!("import of {} connections", whole(stored));
    let row = Row::of(&what, engine.name(), IMPORT_CONNECTIONS, &imported);
    bench.table.push(row);
    bench.table.note(format!(
        "{} connections were imported into {} in {:.0} s",
        whole(stored),
        engine.name(),
        imported.elapsed.as_secs_f64()
    ));
    compare(bench, engine, few, (many, &server), stored)?;
    let soak = Duration::from_secs(bench.options.soak_seconds);
    println!("  loading {} for {} s", engine.name(), soak.as_secs());
    let outcome = read(many, &server, stored, Duration::ZERO, soak)?;
    let what = format!("memory, {} stored, after {} s of reads", whole(stored), soak.as_secs());
    bench.table.note_errors(&what, &outcome);
    requests::memory(bench, engine, &what, Some(requests::MEMORY_BYTES_BUDGET), &server)?;
    server.process.stop()
}

fn import(site: &Site, server: &Server, stored: u64) -> Result<Outcome> {
    let mut all = Outcome::default();
    let mut start = 0;
    while start < stored {
        let end = (start + BATCH).min(stored);
        let left = IMPORT_TIME_MAX.saturating_sub(all.elapsed);
        all.append(&site.import(server, (start, end), IMPORT_CONNECTIONS, left)?);
        println!(
            "  {} of {} imported, {:.0} s",
            whole(end),
            whole(stored),
            all.elapsed.as_secs_f64()
        );
        start = end;
    }
    Ok(all)
}

fn compare(
    bench: &mut Bench,
    engine: Engine,
    few: &Site,
    (many, many_server): (&Site, &Server),
    stored: u64,
) -> Result<()> {
    let few_stored = STORED;
    let few_server = few.start()?;
    let (warm_up, seconds) = (bench.options.warm_up(), bench.options.measured());
    let (mut with_few, mut with_many) = (Outcome::default(), Outcome::default());
    for _ in 0..ROUNDS {
        with_few.append(&read(few, &few_server, few_stored, warm_up, seconds)?);
        with_many.append(&read(many, many_server, stored, warm_up, seconds)?);
    }
    few_server.process.stop()?;
    let median = |outcome: &Outcome| {
        let latency = outcome.histogram.percentile(50);
        latency.context("no read succeeded")
    };
    let slower = median(&with_many)?.as_secs_f64() / median(&with_few)?.as_secs_f64();
    let what = |stored: u64| format!("GET /connections/{{id}}, {} stored", whole(stored));
    bench.table.note_errors(&what(few_stored), &with_few);
    bench.table.note_errors(&what(stored), &with_many);
    let name = engine.name();
    bench.table.push(Row::of(&what(few_stored), name, READ_CONNECTIONS, &with_few));
    bench.table.push(Row {
        budget: format!("p50 within 20% ({:+.0}%)", (slower - 1.0) * 100.0),
        met: Some(slower <= SLOWER_MAX),
        ..Row::of(&what(stored), name, READ_CONNECTIONS, &with_many)
    });
    Ok(())
}

fn read(
    site: &Site,
    server: &Server,
    stored: u64,
    warm_up: Duration,
    measured: Duration,
) -> Result<Outcome> {
    Load {
        address: server.address,
        request: Arc::new(Endpoint::Read.request(&site.api_key, stored)),
        connections: READ_CONNECTIONS,
        warm_up,
        measured,
    }
    .run()
}
