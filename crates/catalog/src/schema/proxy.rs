//! How a provider's API is called: `proxy`.

use serde_json::{Map, Value};

/// A call that tells good credentials from bad ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// `GET` or `POST`.
    pub method: String,
    /// Templates, tried in order until one answers 2xx.
    pub endpoints: Vec<String>,
    /// Extra headers, templates.
    pub headers: Map<String, Value>,
    /// JSON body.
    pub data: Option<Value>,
    /// Base URL for this call only, a template.
    pub base_url_override: Option<String>,
}

/// How the provider's API is called.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Proxy {
    /// Base URL, a template.
    pub base_url: Option<String>,
    /// Headers of every call by lower-case name, templates.
    pub headers: Map<String, Value>,
    /// Query parameters of every call, templates.
    pub query: Map<String, Value>,
    /// The credential test.
    pub verification: Option<Verification>,
    /// Members of every JSON or form body, templates.
    pub body: Map<String, Value>,
    /// When a call is worth repeating, and how long to wait first.
    pub retry: Retry,
    /// Answers are asked for uncompressed or unpacked.
    pub decompress: bool,
    /// Redirects within the provider's own hosts get all headers again.
    pub forward_headers_on_redirect: bool,
}

/// When a call is worth repeating, and how the provider says for how long to wait. `proxy.retry`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Retry {
    /// Headers that hold how long to wait, by lower-case name.
    pub after: Vec<String>,
    /// Headers that hold the instant to wait for, by lower-case name.
    pub at: Vec<String>,
    /// A header that makes an answer worth a repetition when it reads `0`.
    pub remaining: Option<String>,
    /// Statuses worth a repetition, in place of 401, 429 and 5xx.
    pub error_code: Vec<StatusRange>,
    /// The wait in the body of an answer.
    pub in_body: Option<WaitInBody>,
}

/// Statuses from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest.
    pub from: u16,
    /// The highest.
    pub to: u16,
}

/// Where a body says how long to wait. `proxy.retry.in_body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitInBody {
    /// Dotted path of a text.
    pub path: String,
    /// A regular expression; its first group is the wait or the instant.
    pub value: String,
    /// Whether that is an instant rather than a wait.
    pub is_instant: bool,
}

impl StatusRange {
    /// Reads `403`, `5xx` or `500-502`.
    pub fn parse(text: &str) -> Option<Self> {
        let status = |text: &str| {
            let status: u16 = text.trim().parse().ok()?;
            (100..=599).contains(&status).then_some(status)
        };
        if let Some(class) = text.to_ascii_lowercase().strip_suffix("xx") {
            let from = status(&format!("{class}00"))?;
            return Some(Self { from, to: from + 99 });
        }
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let range = Self { from: status(from)?, to: status(to)? };
        (range.from <= range.to).then_some(range)
    }

    /// Whether a status is among them.
    pub fn contains(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_in_three_forms() {
        let range = |from, to| Some(StatusRange { from, to });
        assert_eq!(StatusRange::parse("403"), range(403, 403));
        assert_eq!(StatusRange::parse("5xx"), range(500, 599));
        assert_eq!(StatusRange::parse("500-502"), range(500, 502));
        for wrong in ["", "x", "xx", "9xx", "502-500", "40", "4000"] {
            assert_eq!(StatusRange::parse(wrong), None, "{wrong}");
        }
    }
}
