//! Processes the bench starts: each ended by its id when its value goes, its output in a file.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

use crate::process;

const POLL: Duration = Duration::from_millis(1);
/// A server finishes what is in flight before it ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const LOG_LINES_SHOWN: usize = 15;

/// A running process in its own group, so that Ctrl-C reaches it only through us.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Start `command`; what it prints goes to the file `log`, standard output too unless it is set.
    pub(super) fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        if process::interrupted() {
            bail!("interrupted");
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} did not start", command.get_program().display()))?;
        Ok(Self { child, log: log.to_path_buf() })
    }

    /// Fail with the end of its log when it has ended.
    pub(super) fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait().context("asking after a process")? {
            None => Ok(()),
            Some(status) => bail!("a process ended with {status}:\n{}", self.log_end()),
        }
    }

    /// The last lines it printed.
    pub(super) fn log_end(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Resident memory, from the kernel.
    pub(super) fn memory_bytes(&self) -> Result<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.trim().parse::<u64>().ok());
        Ok(kib.context("no VmRSS in the process's status")? * 1024)
    }

    /// Ask it to end and wait; insist when it does not.
    pub(super) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        process::capture(Command::new("kill").args(["-TERM", &id]))
            .context("stopping a process")?;
        let give_up = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < give_up {
            if self.child.try_wait().context("waiting for a process")?.is_some() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        bail!(
            "process {id} did not end within {} s of being asked:\n{}",
            STOP_TIMEOUT.as_secs(),
            self.log_end()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder, removed with all in it when the value goes.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Make one that bears this process's id.
    pub(super) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("valetkey-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            println!("warning: {} was not removed: {error}", self.0.display());
        }
    }
}

/// An address on loopback that nobody listens on.
pub(super) fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .context("looking for a free port")
}

/// Pause between two looks at a process, unless it is too late or interrupted.
pub(super) async fn pause_until(give_up: Instant) -> Result<()> {
    if process::interrupted() {
        bail!("interrupted");
    }
    if Instant::now() >= give_up {
        bail!("a process was not ready in time");
    }
    sleep(POLL).await;
    Ok(())
}
