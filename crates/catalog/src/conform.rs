//! Holds a provider file of our own form against the JSON schema that editors use, so that the
//! linter and an editor refuse the same files. Exactly the words of JSON Schema that our schema
//! uses are understood; a test sees to that.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use url::Url;

use crate::finding::{Finding, Level};
use crate::pattern::Pattern;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(crate::JSON_SCHEMA).unwrap_or_default());

/// How much a misspelt key may differ from the one that is suggested.
const LIKENESS_MIN: f64 = 0.85;

/// Every way in which an entry as written departs from the schema. `null` fits everywhere: it
/// removes what would be inherited.
pub(crate) fn check(name: &str, entry: &Map<String, Value>) -> Vec<Finding> {
    let mut checker = Checker { name, findings: Vec::new() };
    checker.object(&SCHEMA, entry, "");
    if !["auth_mode", "extends", "alias"].iter().any(|key| entry.contains_key(*key)) {
        checker.say("", "auth_mode is missing; or name another entry in extends");
    }
    checker.findings
}

struct Checker<'a> {
    name: &'a str,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn say(&mut self, path: &str, message: impl Into<String>) {
        self.findings.push(Finding::new(Level::Error, self.name, path, message));
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let schema = resolved(schema);
        if value.is_null() {
            return;
        }
        if let Some(types) = schema.get("type")
            && !texts(types).any(|kind| has_type(value, kind))
        {
            let expected: Vec<&str> = texts(types).map(described).collect();
            self.say(path, format!("{} is expected here", expected.join(" or ")));
            return;
        }
        if let Some(only) = schema.get("const")
            && value != only
        {
            self.say(path, format!("{only} is expected here"));
        }
        if let Some(Value::Array(options)) = schema.get("enum")
            && !options.contains(value)
        {
            let known: Vec<String> = texts_of(options).map(str::to_owned).collect();
            self.say(
                path,
                format!("{value} is not supported here; known are {}", known.join(", ")),
            );
        }
        match value {
            Value::Object(map) => self.object(schema, map, path),
            Value::Array(items) => self.list(schema, items, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => {
                let least = schema.get("minimum").and_then(Value::as_f64);
                if least.zip(number.as_f64()).is_some_and(|(least, given)| given < least) {
                    let least = &schema["minimum"];
                    self.say(path, format!("at least {least} is expected here"));
                }
            }
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn object(&mut self, schema: &Value, map: &Map<String, Value>, path: &str) {
        let described = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in map {
            let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let fitting = described.and_then(|known| known.get(key));
            if let Some(schema) = fitting.or(others.filter(|others| others.is_object())) {
                self.value(schema, value, &at);
            } else if others == Some(&Value::Bool(false)) {
                let hint = described.and_then(|known| nearest(key, known.keys()));
                let hint = hint.map(|name| format!("; did you mean {name}?"));
                self.say(&at, format!("this key is not known{}", hint.unwrap_or_default()));
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flat_map(|keys| texts_of(keys)) {
            if !map.contains_key(key) {
                self.say(path, format!("{key} is missing"));
            }
        }
    }

    /// Items have no place in paths: a person looks for the key.
    fn list(&mut self, schema: &Value, items: &[Value], path: &str) {
        if let Some(inner) = schema.get("items") {
            for item in items {
                self.value(inner, item, path);
            }
        }
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            self.say(path, format!("at least {least} items are expected"));
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let pattern = schema.get("pattern").and_then(Value::as_str).and_then(Pattern::new);
        if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
            let form = &schema["pattern"];
            self.say(path, format!("the value does not have the expected form {form}"));
        }
        if schema.get("format").is_some_and(|format| format == "uri") && Url::parse(text).is_err() {
            self.say(path, "a whole URL is expected here");
        }
    }
}

/// A schema, or the shared one it points to.
fn resolved(schema: &Value) -> &Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    match target.and_then(|target| SCHEMA.pointer(target.trim_start_matches('#'))) {
        Some(shared) => shared,
        None => schema,
    }
}

fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    }
}

fn described(kind: &str) -> &str {
    match kind {
        "object" => "a map",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        other => other,
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(texts_of(many))
}

fn texts_of(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(Value::as_str)
}

fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k String>) -> Option<&'k String> {
    known
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(entry: Value) -> Vec<String> {
        let Value::Object(entry) = entry else { return Vec::new() };
        check("acme", &entry)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.key, finding.message))
            .collect()
    }

    #[test]
    fn what_an_editor_marks_the_linter_refuses() {
        assert_eq!(said(json!({"auth_mode": "NONE", "docs": null})), [""; 0]);
        assert_eq!(
            said(json!({
                "auth_mode": "OAUTH3", "token_ur": "x", "disable_pkce": "yes", "docs": "no url",
                "categories": "crm", "checked": "yesterday", "token_fixed_lifetime_seconds": "60",
                "proxy": {"verification": {"method": "PUT", "endpoint": "/me"}},
                "credentials": {"key": {"type": "text", "secret": 1}},
                "credentials_split": {"key": {"separator": ":", "into": ["one"]}},
                "post_connection": [{"url": "/me"}],
            })),
            [
                "auth_mode: \"OAUTH3\" is not supported here; known are OAUTH1, OAUTH2, OAUTH2_CC, \
                 BASIC, API_KEY, CUSTOM, APP, NONE, TBA, JWT, BILL, TWO_STEP, SIGNATURE, \
                 MCP_OAUTH2, MCP_OAUTH2_GENERIC, INSTALL_PLUGIN, AWS_SIGV4",
                "token_ur: this key is not known; did you mean token_url?",
                "disable_pkce: true or false is expected here",
                "docs: a whole URL is expected here",
                "categories: a list is expected here",
                "checked: the value does not have the expected form \"^\\\\d{4}-\\\\d{2}-\\\\d{2}$\"",
                "token_fixed_lifetime_seconds: a whole number is expected here",
                "proxy.verification.method: \"PUT\" is not supported here; known are GET, POST",
                "proxy.verification.endpoint: this key is not known; did you mean endpoints?",
                "credentials.key.type: \"string\" is expected here",
                "credentials.key.secret: true or false is expected here",
                "credentials_split.key.into: at least 2 items are expected",
                "post_connection: keep is missing",
            ]
        );
        assert_eq!(said(json!({})), [": auth_mode is missing; or name another entry in extends"]);
    }

    /// Words that say nothing about a value, and those that [`Checker`] reads.
    const WORDS: &[&str] = &[
        "$defs",
        "$ref",
        "$schema",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "format",
        "items",
        "minItems",
        "minimum",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
    ];

    fn words<'s>(schema: &'s Value, is_names: bool, found: &mut Vec<&'s str>) {
        match schema {
            Value::Object(map) => {
                for (word, value) in map {
                    if !is_names {
                        found.push(word);
                    }
                    let names = !is_names && matches!(word.as_str(), "properties" | "$defs");
                    words(value, names, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| words(item, false, found)),
            _ => {}
        }
    }

    #[test]
    fn the_schema_uses_no_word_that_is_not_read() {
        let mut found = Vec::new();
        words(&SCHEMA, false, &mut found);
        found.retain(|word| !WORDS.contains(word));
        assert_eq!(found, [""; 0]);
        assert!(SCHEMA["anyOf"].as_array().is_some_and(|choices| choices.len() == 3));
    }
}
