//! The hint a protected server gives to who comes without a token: `WWW-Authenticate` (RFC 9110
//! §11.6.1) with `resource_metadata` (RFC 9728 §5.1) and `scope` (RFC 6750 §3).

use crate::request::HttpReply;

/// Longest header looked at, in bytes.
const HEADER_BYTES_MAX: usize = 8192;

/// What a challenge says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) resource_metadata: Option<String>,
    pub(super) scope: Option<String>,
}

/// The first challenge of the `Bearer` scheme; empty when there is none.
pub(super) fn read(reply: &HttpReply) -> Challenge {
    let headers = reply.headers.iter().filter(|(name, _)| name == "www-authenticate");
    let mut challenges = headers.filter_map(|(_, value)| bearer_parameters(value));
    let Some(parameters) = challenges.next() else {
        return Challenge::default();
    };
    let value =
        |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Challenge { resource_metadata: value("resource_metadata"), scope: value("scope") }
}

/// The parameters of `Bearer name="value", …` by lower-case name.
fn bearer_parameters(header: &str) -> Option<Vec<(String, String)>> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let lower = header.to_ascii_lowercase();
    let at = lower.match_indices("bearer").find(|(at, _)| {
        let before = lower.get(..*at).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with(',')
    })?;
    let mut rest = header.get(at.0 + "bearer".len()..)?.trim_start();
    let mut parameters = Vec::new();
    while let Some((name, value, left)) = parameter(rest) {
        parameters.push((name.to_ascii_lowercase(), value));
        rest = left;
    }
    Some(parameters)
}

/// One parameter and what comes after its comma. None at the end, or where another scheme begins.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == ',') {
        return None;
    }
    let rest = rest.trim_start();
    let (value, rest) = if let Some(quoted) = rest.strip_prefix('"') {
        unquoted(quoted)?
    } else {
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        (rest.get(..end)?.to_owned(), rest.get(end..)?)
    };
    Some((name, value, rest.trim_start().trim_start_matches(',').trim_start()))
}

/// A quoted string up to its end, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_header(value: &str) -> (Option<String>, Option<String>) {
        let reply = HttpReply {
            status: 401,
            headers: vec![("www-authenticate".to_owned(), value.to_owned())],
            body: Vec::new(),
        };
        let Challenge { resource_metadata, scope } = read(&reply);
        (resource_metadata, scope)
    }

    #[test]
    fn hints_are_found_in_every_shape() {
        let (url, scope) = (Some("https://a.test/x".to_owned()), Some("a b".to_owned()));
        for header in [
            r#"Bearer realm="x", resource_metadata="https://a.test/x", scope="a b""#,
            r#"bearer scope="a b",Resource_Metadata=https://a.test/x"#,
            r#"Basic realm="y", Bearer scope="a b" , resource_metadata="https:\/\/a.test/x""#,
        ] {
            assert_eq!(read_header(header), (url.clone(), scope.clone()), "{header}");
        }
        for header in ["", "Bearer", "Basic realm=\"Bearer\"", "Bearer realm=\"open", "Bearer ="] {
            assert_eq!(read_header(header), (None, None), "{header}");
        }
    }
}
