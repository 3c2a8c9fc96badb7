//! The rules that follow a type check: lengths, formats, and rules of our own.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::issue::{Issue, Place};

type CustomRule = Arc<dyn Fn(&Value) -> Option<String> + Send + Sync>;
type Change = Arc<dyn Fn(Value) -> Value + Send + Sync>;

/// One rule, run in the order in which the schema was built. A broken rule does not stop the next.
#[derive(Clone)]
pub(super) enum Rule {
    Min(i64),
    Max(i64),
    Positive,
    Pattern { shown: &'static str, regex: Regex },
    Email,
    Url,
    Uuid,
    StartsWith(&'static str),
    EndsWith(&'static str),
    Custom(CustomRule),
    Transform(Change),
}

/// The part of an address before and after `@`; two rules about dots are checked beside it,
/// because this engine has no look-ahead.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"^[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+\-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$")
});

/// Compiles a pattern that is part of the program.
#[expect(clippy::expect_used, reason = "the patterns are constants, each run by a test")]
pub(super) fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// Whether a text is an e-mail address by the rule of this API.
pub(super) fn is_email(text: &str) -> bool {
    !text.starts_with('.') && !text.contains("..") && EMAIL.is_match(text)
}

impl Rule {
    /// Runs the rule on a value of the right type and returns the value, possibly changed.
    pub(super) fn run(&self, value: Value, place: Place<'_>, issues: &mut Vec<Issue>) -> Value {
        let broken = match self {
            Rule::Transform(change) => return change(value),
            Rule::Url => match normal_url(&value) {
                Some(normal) => return Value::String(normal),
                None => Some(("invalid_format", "Invalid URL".to_owned())),
            },
            Rule::Custom(rule) => rule(&value).map(|message| ("custom", message)),
            Rule::Min(least) => too_small(&value, *least),
            Rule::Max(most) => too_big(&value, *most),
            Rule::Positive => (value.as_f64().is_none_or(|number| number <= 0.0))
                .then(|| ("too_small", "Too small: expected number to be >0".to_owned())),
            Rule::Pattern { .. }
            | Rule::Email
            | Rule::Uuid
            | Rule::StartsWith(_)
            | Rule::EndsWith(_) => value
                .as_str()
                .and_then(|text| self.text_problem(text))
                .map(|message| ("invalid_format", message)),
        };
        if let Some((code, message)) = broken {
            issues.push(Issue { code, message, path: place.to_path() });
        }
        value
    }

    fn text_problem(&self, text: &str) -> Option<String> {
        match self {
            Rule::Pattern { shown, regex } => (!regex.is_match(text))
                .then(|| format!("Invalid string: must match pattern {shown}")),
            Rule::Email => (!is_email(text)).then(|| "Invalid email address".to_owned()),
            Rule::Uuid => (text.len() != 36 || Uuid::try_parse(text).is_err())
                .then(|| "Invalid UUID".to_owned()),
            Rule::StartsWith(prefix) => (!text.starts_with(prefix))
                .then(|| format!("Invalid string: must start with \"{prefix}\"")),
            Rule::EndsWith(suffix) => (!text.ends_with(suffix))
                .then(|| format!("Invalid string: must end with \"{suffix}\"")),
            _ => None,
        }
    }
}

/// The size a limit speaks of: what it is called, how large it is, and the unit.
fn size(value: &Value) -> Option<(&'static str, f64, &'static str)> {
    match value {
        Value::String(text) => Some(("string", text.encode_utf16().count() as f64, " characters")),
        Value::Array(items) => Some(("array", items.len() as f64, " items")),
        Value::Number(number) => Some(("number", number.as_f64()?, "")),
        _ => None,
    }
}

fn limit_message(adjective: &str, what: &str, sign: &str, limit: i64, unit: &str) -> String {
    let verb = if unit.is_empty() { "be" } else { "have" };
    format!("Too {adjective}: expected {what} to {verb} {sign}{limit}{unit}")
}

fn too_small(value: &Value, least: i64) -> Option<(&'static str, String)> {
    let (what, size, unit) = size(value)?;
    (size < least as f64).then(|| ("too_small", limit_message("small", what, ">=", least, unit)))
}

fn too_big(value: &Value, most: i64) -> Option<(&'static str, String)> {
    let (what, size, unit) = size(value)?;
    (size > most as f64).then(|| ("too_big", limit_message("big", what, "<=", most, unit)))
}

/// The normal form of a URL. A trailing slash that the sender did not write is left off, so that
/// `https://example.com` stays what it was.
fn normal_url(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let mut normal = Url::parse(text).ok()?.to_string();
    if normal.ends_with('/') && !text.ends_with('/') {
        normal.pop();
    }
    Some(normal)
}
