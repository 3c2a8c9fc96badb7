//! The placeholder language: `${name}`, `${now…}`, `${fn(…)}` and `left || right`.
//!
//! ```text
//! template := part*               part := text | "${" name "}" | "${" fn "(" template ")}"
//! choice   := template ("||" template)*
//! ```
//!
//! A template is parsed first and filled in once: a value is never read as template text, so a
//! password may hold `${…}` or `||`.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use valetkey_base::{Rng, Timestamp};

use crate::private_key::{PrivateKey, SigningPair, fingerprint};
use crate::schema::Field;
use crate::sigv4::{Signed, Signer, authorization, sha256_hex};
use crate::time_format;

/// Longer texts are taken as plain text. The longest real template has under two thousand bytes.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;
const NESTING_MAX: usize = 8;

/// A piece of a parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Name(String),
    Call { function: Function, argument: Vec<Part> },
}

/// The functions of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Base64,
    Sha256Hex,
    Sha256Base64,
    HmacSha1Hex,
    Ed25519Sign,
    AwsSigV4,
    Fingerprint,
}

impl Function {
    const ALL: [(&'static str, Self); 7] = [
        ("base64", Self::Base64),
        ("sha256Hex", Self::Sha256Hex),
        ("sha256Base64", Self::Sha256Base64),
        ("hmacSha1Hex", Self::HmacSha1Hex),
        ("ed25519Sign", Self::Ed25519Sign),
        ("awsSigV4", Self::AwsSigV4),
        ("fingerprint", Self::Fingerprint),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }
}

/// The values a template may name. `now` and `random` stay the same for the life of the scope, so
/// that a signature and the header it covers agree.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    connection_config: Option<&'a Map<String, Value>>,
    fields: &'a [Field],
    credentials: Option<&'a Map<String, Value>>,
    flat: Map<String, Value>,
    now: Timestamp,
    random: String,
}

impl<'a> Scope<'a> {
    /// A scope that knows the time and one random UUID.
    pub fn new(now: Timestamp, rng: &Rng) -> Self {
        Self {
            connection_config: None,
            fields: &[],
            credentials: None,
            flat: Map::new(),
            now,
            random: rng.uuid().to_string(),
        }
    }

    /// Makes `${connectionConfig.x}` known.
    pub fn with_connection_config(mut self, map: &'a Map<String, Value>) -> Self {
        self.connection_config = Some(map);
        self
    }

    /// Says which settings a person may leave out.
    pub fn with_fields(mut self, fields: &'a [Field]) -> Self {
        self.fields = fields;
        self
    }

    /// Whether nothing is missing but settings that may be left out: then what names them can be
    /// left out too.
    pub fn may_leave_out(&self, missing: &Unresolved) -> bool {
        let is_optional = |name: &String| {
            name.strip_prefix("connectionConfig.").is_some_and(|name| {
                self.fields.iter().any(|field| field.name == name && !field.is_required())
            })
        };
        missing.functions.is_empty()
            && !missing.names.is_empty()
            && missing.names.iter().all(is_optional)
    }

    /// Makes `${credentials.x}` known.
    pub fn with_credentials(mut self, map: &'a Map<String, Value>) -> Self {
        self.credentials = Some(map);
        self
    }

    /// Makes `${name}` known.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.flat.insert(name.to_owned(), value.into());
    }

    /// The text of a name: a text or a number, found under the whole name or along its dots.
    fn lookup(&self, name: &str) -> Option<String> {
        if name == "random" && !self.flat.contains_key(name) {
            return Some(self.random.clone());
        }
        if time_format::is_moment(name) {
            return time_format::render(name, self.now);
        }
        let value = if let Some(key) = name.strip_prefix("connectionConfig.") {
            find(self.connection_config?, key)
        } else if let Some(key) = name.strip_prefix("credentials.") {
            find(self.credentials?, key)
        } else {
            find(&self.flat, name)
        }?;
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// A member by its whole name, else along the dots.
pub fn find<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = map.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    find(map.get(first)?.as_object()?, rest)
}

/// A template could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Default, thiserror::Error)]
pub struct Unresolved {
    /// Names without a value.
    pub names: Vec<String>,
    /// Functions whose arguments are not what they take.
    pub functions: Vec<String>,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if !self.names.is_empty() {
            write!(f, "no value is known for {}", self.names.join(", "))?;
            gap = "; ";
        }
        if !self.functions.is_empty() {
            write!(
                f,
                "{gap}the values given to {} are not what it takes",
                self.functions.join(", ")
            )?;
        }
        Ok(())
    }
}

impl Unresolved {
    fn name(name: &str) -> Self {
        Self { names: vec![name.to_owned()], functions: Vec::new() }
    }

    fn merge(&mut self, other: Self) {
        for name in other.names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        for function in other.functions {
            if !self.functions.contains(&function) {
                self.functions.push(function);
            }
        }
    }
}

/// Fills a template in. Of `left || right` the first side counts whose every name has a value that
/// is not empty; a last side without names is the fallback.
pub fn render(text: &str, scope: &Scope<'_>) -> Result<String, Unresolved> {
    let sides = parse_choice(text);
    let [only] = sides.as_slice() else {
        return choose(&sides, scope).and_then(|side| render_parts(side, scope));
    };
    render_parts(only, scope)
}

/// Fills a template in where `||` is plain text (signing keys).
pub fn render_verbatim(text: &str, scope: &Scope<'_>) -> Result<String, Unresolved> {
    render_parts(&parse(text), scope)
}

/// Every name a template refers to, on any side; not `now…` and `random`.
pub fn references(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for side in parse_choice(text) {
        collect(&side, &mut |part| {
            if let Part::Name(name) = part
                && name != "random"
                && !time_format::is_moment(name)
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        });
    }
    names
}

/// Whether a text has an opening `${` that nothing closes.
pub fn has_loose_ends(text: &str) -> bool {
    parse(text).iter().any(|part| matches!(part, Part::Text(text) if text.contains("${")))
}

fn collect(parts: &[Part], visit: &mut dyn FnMut(&Part)) {
    for part in parts {
        visit(part);
        if let Part::Call { argument, .. } = part {
            collect(argument, visit);
        }
    }
}

/// The side of a choice that is taken.
pub(crate) fn choose<'p>(
    sides: &'p [Vec<Part>],
    scope: &Scope<'_>,
) -> Result<&'p [Part], Unresolved> {
    let mut missing = Unresolved::default();
    for side in sides {
        match values_missing(side, scope) {
            None => return Ok(side),
            Some(names) => missing.merge(names),
        }
    }
    Err(missing)
}

/// The names of a side that have no value or an empty one; `None` when it can be filled in.
fn values_missing(side: &[Part], scope: &Scope<'_>) -> Option<Unresolved> {
    let mut missing = Unresolved::default();
    collect(side, &mut |part| match part {
        Part::Name(name) => {
            if scope.lookup(name).is_none_or(|value| value.is_empty()) {
                missing.merge(Unresolved::name(name));
            }
        }
        Part::Text(_) | Part::Call { .. } => {}
    });
    (missing != Unresolved::default()).then_some(missing)
}

fn misused(function: Function) -> Unresolved {
    Unresolved { names: Vec::new(), functions: vec![function.name().to_owned()] }
}

fn render_parts(parts: &[Part], scope: &Scope<'_>) -> Result<String, Unresolved> {
    let mut text = String::new();
    let mut missing = Unresolved::default();
    for part in parts {
        match render_part(part, scope) {
            Ok(value) => text.push_str(&value),
            Err(names) => missing.merge(names),
        }
    }
    if missing == Unresolved::default() { Ok(text) } else { Err(missing) }
}

pub(crate) fn render_part(part: &Part, scope: &Scope<'_>) -> Result<String, Unresolved> {
    match part {
        Part::Text(text) => Ok(text.clone()),
        Part::Name(name) => scope.lookup(name).ok_or_else(|| Unresolved::name(name)),
        Part::Call { function, argument } => call(*function, argument, scope),
    }
}

fn call(function: Function, argument: &[Part], scope: &Scope<'_>) -> Result<String, Unresolved> {
    match function {
        Function::Base64 => Ok(STANDARD.encode(render_parts(argument, scope)?)),
        Function::Sha256Hex => Ok(hex::encode(sha256(&render_parts(argument, scope)?))),
        Function::Sha256Base64 => Ok(STANDARD.encode(sha256(&render_parts(argument, scope)?))),
        Function::HmacSha1Hex => {
            let (message, key) = message_and_key(function, argument, scope)?;
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.trim().as_bytes());
            Ok(hex::encode(hmac::sign(&key, message.as_bytes())))
        }
        Function::Ed25519Sign => {
            let (message, key) = message_and_key(function, argument, scope)?;
            match PrivateKey::read(&key).map(|key| key.pair) {
                Ok(SigningPair::Ed25519(pair)) => {
                    Ok(STANDARD.encode(pair.sign(message.as_bytes()).as_ref()))
                }
                _ => Err(misused(function)),
            }
        }
        Function::Fingerprint => {
            fingerprint(&render_parts(argument, scope)?).map_err(|_| misused(function))
        }
        Function::AwsSigV4 => aws_sigv4(argument, scope),
    }
}

/// The two arguments around the last comma, filled in.
fn message_and_key(
    function: Function,
    argument: &[Part],
    scope: &Scope<'_>,
) -> Result<(String, String), Unresolved> {
    let (message, key) = split_at_last_comma(argument).ok_or_else(|| misused(function))?;
    Ok((render_parts(&message, scope)?, render_parts(&key, scope)?))
}

/// `accessKey, secretKey, region, service[, host]` and the request in the scope.
fn aws_sigv4(argument: &[Part], scope: &Scope<'_>) -> Result<String, Unresolved> {
    let mut values = Vec::new();
    for part in split_at_commas(argument) {
        values.push(render_parts(&part, scope)?.trim().to_owned());
    }
    let (signer, host) = match values.as_slice() {
        [access_key, secret_key, region, service, rest @ ..]
            if rest.len() <= 1 && values.iter().all(|value| !value.is_empty()) =>
        {
            (Signer { access_key, secret_key, region, service }, rest.first())
        }
        _ => return Err(misused(Function::AwsSigV4)),
    };
    let host = host.cloned().unwrap_or_else(|| format!("{}.amazonaws.com", signer.service));
    let value = |name: &str| scope.lookup(name);
    let needed = |name: &str| value(name).ok_or_else(|| Unresolved::name(name));
    let content_type = value("contentType");
    let moment = scope.now.format("%Y%m%dT%H%M%SZ");
    let mut headers = vec![("host", host.as_str()), ("x-amz-date", moment.as_str())];
    if let Some(content_type) = &content_type {
        headers.insert(0, ("content-type", content_type));
    }
    let request = Signed {
        method: &needed("method")?,
        path: &needed("path")?,
        query: &value("urlCanonicalParams").unwrap_or_default(),
        headers: &headers,
        body_sha256: &sha256_hex(value("bodyCanonicalParams").unwrap_or_default().as_bytes()),
    };
    Ok(authorization(&signer, &request, scope.now))
}

fn sha256(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}

/// The two arguments around the last comma of the template's own text.
fn split_at_last_comma(parts: &[Part]) -> Option<(Vec<Part>, Vec<Part>)> {
    let at =
        parts.iter().rposition(|part| matches!(part, Part::Text(text) if text.contains(',')))?;
    let Part::Text(text) = parts.get(at)? else {
        return None;
    };
    let (before, after) = text.rsplit_once(',')?;
    let mut left = parts[..at].to_vec();
    left.push(Part::Text(before.to_owned()));
    let mut right = vec![Part::Text(after.to_owned())];
    right.extend_from_slice(&parts[at + 1..]);
    Some((left, right))
}

/// The arguments between the commas of the template's own text.
fn split_at_commas(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut split: Vec<Vec<Part>> = vec![Vec::new()];
    for part in parts {
        match part {
            Part::Text(text) => {
                for (index, piece) in text.split(',').enumerate() {
                    if index > 0 {
                        split.push(Vec::new());
                    }
                    push(&mut split, Part::Text(piece.to_owned()));
                }
            }
            part => push(&mut split, part.clone()),
        }
    }
    split
}

/// The sides of `left || right`, blanks around them removed; one side when there is no choice.
pub(crate) fn parse_choice(text: &str) -> Vec<Vec<Part>> {
    let mut sides: Vec<Vec<Part>> = vec![Vec::new()];
    let parts = parse(text);
    if !parts.iter().any(|part| !matches!(part, Part::Text(_))) {
        return vec![parts];
    }
    for part in parts {
        match part {
            Part::Text(text) if text.contains("||") => {
                for (index, piece) in text.split("||").enumerate() {
                    if index > 0 {
                        sides.push(Vec::new());
                    }
                    push(&mut sides, Part::Text(piece.to_owned()));
                }
            }
            part => push(&mut sides, part),
        }
    }
    if sides.len() > 1 {
        for side in &mut sides {
            trim(side);
        }
    }
    sides
}

fn push(sides: &mut [Vec<Part>], part: Part) {
    if let Some(side) = sides.last_mut() {
        side.push(part);
    }
}

fn trim(side: &mut Vec<Part>) {
    if let Some(Part::Text(text)) = side.first_mut() {
        *text = text.trim_start().to_owned();
    }
    if let Some(Part::Text(text)) = side.last_mut() {
        *text = text.trim_end().to_owned();
    }
    side.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
}

/// Parses a template. Whatever is not an expression is text.
pub(crate) fn parse(text: &str) -> Vec<Part> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return vec![Part::Text(text.to_owned())];
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        literal.push_str(&rest[..at]);
        if let Some((part, after)) = parse_expression(&rest[at..], 0) {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part);
            rest = after;
        } else {
            literal.push_str("${");
            rest = &rest[at + 2..];
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    parts
}

/// Reads the expression at the start of the text (which begins with `${`); gives what follows it.
fn parse_expression(text: &str, depth: usize) -> Option<(Part, &str)> {
    let inner = text.strip_prefix("${")?;
    for (name, function) in Function::ALL {
        if let Some(argument) = inner.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')) {
            let (argument, after) = parse_argument(argument, depth + 1)?;
            return Some((Part::Call { function, argument }, after));
        }
    }
    let end = inner.find(['{', '}'])?;
    let name = inner.get(..end)?;
    let after = inner[end..].strip_prefix('}')?;
    (!name.is_empty()).then(|| (Part::Name(name.to_owned()), after))
}

/// Reads a call's argument up to the first `)}` outside a nested call.
fn parse_argument(text: &str, depth: usize) -> Option<(Vec<Part>, &str)> {
    if depth > NESTING_MAX {
        return None;
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    loop {
        let close = rest.find(")}")?;
        let Some(open) = rest.find("${").filter(|open| *open < close) else {
            literal.push_str(&rest[..close]);
            if !literal.is_empty() {
                parts.push(Part::Text(literal));
            }
            return Some((parts, &rest[close + 2..]));
        };
        literal.push_str(&rest[..open]);
        if let Some((part, after)) = parse_expression(&rest[open..], depth) {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part);
            rest = after;
        } else if starts_call(&rest[open..]) {
            // An unclosed call inside means that this one is unclosed too; stopping here keeps
            // parsing linear. Any other loose `${` is text.
            return None;
        } else {
            literal.push_str("${");
            rest = &rest[open + 2..];
        }
    }
}

fn starts_call(text: &str) -> bool {
    text.strip_prefix("${").is_some_and(|inner| {
        Function::ALL
            .iter()
            .any(|(name, _)| inner.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    })
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
