//! Credentials in their wire form.

use std::fmt;

use serde_json::{Map, Value};
use valetkey_base::Timestamp;
use valetkey_catalog::AuthMode;

/// The member with the one-time inputs of an assertion. It is kept to sign again and never leaves the
/// server.
pub const HIDDEN_MEMBER: &str = "_assertion_option";

/// The credentials of a connection, exactly as clients read them: `{"type":"OAUTH2", …}`, or an
/// empty object for a connection without any. `Debug` shows only the type.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials(Map<String, Value>);

impl Credentials {
    /// From a map that already has the wire form.
    pub fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// From stored JSON; anything but an object gives empty credentials.
    pub fn from_json(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// Everything, for sealing. What clients read is [`Credentials::shown`].
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// The members.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The `type`; none for empty credentials.
    pub fn kind(&self) -> Option<AuthMode> {
        self.text("type")?.parse().ok()
    }

    /// When the token ends.
    pub fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::parse_iso(self.text("expires_at")?)
    }

    /// The refresh token, when there is one.
    pub fn refresh_token(&self) -> Option<&str> {
        self.text("refresh_token")
    }

    /// The token calls are made with: `access_token`, or `token` where a mode calls it that.
    pub fn access_token(&self) -> Option<&str> {
        self.text("access_token").or_else(|| self.text("token"))
    }

    /// A text member that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// What a client may read: nothing of [`HIDDEN_MEMBER`], and refresh tokens, at any depth, only
    /// when they are asked for.
    pub fn shown(&self, with_refresh_token: bool) -> Value {
        let mut shown = self.0.clone();
        shown.shift_remove(HIDDEN_MEMBER);
        let mut value = Value::Object(shown);
        if !with_refresh_token {
            strip_refresh_tokens(&mut value);
        }
        value
    }

    /// Every secret text in them, for redaction.
    pub fn secrets(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for (name, value) in &self.0 {
            collect_secrets(name, value, &mut found);
        }
        found
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.kind().map_or("none", AuthMode::as_str))
    }
}

/// Removes, at every depth, each key whose letters alone spell `refreshtoken`.
pub fn strip_refresh_tokens(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| letters(name) != "refreshtoken");
            map.values_mut().for_each(strip_refresh_tokens);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_refresh_tokens),
        _ => {}
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

fn collect_secrets<'v>(name: &str, value: &'v Value, found: &mut Vec<&'v str>) {
    const MARKS: [&str; 10] = [
        "token",
        "secret",
        "password",
        "apikey",
        "privatekey",
        "certificate",
        "assertion",
        "cookie",
        "sessionid",
        "devkey",
    ];
    match value {
        Value::String(text) => {
            let name = letters(name);
            let is_secret = MARKS.iter().any(|mark| name.contains(mark)) && name != "tokentype";
            if is_secret && !text.is_empty() && !found.contains(&text.as_str()) {
                found.push(text);
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                collect_secrets(name, value, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect_secrets(name, item, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Credentials {
        Credentials::from_json(json!({
            "type": "OAUTH2", "access_token": "at", "refresh_token": "rt",
            "expires_at": "2026-03-01T09:10:11.000Z",
            "_assertion_option": {"privateKey": "pk", "userName": "ann"},
            "raw": {"refreshToken": "rt2", "token_type": "bearer", "scope": "a",
                    "authed_user": [{"REFRESH-TOKEN": "rt3", "id_token": "it"}]}
        }))
    }

    #[test]
    fn refresh_tokens_are_stripped_at_every_depth_and_hidden_inputs_always() {
        assert_eq!(
            sample().shown(false),
            json!({
                "type": "OAUTH2", "access_token": "at", "expires_at": "2026-03-01T09:10:11.000Z",
                "raw": {"token_type": "bearer", "scope": "a", "authed_user": [{"id_token": "it"}]}
            })
        );
        let shown = sample().shown(true);
        assert_eq!(shown["refresh_token"], "rt");
        assert!(!shown.to_string().contains("_assertion_option"), "{shown}");
    }

    #[test]
    fn secrets_are_found_and_debug_shows_none() {
        assert_eq!(sample().secrets(), ["at", "rt", "pk", "rt2", "rt3", "it"]);
        assert_eq!(format!("{:?}", sample()), "Credentials(OAUTH2)");
        assert_eq!(format!("{:?}", Credentials::default()), "Credentials(none)");
    }
}
