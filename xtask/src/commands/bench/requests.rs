//! Requests per second beside the bare handler's, and the memory they take.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};

use super::{
    Bench, Part, STORED,
    bare::{self, Answer},
    load::{Load, Outcome},
    request::{NUMBER, Numbers, Request},
    site::{self, Engine, Server, Site},
    table::{Row, megabytes, milliseconds, whole},
};

/// Connections every server is loaded with, one load after the other.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Rows in a page of the list.
const LIST_LIMIT: u32 = 20;
/// Of the server, whatever is stored and after any load.
pub(super) const MEMORY_BYTES_BUDGET: u64 = 120_000_000;
const BARE: &str = "bare handler";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Read,
    List,
    Session,
}

impl Endpoint {
    const ALL: [Self; 3] = [Self::Read, Self::List, Self::Session];

    fn part(self) -> Part {
        match self {
            Self::Read => Part::Read,
            Self::List => Part::List,
            Self::Session => Part::Session,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Read => "GET /connections/{id}".to_owned(),
            Self::List => format!("GET /connections?limit={LIST_LIMIT}"),
            Self::Session => "POST /connect/sessions".to_owned(),
        }
    }

    /// The request, about any of the first `stored` connections.
    pub(super) fn request(self, api_key: &str, stored: u64) -> Request {
        let numbers = Numbers::Random(stored);
        match self {
            Self::Read => {
                let target = site::read_target(&format!("bench-{NUMBER}"));
                Request::new("GET", &target, api_key, None, numbers)
            }
            Self::List => {
                let target = format!("/connections?limit={LIST_LIMIT}");
                Request::new("GET", &target, api_key, None, numbers)
            }
            Self::Session => {
                let body = site::session_body();
                Request::new("POST", "/connect/sessions", api_key, Some(&body), numbers)
            }
        }
    }

    /// The least share of the bare handler's requests per second, where one is promised.
    fn budget(self, engine: Engine, connections: usize) -> Option<f64> {
        match (self, engine) {
            _ if connections == 1 => None,
            (Self::Read, Engine::Sqlite) => Some(0.50),
            (Self::Read, Engine::Postgres) => Some(0.20),
            (Self::Session, Engine::Postgres) => Some(0.25),
            (Self::Session, Engine::Sqlite) | (Self::List, _) => None,
        }
    }
}

/// A server under load and its site.
struct Loaded<'a> {
    engine: Engine,
    site: &'a Site,
    server: Server,
}

/// Load both engines and the bare handler, turn by turn.
pub(super) fn measure(bench: &mut Bench, sites: &[(Engine, Site)]) -> Result<()> {
    let mut loaded = Vec::new();
    for (engine, site) in sites {
        let server = site.start()?;
        if bench.wants(Part::Memory) {
            memory(bench, *engine, "memory, idle", None, &server)?;
        }
        loaded.push(Loaded { engine: *engine, site, server });
    }
    for endpoint in Endpoint::ALL {
        if bench.wants(endpoint.part()) {
            measure_endpoint(bench, endpoint, &loaded)
                .with_context(|| format!("measuring {}", endpoint.name()))?;
        }
    }
    for Loaded { engine, server, .. } in loaded {
        if bench.wants(Part::Memory) {
            let what = format!("memory, {} stored, after this load", whole(STORED));
            memory(bench, engine, &what, Some(MEMORY_BYTES_BUDGET), &server)?;
        }
        server.process.stop()?;
    }
    Ok(())
}

fn measure_endpoint(bench: &mut Bench, endpoint: Endpoint, loaded: &[Loaded]) -> Result<()> {
    let name = endpoint.name();
    let requests: Vec<Arc<Request>> =
        loaded.iter().map(|it| Arc::new(endpoint.request(&it.site.api_key, STORED))).collect();
    let (Some(first), Some(request)) = (loaded.first(), requests.first()) else {
        return Ok(());
    };
    let answer = Answer::capture(first.server.address, request)?;
    println!("{name}: {} bytes of body", answer.body.len());
    // Kept to the end of the function, where it is ended.
    let (_bare, bare_address) =
        bare::start(&bench.ground.folder, &format!("{endpoint:?}"), &answer)?;
    for connections in CONNECTIONS {
        let run = |address: SocketAddr, request: &Arc<Request>, measured: Duration| {
            Load {
                address,
                request: Arc::clone(request),
                connections,
                warm_up: bench.options.warm_up(),
                measured,
            }
            .run()
        };
        // Before and after the others, so that a machine that slows down slows both.
        let seconds = bench.options.measured();
        let mut limit = run(bare_address, request, seconds / 2)?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (it, request) in loaded.iter().zip(&requests) {
            outcomes.push(run(it.server.address, request, seconds)?);
        }
        limit.append(&run(bare_address, request, seconds / 2)?);
        show(&name, BARE, connections, &limit);
        bench.table.note_errors(&format!("{name}, {BARE}"), &limit);
        bench.table.push(Row::of(&name, BARE, connections, &limit));
        for (it, outcome) in loaded.iter().zip(&outcomes) {
            let engine = it.engine.name();
            show(&name, engine, connections, outcome);
            bench.table.note_errors(&format!("{name}, {engine}"), outcome);
            let of_limit = outcome.per_second() / limit.per_second().max(1.0);
            let budget = endpoint.budget(it.engine, connections);
            bench.table.push(Row {
                of_limit: Some(of_limit),
                budget: budget.map_or(String::new(), |it| format!("at least {:.0}%", it * 100.0)),
                met: budget.map(|it| of_limit >= it),
                ..Row::of(&name, engine, connections, outcome)
            });
        }
    }
    Ok(())
}

/// A line about a process's memory now.
pub(super) fn memory(
    bench: &mut Bench,
    engine: Engine,
    what: &str,
    budget_bytes: Option<u64>,
    server: &Server,
) -> Result<()> {
    let bytes = server.process.memory_bytes()?;
    println!("  {what} on {}: {}", engine.name(), megabytes(bytes));
    bench.table.push(Row {
        what: what.to_owned(),
        engine: engine.name(),
        measured: megabytes(bytes),
        budget: budget_bytes.map_or(String::new(), |it| format!("under {} MB", it / 1_000_000)),
        met: budget_bytes.map(|it| bytes < it),
        ..Row::default()
    });
    Ok(())
}

fn show(name: &str, engine: &str, connections: usize, outcome: &Outcome) {
    let latency = |percent| {
        let latency = outcome.histogram.percentile(percent);
        latency.map_or("-".to_owned(), milliseconds)
    };
    println!(
        "  {name}, {engine}, {connections} connections: {}/s, p50 {}, p99 {}, {} errors",
        whole(outcome.per_second() as u64),
        latency(50),
        latency(99),
        outcome.errors
    );
}
