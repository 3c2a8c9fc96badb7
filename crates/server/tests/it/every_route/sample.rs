//! Inputs that fit an endpoint, made from its own description.

use serde_json::{Map, Value, json};
use valetkey_server::app::App;
use valetkey_server::route::{BodyRule, Endpoint, QueryRule};

/// What every thing that a request names is called.
pub(super) const NAME: &str = "sample";

/// `GET /connections/{connectionId}`.
pub(super) fn line(endpoint: &Endpoint<App>) -> String {
    let method = endpoint.method.as_ref().map_or("ANY", |method| method.as_str());
    format!("{method} {}", endpoint.path)
}

/// The path with its parameters filled in.
pub(super) fn path(endpoint: &Endpoint<App>) -> String {
    let segment = |segment: &str| match segment {
        "{environmentId}" => "1".to_owned(),
        "{clientId}" => "0e3a5a1e-6d6b-4a8f-9c70-1b7b6d1e2f3a".to_owned(),
        other if other.starts_with('{') => NAME.to_owned(),
        other => other.to_owned(),
    };
    endpoint.path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The query string with what is required, with its `?`.
pub(super) fn query(endpoint: &Endpoint<App>) -> String {
    let QueryRule::Checked(schema) = &endpoint.query else { return String::new() };
    let Value::Object(members) = fitting(&schema.json_schema(), "") else { return String::new() };
    let pairs: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or(NAME)))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The JSON Schema of the body, if it has members at all.
pub(super) fn body_schema(endpoint: &Endpoint<App>) -> Option<Value> {
    match &endpoint.body {
        BodyRule::Json(schema) => Some(schema.json_schema()),
        _ => None,
    }
}

/// A body with what is required.
pub(super) fn body(endpoint: &Endpoint<App>) -> Value {
    body_schema(endpoint).map_or(json!({}), |schema| fitting(&schema, ""))
}

/// Texts of the query string with their limits.
///
/// # Panics
/// When a text has no limit.
pub(super) fn query_texts(endpoint: &Endpoint<App>) -> Vec<(String, usize)> {
    let QueryRule::Checked(schema) = &endpoint.query else { return Vec::new() };
    let schema = schema.json_schema();
    let limited = texts(&schema);
    let free = members(&schema).filter(|(_, schema)| is_free_text(schema));
    for (name, _) in free {
        let known = limited.iter().any(|(limited, _)| limited == name);
        assert!(known, "{}: {name} has no limit", line(endpoint));
    }
    limited
}

/// Texts at the top of the body that have a limit.
pub(super) fn body_texts(endpoint: &Endpoint<App>) -> Vec<(String, usize)> {
    body_schema(endpoint).map(|schema| texts(&schema)).unwrap_or_default()
}

fn members(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn is_free_text(schema: &Value) -> bool {
    schema["type"] == "string" && schema.get("enum").is_none() && schema.get("format").is_none()
}

fn texts(schema: &Value) -> Vec<(String, usize)> {
    members(schema)
        .filter(|(_, schema)| is_free_text(schema))
        .filter_map(|(name, schema)| {
            let limit = usize::try_from(schema["maxLength"].as_u64()?).ok()?;
            Some((name.clone(), limit))
        })
        .collect()
}

/// A value that fits a JSON Schema: what is required, and nothing else.
fn fitting(schema: &Value, name: &str) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(first) = schema[union].get(0) {
            return fitting(first, name);
        }
    }
    match (name, schema["type"].as_str()) {
        ("provider", _) => json!("test-none"),
        (_, Some("object")) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let pair = |name: &Value| {
                let name = name.as_str().unwrap_or_default();
                (name.to_owned(), fitting(&schema["properties"][name], name))
            };
            Value::Object(required.map(pair).collect::<Map<_, _>>())
        }
        (_, Some("array")) => json!([]),
        (_, Some("integer" | "number")) => json!(1),
        (_, Some("boolean")) => json!(true),
        _ => json!(NAME),
    }
}
