//! The fields of an integration's forms, by the provider's way to authorize.

use serde_json::{Map, Value};
use valetkey_catalog::{AuthMode, PrivateKey, Provider};
use valetkey_engine::integrations::needs_credentials;

use super::super::form::{Form, Issues, line_issue};
use crate::schema::Schema;

/// How a field is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Text,
    Secret,
    Lines,
}

/// A field of a form.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) help: String,
    pub(super) look: Look,
    pub(super) is_required: bool,
    /// What stands in it; never a secret.
    pub(super) value: String,
    pub(super) choices: Vec<String>,
}

/// Most characters of a name for people.
const NAME_CHARS_MAX: usize = 255;
const SCOPES: &str = "scopes";
const KEY: &str = "private_key";
const CLIENT: &[(&str, &str, Look)] = &[
    ("client_id", "Client id", Look::Text),
    ("client_secret", "Client secret", Look::Secret),
    (SCOPES, "Scopes, separated by commas", Look::Text),
];
const APP: &[(&str, &str, Look)] = &[
    ("app_id", "App id", Look::Text),
    ("app_link", "Public link of the app", Look::Text),
    (KEY, "Private key (PEM)", Look::Lines),
];
const CUSTOM: &[(&str, &str, Look)] = &[
    ("client_id", "Client id", Look::Text),
    ("client_secret", "Client secret", Look::Secret),
    ("app_id", "App id", Look::Text),
    ("app_link", "Public link of the app", Look::Text),
    (KEY, "Private key (PEM)", Look::Lines),
];

fn of_mode(provider: &Provider) -> &'static [(&'static str, &'static str, Look)] {
    match provider.auth_mode {
        AuthMode::OAuth1 | AuthMode::OAuth2 | AuthMode::Tba | AuthMode::McpOAuth2 => CLIENT,
        AuthMode::App => APP,
        AuthMode::Custom => CUSTOM,
        _ => &[],
    }
}

/// Whether browsers come back from the provider.
pub(in super::super) fn has_callback(provider: &Provider) -> bool {
    matches!(
        provider.auth_mode,
        AuthMode::OAuth1
            | AuthMode::OAuth2
            | AuthMode::App
            | AuthMode::Custom
            | AuthMode::McpOAuth2
            | AuthMode::McpOAuth2Generic
    )
}

/// The fields of a form. `value` says what stands in one.
pub(super) fn fields(
    provider: &Provider,
    is_new: bool,
    value: impl Fn(&str) -> String,
) -> Vec<Field> {
    let needs = needs_credentials(provider);
    let credentials = of_mode(provider).iter().filter(|(name, ..)| is_new || *name != SCOPES);
    let credentials = credentials.map(|&(name, label, look)| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        help: match (look, is_new) {
            (Look::Secret | Look::Lines, false) => "Leave this empty to keep it as it is.".into(),
            _ if name == SCOPES && !provider.default_scopes.is_empty() => {
                format!("Always asked for: {}.", provider.default_scopes.join(", "))
            }
            _ => String::new(),
        },
        look,
        is_required: is_new && needs && name != SCOPES,
        value: if look == Look::Text { value(name) } else { String::new() },
        choices: Vec::new(),
    });
    let settings = provider.integration_config.iter().filter(|field| !field.hidden);
    let settings = settings.map(|field| {
        let name = format!("config.{}", field.name);
        Field {
            label: field.title.clone(),
            help: field.description.clone().unwrap_or_default(),
            look: if field.secret { Look::Secret } else { Look::Text },
            is_required: is_new && field.is_required() && field.visible_when.is_none(),
            value: if field.secret { String::new() } else { value(&name) },
            choices: field.one_of.clone(),
            name,
        }
    });
    credentials.chain(settings).collect()
}

/// Whether an integration asks for scopes of its own.
pub(super) fn has_scopes(provider: &Provider) -> bool {
    provider.auth_mode != AuthMode::Tba
        && of_mode(provider).iter().any(|(name, ..)| *name == SCOPES)
}

/// What is wrong with a private key that was typed: keys come in many forms, and all that can sign are
/// taken.
pub(super) fn key_issue(form: &Form) -> Option<Issues> {
    let error = PrivateKey::read(form.filled(KEY)?).err()?;
    Some(Issues::one(KEY, format!("This {error}.")))
}

/// What is wrong with the names of an integration, beyond what the API says of them.
pub(super) fn name_issue(form: &Form) -> Option<Issues> {
    if form.given("unique_key").is_some_and(|key| key.trim().is_empty()) {
        return Some(Issues::one("unique_key", "Give it a key, by which your app names it."));
    }
    let message = line_issue(form.filled("display_name")?, NAME_CHARS_MAX)?;
    Some(Issues::one("display_name", message))
}

/// What a form says, in the form of the API's body.
pub(super) fn body(provider: &Provider, form: &Form) -> Map<String, Value> {
    let mut body = Map::new();
    let mut credentials = Map::new();
    for (name, ..) in of_mode(provider) {
        let given = form.given(name).map(str::trim).unwrap_or_default();
        // An empty field keeps what there is.
        if !given.is_empty() {
            credentials.insert((*name).to_owned(), Value::from(given));
        }
    }
    if !credentials.is_empty() {
        credentials.insert("type".to_owned(), Value::from(provider.auth_mode.as_str()));
        body.insert("credentials".to_owned(), Value::Object(credentials));
    }
    let mut config = Map::new();
    for field in &provider.integration_config {
        if let Some(given) = form.filled(&format!("config.{}", field.name)) {
            config.insert(field.name.clone(), Value::from(given));
        }
    }
    if !config.is_empty() {
        body.insert("integration_config".to_owned(), Value::Object(config));
    }
    for name in ["display_name", "unique_key"] {
        if let Some(given) = form.filled(name) {
            body.insert(name.to_owned(), Value::from(given));
        }
    }
    body
}

/// The checked body as a request, or what is wrong, by field.
pub(in super::super) fn checked<T: serde::de::DeserializeOwned>(
    schema: &Schema,
    body: Map<String, Value>,
) -> Result<T, Issues> {
    let mut found = Issues::default();
    let checked = match schema.check(Some(Value::Object(body))) {
        Ok(checked) => checked.unwrap_or_default(),
        Err(issues) => {
            for issue in issues {
                let field = match issue.path.as_slice() {
                    [first, name, ..] if first == "credentials" => name.clone(),
                    [first, name, ..] if first == "integration_config" => format!("config.{name}"),
                    [first, ..] => first.clone(),
                    [] => String::new(),
                };
                let is_missing = issue.message.ends_with("received undefined");
                let message = if is_missing { "Fill this in.".to_owned() } else { issue.message };
                found.add(&field, message);
            }
            return Err(found);
        }
    };
    serde_json::from_value(checked)
        .map_err(|_| Issues::one("", "This cannot be an integration of this provider."))
}
