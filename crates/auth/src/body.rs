//! Checks of request bodies, with the issue codes and texts clients already parse.

use serde_json::{Map, Value};
use valetkey_base::Timestamp;
use valetkey_catalog::FieldIssue;

use crate::expiry;

/// One thing wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyIssue {
    /// A machine code such as `invalid_type`.
    pub code: String,
    /// What is expected.
    pub message: String,
    /// Where.
    pub path: Vec<String>,
}

impl From<FieldIssue> for BodyIssue {
    fn from(issue: FieldIssue) -> Self {
        // Form bodies have the fields at their top.
        let path = issue.path.into_iter().skip(1).collect();
        Self { code: "custom".to_owned(), message: issue.message, path }
    }
}

/// Reads one object, collecting what is wrong with it in the order it is asked.
pub(crate) struct Reader<'a> {
    map: Option<&'a Map<String, Value>>,
    path: Vec<String>,
    known: Vec<&'static str>,
    pub(crate) issues: Vec<BodyIssue>,
}

impl<'a> Reader<'a> {
    /// A reader of a value that should be an object; `path` is where it lies.
    pub(crate) fn new(value: &'a Value, path: &[&str]) -> Self {
        let path: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
        let mut reader =
            Self { map: value.as_object(), path, known: Vec::new(), issues: Vec::new() };
        if reader.map.is_none() {
            let path = reader.path.clone();
            reader.push("invalid_type", expected("object", Some(value)), path);
        }
        reader
    }

    fn push(&mut self, code: &str, message: String, path: Vec<String>) {
        self.issues.push(BodyIssue { code: code.to_owned(), message, path });
    }

    fn at(&self, name: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        path
    }

    /// A text that must be there, of `min` to `max` characters.
    pub(crate) fn text(&mut self, name: &'static str, min: usize, max: usize) -> String {
        self.known.push(name);
        let Some(map) = self.map else {
            return String::new();
        };
        self.checked(name, map.get(name), min, max)
    }

    /// As [`Reader::text`], but it may be absent.
    pub(crate) fn optional_text(
        &mut self,
        name: &'static str,
        min: usize,
        max: usize,
    ) -> Option<String> {
        self.known.push(name);
        let value = self.map?.get(name)?;
        Some(self.checked(name, Some(value), min, max))
    }

    fn checked(&mut self, name: &str, value: Option<&Value>, min: usize, max: usize) -> String {
        let path = self.at(name);
        let Some(Value::String(text)) = value else {
            self.push("invalid_type", expected("string", value), path);
            return String::new();
        };
        // The counterpart counts UTF-16 units.
        let length = text.encode_utf16().count();
        if length < min {
            let message = format!("Too small: expected string to have >={min} characters");
            self.push("too_small", message, path);
        } else if length > max {
            let message = format!("Too big: expected string to have <={max} characters");
            self.push("too_big", message, path);
        }
        text.clone()
    }

    /// An instant: an ISO text, or milliseconds since 1970. `null` counts as absent.
    pub(crate) fn optional_date(&mut self, name: &'static str) -> Option<Timestamp> {
        self.known.push(name);
        let value = self.map?.get(name).filter(|value| !value.is_null())?;
        let instant = match value {
            Value::String(text) => Timestamp::parse_iso(text),
            Value::Number(number) => {
                number.as_f64().map(|millis| Timestamp::from_millis(millis as i64))
            }
            _ => None,
        };
        let instant = instant.filter(|instant| expiry::is_printable(*instant));
        if instant.is_none() {
            let path = self.at(name);
            self.push("invalid_type", expected_received("date", "Date"), path);
        }
        instant
    }

    /// `config_override`: a client of the connection's own.
    pub(crate) fn optional_override(&mut self) -> Option<Map<String, Value>> {
        self.known.push("config_override");
        let value = self.map?.get("config_override")?;
        let mut path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        path.push("config_override");
        let mut inner = Reader::new(value, &path);
        let mut map = Map::new();
        for (name, max) in [("client_id", 255), ("client_secret", 2048)] {
            if let Some(text) = inner.optional_text(name, 1, max) {
                map.insert(name.to_owned(), text.into());
            }
        }
        self.issues.extend(inner.strict());
        Some(map)
    }

    /// Marks a key as known without reading it.
    pub(crate) fn ignore(&mut self, name: &'static str) {
        self.known.push(name);
    }

    /// All issues, unknown keys included.
    pub(crate) fn strict(mut self) -> Vec<BodyIssue> {
        let unknown: Vec<String> = self
            .map
            .into_iter()
            .flat_map(Map::keys)
            .filter(|key| !self.known.contains(&key.as_str()))
            .map(|key| format!("\"{key}\""))
            .collect();
        if !unknown.is_empty() {
            let plural = if unknown.len() == 1 { "" } else { "s" };
            let message = format!("Unrecognized key{plural}: {}", unknown.join(", "));
            let path = self.path.clone();
            self.push("unrecognized_keys", message, path);
        }
        self.issues
    }
}

fn expected(wanted: &str, value: Option<&Value>) -> String {
    let received = match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    };
    expected_received(wanted, received)
}

fn expected_received(wanted: &str, received: &str) -> String {
    format!("Invalid input: expected {wanted}, received {received}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn issues_come_in_order_and_unknown_keys_last() {
        let body = json!({"a": 1, "b": "", "c": "long", "x": 1, "y": 2, "d": "never"});
        let mut reader = Reader::new(&body, &["credentials"]);
        reader.text("a", 1, 9);
        reader.text("b", 1, 9);
        reader.text("c", 1, 3);
        reader.text("e", 1, 3);
        assert_eq!(reader.optional_date("d"), None);
        let issues: Vec<String> = reader
            .strict()
            .iter()
            .map(|issue| format!("{} {} {}", issue.path.join("."), issue.code, issue.message))
            .collect();
        assert_eq!(
            issues,
            [
                "credentials.a invalid_type Invalid input: expected string, received number",
                "credentials.b too_small Too small: expected string to have >=1 characters",
                "credentials.c too_big Too big: expected string to have <=3 characters",
                "credentials.e invalid_type Invalid input: expected string, received undefined",
                "credentials.d invalid_type Invalid input: expected date, received Date",
                "credentials unrecognized_keys Unrecognized keys: \"x\", \"y\"",
            ]
        );
    }

    #[test]
    fn a_body_that_is_no_object_says_so_once() {
        let mut reader = Reader::new(&Value::Null, &[]);
        reader.text("a", 1, 9);
        let issues = reader.strict();
        assert_eq!(issues.len(), 1);
        assert_eq!(issues[0].message, "Invalid input: expected object, received null");
    }
}
