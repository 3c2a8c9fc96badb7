//! Calls through the proxy beside nginx's `proxy_pass`, to the same upstream in the same run.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::time::Instant;

use super::{
    Bench,
    bare::{self, Answer},
    child::{self, Process},
    load::{Load, Outcome},
    request::{Numbers, Request},
    site::{Engine, Server, Site},
    table::{Row, megabytes, milliseconds, whole},
    wire::{self, Connection},
};
use crate::machine;

const NGINX: &str = "nginx";
const CONNECTIONS: usize = 64;
/// Least share of nginx's requests per second.
const REQUESTS_BUDGET: f64 = 0.50;
/// Least share of nginx's bytes per second.
const BYTES_BUDGET: f64 = 0.80;
/// Most that the slowest hundredth may be slower than through nginx.
const ADDED_BUDGET: Duration = Duration::from_millis(2);
const LARGE_BYTES: usize = 100_000_000;
/// Large answers read at once.
const LARGE_CONNECTIONS: usize = 4;
/// What a server may grow by while it carries large bodies.
const GROWTH_BUDGET: u64 = 50_000_000;
const READY_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Where a request goes: an address, and the bytes of one request there.
struct Way {
    name: &'static str,
    address: SocketAddr,
    request: Arc<Request>,
}

pub(super) fn measure(bench: &mut Bench, site: &Site) -> Result<()> {
    machine::install(&[machine::Package::Nginx])?;
    let folder = bench.ground.folder.clone();
    let small = json!({"id": 7, "name": "Ada", "tags": ["a", "b"], "big": 12_345_678_901_u64});
    let answer = |body: Vec<u8>, kind: &str| Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body,
    };
    let small = answer(small.to_string().into_bytes(), "application/json");
    let large = answer(vec![b'x'; LARGE_BYTES], "application/octet-stream");
    let (_small, small_address) = bare::start(&folder, "small", &small)?;
    let (_large, large_address) = bare::start(&folder, "large", &large)?;
    let server = site.start()?;
    site.allow_hosts(&server, &["*"])?;
    measure_small(bench, site, &server, small_address)?;
    measure_large(bench, site, &server, large_address)?;
    server.process.stop()
}

/// The two ways to an upstream.
fn ways(
    folder: &Path,
    site: &Site,
    server: &Server,
    upstream: SocketAddr,
) -> Result<(Process, [Way; 2])> {
    let (nginx, address) = start_nginx(folder, upstream)?;
    let plain = Request::new("GET", "/x", &site.api_key, None, Numbers::Random(1));
    let proxied = Request::new("GET", "/proxy/x", &site.api_key, None, Numbers::Random(1))
        .with_headers(&Site::proxy_headers(&format!("http://{upstream}")));
    let ways = [
        Way { name: NGINX, address, request: Arc::new(plain) },
        Way { name: Engine::Sqlite.name(), address: server.address, request: Arc::new(proxied) },
    ];
    Ok((nginx, ways))
}

fn measure_small(
    bench: &mut Bench,
    site: &Site,
    server: &Server,
    upstream: SocketAddr,
) -> Result<()> {
    let what = "a proxied call, small JSON";
    let folder = bench.ground.folder.clone();
    let (nginx, ways) = ways(&folder, site, server, upstream)?;
    let seconds = bench.options.measured();
    let run = |way: &Way, measured: Duration| {
        Load {
            address: way.address,
            request: Arc::clone(&way.request),
            connections: CONNECTIONS,
            warm_up: bench.options.warm_up(),
            measured,
        }
        .run()
    };
    let [through, ours] = &ways;
    let mut limit = run(through, seconds / 2)?;
    let outcome = run(ours, seconds)?;
    limit.append(&run(through, seconds / 2)?);
    nginx.stop()?;
    let of_limit = outcome.per_second() / limit.per_second().max(1.0);
    let p99 = |outcome: &Outcome| outcome.histogram.percentile(99).unwrap_or_default();
    let added = p99(&outcome).saturating_sub(p99(&limit));
    println!(
        "  {what}: nginx {}/s, ours {}/s ({:.0}%), p99 {} more",
        whole(limit.per_second() as u64),
        whole(outcome.per_second() as u64),
        of_limit * 100.0,
        milliseconds(added)
    );
    for (way, outcome) in [(through, &limit), (ours, &outcome)] {
        bench.table.note_errors(&format!("{what}, {}", way.name), outcome);
    }
    bench.table.push(Row::of(what, through.name, CONNECTIONS, &limit));
    bench.table.push(Row {
        of_limit: Some(of_limit),
        budget: format!("at least {:.0}% of nginx", REQUESTS_BUDGET * 100.0),
        met: Some(of_limit >= REQUESTS_BUDGET),
        ..Row::of(what, ours.name, CONNECTIONS, &outcome)
    });
    bench.table.push(Row {
        what: format!("{what}: p99 beyond nginx's"),
        engine: ours.name,
        connections: Some(CONNECTIONS),
        measured: milliseconds(added),
        budget: format!("under {} ms", ADDED_BUDGET.as_millis()),
        met: Some(added < ADDED_BUDGET),
        ..Row::default()
    });
    Ok(())
}

fn measure_large(
    bench: &mut Bench,
    site: &Site,
    server: &Server,
    upstream: SocketAddr,
) -> Result<()> {
    let what = "a proxied call, 100 MB answer";
    let folder = bench.ground.folder.clone();
    let (nginx, ways) = ways(&folder, site, server, upstream)?;
    let seconds = bench.options.measured();
    let before = server.process.memory_bytes()?;
    let [through, ours] = &ways;
    let limit = bytes_per_second(through, seconds)?;
    let reached = bytes_per_second(ours, seconds)?;
    let grown = server.process.memory_bytes()?.saturating_sub(before);
    nginx.stop()?;
    let of_limit = reached / limit.max(1.0);
    let shown = |rate: f64| format!("{}/s", megabytes(rate as u64));
    println!(
        "  {what}: nginx {}, ours {} ({:.0}%), grown by {}",
        shown(limit),
        shown(reached),
        of_limit * 100.0,
        megabytes(grown)
    );
    for (way, rate, of_limit) in [(through, limit, None), (ours, reached, Some(of_limit))] {
        bench.table.push(Row {
            what: what.to_owned(),
            engine: way.name,
            connections: Some(LARGE_CONNECTIONS),
            measured: shown(rate),
            of_limit,
            budget: of_limit.map_or(String::new(), |_| {
                format!("at least {:.0}% of nginx", BYTES_BUDGET * 100.0)
            }),
            met: of_limit.map(|it| it >= BYTES_BUDGET),
            ..Row::default()
        });
    }
    bench.table.push(Row {
        what: format!("{what}: memory more than before"),
        engine: ours.name,
        measured: megabytes(grown),
        budget: format!("under {} MB", GROWTH_BUDGET / 1_000_000),
        met: Some(grown < GROWTH_BUDGET),
        ..Row::default()
    });
    Ok(())
}

/// Reads large answers, one after the other on each connection, and throws them away.
fn bytes_per_second(way: &Way, measured: Duration) -> Result<f64> {
    let begin = Instant::now();
    let end = begin + measured;
    let read: Vec<Result<u64>> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..LARGE_CONNECTIONS)
            .map(|_| scope.spawn(|| read_until(way.address, &way.request.about(0), end)))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|_| bail!("a reader panicked")))
            .collect()
    });
    let mut bytes = 0;
    for read in read {
        bytes += read?;
    }
    Ok(bytes as f64 / begin.elapsed().as_secs_f64())
}

fn read_until(address: SocketAddr, request: &[u8], end: Instant) -> Result<u64> {
    let mut stream = TcpStream::connect(address).context("connecting")?;
    stream.set_read_timeout(Some(READ_TIMEOUT)).context("setting a timeout")?;
    let mut buffer = vec![0; 256 * 1024];
    let mut all = 0;
    while Instant::now() < end {
        stream.write_all(request).context("sending a request")?;
        let (mut head, mut left) = (Vec::new(), None);
        while left != Some(0) {
            let count = stream.read(&mut buffer).context("reading an answer")?;
            if count == 0 {
                bail!("the answer broke off");
            }
            if let Some(left) = &mut left {
                *left -= count;
            } else {
                head.extend_from_slice(&buffer[..count]);
                left = body_left(&head)?;
            }
        }
        all += LARGE_BYTES as u64;
    }
    Ok(all)
}

/// How much of the body is still to come, once the head is whole.
fn body_left(head: &[u8]) -> Result<Option<usize>> {
    let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&head[..at]).to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") {
        bail!("the answer is not 200: {text}");
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|it| it.trim().parse().ok()).context("its length")?;
    Ok(Some(length - (head.len() - at - 4)))
}

/// nginx as its documentation advises for a proxy that keeps connections.
fn start_nginx(folder: &Path, upstream: SocketAddr) -> Result<(Process, SocketAddr)> {
    let address = child::free_address()?;
    let home = folder.join(format!("nginx-{}", address.port()));
    fs::create_dir(&home).with_context(|| format!("creating {}", home.display()))?;
    let shown = home.display();
    let text = format!(
        "daemon off; worker_processes auto; pid {shown}/pid; error_log {shown}/error.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off; client_body_temp_path {shown}/b; proxy_temp_path {shown}/p;\n  \
         fastcgi_temp_path {shown}/f; uwsgi_temp_path {shown}/u; scgi_temp_path {shown}/s;\n  \
         keepalive_requests 1000000; proxy_buffering off;\n  \
         upstream api {{ server {upstream}; keepalive 256; keepalive_requests 1000000; }}\n  \
         server {{ listen {address}; location / {{ proxy_pass http://api; \
         proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}\n}}\n"
    );
    let config = home.join("nginx.conf");
    fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
    let mut command = Command::new(machine::NGINX);
    command.arg("-c").arg(&config).arg("-p").arg(&home).stdout(Stdio::null());
    let mut process = Process::spawn(&mut command, &home.join("log"))?;
    let give_up = Instant::now() + READY_TIMEOUT;
    wire::runtime()?.block_on(async {
        while Connection::open(address).await.is_err() {
            process.check_running()?;
            child::pause_until(give_up).await?;
        }
        anyhow::Ok(())
    })?;
    Ok((process, address))
}
