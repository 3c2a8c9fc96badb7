//! Values an operator sets on an integration, checked against the provider's declaration.

use serde_json::{Map, Value};
use valetkey_catalog::{Field, Provider};

/// The stored map of a new integration.
///
/// # Errors
/// Every problem, joined into one sentence.
pub(crate) fn on_create(
    provider: &Provider,
    config: Option<Map<String, Value>>,
    custom: Option<Map<String, Value>>,
) -> Result<Map<String, Value>, String> {
    let declared = &provider.integration_config;
    if declared.is_empty() {
        return without_declaration(provider, config.is_some(), custom);
    }
    if custom.is_some() {
        return Err(custom_refused(provider));
    }
    let given = config.unwrap_or_default();
    let mut problems = unknown_fields(declared, &given);
    let mut stored = Map::new();
    for field in declared.iter().filter(|field| counts(declared, field, &given, &Map::new(), 0)) {
        let value = given.get(&field.name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match value.or(field.default_value.as_deref()) {
            Some(value) => match problem(field, value) {
                Some(problem) => problems.push(problem),
                None => {
                    stored.insert(field.name.clone(), Value::String(value.to_owned()));
                }
            },
            None if field.optional => {}
            None => problems.push(format!("'{}' is required", field.name)),
        }
    }
    if problems.is_empty() { Ok(stored) } else { Err(problems.join(", ")) }
}

/// Merges submitted values into a stored map; an empty text clears an optional one.
///
/// # Errors
/// Every problem, joined into one sentence.
pub(crate) fn on_update(
    provider: &Provider,
    stored: &mut Map<String, Value>,
    config: Option<Map<String, Value>>,
    custom: Option<Map<String, Value>>,
) -> Result<(), String> {
    let declared = &provider.integration_config;
    if declared.is_empty() {
        stored.extend(without_declaration(provider, config.is_some(), custom)?);
        return Ok(());
    }
    if custom.is_some() {
        return Err(custom_refused(provider));
    }
    let given = config.unwrap_or_default();
    let mut problems = unknown_fields(declared, &given);
    let before = stored.clone();
    for field in declared.iter().filter(|field| counts(declared, field, &given, &before, 0)) {
        let Some(value) = given.get(&field.name).and_then(Value::as_str) else {
            continue;
        };
        if value.is_empty() {
            if field.optional {
                stored.shift_remove(&field.name);
            } else {
                problems.push(format!("'{}' is required", field.name));
            }
        } else if let Some(problem) = problem(field, value) {
            problems.push(problem);
        } else {
            stored.insert(field.name.clone(), Value::String(value.to_owned()));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join(", ")) }
}

/// Whether a field counts beside the values of the others: given, else stored, else the default. A
/// field that depends on one that does not count does not count either.
fn counts(
    declared: &[Field],
    field: &Field,
    given: &Map<String, Value>,
    stored: &Map<String, Value>,
    depth: usize,
) -> bool {
    let Some(condition) = &field.visible_when else { return true };
    let Some(other) = declared.iter().find(|other| other.name == condition.field) else {
        return false;
    };
    let text = |map: &Map<String, Value>| {
        map.get(&other.name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let value = text(given).or_else(|| text(stored)).or_else(|| other.default_value.clone());
    // Two fields that depend on each other would never end.
    depth < declared.len()
        && value.as_deref() == Some(condition.equals.as_str())
        && counts(declared, other, given, stored, depth + 1)
}

fn without_declaration(
    provider: &Provider,
    has_config: bool,
    custom: Option<Map<String, Value>>,
) -> Result<Map<String, Value>, String> {
    if has_config {
        return Err(format!("Provider '{}' takes no `integration_config`.", provider.name));
    }
    Ok(custom.unwrap_or_default())
}

fn custom_refused(provider: &Provider) -> String {
    format!("Provider '{}' takes `integration_config` instead of `custom`.", provider.name)
}

fn unknown_fields(declared: &[Field], given: &Map<String, Value>) -> Vec<String> {
    given
        .keys()
        .filter(|name| !declared.iter().any(|field| &field.name == *name))
        .map(|name| format!("'{name}' is not a setting of this provider"))
        .collect()
}

fn problem(field: &Field, value: &str) -> Option<String> {
    valetkey_catalog::check_value(field, value)
        .err()
        .map(|reason| format!("'{}': {reason}", field.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use valetkey_catalog::Catalog;

    use super::*;

    const ENTRY: &str = "
test-role:
    display_name: Role
    auth_mode: AWS_SIGV4
    integration_config:
        service: {type: string, title: Service}
        mode: {type: string, title: Mode, enum: [builtin, custom], default_value: builtin}
        kind: {type: string, title: Kind, enum: [none, key], default_value: none,
            visible_when: {field: mode, equals: custom}}
        key: {type: string, title: Key, visible_when: {field: kind, equals: key}}
";

    fn map(value: &Value) -> Option<Map<String, Value>> {
        value.as_object().cloned()
    }

    #[test]
    fn a_field_counts_only_beside_the_value_it_depends_on() {
        let (catalog, _) = Catalog::bundled().overlay(ENTRY, "tests").unwrap();
        let provider = catalog.get("test-role").unwrap();
        let create = |given: &Value| on_create(provider, map(given), None).map(Value::Object);
        // A value for a field that does not count is left out.
        assert_eq!(
            create(&json!({"service": "s3", "kind": "key", "key": "k"})),
            Ok(json!({"service": "s3", "mode": "builtin"}))
        );
        assert_eq!(
            create(&json!({"service": "s3", "mode": "custom", "kind": "key"})),
            Err("'key' is required".to_owned())
        );
        let mut stored = map(&json!({"service": "s3", "mode": "custom", "kind": "key"})).unwrap();
        on_update(provider, &mut stored, map(&json!({"key": "k"})), None).unwrap();
        assert_eq!(stored["key"], "k");
        on_update(provider, &mut stored, map(&json!({"mode": "builtin", "key": "l"})), None)
            .unwrap();
        assert_eq!((&stored["mode"], &stored["key"]), (&json!("builtin"), &json!("k")));
    }
}
