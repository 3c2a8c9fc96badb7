//! URL templates. Where a value lands decides what it may be: a host label in the host, escaped
//! text in path and query, and a whole address only where the template leaves the whole address to
//! the value. A value can therefore never move a request, and the client secret in it, to a host the
//! template did not name.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::template::{Part, Scope, Unresolved, choose, parse_choice, render_part};

/// Everything but the unreserved characters of RFC 3986 is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL template could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Names without a value.
    #[error("{0}")]
    Unresolved(Unresolved),
    /// A value does not fit where it stands.
    #[error("the value of {name} cannot be used here: {reason}")]
    Unsafe {
        /// The placeholder.
        name: String,
        /// What was expected.
        reason: &'static str,
    },
    /// The outcome is no http or https URL.
    #[error("the result is no usable http or https URL")]
    Invalid,
}

/// Fills a URL template in. Values are escaped by where they stand; with `raw_values` those in the
/// path keep their slashes.
pub fn render_url(text: &str, scope: &Scope<'_>, raw_values: bool) -> Result<Url, UrlError> {
    let sides = parse_choice(text);
    let side = choose(&sides, scope).map_err(UrlError::Unresolved)?;
    let mut builder = Builder { text: String::new(), place: Place::Start, raw_values };
    for (index, part) in side.iter().enumerate() {
        match part {
            Part::Text(text) => builder.literal(text),
            Part::Name(_) | Part::Call { .. } => {
                let value = render_part(part, scope).map_err(UrlError::Unresolved)?;
                let next = side.get(index + 1);
                builder
                    .value(&value, next)
                    .map_err(|reason| UrlError::Unsafe { name: part_name(part), reason })?;
            }
        }
    }
    let url = Url::parse(&builder.text).map_err(|_| UrlError::Invalid)?;
    if !is_plain_http(&url) || !keeps_literal_host(side, &url) {
        return Err(UrlError::Invalid);
    }
    Ok(url)
}

fn part_name(part: &Part) -> String {
    match part {
        Part::Name(name) => name.clone(),
        Part::Call { function, .. } => function.name().to_owned(),
        Part::Text(_) => String::new(),
    }
}

fn is_plain_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.host_str().is_some_and(|host| !host.is_empty())
}

/// Whether the host still ends with what the template says after its last value.
fn keeps_literal_host(side: &[Part], url: &Url) -> bool {
    let whole_prefix = matches!(side.first(), Some(Part::Name(_) | Part::Call { .. }))
        && side.get(1).is_none_or(opens_path);
    if whole_prefix {
        return true;
    }
    let mut authority = None;
    let mut suffix = String::new();
    for part in side {
        let Part::Text(text) = part else {
            suffix.clear();
            continue;
        };
        let inside = match authority {
            None => match text.split_once("://") {
                Some((_, rest)) => rest,
                None => continue,
            },
            Some(()) => text.as_str(),
        };
        authority = Some(());
        if let Some(end) = inside.find(['/', '?', '#']) {
            suffix.push_str(&inside[..end]);
            break;
        }
        suffix.push_str(inside);
    }
    if authority.is_none() {
        return true;
    }
    let suffix = suffix.split(':').next().unwrap_or_default().to_ascii_lowercase();
    url.host_str().is_some_and(|host| host.ends_with(&suffix))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing written that names a host.
    Start,
    /// Between `://` and the path.
    Authority,
    Path,
    /// Query or fragment.
    Tail,
}

struct Builder {
    text: String,
    place: Place,
    raw_values: bool,
}

impl Builder {
    fn literal(&mut self, text: &str) {
        let mut rest = text;
        if self.place == Place::Start {
            self.text.push_str(rest);
            let Some(at) = self.text.find("://") else {
                return;
            };
            let after = self.text.split_off(at + 3);
            self.place = Place::Authority;
            self.literal(&after);
            return;
        }
        if self.place == Place::Authority {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            self.text.push_str(&rest[..end]);
            rest = &rest[end..];
            if rest.is_empty() {
                return;
            }
            self.place = Place::Path;
        }
        if self.place == Place::Path && rest.contains(['?', '#']) {
            self.place = Place::Tail;
        }
        self.text.push_str(rest);
    }

    fn value(&mut self, value: &str, next: Option<&Part>) -> Result<(), &'static str> {
        match self.place {
            Place::Start if self.text.is_empty() => self.whole_address(value, next),
            Place::Start => Err("the template names no host before it"),
            Place::Authority => self.in_authority(value, next),
            Place::Path if self.raw_values => self.raw_path(value),
            Place::Path => {
                if matches!(value, "." | "..") {
                    return Err("it would leave its place in the path");
                }
                write!(self.text, "{}", utf8_percent_encode(value, ESCAPED)).map_err(|_| "")
            }
            Place::Tail => {
                write!(self.text, "{}", utf8_percent_encode(value, ESCAPED)).map_err(|_| "")
            }
        }
    }

    /// A value that opens the template: an address up to the path, or just the scheme.
    fn whole_address(&mut self, value: &str, next: Option<&Part>) -> Result<(), &'static str> {
        const EXPECTED: &str = "an address such as https://example.com is expected";
        match next {
            Some(Part::Text(text)) if text.starts_with("://") => {
                if !matches!(value, "http" | "https") {
                    return Err("http or https is expected");
                }
                self.text.push_str(value);
                return Ok(());
            }
            Some(part) if !opens_path(part) => return Err(EXPECTED),
            _ => {}
        }
        let (scheme, rest) = value.split_once("://").ok_or(EXPECTED)?;
        if !matches!(scheme, "http" | "https") {
            return Err(EXPECTED);
        }
        self.text.push_str(scheme);
        self.text.push_str("://");
        self.address_after_scheme(rest, next)
    }

    fn in_authority(&mut self, value: &str, next: Option<&Part>) -> Result<(), &'static str> {
        let is_whole = self.text.ends_with("://") && next.is_none_or(opens_path);
        if is_whole {
            let rest = value
                .strip_prefix("https://")
                .or_else(|| value.strip_prefix("http://"))
                .unwrap_or(value);
            return self.address_after_scheme(rest, next);
        }
        if self.text.ends_with(':') {
            if value.is_empty() || value.len() > 5 || !value.bytes().all(|b| b.is_ascii_digit()) {
                return Err("a port number is expected");
            }
        } else if !is_label_chain(value) {
            return Err("a host name is expected, without a scheme, path or port");
        }
        self.text.push_str(value);
        Ok(())
    }

    /// `host`, `host:port` or either with a path, where the value is the whole authority.
    fn address_after_scheme(
        &mut self,
        rest: &str,
        next: Option<&Part>,
    ) -> Result<(), &'static str> {
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        if !is_label_chain(host) {
            return Err("a host name is expected");
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("a port number is expected after the host");
        }
        self.text.push_str(authority);
        self.place = Place::Path;
        let followed_by_slash = matches!(next, Some(Part::Text(text)) if text.starts_with('/'));
        let path = if followed_by_slash { path.trim_end_matches('/') } else { path };
        self.raw_path(path)
    }

    fn raw_path(&mut self, path: &str) -> Result<(), &'static str> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~@:!$&'()*+,;=".contains(&byte);
        if !path.bytes().all(is_plain) {
            return Err("only plain path characters are expected");
        }
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("it would leave its place in the path");
        }
        self.text.push_str(path);
        Ok(())
    }
}

fn opens_path(part: &Part) -> bool {
    matches!(part, Part::Text(text) if text.starts_with(['/', '?', '#']))
}

/// Letters, digits, hyphens and underscores in labels joined by single dots.
fn is_label_chain(value: &str) -> bool {
    value.len() <= 253
        && value.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};
    use valetkey_base::{Rng, Timestamp};

    use super::*;

    fn url_with(template: &str, value: &str) -> Result<String, UrlError> {
        let Value::Object(config) = json!({"v": value, "port": "8443"}) else {
            return Ok(String::new());
        };
        render(template, &config)
    }

    fn render(template: &str, config: &Map<String, Value>) -> Result<String, UrlError> {
        let scope =
            Scope::new(Timestamp::from_millis(0), &Rng::seeded(1)).with_connection_config(config);
        render_url(template, &scope, false).map(String::from)
    }

    const TENANT: &str = "https://${connectionConfig.v}.zendesk.com/oauth/tokens";

    #[test]
    fn a_host_value_cannot_move_the_request() {
        assert_eq!(url_with(TENANT, "acme").unwrap(), "https://acme.zendesk.com/oauth/tokens");
        assert_eq!(
            url_with(TENANT, "eu.acme").unwrap(),
            "https://eu.acme.zendesk.com/oauth/tokens"
        );
        for hostile in [
            "evil.com/",
            "evil.com#",
            "evil.com?",
            "evil.com\\",
            "user@evil.com/",
            "evil.com:80",
            "a@evil.com",
            "evil.com%2f",
            "evil.com%23",
            "https://evil.com/",
            "..",
            ".",
            "a..b",
            " ",
            "evil.com\t/",
            "evil.com\n",
            "évil",
            "[::1]",
            "a b",
            "",
        ] {
            assert!(url_with(TENANT, hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn a_whole_authority_may_bring_port_path_and_scheme() {
        let template = "https://${connectionConfig.v}/rest/oauth2/token";
        for (value, expected) in [
            ("jira.acme.test", "https://jira.acme.test/rest/oauth2/token"),
            ("jira.acme.test:8080/ctx/", "https://jira.acme.test:8080/ctx/rest/oauth2/token"),
            ("https://jira.acme.test", "https://jira.acme.test/rest/oauth2/token"),
            ("10.0.0.7:8080", "https://10.0.0.7:8080/rest/oauth2/token"),
        ] {
            assert_eq!(url_with(template, value).unwrap(), expected);
        }
        for hostile in ["a.test?x", "a.test#x", "u@a.test", "a.test\\x", "a.test/../x", "a.test:x"]
        {
            assert!(url_with(template, hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn a_whole_prefix_is_an_http_address() {
        let template = "${connectionConfig.v}/oauth/v2/token";
        assert_eq!(
            url_with(template, "https://accounts.zoho.eu").unwrap(),
            "https://accounts.zoho.eu/oauth/v2/token"
        );
        for hostile in
            ["accounts.zoho.eu", "ftp://a.test", "javascript://a.test", "https://u:p@a.test"]
        {
            assert!(url_with(template, hostile).is_err(), "{hostile:?}");
        }
        assert!(url_with("${connectionConfig.v}.zoho.com/x", "https://evil.com/").is_err());
    }

    #[test]
    fn path_and_query_values_are_escaped() {
        assert_eq!(
            url_with(
                "https://a.test/t/${connectionConfig.v}/x?k=${connectionConfig.v}",
                "a/b?c&d=é"
            )
            .unwrap(),
            "https://a.test/t/a%2Fb%3Fc%26d%3D%C3%A9/x?k=a%2Fb%3Fc%26d%3D%C3%A9"
        );
        assert!(url_with("https://a.test/t/${connectionConfig.v}/x", "..").is_err());
    }

    #[test]
    fn ports_and_joined_labels_stay_in_their_place() {
        let template = "https://x-${connectionConfig.v}.a.test:${connectionConfig.port}/";
        assert_eq!(url_with(template, "eu").unwrap(), "https://x-eu.a.test:8443/");
        assert!(url_with("https://a.test:${connectionConfig.v}/", "80@evil.com").is_err());
        assert!(url_with("https://a.test:${connectionConfig.v}/", "80/x").is_err());
    }

    #[test]
    fn a_missing_or_empty_value_takes_the_other_side() {
        let template = "https://${connectionConfig.v}/token || https://login.a.test/token";
        assert_eq!(url_with(template, "").unwrap(), "https://login.a.test/token");
        assert_eq!(url_with(template, "b.test").unwrap(), "https://b.test/token");
        let error = render("https://${connectionConfig.v}.a.test", &Map::new()).unwrap_err();
        assert!(
            matches!(error, UrlError::Unresolved(names) if names.names == ["connectionConfig.v"])
        );
    }

    #[test]
    fn no_random_value_leaves_the_literal_host() {
        const PIECES: [&str; 12] =
            ["evil.com", "/", "?", "#", "@", "\\", ":", "%2f", ".", "a", "//", "\u{ff0f}"];
        let rng = Rng::seeded(9);
        for _ in 0..3000 {
            let value: String = (0..rng.below(6)).map(|_| PIECES[rng.below(12) as usize]).collect();
            if let Ok(url) = url_with(TENANT, &value) {
                let url = Url::parse(&url).unwrap();
                assert!(url.host_str().unwrap().ends_with(".zendesk.com"), "{value:?} gave {url}");
                assert_eq!(url.path(), "/oauth/tokens", "{value:?}");
            }
        }
    }
}
