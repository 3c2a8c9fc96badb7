//! The bytes of an event.
//!
//! Receivers of the older signature scheme verify by parsing the body and writing it again with
//! sorted keys, so the key order and the spelling of numbers are part of the contract: they are
//! those of JavaScript's `JSON.stringify` over an object with sorted keys.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value, json};

/// The literal that every event of our own carries in `from`.
pub(crate) const FROM: &str = "nango";

/// What is said of the provider when the integration is not at hand.
pub const PROVIDER_UNKNOWN: &str = "unknown";

/// What happened to a connection's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthOperation {
    /// A new connection.
    Creation,
    /// An existing connection authorized again.
    Override,
    /// Its credentials renewed, or the attempt at it.
    Refresh,
}

impl AuthOperation {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Override => "override",
            Self::Refresh => "refresh",
        }
    }
}

/// The end user whom a connect session named.
#[derive(Clone, Debug)]
pub struct EndUser<'a> {
    /// The app's id of the person.
    pub id: &'a str,
    /// Sent as `null` when unknown.
    pub email: Option<&'a str>,
    /// The app's id of the person's organization.
    pub organization_id: Option<&'a str>,
    /// Always sent, empty or not.
    pub tags: &'a Map<String, Value>,
}

/// Why the operation failed.
#[derive(Clone, Debug)]
pub struct AuthFailure<'a> {
    /// An error code such as `invalid_callback`.
    pub kind: &'a str,
    /// A sentence for people. Must hold no secret.
    pub description: &'a str,
}

/// An event of type `auth`.
#[derive(Clone, Debug)]
pub struct AuthEvent<'a> {
    /// What happened.
    pub operation: AuthOperation,
    /// The connection, or the id it would have had.
    pub connection_id: &'a str,
    /// The integration's unique key.
    pub provider_config_key: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The provider's auth mode, such as `OAUTH2`.
    pub auth_mode: &'a str,
    /// The provider's key, or [`PROVIDER_UNKNOWN`].
    pub provider: &'a str,
    /// The connection's tags; `None` when no connection is stored.
    pub tags: Option<&'a Map<String, Value>>,
    /// Set on success only, when a session attached one.
    pub end_user: Option<EndUser<'a>>,
    /// `None` means success.
    pub failure: Option<AuthFailure<'a>>,
}

impl AuthEvent<'_> {
    /// The body of the delivery.
    pub fn body(&self) -> String {
        canonical_json(&self.to_value())
    }

    /// The event as JSON. What is absent has no key; only the end user's e-mail can be `null`.
    pub fn to_value(&self) -> Value {
        let mut event = Map::new();
        let mut put = |key: &str, value: Value| event.insert(key.to_owned(), value);
        put("from", FROM.into());
        put("type", "auth".into());
        put("operation", self.operation.as_str().into());
        put("connectionId", self.connection_id.into());
        put("providerConfigKey", self.provider_config_key.into());
        put("environment", self.environment.into());
        put("authMode", self.auth_mode.into());
        put("provider", self.provider.into());
        put("success", self.failure.is_none().into());
        if let Some(tags) = self.tags {
            put("tags", tags.clone().into());
        }
        match (&self.failure, &self.end_user) {
            (Some(failure), _) => {
                put("error", json!({"type": failure.kind, "description": failure.description}));
            }
            (None, Some(end_user)) => {
                put("endUser", end_user.to_value());
            }
            (None, None) => {}
        }
        event.into()
    }
}

impl EndUser<'_> {
    fn to_value(&self) -> Value {
        let mut value = json!({
            "endUserId": self.id,
            "endUserEmail": self.email,
            "tags": self.tags,
        });
        if let Some(organization_id) = self.organization_id {
            value["organizationId"] = organization_id.into();
        }
        value
    }
}

/// Compact JSON with the keys of every object in a fixed order: integer-like keys first, ascending,
/// then the others by UTF-16 code unit.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
        Value::Number(number) => text.push_str(&number_text(number)),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by(|(one, _), (other, _)| key_order(one, other));
            text.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_value(text, item);
            }
            text.push('}');
        }
    }
}

fn key_order(one: &str, other: &str) -> Ordering {
    match (array_index(one), array_index(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.encode_utf16().cmp(other.encode_utf16()),
    }
}

/// The number a key stands for, if JavaScript orders it as one: the canonical spelling of 0 to
/// 2^32 - 2 (ECMA-262, "array index").
fn array_index(key: &str) -> Option<u32> {
    let index = key.parse::<u32>().ok().filter(|index| *index < u32::MAX)?;
    (index.to_string() == key).then_some(index)
}

/// A number as JavaScript writes it: `1` for 1.0, `1e+21`, `1e-7`. Integers keep all their digits.
fn number_text(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    let size = float.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size >= 1e21 {
        format!("{float:e}").replacen('e', "e+", 1)
    } else if size < 1e-6 {
        format!("{float:e}")
    } else {
        float.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn event(operation: AuthOperation) -> AuthEvent<'static> {
        AuthEvent {
            operation,
            connection_id: "conn-1",
            provider_config_key: "github-prod",
            environment: "dev",
            auth_mode: "OAUTH2",
            provider: "github",
            tags: None,
            end_user: None,
            failure: None,
        }
    }

    #[test]
    fn a_creation_says_who_connected_what() {
        let (row, person) = (tags(json!({"end_user_id": "u-1"})), tags(json!({"k": "v"})));
        let event = AuthEvent {
            tags: Some(&row),
            end_user: Some(EndUser {
                id: "u-1",
                email: Some("a@b.co"),
                organization_id: Some("o-1"),
                tags: &person,
            }),
            ..event(AuthOperation::Creation)
        };
        assert_eq!(
            event.body(),
            concat!(
                r#"{"authMode":"OAUTH2","connectionId":"conn-1","#,
                r#""endUser":{"endUserEmail":"a@b.co","endUserId":"u-1","organizationId":"o-1","#,
                r#""tags":{"k":"v"}},"environment":"dev","from":"nango","operation":"creation","#,
                r#""provider":"github","providerConfigKey":"github-prod","success":true,"#,
                r#""tags":{"end_user_id":"u-1"},"type":"auth"}"#
            )
        );
    }

    #[test]
    fn absent_parts_have_no_key_but_an_unknown_email_is_null() {
        let none = Map::new();
        let person = EndUser { id: "u", email: None, organization_id: None, tags: &none };
        let event =
            AuthEvent { end_user: Some(person), ..event(AuthOperation::Override) }.to_value();
        assert_eq!(event["endUser"], json!({"endUserId": "u", "endUserEmail": null, "tags": {}}));
        assert!(event.get("tags").is_none() && event.get("error").is_none());
    }

    #[test]
    fn a_failure_carries_the_error_and_no_end_user() {
        let none = Map::new();
        let event = AuthEvent {
            provider: PROVIDER_UNKNOWN,
            end_user: Some(EndUser { id: "u", email: None, organization_id: None, tags: &none }),
            failure: Some(AuthFailure { kind: "invalid_callback", description: "No code." }),
            ..event(AuthOperation::Refresh)
        };
        assert_eq!(
            event.body(),
            concat!(
                r#"{"authMode":"OAUTH2","connectionId":"conn-1","environment":"dev","#,
                r#""error":{"description":"No code.","type":"invalid_callback"},"from":"nango","#,
                r#""operation":"refresh","provider":"unknown","#,
                r#""providerConfigKey":"github-prod","success":false,"type":"auth"}"#
            )
        );
    }

    #[test]
    fn keys_are_ordered_as_javascript_orders_them() {
        let value = json!({
            "b": {"z": 1, "10": 2, "9": 3, "a": [ {"y": 1, "x": 2} ]},
            "é": 1, "A": 2, "-1": 3, "01": 4, "1": 5, "0": 6, "4294967295": 7, "4294967294": 8,
            // U+FF61 is below U+1F600 by code point and above it by UTF-16 code unit.
            "\u{ff61}": 9, "\u{1f600}": 10, "": 11,
        });
        assert_eq!(
            canonical_json(&value),
            concat!(
                r#"{"0":6,"1":5,"4294967294":8,"":11,"-1":3,"01":4,"4294967295":7,"A":2,"#,
                r#""b":{"9":3,"10":2,"a":[{"x":2,"y":1}],"z":1},"é":1,"#,
                "\"\u{1f600}\":10,\"\u{ff61}\":9}"
            )
        );
    }

    #[test]
    fn scalars_are_written_as_javascript_writes_them() {
        let value: Value = serde_json::from_str(concat!(
            r#"[null,true,"\u0001\n\"\\\/\u007f ü",1.0,-0.0,1.5,1e21,1e20,"#,
            "1.25e-7,0.000001,18446744073709551615]"
        ))
        .unwrap();
        assert_eq!(
            canonical_json(&value),
            "[null,true,\"\\u0001\\n\\\"\\\\/\u{7f} ü\",1,0,1.5,1e+21,100000000000000000000,\
             1.25e-7,0.000001,18446744073709551615]"
        );
        assert_eq!(canonical_json(&json!({})), "{}");
        assert_eq!(canonical_json(&json!([])), "[]");
    }
}
