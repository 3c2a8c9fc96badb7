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
    for field in declared {
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
    for field in declared {
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
