//! One description of an input, used twice: it checks a JSON value and reports issues in the form
//! existing clients parse, and it writes the JSON Schema of the OpenAPI document.
//!
//! A schema is built once at start from the functions below and then only read:
//!
//! ```text
//! object(vec![
//!     field("unique_key", named::integration_key()),
//!     field("limit", number().min(1).max(2000).coerced().optional()),
//! ])
//! .strict()
//! ```

mod check;
mod coerce;
mod describe;
mod issue;
pub mod named;
mod rule;

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

pub use issue::Issue;
use rule::Rule;

/// What an input must look like.
#[derive(Clone)]
pub struct Schema {
    kind: Kind,
    presence: Presence,
    nullable: bool,
    rules: Vec<Rule>,
    about: Option<&'static str>,
}

/// A named member of an object.
#[derive(Clone)]
pub struct Field {
    name: &'static str,
    schema: Schema,
}

#[derive(Clone)]
enum Kind {
    Any,
    Text,
    Number { whole: bool, coerced: bool },
    Boolean,
    BooleanWord,
    Choice(&'static [&'static str]),
    Date,
    Object { fields: Vec<Field>, extra: Extra },
    Record { key: Box<Schema>, value: Box<Schema> },
    Array(Box<Schema>),
    AnyOf(Vec<Schema>),
    Tagged { variants: Vec<Variant>, mismatch: &'static str },
}

/// One branch of a [`tagged`] union: the tags that select it, and an object that has `type` first.
#[derive(Clone)]
struct Variant {
    tags: &'static [&'static str],
    object: Schema,
}

#[derive(Clone)]
enum Presence {
    Required,
    Optional,
    /// Required unless the object has this other member.
    RequiredUnless(&'static str),
    Default(Value),
}

/// What happens to members an object does not name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Refuse,
    Drop,
    Keep,
}

fn schema(kind: Kind) -> Schema {
    Schema { kind, presence: Presence::Required, nullable: false, rules: Vec::new(), about: None }
}

/// Any JSON value that is present.
pub fn any() -> Schema {
    schema(Kind::Any)
}

/// A text.
pub fn string() -> Schema {
    schema(Kind::Text)
}

/// A finite number.
pub fn number() -> Schema {
    schema(Kind::Number { whole: false, coerced: false })
}

/// A number without fraction.
pub fn integer() -> Schema {
    schema(Kind::Number { whole: true, coerced: false })
}

/// `true` or `false`.
pub fn boolean() -> Schema {
    schema(Kind::Boolean)
}

/// A boolean written as a word (`true`, `1`, `yes`, …), as query strings carry it.
pub fn boolean_word() -> Schema {
    schema(Kind::BooleanWord)
}

/// One of the listed texts.
pub fn one_of(options: &'static [&'static str]) -> Schema {
    schema(Kind::Choice(options))
}

/// A point in time: ISO text or milliseconds. The checked value is milliseconds since 1970.
pub fn date() -> Schema {
    schema(Kind::Date)
}

/// An object with these members; others are refused unless [`Schema::strip`] or
/// [`Schema::loose`] follows.
pub fn object(fields: Vec<Field>) -> Schema {
    schema(Kind::Object { fields, extra: Extra::Refuse })
}

/// An object with these members and any others, which are kept unchecked.
pub fn loose_object(fields: Vec<Field>) -> Schema {
    object(fields).loose()
}

/// A member of an [`object`].
pub fn field(name: &'static str, schema: Schema) -> Field {
    Field { name, schema }
}

/// An object with free keys.
pub fn record(key: Schema, value: Schema) -> Schema {
    schema(Kind::Record { key: Box::new(key), value: Box::new(value) })
}

/// A list.
pub fn array(item: Schema) -> Schema {
    schema(Kind::Array(Box::new(item)))
}

/// The first schema that accepts the value; one `invalid_union` issue when none does.
pub fn any_of(schemas: Vec<Schema>) -> Schema {
    schema(Kind::AnyOf(schemas))
}

/// An object whose `type` selects the branch. `mismatch` is said when the value is not an object
/// or its `type` is not listed.
pub fn tagged(
    branches: Vec<(&'static [&'static str], Vec<Field>)>,
    mismatch: &'static str,
) -> Schema {
    let variants = branches
        .into_iter()
        .map(|(tags, fields)| {
            let mut all = vec![field("type", one_of(tags))];
            all.extend(fields);
            Variant { tags, object: object(all) }
        })
        .collect();
    schema(Kind::Tagged { variants, mismatch })
}

impl Schema {
    /// May be absent.
    pub fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// May be absent from an object that has another member, whatever its value.
    pub fn required_unless(mut self, other: &'static str) -> Self {
        self.presence = Presence::RequiredUnless(other);
        self
    }

    /// May be absent, and then has this value.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.presence = Presence::Default(value.into());
        self
    }

    /// May be `null`.
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Refuses members that are not named. This is what [`object`] does unasked.
    pub fn strict(self) -> Self {
        self.extra(Extra::Refuse)
    }

    /// Drops members that are not named.
    pub fn strip(self) -> Self {
        self.extra(Extra::Drop)
    }

    /// Keeps members that are not named, unchecked.
    pub fn loose(self) -> Self {
        self.extra(Extra::Keep)
    }

    fn extra(mut self, wanted: Extra) -> Self {
        if let Kind::Object { extra, .. } = &mut self.kind {
            *extra = wanted;
        }
        self
    }

    /// Adds a member to an object.
    pub fn with(mut self, member: Field) -> Self {
        if let Kind::Object { fields, .. } = &mut self.kind {
            fields.push(member);
        }
        self
    }

    /// Reads the number from text by JavaScript's rules. For query strings.
    pub fn coerced(mut self) -> Self {
        if let Kind::Number { coerced, .. } = &mut self.kind {
            *coerced = true;
        }
        self
    }

    /// At least this many UTF-16 units, items, or this number.
    pub fn min(self, least: i64) -> Self {
        self.rule(Rule::Min(least))
    }

    /// At most this many UTF-16 units, items, or this number.
    pub fn max(self, most: i64) -> Self {
        self.rule(Rule::Max(most))
    }

    /// Greater than zero.
    pub fn positive(self) -> Self {
        self.rule(Rule::Positive)
    }

    /// Matches a regular expression. `shown` is its text in messages, slashes included.
    pub fn pattern(self, shown: &'static str, regex: &Regex) -> Self {
        self.rule(Rule::Pattern { shown, regex: regex.clone() })
    }

    /// An e-mail address.
    pub fn email(self) -> Self {
        self.rule(Rule::Email)
    }

    /// An absolute URL (WHATWG); the checked value is its normal form.
    pub fn url(self) -> Self {
        self.rule(Rule::Url)
    }

    /// A UUID (RFC 9562) in any letter case.
    pub fn uuid(self) -> Self {
        self.rule(Rule::Uuid)
    }

    /// Begins with this text.
    pub fn starts_with(self, prefix: &'static str) -> Self {
        self.rule(Rule::StartsWith(prefix))
    }

    /// Ends with this text.
    pub fn ends_with(self, suffix: &'static str) -> Self {
        self.rule(Rule::EndsWith(suffix))
    }

    /// Cuts blanks at both ends before the rules that follow.
    pub fn trim(self) -> Self {
        self.transform(|value| match value {
            Value::String(text) => Value::String(text.trim().to_owned()),
            other => other,
        })
    }

    /// A rule of our own: returns what to say when the value breaks it.
    pub fn custom(self, rule: impl Fn(&Value) -> Option<String> + Send + Sync + 'static) -> Self {
        self.rule(Rule::Custom(Arc::new(rule)))
    }

    /// Changes the value on its way in.
    pub fn transform(self, change: impl Fn(Value) -> Value + Send + Sync + 'static) -> Self {
        self.rule(Rule::Transform(Arc::new(change)))
    }

    /// A sentence for the OpenAPI document.
    pub fn about(mut self, text: &'static str) -> Self {
        self.about = Some(text);
        self
    }

    fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Checks an input; `None` is an input that was not sent. Returns the value with defaults,
    /// conversions and transforms applied, or every issue found.
    pub fn check(&self, input: Option<Value>) -> Result<Option<Value>, Vec<Issue>> {
        let mut issues = Vec::new();
        match self.run(input, issue::Place::Root, &mut issues) {
            Ok(value) if issues.is_empty() => Ok(value),
            _ => Err(issues),
        }
    }

    /// The JSON Schema (2020-12) of the input.
    pub fn json_schema(&self) -> Value {
        describe::json_schema(self)
    }

    /// Whether the input may be left out.
    pub fn is_optional(&self) -> bool {
        !matches!(self.presence, Presence::Required)
    }

    /// The members of an object schema, for the parameters of the OpenAPI document.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        let fields = match &self.kind {
            Kind::Object { fields, .. } => fields.as_slice(),
            _ => &[],
        };
        fields.iter().map(|field| (field.name, &field.schema))
    }

    /// Whether the schema is [`nothing`]: an object that may have no members.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Object { fields, extra: Extra::Refuse } if fields.is_empty())
    }

    /// Whether the schema describes an object with free or named keys.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(self.kind, Kind::Object { .. } | Kind::Record { .. })
    }

    /// The sentence given by [`Schema::about`].
    pub(crate) fn described(&self) -> Option<&'static str> {
        self.about
    }
}

impl Field {
    /// The member's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks a value by itself; issues carry the member's name in their path.
    pub fn check(&self, value: Value) -> Result<Option<Value>, Vec<Issue>> {
        let mut issues = Vec::new();
        let place = issue::Place::Key(&issue::Place::Root, self.name);
        match self.schema.run(Some(value), place, &mut issues) {
            Ok(value) if issues.is_empty() => Ok(value),
            _ => Err(issues),
        }
    }

    /// The JSON Schema of the member.
    pub fn json_schema(&self) -> Value {
        self.schema.json_schema()
    }
}

/// An object without members: the check of an endpoint that takes no query or no body.
pub fn nothing() -> Schema {
    object(Vec::new())
}

/// An object from a list of pairs, for values built by hand.
pub(crate) fn map<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
