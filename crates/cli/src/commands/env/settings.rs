//! The settings of an environment as `key=value`.

use url::Url;
use valetkey_egress::Egress;
use valetkey_engine::EnvironmentSettings;

use crate::config::{Problem, Problems};

/// Longest URL that is stored, in bytes.
const URL_BYTES_MAX: usize = 2048;
/// Longest name of an environment, in characters.
const NAME_CHARS_MAX: usize = 255;

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
];

/// A change that was found good.
#[derive(Clone)]
pub(super) enum Change {
    Url(fn(&mut EnvironmentSettings) -> &mut Option<String>, Option<String>),
    Switch(fn(&mut EnvironmentSettings) -> &mut bool, bool),
}

impl Change {
    pub(super) fn apply(self, settings: &mut EnvironmentSettings) {
        match self {
            Self::Url(at, value) => *at(settings) = value,
            Self::Switch(at, value) => *at(settings) = value,
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
        Kind::Webhook(at) | Kind::Page(at) if value.is_empty() => Ok(Change::Url(at, None)),
        Kind::Webhook(at) => {
            let url = url(value).map_err(wrong)?;
            egress.check_url(&url).map_err(|error| {
                wrong(&format!("{error}; VALETKEY_EGRESS_ALLOW can exempt a destination"))
            })?;
            Ok(Change::Url(at, Some(value.to_owned())))
        }
        Kind::Page(at) => {
            url(value).map_err(wrong)?;
            Ok(Change::Url(at, Some(value.to_owned())))
        }
        Kind::Switch(at) => match value {
            "true" => Ok(Change::Switch(at, true)),
            "false" => Ok(Change::Switch(at, false)),
            "" => Ok(Change::Switch(at, *at(&mut EnvironmentSettings::default()))),
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
            };
            format!("{}={value}", setting.name)
        })
        .collect();
    lines.join("\n")
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
        ])
        .unwrap();
        let shown = show(&settings);
        assert_eq!(
            shown,
            "webhook_url=https://example.com/hook?a=b\nwebhook_url_secondary=\n\
             on_auth_creation=false\non_auth_refresh_error=true\non_auth_refresh_success=true\n\
             callback_url=http://localhost:9/cb"
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
        ])
        .unwrap_err();
        let sources: Vec<_> = problems.0.iter().map(|problem| problem.source.as_str()).collect();
        let expected =
            ["webhook_url", "webhook_url_secondary", "on_auth_creation", "webhok", "callback_url"];
        assert_eq!(sources, expected);
        assert!(problems.0[1].message.contains("VALETKEY_EGRESS_ALLOW"), "{problems}");
    }
}
