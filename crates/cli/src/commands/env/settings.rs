//! The settings of an environment as `key=value`.

use valetkey_egress::Egress;
use valetkey_engine::EnvironmentSettings;
use valetkey_engine::environment_settings::{self, Change};

use crate::config::{Problem, Problems};

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
        .ok_or_else(|| Problem::new(text, "Expected a setting, =, and its value."))?;
    environment_settings::read(name, value, egress).map_err(|message| Problem::new(name, message))
}

/// One line for each setting, in the form that [`read`] takes.
pub(super) fn show(settings: &EnvironmentSettings) -> String {
    let lines = environment_settings::written(settings).into_iter();
    lines.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
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
            "webhook_url=https://example.com/hook?a=b\nwebhook_url_secondary=\nalert_url=\n\
             alert_emails=\n\
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
