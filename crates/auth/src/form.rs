//! Credentials of a form whose fields are the provider's own: TWO_STEP and JWT.

use serde_json::{Map, Value};
use valetkey_catalog::{Field, Provider, check_value, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::credentials::HIDDEN_MEMBER;
use crate::mode::{Client, Context};

/// Most members of a form.
const MEMBERS_MAX: usize = 100;

/// One-time inputs of an assertion, in the body.
const OPTIONS: &str = "assertionOption";

/// Members that are ours, whatever a form says.
pub(crate) const RESERVED: [&str; 8] =
    ["type", "token", "refresh_token", "expires_at", "raw", "_cookies", OPTIONS, HIDDEN_MEMBER];

/// What a person typed, checked.
pub(crate) struct Form {
    /// What is stored.
    pub(crate) fields: Map<String, Value>,
    /// The one-time inputs of an assertion.
    pub(crate) options: Map<String, Value>,
}

/// The values an integration presets. They replace what is typed and are not stored with the
/// connection.
pub(crate) fn preset(provider: &Provider, client: &Client) -> Map<String, Value> {
    provider
        .integration_config
        .iter()
        .filter_map(|field| {
            let value = client.custom.get(&field.name)?.as_str().filter(|text| !text.is_empty())?;
            Some((field.name.clone(), value.into()))
        })
        .collect()
}

/// Reads a form's body.
pub(crate) fn read(context: &Context<'_>, body: &Value) -> Result<Form, Vec<BodyIssue>> {
    let Some(given) = body.as_object() else {
        return Err(Reader::new(body, &[]).issues);
    };
    if given.len() > MEMBERS_MAX {
        let message = format!("At most {MEMBERS_MAX} fields are expected.");
        return Err(vec![BodyIssue { code: "too_big".to_owned(), message, path: Vec::new() }]);
    }
    let provider = context.provider;
    let preset = preset(provider, context.client);
    let mut fields = typed(provider, given);
    for (name, value) in &preset {
        fields.insert(name.clone(), value.clone());
    }
    let mut issues = missing(provider, &fields, &preset);
    match validate_credentials(provider, &fields) {
        Ok(checked) => fields = checked,
        Err(found) => {
            for issue in found.into_iter().map(BodyIssue::from) {
                if !issues.iter().any(|known| known.path == issue.path) {
                    issues.push(issue);
                }
            }
        }
    }
    let options = options(provider, given.get(OPTIONS), &mut issues);
    if !issues.is_empty() {
        return Err(issues);
    }
    fields.retain(|name, _| !preset.contains_key(name));
    split(provider, &mut fields);
    Ok(Form { fields, options })
}

/// What may be stored of a body: neither our own members, nor what the server fills, nor optional
/// fields left empty.
fn typed(provider: &Provider, given: &Map<String, Value>) -> Map<String, Value> {
    let field = |name: &str| provider.credentials.iter().find(|field| field.name == name);
    let mut fields = Map::new();
    for (name, value) in given {
        let is_ours =
            RESERVED.contains(&name.as_str()) || field(name).is_some_and(|field| field.automated);
        let is_left_empty =
            field(name).is_some_and(|field| field.optional) && value.as_str() == Some("");
        if !is_ours && !is_left_empty && !value.is_null() {
            fields.insert(name.clone(), joined(provider, name, value));
        }
    }
    fields
}

/// A value that was split before is given in one text again.
fn joined(provider: &Provider, name: &str, value: &Value) -> Value {
    let Some(split) = provider.credentials_split.iter().find(|split| split.field == name) else {
        return value.clone();
    };
    let parts: Option<Vec<&str>> =
        split.into.iter().map(|part| value.get(part).and_then(Value::as_str)).collect();
    parts.map_or_else(|| value.clone(), |parts| parts.join(&split.separator).into())
}

fn split(provider: &Provider, fields: &mut Map<String, Value>) {
    for split in &provider.credentials_split {
        let Some(Value::String(text)) = fields.get(&split.field) else { continue };
        let parts = text.splitn(split.into.len(), split.separator.as_str());
        let map: Map<String, Value> =
            split.into.iter().cloned().zip(parts.map(|part| part.trim().into())).collect();
        fields.insert(split.field.clone(), Value::Object(map));
    }
}

/// Required fields that are empty, and settings that neither the integration nor the person gave.
fn missing(
    provider: &Provider,
    fields: &Map<String, Value>,
    preset: &Map<String, Value>,
) -> Vec<BodyIssue> {
    let is_empty = |field: &Field| {
        fields.get(&field.name).and_then(Value::as_str).is_some_and(|text| text.trim().is_empty())
    };
    let empty = provider.credentials.iter().filter(|field| field.is_required() && is_empty(field));
    let mut issues: Vec<BodyIssue> = empty.map(|field| required(&[], field)).collect();
    for field in &provider.integration_config {
        if preset.contains_key(&field.name) || field.default_value.is_some() {
            continue;
        }
        issues.extend(checked(&[], field, fields.get(&field.name)));
    }
    issues
}

fn options(
    provider: &Provider,
    given: Option<&Value>,
    issues: &mut Vec<BodyIssue>,
) -> Map<String, Value> {
    let mut options = Map::new();
    for field in &provider.assertion_option {
        let value = given.and_then(|given| given.get(&field.name));
        if let Some(issue) = checked(&[OPTIONS], field, value) {
            let is_left_out = !field.is_required() && value.is_none_or(Value::is_null);
            if !is_left_out {
                issues.push(issue);
            }
        } else if let Some(value) = value {
            options.insert(field.name.clone(), value.clone());
        }
    }
    options
}

/// What is wrong with a value that has to be there.
fn checked(path: &[&str], field: &Field, value: Option<&Value>) -> Option<BodyIssue> {
    match value {
        None | Some(Value::Null) => Some(required(path, field)),
        Some(Value::String(text)) if text.trim().is_empty() => Some(required(path, field)),
        Some(Value::String(text)) => {
            check_value(field, text).err().map(|message| issue(path, field, message))
        }
        Some(_) => Some(issue(path, field, format!("{} must be a text.", field.title))),
    }
}

fn required(path: &[&str], field: &Field) -> BodyIssue {
    issue(path, field, format!("{} is required.", field.title))
}

fn issue(path: &[&str], field: &Field, message: String) -> BodyIssue {
    let path = path.iter().copied().chain([field.name.as_str()]).map(str::to_owned).collect();
    BodyIssue { code: "custom".to_owned(), message, path }
}
