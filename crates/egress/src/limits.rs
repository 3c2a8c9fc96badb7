//! How long and how much a request may take.

use std::time::Duration;

/// Limits of every request. One [`crate::Egress`] has one set of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for name lookup, TCP connect and TLS handshake together. 10 s.
    pub connect_timeout: Duration,
    /// Longest wait for the whole exchange: every redirect and the last byte of the body. 30 s.
    /// A request may bring its own.
    pub request_timeout: Duration,
    /// Largest body that is read, in bytes after decompression. 10 MiB.
    pub response_bytes_max: usize,
    /// Longest silence of the other side of an exchange that is carried through. 5 minutes.
    pub idle_timeout: Duration,
    /// Most redirects that are followed before giving up. 5.
    pub redirects_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            response_bytes_max: 10 * 1024 * 1024,
            idle_timeout: Duration::from_mins(5),
            redirects_max: 5,
        }
    }
}
