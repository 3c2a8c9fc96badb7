//! Starting the program in a folder of its own, with nothing inherited.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use valetkey_base::Rng;

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder that goes when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("valetkey-cli-{}", Rng::system().hex(8)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The program in this folder, so that `./data` is in it.
    pub(crate) fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(&self.0)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        Ran::from(self.command(arguments, environment).output().unwrap())
    }

    /// Starts a program that goes on until it is stopped.
    pub(crate) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let mut command = self.command(arguments, environment);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // A test that has ended wants no more lines.
                let _ = sender.send(line);
            }
        });
        let said = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let writer = Arc::clone(&said);
        let listener = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut said = writer.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        Running { child, lines, said, listener: Some(listener) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// What it printed, when it did what it was asked.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// What it complained about, when it ended with this code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.stderr
    }
}

/// A program under way. It is killed when the test ends without stopping it.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

impl Running {
    /// The rest of the first line to come that begins so.
    #[track_caller]
    pub(crate) fn line(&mut self, begin: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let _ = self.child.kill();
                let stderr = self.stderr();
                panic!("no line begins with {begin:?}; on standard error:\n{stderr}");
            };
            if let Some(rest) = line.trim_start().strip_prefix(begin) {
                return rest.trim().to_owned();
            }
        }
    }

    /// What it has said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Sends SIGTERM.
    pub(crate) fn signal(&self) {
        self.send_signal("-TERM");
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.send_signal("-HUP");
    }

    fn send_signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(self) -> Ran {
        self.signal();
        self.ended()
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> Ran {
        let code = self.child.wait().unwrap().code();
        self.listener.take().unwrap().join().unwrap();
        let stderr = self.stderr();
        Ran { code, stdout: self.lines.iter().collect::<Vec<_>>().join("\n"), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until the answer is as wanted.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never came: {what}");
}

/// Sends a request and answers with status and JSON body.
pub(crate) fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, serde_json::Value) {
    use valetkey_egress::{AllowList, Egress, Limits, Policy, Redirects, Request};
    let request = Request {
        method: method.parse().unwrap(),
        url: url.parse().unwrap(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.to_owned().into(),
        timeout: Some(PATIENCE),
        redirects: Redirects::Refuse,
        identity: None,
    };
    let allow = AllowList::parse("127.0.0.0/8").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(async {
        let egress = Egress::new(Policy { allow }, Limits::default()).unwrap();
        egress.send(request).await.unwrap()
    });
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
}

/// `GET` with an API key.
pub(crate) fn get(url: &str, key: &str) -> (u16, serde_json::Value) {
    send("GET", url, &[("authorization", &format!("Bearer {key}"))], "")
}
