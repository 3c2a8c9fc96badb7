//! What an operator sets per environment, and the rules for it: one place for the shell, the
//! dashboard and the API.

use serde::{Deserialize, Serialize};
use url::Url;
use valetkey_egress::{Egress, is_mail_address};

use crate::connect_ui::{self, ConnectUiSettings, Scheme};
use crate::members::EMAIL_BYTES_MAX;

/// Longest URL that is stored, in bytes.
pub const URL_BYTES_MAX: usize = 2048;
/// Most entries of a list.
const LIST_ITEMS_MAX: usize = 50;

/// What an operator sets per environment. Stored as JSON; a missing key has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// Where events go.
    pub webhook_url: Option<String>,
    /// Where events go as well.
    pub webhook_url_secondary: Option<String>,
    /// Where operators are told what needs somebody.
    pub alert_url: Option<String>,
    /// E-mail addresses that are told as well.
    pub alert_emails: Vec<String>,
    /// Whether new connections, and failed attempts to make one, are told.
    pub on_auth_creation: bool,
    /// Whether failed refreshes are told.
    pub on_auth_refresh_error: bool,
    /// Whether good refreshes are told.
    pub on_auth_refresh_success: bool,
    /// The `redirect_uri` sent to providers instead of our own; it must lead to ours by a 308.
    pub callback_url: Option<String>,
    /// How the Connect UI looks.
    pub connect_ui: ConnectUiSettings,
    /// Where the Connect UI may send people afterwards: origins, or addresses with everything below.
    pub return_urls: Vec<String>,
    /// Whether a connect session ends with the first connection made in it.
    pub single_use_sessions: bool,
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self {
            webhook_url: None,
            webhook_url_secondary: None,
            alert_url: None,
            alert_emails: Vec::new(),
            on_auth_creation: true,
            on_auth_refresh_error: true,
            on_auth_refresh_success: false,
            callback_url: None,
            connect_ui: ConnectUiSettings::default(),
            return_urls: Vec::new(),
            single_use_sessions: false,
        }
    }
}

/// A setting by the name it has in the shell and in forms.
struct Setting {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// We call it, so the address guard has a say.
    Webhook(fn(&mut EnvironmentSettings) -> &mut Option<String>),
    /// Browsers are sent there.
    Page(fn(&mut EnvironmentSettings) -> &mut Option<String>),
    Switch(fn(&mut EnvironmentSettings) -> &mut bool),
    /// One value that has a rule.
    Text {
        rule: fn(&str) -> Option<&'static str>,
        at: fn(&mut EnvironmentSettings) -> &mut Option<String>,
    },
    /// Several, separated by commas, that have a rule each.
    List {
        rule: fn(&str) -> Option<&'static str>,
        at: fn(&mut EnvironmentSettings) -> &mut Vec<String>,
    },
    Radius,
    Scheme,
    Watermark,
}

const SETTINGS: &[Setting] = &[
    Setting { name: "webhook_url", kind: Kind::Webhook(|it| &mut it.webhook_url) },
    Setting {
        name: "webhook_url_secondary",
        kind: Kind::Webhook(|it| &mut it.webhook_url_secondary),
    },
    Setting { name: "alert_url", kind: Kind::Webhook(|it| &mut it.alert_url) },
    Setting {
        name: "alert_emails",
        kind: Kind::List { rule: mail_address, at: |it| &mut it.alert_emails },
    },
    Setting { name: "on_auth_creation", kind: Kind::Switch(|it| &mut it.on_auth_creation) },
    Setting {
        name: "on_auth_refresh_error",
        kind: Kind::Switch(|it| &mut it.on_auth_refresh_error),
    },
    Setting {
        name: "on_auth_refresh_success",
        kind: Kind::Switch(|it| &mut it.on_auth_refresh_success),
    },
    Setting { name: "callback_url", kind: Kind::Page(|it| &mut it.callback_url) },
    Setting {
        name: "return_urls",
        kind: Kind::List { rule: connect_ui::return_address, at: |it| &mut it.return_urls },
    },
    Setting { name: "single_use_sessions", kind: Kind::Switch(|it| &mut it.single_use_sessions) },
    Setting {
        name: "connect_ui_name",
        kind: Kind::Text { rule: connect_ui::name, at: |it| &mut it.connect_ui.name },
    },
    Setting {
        name: "connect_ui_logo",
        kind: Kind::Text { rule: connect_ui::logo, at: |it| &mut it.connect_ui.logo },
    },
    Setting {
        name: "connect_ui_primary_light",
        kind: Kind::Text {
            rule: connect_ui::colour,
            at: |it| &mut it.connect_ui.theme.light.primary,
        },
    },
    Setting {
        name: "connect_ui_primary_dark",
        kind: Kind::Text {
            rule: connect_ui::colour,
            at: |it| &mut it.connect_ui.theme.dark.primary,
        },
    },
    Setting {
        name: "connect_ui_font_family",
        kind: Kind::Text { rule: connect_ui::fonts, at: |it| &mut it.connect_ui.theme.font_family },
    },
    Setting { name: "connect_ui_radius", kind: Kind::Radius },
    Setting { name: "connect_ui_theme", kind: Kind::Scheme },
    Setting { name: "connect_ui_watermark", kind: Kind::Watermark },
];

/// A change that was found good.
#[derive(Clone)]
pub struct Change {
    /// The setting's name.
    pub name: &'static str,
    to: New,
}

#[derive(Clone)]
enum New {
    Text(fn(&mut EnvironmentSettings) -> &mut Option<String>, Option<String>),
    Switch(fn(&mut EnvironmentSettings) -> &mut bool, bool),
    List(fn(&mut EnvironmentSettings) -> &mut Vec<String>, Vec<String>),
    Radius(Option<u8>),
    Scheme(Option<Scheme>),
    Watermark(Option<bool>),
}

impl Change {
    /// Makes it.
    pub fn apply(self, settings: &mut EnvironmentSettings) {
        match self.to {
            New::Text(at, value) => *at(settings) = value,
            New::Switch(at, value) => *at(settings) = value,
            New::List(at, values) => *at(settings) = values,
            New::Radius(px) => settings.connect_ui.theme.radius = px,
            New::Scheme(scheme) => settings.connect_ui.default_theme = scheme,
            New::Watermark(shown) => settings.connect_ui.show_watermark = shown,
        }
    }
}

/// The name of every setting.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

/// Reads the value of a setting. An empty one puts the default back.
///
/// # Errors
/// A sentence that says what was expected.
pub fn read(name: &str, value: &str, egress: &Egress) -> Result<Change, String> {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        let known: Vec<_> = names().collect();
        return Err(format!("There is no such setting; there are: {}.", known.join(", ")));
    };
    Ok(Change { name: setting.name, to: new_value(setting.kind, value.trim(), egress)? })
}

fn new_value(kind: Kind, value: &str, egress: &Egress) -> Result<New, String> {
    const SWITCH: &str = "Expected true or false.";
    Ok(match kind {
        Kind::Webhook(at) | Kind::Page(at) if value.is_empty() => New::Text(at, None),
        Kind::Webhook(at) => {
            egress.check_url(&url(value)?).map_err(|error| {
                format!(
                    "This server may not call it: {error}. VALETKEY_EGRESS_ALLOW can exempt a \
                     destination."
                )
            })?;
            New::Text(at, Some(value.to_owned()))
        }
        Kind::Page(at) => {
            url(value)?;
            New::Text(at, Some(value.to_owned()))
        }
        Kind::Switch(at) => match value {
            "true" => New::Switch(at, true),
            "false" => New::Switch(at, false),
            "" => New::Switch(at, *at(&mut EnvironmentSettings::default())),
            _ => return Err(SWITCH.to_owned()),
        },
        Kind::Text { at, .. } if value.is_empty() => New::Text(at, None),
        Kind::Text { rule, at } => match rule(value) {
            None => New::Text(at, Some(value.to_owned())),
            Some(expected) => return Err(expected.to_owned()),
        },
        Kind::List { rule, at } => {
            let items: Vec<_> = value.split(',').map(str::trim).filter(|x| !x.is_empty()).collect();
            if items.len() > LIST_ITEMS_MAX {
                return Err(format!("Expected at most {LIST_ITEMS_MAX} entries."));
            }
            match items.iter().find_map(|item| rule(item)) {
                None => New::List(at, items.into_iter().map(str::to_owned).collect()),
                Some(expected) => return Err(expected.to_owned()),
            }
        }
        Kind::Radius if value.is_empty() => New::Radius(None),
        Kind::Radius => match value.parse().ok().filter(|px| connect_ui::radius(*px).is_none()) {
            Some(px) => New::Radius(Some(px)),
            None => return Err("Expected a whole number of pixels from 0 to 32.".to_owned()),
        },
        Kind::Scheme => match value {
            "" => New::Scheme(None),
            "light" => New::Scheme(Some(Scheme::Light)),
            "dark" => New::Scheme(Some(Scheme::Dark)),
            "system" => New::Scheme(Some(Scheme::System)),
            _ => return Err("Expected light, dark or system.".to_owned()),
        },
        Kind::Watermark => match value {
            "" => New::Watermark(None),
            "true" => New::Watermark(Some(true)),
            "false" => New::Watermark(Some(false)),
            _ => return Err(SWITCH.to_owned()),
        },
    })
}

fn mail_address(text: &str) -> Option<&'static str> {
    let is_good = text.len() <= EMAIL_BYTES_MAX && is_mail_address(text);
    (!is_good).then_some("Expected e-mail addresses such as ada@example.com.")
}

/// An address of the web that is short enough to be stored.
///
/// # Errors
/// A sentence that says what was expected.
pub fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= URL_BYTES_MAX);
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    url.filter(is_web).ok_or_else(|| {
        format!(
            "Expected a URL that begins with https:// or http://, at most {URL_BYTES_MAX} bytes."
        )
    })
}

/// Every setting with its value in the form that [`read`] takes.
pub fn written(settings: &EnvironmentSettings) -> Vec<(&'static str, String)> {
    let mut settings = settings.clone();
    let value = |setting: &Setting| match setting.kind {
        Kind::Webhook(at) | Kind::Page(at) | Kind::Text { at, .. } => {
            at(&mut settings).clone().unwrap_or_default()
        }
        Kind::Switch(at) => at(&mut settings).to_string(),
        Kind::List { at, .. } => at(&mut settings).join(","),
        Kind::Radius => or_empty(settings.connect_ui.theme.radius),
        Kind::Scheme => or_empty(settings.connect_ui.default_theme.map(scheme_name)),
        Kind::Watermark => or_empty(settings.connect_ui.show_watermark),
    };
    let values: Vec<_> = SETTINGS.iter().map(value).collect();
    names().zip(values).collect()
}

/// Names of the settings that differ.
pub(crate) fn changed(
    before: &EnvironmentSettings,
    after: &EnvironmentSettings,
) -> Vec<&'static str> {
    let pairs = written(before).into_iter().zip(written(after));
    pairs.filter(|(one, other)| one != other).map(|((name, _), _)| name).collect()
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

const fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Light => "light",
        Scheme::Dark => "dark",
        Scheme::System => "system",
    }
}
