//! As much of a browser as signing in and asking for pages needs.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use super::super::child::Process;

const READY_TIMEOUT: Duration = Duration::from_mins(5);
const READ_TIMEOUT: Duration = Duration::from_mins(2);
const EMAIL: &str = "pages@example.com";
/// Of a database that is made to be thrown away.
const PASSWORD: &str = "correct-horse-battery";
const ROOT: &str = "/dashboard";

/// Somebody's browser.
pub(super) struct Browser {
    address: SocketAddr,
    /// `name=value`, joined.
    cookies: Vec<String>,
}

/// What the server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    text: String,
    /// Of the body, as it came.
    pub(super) bytes: usize,
    pub(super) first_byte: Duration,
    pub(super) whole: Duration,
}

impl Answer {
    /// The first link that begins so and has this in what follows, without the dashboard's own path.
    pub(super) fn link(&self, begin: &str, has: &str) -> Result<String> {
        let marked = format!("href=\"{begin}");
        let links = self.text.split(&marked).skip(1).filter_map(|rest| rest.split('"').next());
        let mut links = links.filter(|rest| !rest.is_empty() && rest.contains(has));
        let rest = links.find(|rest| !rest.starts_with("new") && !rest.starts_with("export"));
        let rest = rest.with_context(|| format!("the page has no link that begins {begin}"))?;
        let path = begin.strip_prefix(ROOT).unwrap_or(begin);
        Ok(format!("{path}{rest}").replace("&#38;", "&").replace("&amp;", "&"))
    }

    fn between(&self, before: &str, after: &str) -> Result<&str> {
        let rest = self.text.split_once(before).map(|(_, rest)| rest);
        let found = rest.and_then(|rest| rest.split_once(after)).map(|(found, _)| found);
        found.with_context(|| format!("the answer ({}) has no {before}", self.status))
    }
}

impl Browser {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, cookies: Vec::new() }
    }

    /// Waits until the server is ready.
    pub(super) fn wait_for(&mut self, server: &mut Process) -> Result<()> {
        let give_up = Instant::now() + READY_TIMEOUT;
        while !self.send("GET", "/ready", "", None).is_ok_and(|answer| answer.status == 200) {
            server.check_running()?;
            if Instant::now() > give_up {
                bail!("the server was not ready in time:\n{}", server.log_end());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Signs in as the owner, who is made when the server gave a link for that.
    pub(super) fn sign_in(&mut self, link_token: Option<&str>) -> Result<()> {
        if let Some(token) = link_token {
            let form = format!("token={token}&email={EMAIL}&password={PASSWORD}");
            let made = self.send("POST", "/setup", "", Some(&form))?;
            if made.status != 200 {
                bail!("the owner was not made: {}", made.status);
            }
        }
        let sign_in = format!("{ROOT}/account/sign-in");
        let page = self.send("GET", &sign_in, "", None)?;
        self.take_cookies(&page);
        let csrf = page.between("name=\"csrf\" value=\"", "\"")?;
        let form = format!("csrf={csrf}&next=&email={EMAIL}&password={PASSWORD}");
        let done = self.send("POST", &sign_in, "", Some(&form))?;
        self.take_cookies(&done);
        if done.status != 303 {
            bail!("signing in was answered with {}; the database has another owner", done.status);
        }
        Ok(())
    }

    /// A page of the dashboard.
    pub(super) fn get(&mut self, path: &str, compressed: bool) -> Result<Answer> {
        let more = if compressed { "accept-encoding: gzip\r\n" } else { "" };
        self.send("GET", &format!("{ROOT}{path}"), more, None)
    }

    fn take_cookies(&mut self, answer: &Answer) {
        let head = answer.text.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for pair in set.filter_map(|(_, value)| value.split(';').next()) {
            let name = pair.split('=').next().unwrap_or_default().trim();
            self.cookies.retain(|cookie| !cookie.starts_with(&format!("{name}=")));
            self.cookies.push(pair.trim().to_owned());
        }
    }

    fn send(&self, method: &str, target: &str, more: &str, form: Option<&str>) -> Result<Answer> {
        let form = form.map_or(String::new(), |form| {
            format!(
                "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                form.len()
            )
        });
        let end = if form.is_empty() { "\r\n" } else { "" };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {}\r\n{more}{form}{end}",
            self.address,
            self.cookies.join("; "),
        );
        let mut stream = TcpStream::connect(self.address).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        let begin = Instant::now();
        stream.write_all(request.as_bytes()).context("sending a request")?;
        let mut bytes = vec![0; 64 * 1024];
        let read = stream.read(&mut bytes).with_context(|| format!("reading {target}"))?;
        let first_byte = begin.elapsed();
        bytes.truncate(read);
        stream.read_to_end(&mut bytes).with_context(|| format!("reading {target}"))?;
        let whole = begin.elapsed();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let head = bytes.windows(4).position(|it| it == b"\r\n\r\n").context("no HTTP answer")?;
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        Ok(Answer {
            status: status.context("no HTTP status")?,
            text,
            bytes: bytes.len() - head - 4,
            first_byte,
            whole,
        })
    }
}
