//! The limit: an axum handler that does nothing but answer with bytes it was given, in a process of
//! its own. What a real server reaches is judged by what this one reaches beside it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    routing::any,
    serve::ListenerExt,
};
use clap::Args;
use tokio::{net::TcpListener, time::Instant};

use super::{
    child::{self, Process},
    request::Request,
    wire::{self, Connection},
};

/// Headers that the HTTP library writes by itself.
const OWN_HEADERS: [&str; 4] = ["date", "content-length", "connection", "keep-alive"];
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the bare handler answers, whatever it is asked.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// How to run the bare handler.
#[derive(Args)]
pub(crate) struct Options {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,

    /// Status of every reply.
    #[arg(long, default_value_t = 200)]
    status: u16,

    /// A header of every reply, `name: value`. May be repeated.
    #[arg(long)]
    header: Vec<String>,

    /// The body of every reply.
    #[arg(long)]
    body_file: PathBuf,
}

/// Answer until the process is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let headers = options
        .header
        .iter()
        .map(|header| {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("`{header}` is not `name: value`"))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect::<Result<_>>()?;
    let answer = Answer {
        status: options.status,
        headers,
        body: fs::read(&options.body_file)
            .with_context(|| format!("reading {}", options.body_file.display()))?,
    };
    // The runtime a server has by default: a worker per core.
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("making a runtime")?
        .block_on(async {
            let listener = TcpListener::bind(options.listen)
                .await
                .with_context(|| format!("listening on {}", options.listen))?;
            serve(listener, answer).await
        })
}

async fn serve(listener: TcpListener, answer: Answer) -> Result<()> {
    let status = StatusCode::from_u16(answer.status).context("the status")?;
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        headers.append(
            HeaderName::try_from(name).with_context(|| format!("the header name `{name}`"))?,
            HeaderValue::try_from(value).with_context(|| format!("the header `{name}`"))?,
        );
    }
    let body = Bytes::from(answer.body);
    // The request's body is read, as any handler that was sent one does.
    let handler = any(move |_request: Bytes| {
        let reply = (status, headers.clone(), body.clone());
        async move { reply }
    });
    let listener = listener.tap_io(|stream| {
        // Without it the reply is only slower; nothing to be done about it here.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/{*path}", handler)).await.context("serving")
}

impl Answer {
    /// What `address` really answers to `request`.
    pub(super) fn capture(address: SocketAddr, request: &Request) -> Result<Self> {
        wire::runtime()?.block_on(async {
            let mut connection = Connection::open(address).await?;
            let bytes = request.about(0);
            let reply = connection.exchange(&bytes).await?;
            if !reply.is_success() {
                return Err(anyhow!("{}", reply.summary()));
            }
            Ok(Self {
                status: reply.status,
                headers: reply
                    .headers()
                    .into_iter()
                    .filter(|(name, _)| !OWN_HEADERS.contains(&name.as_str()))
                    .collect(),
                body: reply.body.to_vec(),
            })
        })
    }
}

/// Start a bare handler with this answer and wait until it listens.
pub(super) fn start(folder: &Path, name: &str, answer: &Answer) -> Result<(Process, SocketAddr)> {
    let body_file = folder.join(format!("bare-{name}.body"));
    fs::write(&body_file, &answer.body)
        .with_context(|| format!("writing {}", body_file.display()))?;
    let address = child::free_address()?;
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command
        .args(["bare-handler", "--listen", &address.to_string()])
        .args(["--status", &answer.status.to_string()])
        .arg("--body-file")
        .arg(&body_file)
        .stdout(Stdio::null());
    for (name, value) in &answer.headers {
        command.arg("--header").arg(format!("{name}: {value}"));
    }
    let mut process = Process::spawn(&mut command, &folder.join(format!("bare-{name}.log")))?;
    let give_up = Instant::now() + READY_TIMEOUT;
    wire::runtime()?.block_on(async {
        while Connection::open(address).await.is_err() {
            process.check_running()?;
            child::pause_until(give_up).await?;
        }
        Ok((process, address))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::SocketAddr;

    use super::{Answer, serve};
    use crate::commands::bench::wire;

    /// A bare handler on a thread of the test, which ends with the test's process.
    pub(in crate::commands::bench) fn in_this_process(answer: Answer) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("nonblocking");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            wire::runtime().expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                serve(listener, answer).await.expect("serves");
            });
        });
        address
    }
}
