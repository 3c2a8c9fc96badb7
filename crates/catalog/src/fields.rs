//! Server-side checks of what people typed into a provider's input fields.
//!
//! What a browser sends is not to be trusted: it may not fill a field the server fills itself, nor a
//! name the engine reads, or it could choose where tokens are sent.

use serde_json::{Map, Value};
use url::Url;

use crate::pattern::Pattern;
use crate::schema::{Field, Format, Provider};

/// Longest value of a configuration field, in bytes.
pub const VALUE_BYTES_MAX: usize = 4096;
/// Most keys of a connection's configuration that a browser may send.
pub const KEYS_MAX: usize = 100;
const KEY_BYTES_MAX: usize = 255;

/// Names the engine fills or obeys. A browser's value for one of them is dropped unless the
/// provider asks people for it.
const RESERVED: &[&str] = &[
    "accountId",
    "appPublicLink",
    "app_id",
    "authorization_params",
    "base_url",
    "botFrameworkAccessToken",
    "external_id",
    "installation_id",
    "instance_url",
    "jwtToken",
    "mcp_server_url",
    "oauth_client_id",
    "oauth_client_info",
    "oauth_client_secret",
    "oauth_code_verifier",
    "oauth_metadata",
    "oauth_resource_url",
    "oauth_scopes",
    "overrideTokenRefresh",
    "pending",
    "pendingLog",
    "region",
    "role_arn",
    "sharepointAccessToken",
    "userCredentials",
    "webhook_url",
];

/// One thing wrong with one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldIssue {
    /// Where the input lies, for example `["connection_config", "subdomain"]`.
    pub path: Vec<String>,
    /// What is expected, for the person who typed it. Never repeats the value.
    pub message: String,
}

/// Checks the configuration a browser sent. The outcome has defaults filled in, shown prefixes and
/// suffixes removed, and nothing in it that a browser may not set: automated fields and names the
/// engine reserves are dropped. `oauth_*_override` and `user_scope` stay; the engine decides on them.
pub fn validate_connection_config(
    provider: &Provider,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldIssue>> {
    validate_merged_connection_config(provider, given, &Map::new())
}

/// As [`validate_connection_config`], with the values of the customer's backend laid over the
/// browser's. The backend may also set automated and reserved names, which are kept as they are.
pub fn validate_merged_connection_config(
    provider: &Provider,
    browser: &Map<String, Value>,
    backend: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldIssue>> {
    let mut issues = Vec::new();
    let mut kept = Map::new();
    if browser.len() > KEYS_MAX {
        let message = format!("At most {KEYS_MAX} settings can be given.");
        return Err(vec![FieldIssue { path: vec!["connection_config".to_owned()], message }]);
    }
    for field in &provider.connection_config {
        let given = match backend.get(&field.name) {
            Some(value) => Some(value),
            None if field.automated => None,
            None => browser.get(&field.name),
        };
        match check_config_field(field, given) {
            Ok(Some(value)) => {
                kept.insert(field.name.clone(), Value::String(value));
            }
            Ok(None) => {}
            Err(message) => issues.push(issue("connection_config", field, message)),
        }
    }
    for (name, value) in browser {
        if !backend.contains_key(name) && may_pass(provider, name, value) {
            kept.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in backend {
        if provider.connection_field(name).is_none() {
            kept.insert(name.clone(), value.clone());
        }
    }
    if issues.is_empty() { Ok(kept) } else { Err(issues) }
}

/// Whether a browser may set a name the provider does not ask for.
fn may_pass(provider: &Provider, name: &str, value: &Value) -> bool {
    let is_text = value.as_str().is_some_and(|text| text.len() <= VALUE_BYTES_MAX);
    let is_filled_by_provider = provider
        .redirect_uri_metadata
        .iter()
        .chain(&provider.token_response_metadata)
        .chain(&provider.webhook_response_metadata)
        .chain(provider.post_connection.iter().flat_map(|step| &step.keep).map(|kept| &kept.name))
        .chain(provider.companion_tokens.iter().map(|token| &token.store))
        .any(|filled| filled == name);
    is_text
        && name.len() <= KEY_BYTES_MAX
        && provider.connection_field(name).is_none()
        && !is_filled_by_provider
        && !RESERVED.contains(&name)
}

fn issue(group: &str, field: &Field, message: String) -> FieldIssue {
    FieldIssue { path: vec![group.to_owned(), field.name.clone()], message }
}

/// The value to store, or nothing, or what is wrong.
fn check_config_field(field: &Field, given: Option<&Value>) -> Result<Option<String>, String> {
    let text = match given {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(format!("{} must be a text.", field.title)),
    };
    if text.len() > VALUE_BYTES_MAX {
        return Err(format!("{} may have at most {VALUE_BYTES_MAX} bytes.", field.title));
    }
    let text = without_affixes(field, &text);
    if text.is_empty() {
        return match &field.default_value {
            Some(default) if !default.is_empty() => Ok(Some(default.clone())),
            None if field.is_required() => Err(format!("{} is required.", field.title)),
            _ => Ok(None),
        };
    }
    check_value(field, text)?;
    Ok(Some(text.to_owned()))
}

/// People paste whole addresses; what the form shows around the input is not part of the value.
fn without_affixes<'t>(field: &Field, text: &'t str) -> &'t str {
    let mut text = text;
    if let Some(prefix) = &field.prefix
        && let Some((start, rest)) = text.split_at_checked(prefix.len())
        && start.eq_ignore_ascii_case(prefix)
    {
        text = rest;
    }
    if let Some(suffix) = &field.suffix {
        let bare = if suffix.ends_with('/') { text } else { text.trim_end_matches('/') };
        if let Some(at) = bare.len().checked_sub(suffix.len())
            && let Some((rest, end)) = bare.split_at_checked(at)
            && end.eq_ignore_ascii_case(suffix)
        {
            text = rest;
        }
    }
    text
}

/// Checks one value against its field's list, format and pattern; the error is for a person and does
/// not repeat the value.
pub fn check_value(field: &Field, text: &str) -> Result<(), String> {
    let title = &field.title;
    if !field.one_of.is_empty() && !field.one_of.iter().any(|option| option == text) {
        return Err(format!("{title} must be one of: {}.", field.one_of.join(", ")));
    }
    if let Some(format) = field.format
        && !has_format(format, text)
    {
        return Err(match format {
            Format::Hostname => {
                format!("{title} must be a host name: letters, digits, dots and hyphens.")
            }
            Format::Uri => format!("{title} must be a full URL that starts with https://."),
            Format::Uuid => format!("{title} must be a UUID."),
            Format::Email => format!("{title} must be an email address."),
        });
    }
    if let Some(pattern) = field.pattern.as_deref().and_then(Pattern::new)
        && !pattern.is_match(text)
    {
        return Err(match &field.example {
            Some(example) => {
                format!("{title} does not have the expected form. It looks like: {example}")
            }
            None => format!("{title} does not have the expected form."),
        });
    }
    Ok(())
}

fn has_format(format: Format, text: &str) -> bool {
    match format {
        Format::Hostname => {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        }
        Format::Uri => Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https")),
        Format::Uuid => is_uuid(text),
        Format::Email => is_email(text),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
            && !text.contains(char::is_whitespace)
    })
}

/// Checks secret inputs against the fields the provider describes: defaults are filled in for what
/// is absent; an empty value is only refused where the field forbids it by pattern, since one half
/// of a user name and password pair is often empty.
pub fn validate_credentials(
    provider: &Provider,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldIssue>> {
    let mut issues = Vec::new();
    let mut kept = given.clone();
    for field in &provider.credentials {
        match given.get(&field.name) {
            None | Some(Value::Null) => match &field.default_value {
                Some(default) => {
                    kept.insert(field.name.clone(), Value::String(default.clone()));
                }
                None if field.is_required() => {
                    issues.push(issue(
                        "credentials",
                        field,
                        format!("{} is required.", field.title),
                    ));
                }
                None => {}
            },
            Some(Value::String(text)) if text.is_empty() || field.hidden => {}
            Some(Value::String(text)) => {
                if let Err(message) = check_value(field, text) {
                    issues.push(issue("credentials", field, message));
                }
            }
            Some(_) => {
                issues.push(issue(
                    "credentials",
                    field,
                    format!("{} must be a text.", field.title),
                ));
            }
        }
    }
    if issues.is_empty() { Ok(kept) } else { Err(issues) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::load::Catalog;

    const ENTRY: &str = r"
auth_mode: OAUTH2
display_name: Acme
redirect_uri_metadata: [accounts-server]
post_connection: [{from: token_response, keep: {siteId: site}}]
connection_config:
  subdomain: {type: string, title: Subdomain, pattern: '^[a-z0-9-]+$', example: acme, prefix: 'https://', suffix: .acme.com}
  region: {type: string, title: Region, enum: [eu, us], default_value: eu}
  tenant: {type: string, title: Tenant, format: uuid, optional: true}
  instance_url: {type: string, title: Instance, automated: true}
";

    fn check(given: Value) -> Result<Value, Vec<FieldIssue>> {
        let (catalog, _) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
        let provider = catalog.get("acme").unwrap().clone();
        let Value::Object(given) = given else {
            return Ok(Value::Null);
        };
        validate_connection_config(&provider, &given).map(Value::Object)
    }

    #[test]
    fn values_are_stored_without_what_the_form_shows_around_them() {
        for typed in
            ["acme", " acme ", "https://acme.acme.com", "acme.acme.com/", "HTTPS://acme.ACME.com"]
        {
            assert_eq!(
                check(json!({ "subdomain": typed })).unwrap(),
                json!({"subdomain": "acme", "region": "eu"}),
                "{typed}"
            );
        }
    }

    #[test]
    fn rules_are_enforced_with_a_message_that_names_the_field() {
        let issues =
            check(json!({"subdomain": "evil.com/", "region": "mars", "tenant": "x"})).unwrap_err();
        let messages: Vec<&str> = issues.iter().map(|issue| issue.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "Subdomain does not have the expected form. It looks like: acme",
                "Region must be one of: eu, us.",
                "Tenant must be a UUID.",
            ]
        );
        assert_eq!(issues[0].path, ["connection_config", "subdomain"]);
        assert_eq!(check(json!({})).unwrap_err()[0].message, "Subdomain is required.");
        assert_eq!(check(json!({"subdomain": true})).unwrap_err().len(), 1);
    }

    #[test]
    fn a_browser_cannot_fill_what_the_server_fills() {
        let kept = check(json!({
            "subdomain": "acme", "instance_url": "https://evil.test", "accounts-server": "https://evil.test",
            "siteId": "somebody-else",
            "oauth_scopes": "admin", "webhook_url": "https://evil.test", "list": [1], "note": "mine",
            "oauth_scopes_override": "a,b"
        }))
        .unwrap();
        assert_eq!(
            kept,
            json!({
                "subdomain": "acme", "region": "eu", "note": "mine", "oauth_scopes_override": "a,b"
            })
        );
    }

    #[test]
    fn the_backend_may() {
        let (catalog, _) = Catalog::empty().overlay(ENTRY, "acme.yaml").unwrap();
        let provider = catalog.get("acme").unwrap();
        let Value::Object(backend) =
            json!({"subdomain": "pinned", "instance_url": "https://i.test", "oauth_scopes": "a"})
        else {
            return;
        };
        let Value::Object(browser) = json!({"subdomain": "mine", "oauth_scopes": "b"}) else {
            return;
        };
        let kept = validate_merged_connection_config(provider, &browser, &backend).unwrap();
        assert_eq!(
            Value::Object(kept),
            json!({
                "subdomain": "pinned", "region": "eu", "instance_url": "https://i.test", "oauth_scopes": "a"
            })
        );
    }
}
