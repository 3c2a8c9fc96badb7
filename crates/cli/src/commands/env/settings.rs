//! The settings of an environment as `key=value`.

use url::Url;
use valetkey_egress::Egress;
use valetkey_engine::EnvironmentSettings;
use valetkey_engine::connect_ui::{self, Scheme};

use crate::config::{Problem, Problems};

/// Longest URL that is stored, in bytes.
const URL_BYTES_MAX: usize = 2048;
/// Longest name of an environment, in characters.
const NAME_CHARS_MAX: usize = 255;

/// Most entries of a list.
const LIST_ITEMS_MAX: usize = 50;

/// A setting of an environment.
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
pub(super) enum Change {
    Text(fn(&mut EnvironmentSettings) -> &mut Option<String>, Option<String>),
    Switch(fn(&mut EnvironmentSettings) -> &mut bool, bool),
    List(fn(&mut EnvironmentSettings) -> &mut Vec<String>, Vec<String>),
    Radius(Option<u8>),
    Scheme(Option<Scheme>),
    Watermark(Option<bool>),
}

impl Change {
    pub(super) fn apply(self, settings: &mut EnvironmentSettings) {
        match self {
            Self::Text(at, value) => *at(settings) = value,
            Self::Switch(at, value) => *at(settings) = value,
            Self::List(at, values) => *at(settings) = values,
            Self::Radius(px) => settings.connect_ui.theme.radius = px,
            Self::Scheme(scheme) => settings.connect_ui.default_theme = scheme,
            Self::Watermark(shown) => settings.connect_ui.show_watermark = shown,
        }
    }
}

/// Reads every `key=value`.
///
/// # Errors
/// Everything that is wrong with them, in one answer.
pub(super) fn read(written: &[String], egress: &Egress) -> Result<Vec<Change>, Problems> {
    let mut changes = Vec::new();
    let mut problems = Vec::new();
    for text in written {
        match change(text, egress) {
            Ok(change) => changes.push(change),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(changes) } else { Err(Problems(problems)) }
}

fn change(text: &str, egress: &Egress) -> Result<Change, Problem> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Problem::new(text, "expected a setting, =, and its value"))?;
    let value = value.trim();
    let wrong = |message: &str| Problem::new(name, message);
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        let known: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        return Err(wrong(&format!("there is no such setting; there are: {}", known.join(", "))));
    };
    match setting.kind {
        Kind::Webhook(at) | Kind::Page(at) if value.is_empty() => Ok(Change::Text(at, None)),
        Kind::Webhook(at) => {
            let url = url(value).map_err(wrong)?;
            egress.check_url(&url).map_err(|error| {
                wrong(&format!("{error}; VALETKEY_EGRESS_ALLOW can exempt a destination"))
            })?;
            Ok(Change::Text(at, Some(value.to_owned())))
        }
        Kind::Page(at) => {
            url(value).map_err(wrong)?;
            Ok(Change::Text(at, Some(value.to_owned())))
        }
        Kind::Switch(at) => match value {
            "true" => Ok(Change::Switch(at, true)),
            "false" => Ok(Change::Switch(at, false)),
            "" => Ok(Change::Switch(at, *at(&mut EnvironmentSettings::default()))),
            _ => Err(wrong("expected true or false")),
        },
        Kind::Text { at, .. } if value.is_empty() => Ok(Change::Text(at, None)),
        Kind::Text { rule, at } => match rule(value) {
            None => Ok(Change::Text(at, Some(value.to_owned()))),
            Some(expected) => Err(wrong(expected)),
        },
        Kind::List { rule, at } => {
            let items: Vec<_> = value.split(',').map(str::trim).filter(|x| !x.is_empty()).collect();
            match items.iter().find_map(|item| rule(item)) {
                _ if items.len() > LIST_ITEMS_MAX => Err(wrong("expected at most 50 entries")),
                None => Ok(Change::List(at, items.into_iter().map(str::to_owned).collect())),
                Some(expected) => Err(wrong(expected)),
            }
        }
        Kind::Radius if value.is_empty() => Ok(Change::Radius(None)),
        Kind::Radius => match value.parse().ok().filter(|px| connect_ui::radius(*px).is_none()) {
            Some(px) => Ok(Change::Radius(Some(px))),
            None => Err(wrong("expected a whole number of pixels from 0 to 32")),
        },
        Kind::Scheme => match value {
            "" => Ok(Change::Scheme(None)),
            "light" => Ok(Change::Scheme(Some(Scheme::Light))),
            "dark" => Ok(Change::Scheme(Some(Scheme::Dark))),
            "system" => Ok(Change::Scheme(Some(Scheme::System))),
            _ => Err(wrong("expected light, dark or system")),
        },
        Kind::Watermark => match value {
            "" => Ok(Change::Watermark(None)),
            "true" => Ok(Change::Watermark(Some(true))),
            "false" => Ok(Change::Watermark(Some(false))),
            _ => Err(wrong("expected true or false")),
        },
    }
}

fn url(text: &str) -> Result<Url, &'static str> {
    const EXPECTED: &str = "expected an http or https URL of at most 2048 bytes";
    if text.len() > URL_BYTES_MAX {
        return Err(EXPECTED);
    }
    let url = Url::parse(text).map_err(|_| EXPECTED)?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if is_web { Ok(url) } else { Err(EXPECTED) }
}

/// One line for each setting, in the form that [`read`] takes.
pub(super) fn show(settings: &EnvironmentSettings) -> String {
    let mut settings = settings.clone();
    let lines: Vec<_> = SETTINGS
        .iter()
        .map(|setting| {
            let value = match setting.kind {
                Kind::Webhook(at) | Kind::Page(at) => at(&mut settings).clone().unwrap_or_default(),
                Kind::Switch(at) => at(&mut settings).to_string(),
                Kind::Text { at, .. } => at(&mut settings).clone().unwrap_or_default(),
                Kind::List { at, .. } => at(&mut settings).join(","),
                Kind::Radius => written(settings.connect_ui.theme.radius),
                Kind::Scheme => written(settings.connect_ui.default_theme.map(scheme_name)),
                Kind::Watermark => written(settings.connect_ui.show_watermark),
            };
            format!("{}={value}", setting.name)
        })
        .collect();
    lines.join("\n")
}

fn written(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

const fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Light => "light",
        Scheme::Dark => "dark",
        Scheme::System => "system",
    }
}

/// Whether an environment may be called so.
pub(super) fn check_name(name: &str) -> Result<(), Problems> {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_plain) {
        return Ok(());
    }
    let message = "expected lower-case letters, digits, hyphens and underscores, at most 255";
    Err(Problem::new("NAME", message).into())
}

#[cfg(test)]
mod tests {
    use valetkey_egress::{Limits, Policy};

    use super::*;

    fn read(written: &[&str]) -> Result<EnvironmentSettings, Problems> {
        let egress = Egress::new(Policy::default(), Limits::default()).unwrap();
        let written: Vec<_> = written.iter().map(|text| (*text).to_owned()).collect();
        let mut settings = EnvironmentSettings::default();
        for change in super::read(&written, &egress)? {
            change.apply(&mut settings);
        }
        Ok(settings)
    }

    #[test]
    fn settings_are_read_cleared_and_shown_alike() {
        let settings = read(&[
            "webhook_url=https://example.com/hook?a=b",
            "on_auth_creation=false",
            "on_auth_refresh_success=true",
            "callback_url=http://localhost:9/cb",
            "return_urls=https://app.example.com, http://localhost:3000/done",
            "single_use_sessions=true",
            "connect_ui_name=Acme",
            "connect_ui_primary_light=#123456",
            "connect_ui_radius=4",
            "connect_ui_theme=dark",
            "connect_ui_watermark=true",
        ])
        .unwrap();
        let shown = show(&settings);
        assert_eq!(
            shown,
            "webhook_url=https://example.com/hook?a=b\nwebhook_url_secondary=\n\
             on_auth_creation=false\non_auth_refresh_error=true\non_auth_refresh_success=true\n\
             callback_url=http://localhost:9/cb\n\
             return_urls=https://app.example.com,http://localhost:3000/done\n\
             single_use_sessions=true\nconnect_ui_name=Acme\nconnect_ui_logo=\n\
             connect_ui_primary_light=#123456\nconnect_ui_primary_dark=\n\
             connect_ui_font_family=\nconnect_ui_radius=4\nconnect_ui_theme=dark\n\
             connect_ui_watermark=true"
        );
        assert_eq!(read(&shown.lines().collect::<Vec<_>>()).unwrap(), settings);
        let cleared = read(&["on_auth_creation=false", "on_auth_creation=", "webhook_url="]);
        assert_eq!(cleared.unwrap(), EnvironmentSettings::default());
    }

    #[test]
    fn everything_wrong_is_listed() {
        let problems = read(&[
            "webhook_url=ftp://example.com",
            "webhook_url_secondary=http://127.0.0.1/",
            "on_auth_creation=yes",
            "webhok=1",
            "callback_url",
            "return_urls=https://app.example.com,/settings",
            "connect_ui_primary_dark=red;}",
            "connect_ui_radius=33",
            "connect_ui_theme=blue",
        ])
        .unwrap_err();
        let sources: Vec<_> = problems.0.iter().map(|problem| problem.source.as_str()).collect();
        let expected = [
            "webhook_url",
            "webhook_url_secondary",
            "on_auth_creation",
            "webhok",
            "callback_url",
            "return_urls",
            "connect_ui_primary_dark",
            "connect_ui_radius",
            "connect_ui_theme",
        ];
        assert_eq!(sources, expected);
        assert!(problems.0[1].message.contains("VALETKEY_EGRESS_ALLOW"), "{problems}");
    }
}
