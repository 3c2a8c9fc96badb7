//! The small texts of a webhook recipe: places in a request, targets in a connection, templates.

use std::fmt;
use std::str::FromStr;

use regex::Regex;
use serde::{Deserialize, Deserializer, de};

use super::webhooks::KeySource;

/// Where a value stands in a request: `header.x-id`, `query.id`, `body.a.b`, `item.a`, `literal.x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header, its name in lower case.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A dotted path in the body; numbers count in lists.
    Body(String),
    /// A dotted path in each of the events of the body.
    Item(String),
    /// The text itself.
    Literal(String),
}

/// A text that is not what a recipe has in its place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not understood here; {1}")]
pub struct NotUnderstood(String, &'static str);

impl FromStr for Place {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = "a place is header.x, query.x, body.x, item.x or literal.x";
        let wrong = || NotUnderstood(text.to_owned(), known);
        let (kind, rest) = text.split_once('.').ok_or_else(wrong)?;
        let rest = Some(rest.to_owned()).filter(|rest| !rest.is_empty()).ok_or_else(wrong)?;
        match kind {
            "header" => Ok(Self::Header(rest.to_ascii_lowercase())),
            "query" => Ok(Self::Query(rest)),
            "body" => Ok(Self::Body(rest)),
            "item" => Ok(Self::Item(rest)),
            "literal" => Ok(Self::Literal(rest)),
            _ => Err(wrong()),
        }
    }
}

/// What of a connection an identifier is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Its id.
    ConnectionId,
    /// A member of its metadata: equal, a list with it, or an object with that key.
    Metadata(String),
    /// A member of its configuration.
    Config(String),
}

impl FromStr for Target {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = "a target is connection_id, metadata.x or connection_config.x";
        match text.split_once('.') {
            None if text == "connection_id" => Ok(Self::ConnectionId),
            Some(("metadata", key)) => Ok(Self::Metadata(key.to_owned())),
            Some(("connection_config", key)) => Ok(Self::Config(key.to_owned())),
            _ => Err(NotUnderstood(text.to_owned(), known)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionId => f.write_str("connection_id"),
            Self::Metadata(key) => write!(f, "metadata.{key}"),
            Self::Config(key) => write!(f, "connection_config.{key}"),
        }
    }
}

impl FromStr for KeySource {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = "a key is webhook_secret, client_secret, client_id, github_app, fetched, \
                     metadata.x or connection_config.x";
        match (text, text.split_once('.')) {
            ("webhook_secret", _) => Ok(Self::WebhookSecret),
            ("client_secret", _) => Ok(Self::ClientSecret),
            ("client_id", _) => Ok(Self::ClientId),
            ("github_app", _) => Ok(Self::GithubApp),
            ("fetched", _) => Ok(Self::Fetched),
            (_, Some(("metadata", key))) => Ok(Self::Metadata(key.to_owned())),
            (_, Some(("connection_config", key))) => Ok(Self::Config(key.to_owned())),
            _ => Err(NotUnderstood(text.to_owned(), known)),
        }
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `${body}`: the bytes of the body.
    Body,
    /// `${timestamp}`: the time of signing, as it was sent.
    Timestamp,
    /// `${url}`: the address the provider called.
    Url,
    /// `${method}`.
    Method,
    /// `${secret}`: the key as text.
    Secret,
    /// `${client_id}`: the integration's.
    ClientId,
    /// `${sorted_form}`: names and values of a form, sorted by name, without separators.
    SortedForm,
    /// `${header.x}` and the like.
    At(Place),
    /// `${hmac_hex:place}`: HMAC-SHA256 of a value with the key, in hex.
    HmacHex(Place),
    /// `${hmac_base64:place}`: the same in Base64.
    HmacBase64(Place),
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

impl Template {
    /// `${body}`.
    pub fn body() -> Self {
        Self(vec![Piece::Body])
    }
}

impl FromStr for Template {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let wrong = || NotUnderstood(text.to_owned(), "a placeholder is not closed");
            let (name, after) = after.split_once('}').ok_or_else(wrong)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(piece(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

fn piece(name: &str) -> Result<Piece, NotUnderstood> {
    Ok(match (name, name.split_once(':')) {
        ("body", _) => Piece::Body,
        ("timestamp", _) => Piece::Timestamp,
        ("url", _) => Piece::Url,
        ("method", _) => Piece::Method,
        ("secret", _) => Piece::Secret,
        ("client_id", _) => Piece::ClientId,
        ("sorted_form", _) => Piece::SortedForm,
        (_, Some(("hmac_hex", place))) => Piece::HmacHex(place.parse()?),
        (_, Some(("hmac_base64", place))) => Piece::HmacBase64(place.parse()?),
        _ => Piece::At(name.parse()?),
    })
}

/// A pattern whose first group is a value.
#[derive(Clone, Debug)]
pub struct Extract(Regex);

impl Extract {
    /// The first group in a text, percent escapes undone.
    pub fn first_group(&self, text: &str) -> Option<String> {
        let found = self.0.captures(text)?.get(1)?.as_str();
        let decoded = percent_encoding::percent_decode_str(found).decode_utf8().ok()?;
        Some(decoded.into_owned())
    }
}

impl PartialEq for Extract {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Extract {}

impl FromStr for Extract {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotUnderstood(text.to_owned(), "a pattern has one group and is linear");
        let regex = Regex::new(text).map_err(|_| wrong())?;
        if regex.captures_len() != 2 {
            return Err(wrong());
        }
        Ok(Self(regex))
    }
}

macro_rules! deserialize_from_text {
    ($($kind:ty),*) => {$(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

deserialize_from_text!(Place, Target, KeySource, Template, Extract);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_piece_by_piece() {
        let template: Template = "v0:${timestamp}:${body}${header.X-Id}".parse().unwrap();
        assert_eq!(
            template.0,
            [
                Piece::Text("v0:".to_owned()),
                Piece::Timestamp,
                Piece::Text(":".to_owned()),
                Piece::Body,
                Piece::At(Place::Header("x-id".to_owned())),
            ]
        );
        assert!("${body".parse::<Template>().is_err());
        assert!("${nonsense}".parse::<Template>().is_err());
    }

    #[test]
    fn a_pattern_gives_its_one_group_decoded() {
        let extract: Extract = "/calendars/([^/]+)/".parse().unwrap();
        assert_eq!(extract.first_group("/calendars/a%40b.co/x").as_deref(), Some("a@b.co"));
        assert!("abc".parse::<Extract>().is_err());
    }
}
