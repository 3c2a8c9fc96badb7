//! JSON Schema (2020-12) of an input, for the OpenAPI document.

use serde_json::{Map, Value, json};

use super::coerce::{FALSE_WORDS, TRUE_WORDS};
use super::rule::Rule;
use super::{Extra, Field, Kind, Presence, Schema, map};

/// Describes an input. Rules of our own have no JSON Schema form and are left to `about`.
pub(super) fn json_schema(schema: &Schema) -> Value {
    let mut described = by_kind(&schema.kind);
    for rule in &schema.rules {
        add_rule(&mut described, &schema.kind, rule);
    }
    if schema.nullable
        && let Some(kind) = described.get("type").cloned()
    {
        let mut kinds = match kind {
            Value::Array(kinds) => kinds,
            one => vec![one],
        };
        kinds.push("null".into());
        described.insert("type".to_owned(), kinds.into());
    }
    if let Presence::Default(value) = &schema.presence {
        // A word stands for a truth value on the way in, so the default is a word as well.
        let is_word = matches!(schema.kind, Kind::BooleanWord);
        let value = if is_word { value.to_string().into() } else { value.clone() };
        described.insert("default".to_owned(), value);
    }
    if let Some(about) = schema.about {
        described.insert("description".to_owned(), about.into());
    }
    Value::Object(described)
}

fn by_kind(kind: &Kind) -> Map<String, Value> {
    match kind {
        Kind::Any => Map::new(),
        Kind::Text => map([("type", "string".into())]),
        Kind::Number { whole: true, .. } => map([("type", "integer".into())]),
        Kind::Number { whole: false, .. } => map([("type", "number".into())]),
        Kind::Boolean => map([("type", "boolean".into())]),
        Kind::BooleanWord => {
            map([("type", "string".into()), ("enum", json!([TRUE_WORDS, FALSE_WORDS].concat()))])
        }
        Kind::Choice(options) => map([("type", "string".into()), ("enum", json!(options))]),
        Kind::Date => map([
            ("type", json!(["string", "number"])),
            ("description", "An ISO 8601 text, or milliseconds since 1970".into()),
        ]),
        Kind::Object { fields, extra } => object(fields, *extra),
        Kind::Record { key, value } => map([
            ("type", "object".into()),
            ("propertyNames", key.json_schema()),
            ("additionalProperties", value.json_schema()),
        ]),
        Kind::Array(item) => map([("type", "array".into()), ("items", item.json_schema())]),
        Kind::AnyOf(schemas) => map([("anyOf", list(schemas.iter()))]),
        Kind::Tagged { variants, .. } => {
            map([("oneOf", list(variants.iter().map(|variant| &variant.object)))])
        }
    }
}

fn list<'a>(schemas: impl Iterator<Item = &'a Schema>) -> Value {
    schemas.map(Schema::json_schema).collect()
}

fn object(fields: &[Field], extra: Extra) -> Map<String, Value> {
    let properties: Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), field.schema.json_schema())).collect();
    let required: Vec<_> =
        fields.iter().filter(|field| !field.schema.is_optional()).map(|field| field.name).collect();
    let mut described = map([("type", "object".into()), ("properties", Value::Object(properties))]);
    if !required.is_empty() {
        described.insert("required".to_owned(), json!(required));
    }
    if extra == Extra::Refuse {
        described.insert("additionalProperties".to_owned(), false.into());
    }
    described
}

fn add_rule(described: &mut Map<String, Value>, kind: &Kind, rule: &Rule) {
    let (lower, upper) = match kind {
        Kind::Number { .. } => ("minimum", "maximum"),
        Kind::Array(_) => ("minItems", "maxItems"),
        _ => ("minLength", "maxLength"),
    };
    let (name, value) = match rule {
        Rule::Min(least) => (lower, (*least).into()),
        Rule::Max(most) => (upper, (*most).into()),
        Rule::Positive => ("exclusiveMinimum", 0.into()),
        Rule::Pattern { shown, .. } => ("pattern", shown.trim_matches('/').into()),
        Rule::Email => ("format", "email".into()),
        Rule::Url => ("format", "uri".into()),
        Rule::Uuid => ("format", "uuid".into()),
        Rule::StartsWith(prefix) => ("pattern", format!("^{}", regex::escape(prefix)).into()),
        Rule::EndsWith(suffix) => ("pattern", format!("{}$", regex::escape(suffix)).into()),
        Rule::Custom(_) | Rule::Transform(_) => return,
    };
    described.insert(name.to_owned(), value);
}
