//! Running a child process: in its own process group, so that an interrupt ends all it started.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, bail};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Process groups of the running children.
static GROUPS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Make Ctrl-C and SIGTERM end the running children and let the caller clean up.
pub(crate) fn catch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        for group in GROUPS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            terminate_group(*group);
        }
    })
    .context("the interrupt handler could not be set")
}

/// Whether Ctrl-C or SIGTERM came in.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

fn terminate_group(group: u32) {
    // A failure means the group has ended already.
    let _ = Command::new("kill").args(["-TERM", "--", &format!("-{group}")]).status();
}

/// Run to the end, output going straight to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let child = start(command)?;
    finish(child, command)
}

/// Run to the end, showing standard output and handing each line of it to `line` as well.
pub(crate) fn run_lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    let mut child = start(command.stdout(Stdio::piped()))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).context("reading the child's output")? > 0 {
            std::io::stdout().write_all(&bytes).context("writing to standard output")?;
            line(String::from_utf8_lossy(&bytes).trim_end());
            bytes.clear();
        }
    }
    finish(child, command)
}

/// Run quietly and return standard output; the error carries what it said on standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{shown}` did not start"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// A command that runs in `dir` with no standard input.
pub(crate) fn command(program: impl AsRef<Path>, dir: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(dir).stdin(Stdio::null());
    command
}

fn start(command: &mut Command) -> Result<Child> {
    if interrupted() {
        bail!("interrupted");
    }
    command.stdin(Stdio::null()).process_group(0);
    let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    let child = command.spawn().with_context(|| format!("`{}` did not start", shown(command)))?;
    groups.push(child.id());
    Ok(child)
}

fn finish(mut child: Child, command: &Command) -> Result<()> {
    let status = child.wait().context("waiting for the child")?;
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner).retain(|group| *group != child.id());
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
