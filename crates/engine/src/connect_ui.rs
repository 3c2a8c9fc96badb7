//! How the Connect UI looks and where it may send people afterwards: per environment, and per
//! session over that.
//!
//! The names on the wire are those that clients know (`theme.light.primary`, `defaultTheme`,
//! `showWatermark`), with more beside them.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::environments::EnvironmentView;
use crate::error::Issue;

/// The colour until an environment chooses its own. White stands out from it by 6.5 to 1.
const PRIMARY: &str = "#1c6a50";
/// The same in the dark scheme. Black stands out from it by 11 to 1.
const PRIMARY_DARK: &str = "#71cda8";
/// Most bytes of a colour.
const COLOUR_BYTES_MAX: usize = 64;
/// Most bytes of a font stack.
const FONTS_BYTES_MAX: usize = 200;
/// Most characters of a product's name.
const NAME_CHARS_MAX: usize = 60;
/// Most bytes of a logo as a `data:` URL: an icon, not a photograph.
const LOGO_BYTES_MAX: usize = 32 * 1024;
/// Most pixels of a corner's radius.
const RADIUS_PX_MAX: u8 = 32;
/// Most bytes of a return address.
const RETURN_URL_BYTES_MAX: usize = 2048;
/// Pictures a logo may be. A vector in an `img` element runs no script and loads nothing.
const LOGO_TYPES: [&str; 4] = ["image/svg+xml", "image/png", "image/webp", "image/jpeg"];

/// Which colour scheme a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
    /// As the person's device has it.
    System,
}

/// What an environment or a session chooses; what is missing is as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectUiSettings {
    /// Whether the page says what it is made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_watermark: Option<bool>,
    /// The scheme of a page that was not told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_theme: Option<Scheme>,
    /// Colours and shapes.
    pub theme: ThemeSettings,
    /// The product's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The product's logo as a `data:` URL, so that nothing is loaded from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
}

/// Colours and shapes that were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ThemeSettings {
    /// In the light scheme.
    pub light: ColourSettings,
    /// In the dark scheme.
    pub dark: ColourSettings,
    /// Radius of corners, in CSS pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius: Option<u8>,
    /// Names of fonts that are on the device, as CSS has them; none is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font_family: Option<String>,
}

/// Colours of one scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColourSettings {
    /// Of buttons and marks. The page keeps texts on it and beside it readable, whatever it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
}

/// What a page is made with: everything is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectUi {
    show_watermark: bool,
    default_theme: Scheme,
    theme: Theme,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Theme {
    light: Colours,
    dark: Colours,
    #[serde(skip_serializing_if = "Option::is_none")]
    radius: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    font_family: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Colours {
    primary: String,
}

impl ConnectUiSettings {
    /// These settings, and `under` them where they say nothing.
    #[must_use]
    pub fn over(&self, under: &Self) -> Self {
        let colours = |mine: &ColourSettings, theirs: &ColourSettings| ColourSettings {
            primary: mine.primary.clone().or_else(|| theirs.primary.clone()),
        };
        let (mine, theirs) = (&self.theme, &under.theme);
        Self {
            show_watermark: self.show_watermark.or(under.show_watermark),
            default_theme: self.default_theme.or(under.default_theme),
            theme: ThemeSettings {
                light: colours(&mine.light, &theirs.light),
                dark: colours(&mine.dark, &theirs.dark),
                radius: mine.radius.or(theirs.radius),
                font_family: mine.font_family.clone().or_else(|| theirs.font_family.clone()),
            },
            name: self.name.clone().or_else(|| under.name.clone()),
            logo: self.logo.clone().or_else(|| under.logo.clone()),
        }
    }

    /// With everything decided.
    pub fn decided(self) -> ConnectUi {
        let colours = |chosen: ColourSettings, otherwise: &str| Colours {
            primary: chosen.primary.unwrap_or_else(|| otherwise.to_owned()),
        };
        ConnectUi {
            show_watermark: self.show_watermark.unwrap_or(false),
            default_theme: self.default_theme.unwrap_or(Scheme::System),
            theme: Theme {
                light: colours(self.theme.light, PRIMARY),
                dark: colours(self.theme.dark, PRIMARY_DARK),
                radius: self.theme.radius,
                font_family: self.theme.font_family,
            },
            name: self.name,
            logo: self.logo,
        }
    }

    /// What is wrong, each under its path below `root`.
    pub fn issues(&self, root: &[&str]) -> Vec<Issue> {
        let checks: [(&[&str], Option<&'static str>); 6] = [
            (&["theme", "light", "primary"], check(self.theme.light.primary.as_deref(), colour)),
            (&["theme", "dark", "primary"], check(self.theme.dark.primary.as_deref(), colour)),
            (&["theme", "radius"], self.theme.radius.and_then(radius)),
            (&["theme", "fontFamily"], check(self.theme.font_family.as_deref(), fonts)),
            (&["name"], check(self.name.as_deref(), name)),
            (&["logo"], check(self.logo.as_deref(), logo)),
        ];
        let wrong = checks.into_iter().filter_map(|(path, problem)| Some((path, problem?)));
        wrong.map(|(path, problem)| Issue::custom(&[root, path].concat(), problem)).collect()
    }
}

fn check(value: Option<&str>, rule: fn(&str) -> Option<&'static str>) -> Option<&'static str> {
    value.and_then(rule)
}

/// Colours as people write them: `#1c6a50`, `rgb(28 106 80)`, `hsl(160deg 58% 26%)`, `teal`. The
/// browser reads them; this keeps out everything that is not one value.
pub fn colour(text: &str) -> Option<&'static str> {
    const EXPECTED: &str =
        "Expected a CSS colour, such as #1c6a50, rgb(28 106 80), hsl(160 58% 26%) or teal.";
    let is_hex = |digits: &str| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_word = |word: &str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_function = |text: &str| {
        let inner = ["rgb(", "hsl(", "oklch(", "oklab("]
            .iter()
            .find_map(|start| text.strip_prefix(start)?.strip_suffix(')'));
        let allowed = |byte: u8| byte.is_ascii_digit() || b" .,%-+deg".contains(&byte);
        inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(allowed))
    };
    let fits = text.len() <= COLOUR_BYTES_MAX
        && (text.strip_prefix('#').is_some_and(is_hex) || is_word(text) || is_function(text));
    (!fits).then_some(EXPECTED)
}

/// A list of font names.
pub fn fonts(text: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_alphanumeric() || " ,-_'\"".contains(c);
    let fits = !text.is_empty() && text.len() <= FONTS_BYTES_MAX && text.chars().all(allowed);
    (!fits).then_some("Expected names of fonts, such as \"Inter\", sans-serif; at most 200 bytes.")
}

/// A radius in CSS pixels.
pub fn radius(px: u8) -> Option<&'static str> {
    (px > RADIUS_PX_MAX).then_some("Expected a whole number of pixels from 0 to 32.")
}

/// A product's name.
pub fn name(text: &str) -> Option<&'static str> {
    let fits = !text.trim().is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control);
    (!fits).then_some("Expected a name of 1 to 60 characters.")
}

/// A logo.
pub fn logo(text: &str) -> Option<&'static str> {
    const EXPECTED: &str =
        "Expected a picture of at most 32 KiB as data:image/svg+xml;base64,… (or png, webp, jpeg).";
    let data = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let is_base64 = |data: &str| {
        !data.is_empty()
            && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    };
    let fits = text.len() <= LOGO_BYTES_MAX
        && data.is_some_and(|(kind, data)| LOGO_TYPES.contains(&kind) && is_base64(data));
    (!fits).then_some(EXPECTED)
}

/// An entry of an environment's list of return addresses: an origin, or one with a path under which
/// all addresses are allowed.
pub fn return_address(text: &str) -> Option<&'static str> {
    const EXPECTED: &str = "Expected an address without query, such as https://app.example.com or https://app.example.com/settings.";
    let is_plain = |url: Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let fits = text.len() <= RETURN_URL_BYTES_MAX && Url::parse(text).is_ok_and(is_plain);
    (!fits).then_some(EXPECTED)
}

/// Whether people may be sent to an address afterwards. An address list that is too generous would
/// make every session an open redirect; so the match is by origin and by whole path segments.
///
/// # Errors
/// What is expected.
pub fn check_return_url(environment: &EnvironmentView, text: &str) -> Result<(), String> {
    const EXPECTED: &str = "Expected a full http or https address of at most 2048 bytes.";
    if text.len() > RETURN_URL_BYTES_MAX {
        return Err(EXPECTED.to_owned());
    }
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
        return Err(EXPECTED.to_owned());
    }
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    // A developer's own machine, while nothing is at stake.
    if is_local && !environment.is_production {
        return Ok(());
    }
    let entries = environment.settings.return_urls.iter();
    if entries.filter_map(|entry| Url::parse(entry).ok()).any(|entry| covers(&entry, &url)) {
        return Ok(());
    }
    Err("This address is not in the environment's list of return addresses (return_urls)."
        .to_owned())
}

fn covers(entry: &Url, url: &Url) -> bool {
    let (below, path) = (entry.path().trim_end_matches('/'), url.path());
    entry.origin() == url.origin()
        && path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::environment_settings::EnvironmentSettings;

    #[test]
    fn a_session_lies_over_its_environment_piece_by_piece() {
        let read = |value| serde_json::from_value::<ConnectUiSettings>(value).unwrap();
        let environment = read(json!({
            "theme": {"light": {"primary": "#111111"}, "dark": {"primary": "#eeeeee"}, "radius": 4},
            "name": "Acme", "showWatermark": true,
        }));
        let session = read(json!({"theme": {"light": {"primary": "teal"}}, "name": "Acme Pro"}));
        let decided = serde_json::to_value(session.over(&environment).decided()).unwrap();
        assert_eq!(
            decided,
            json!({
                "showWatermark": true, "defaultTheme": "system",
                "theme": {
                    "light": {"primary": "teal"}, "dark": {"primary": "#eeeeee"}, "radius": 4,
                },
                "name": "Acme Pro",
            })
        );
    }

    #[test]
    fn what_could_break_out_of_a_style_is_refused() {
        for good in ["#1c6a50", "#fff", "rgb(28 106 80)", "hsl(160deg, 58%, 26%)", "teal"] {
            assert_eq!(colour(good), None, "{good}");
        }
        for bad in ["", "#12", "red;", "url(x)", "rgb(1,2,3);x", "var(--x)", "rgb(url(x))"] {
            assert!(colour(bad).is_some(), "{bad}");
        }
        assert_eq!(fonts("\"Inter\", sans-serif"), None);
        assert!(fonts("x; } body { display: none").is_some());
        assert_eq!(logo("data:image/png;base64,iVBORw0KGgo="), None);
        for bad in
            ["https://x.example/l.png", "data:text/html;base64,AAAA", "data:image/png;base64,"]
        {
            assert!(logo(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn every_issue_names_its_place() {
        let settings = ConnectUiSettings {
            name: Some(" ".to_owned()),
            theme: ThemeSettings {
                light: ColourSettings { primary: Some("x".to_owned()) },
                radius: Some(200),
                ..ThemeSettings::default()
            },
            ..ConnectUiSettings::default()
        };
        let issues = settings.issues(&["connect_ui_settings"]);
        let paths: Vec<_> = issues.iter().map(|issue| issue.path.join(".")).collect();
        assert_eq!(
            paths,
            [
                "connect_ui_settings.theme.light.primary",
                "connect_ui_settings.theme.radius",
                "connect_ui_settings.name",
            ]
        );
    }

    #[test]
    fn people_are_sent_to_listed_addresses_alone() {
        let environment = |is_production, urls: &[&str]| EnvironmentView {
            id: 1,
            account_id: 1,
            name: "x".to_owned(),
            uuid: String::new(),
            is_production,
            settings: EnvironmentSettings {
                return_urls: urls.iter().map(|&url| url.to_owned()).collect(),
                ..EnvironmentSettings::default()
            },
        };
        let listed = environment(true, &["https://app.example.com/done", "http://localhost:3000"]);
        for good in [
            "https://app.example.com/done",
            "https://app.example.com/done/x?y=1#z",
            "http://localhost:3000/a",
        ] {
            assert!(check_return_url(&listed, good).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example.com/done-not",
            "https://app.example.com/",
            "https://app.example.com.evil.example/done",
            "https://user@app.example.com/done",
            "http://app.example.com/done",
            "javascript:alert(1)",
            "http://localhost:3001/",
            "/done",
        ] {
            assert!(check_return_url(&listed, bad).is_err(), "{bad}");
        }
        assert!(check_return_url(&environment(false, &[]), "http://127.0.0.1:8080/x").is_ok());
        assert!(check_return_url(&environment(true, &[]), "http://127.0.0.1:8080/x").is_err());
    }
}
