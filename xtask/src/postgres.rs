//! A throw-away PostgreSQL cluster: made in a temporary folder, gone when the value is dropped.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{machine, process};

const FOLDER_PREFIX: &str = "valetkey-postgres-";
/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// What the databases of a run need at once, with room to spare.
const ROOM_KIB: u64 = 2 << 20;
/// Two engines, several test binaries and their pools at once.
const CONNECTIONS_MAX: u32 = 200;

/// A running cluster. Dropping it stops the server and removes its files.
pub(crate) struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    as_postgres_user: bool,
    port: u16,
}

impl Cluster {
    /// Create the cluster and wait until it accepts connections.
    pub(crate) fn start() -> Result<Self> {
        let Some(bin) = machine::postgres_bin_dir() else {
            bail!("PostgreSQL's server programs (initdb, pg_ctl) were not found");
        };
        remove_leftovers(&bin);
        let folder = home().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut cluster = Self { bin, folder, as_postgres_user: machine::is_root(), port: 0 };
        if cluster.as_postgres_user {
            // The server refuses to run as root, so the folder goes to the user it runs as.
            process::capture(Command::new("chown").arg("postgres:").arg(&cluster.folder))
                .context("giving the cluster's folder to the user `postgres`")?;
        }
        cluster.port = free_port()?;
        cluster.initialise()?;
        cluster.launch()?;
        Ok(cluster)
    }

    /// The URL of the cluster's maintenance database, as its superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn initialise(&self) -> Result<()> {
        process::capture(
            self.tool("initdb")
                .arg("--pgdata")
                .arg(self.data())
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
                .args(["--locale=C.UTF-8", "--no-sync"]),
        )
        .context("creating the throw-away PostgreSQL cluster")?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\n\
             unix_socket_directories = '{folder}'\nmax_connections = {CONNECTIONS_MAX}\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n",
            port = self.port,
            folder = self.folder.display(),
        );
        let file = self.data().join("postgresql.conf");
        let mut text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        text.push_str(&settings);
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }

    fn launch(&self) -> Result<()> {
        process::capture(
            self.tool("pg_ctl")
                .args(["start", "--wait", "--silent", "--timeout=60", "--pgdata"])
                .arg(self.data())
                .arg("--log")
                .arg(self.folder.join("server.log")),
        )
        .map(|_| ())
        .with_context(|| {
            let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            format!("starting the throw-away PostgreSQL server; its log: {}", log.trim())
        })
    }

    fn tool(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        if !self.as_postgres_user {
            return process::command(program, &self.folder);
        }
        let mut command = process::command("runuser", &self.folder);
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            let stopped = process::capture(
                self.tool("pg_ctl")
                    .args(["stop", "--silent", "--mode=immediate", "--wait", "--pgdata"])
                    .arg(self.data()),
            );
            if let Err(error) = stopped {
                println!("warning: the throw-away PostgreSQL server did not stop: {error:#}");
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            println!("warning: {} was not removed: {error}", self.folder.display());
        }
    }
}

/// Where clusters lie: in memory if there is room. Hundreds of databases of a thousand files each
/// come and go, and a file system of a disk is slow at that even without `fsync`.
fn home() -> PathBuf {
    let memory = Path::new(MEMORY);
    if room_kib(memory) >= ROOM_KIB { memory.to_path_buf() } else { std::env::temp_dir() }
}

/// What may still be written below a folder; nothing if there is no such folder.
fn room_kib(folder: &Path) -> u64 {
    let asked = process::capture(Command::new("df").args(["--output=avail", "-k"]).arg(folder));
    let answer = asked.unwrap_or_default();
    answer.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or_default()
}

/// Stop and remove clusters whose `xtask` was killed before it could.
fn remove_leftovers(bin: &Path) {
    if !Path::new("/proc/self").exists() {
        return; // No way to tell whether the owner still runs.
    }
    let homes = [PathBuf::from(MEMORY), std::env::temp_dir()];
    let entries = homes.iter().filter_map(|home| fs::read_dir(home).ok()).flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX));
        let Some(owner) = owner.filter(|owner| owner.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            continue;
        };
        if !Path::new("/proc").join(owner).exists() {
            println!("  removing what an earlier run left: {}", entry.path().display());
            drop(Cluster {
                bin: bin.to_path_buf(),
                folder: entry.path(),
                as_postgres_user: machine::is_root(),
                port: 0,
            });
        }
    }
}

/// Ports the cluster may be given: below the range from which outgoing connections take theirs, so
/// that none can take it between this look and the start.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

fn free_port() -> Result<u16> {
    // Runs side by side start looking at different places.
    let offset = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start))?;
    PORTS
        .cycle()
        .skip(usize::from(offset))
        .take(usize::from(PORTS.end - PORTS.start))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("looking for a free port")
}
