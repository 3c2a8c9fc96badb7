//! A keep-alive HTTP/1.1 connection that sends prepared bytes and reads whole replies. It knows
//! just enough of the protocol to measure a server: a status, headers and a `content-length`.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

const BUFFER_BYTES_START: usize = 4 * 1024;
const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One open connection with a reply buffer that is kept between requests.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A reply, borrowed from its connection's buffer.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    head: &'a [u8],
    pub(super) body: &'a [u8],
}

impl Connection {
    /// Connect to `address`.
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true).context("setting TCP_NODELAY")?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES_START] })
    }

    /// Send `request` and read the whole reply to it.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.stream.write_all(request).await.context("sending a request")?;
        let mut filled = self.read(0).await?;
        let head = loop {
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                break head;
            }
            filled = self.read(filled).await?;
        };
        let reply_bytes = head.bytes + head.body_bytes;
        if reply_bytes > REPLY_BYTES_MAX {
            bail!("a reply of {reply_bytes} bytes; {REPLY_BYTES_MAX} at most");
        }
        if self.buffer.len() < reply_bytes {
            self.buffer.resize(reply_bytes, 0);
        }
        while filled < reply_bytes {
            filled = self.read(filled).await?;
        }
        if filled > reply_bytes {
            bail!("the server sent more than its content-length says");
        }
        let (head_bytes, body) = self.buffer[..filled].split_at(head.bytes);
        Ok(Reply { status: head.status, head: head_bytes, body })
    }

    /// Read more behind the first `filled` bytes and return how many there are now.
    async fn read(&mut self, filled: usize) -> Result<usize> {
        if filled == self.buffer.len() {
            if filled >= REPLY_BYTES_MAX {
                bail!("a reply head of more than {REPLY_BYTES_MAX} bytes");
            }
            self.buffer.resize(filled * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[filled..]).await.context("reading a reply")?;
        if read == 0 {
            bail!("the server closed the connection in the middle of a reply");
        }
        Ok(filled + read)
    }
}

impl Reply<'_> {
    /// Whether the status says success.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The headers in their order, names in lower case.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        String::from_utf8_lossy(self.head)
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect()
    }

    /// Status and the beginning of the body, for an error message.
    pub(super) fn summary(&self) -> String {
        let body = String::from_utf8_lossy(self.body);
        let beginning: String = body.chars().take(300).collect();
        format!("{} {beginning}", self.status)
    }
}

struct Head {
    status: u16,
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// None while the end of the head has not come.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let mut lines = bytes[..end].split(|byte| *byte == b'\n');
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix(b"HTTP/1.1 "))
            .and_then(|rest| number(rest.get(..3)?))
            .context("not an HTTP/1.1 status line")?;
        let status = u16::try_from(status).context("the status")?;
        let body_bytes = lines
            .find_map(|line| {
                const NAME: &[u8] = b"content-length:";
                let (name, value) = line.split_at_checked(NAME.len())?;
                name.eq_ignore_ascii_case(NAME).then_some(value)
            })
            .map(|value| number(value.trim_ascii()).context("the content-length is no number"))
            .transpose()?;
        let body_bytes = match body_bytes {
            Some(body_bytes) => body_bytes,
            None if status == 204 => 0,
            None => bail!("a reply without content-length (status {status})"),
        };
        Ok(Some(Self { status, bytes: end + 4, body_bytes }))
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A runtime of the calling thread alone: generators do not share work with each other.
pub(super) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("making a runtime")
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 201 Created\r\nx: y\r\nContent-Length: 12\r\n\r\n{\"";
        for cut in 0..text.len() - 2 {
            assert!(Head::parse(&text[..cut]).expect("parses").is_none());
        }
        let head = Head::parse(text).expect("parses").expect("is whole");
        assert_eq!((head.status, head.bytes, head.body_bytes), (201, text.len() - 2, 12));
    }

    #[test]
    fn a_reply_of_unknown_length_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        assert!(Head::parse(b"SSH-2.0-x\r\n\r\n").is_err());
        let empty = Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").expect("parses");
        assert_eq!(empty.expect("is whole").body_bytes, 0);
    }
}
