//! Walking a value along its schema.

use serde_json::{Map, Value};

use super::coerce;
use super::issue::{Issue, Place, quoted_options, type_word};
use super::{Extra, Field, Kind, Presence, Schema, Variant};

/// An issue was recorded after which the value cannot be used, so later rules are skipped.
pub(super) struct Unusable;

type Outcome = Result<Option<Value>, Unusable>;

fn fail(
    issues: &mut Vec<Issue>,
    place: Place<'_>,
    code: &'static str,
    message: impl Into<String>,
) -> Unusable {
    issues.push(Issue { code, message: message.into(), path: place.to_path() });
    Unusable
}

fn wrong_type(
    issues: &mut Vec<Issue>,
    place: Place<'_>,
    expected: &str,
    received: &str,
) -> Unusable {
    let message = format!("Invalid input: expected {expected}, received {received}");
    fail(issues, place, "invalid_type", message)
}

impl Schema {
    /// Checks one value. `Ok` may come with issues that broken rules recorded.
    pub(super) fn run(
        &self,
        input: Option<Value>,
        place: Place<'_>,
        issues: &mut Vec<Issue>,
    ) -> Outcome {
        match (&input, &self.presence) {
            (None, Presence::Optional) => return Ok(None),
            (None, Presence::Default(value)) => return Ok(Some(value.clone())),
            (Some(Value::Null), _) if self.nullable => return Ok(input),
            _ => {}
        }
        let mut value = self.typed(input, place, issues)?;
        for rule in &self.rules {
            value = rule.run(value, place, issues);
        }
        Ok(Some(value))
    }

    fn typed(
        &self,
        input: Option<Value>,
        place: Place<'_>,
        issues: &mut Vec<Issue>,
    ) -> Result<Value, Unusable> {
        let received = type_word(input.as_ref());
        match (&self.kind, input) {
            (Kind::Any, Some(value))
            | (Kind::Text, Some(value @ Value::String(_)))
            | (Kind::Boolean, Some(value @ Value::Bool(_))) => Ok(value),
            (Kind::BooleanWord, Some(Value::String(text))) => {
                coerce::boolean_word(&text).map(Value::Bool).ok_or_else(|| {
                    let words = [coerce::TRUE_WORDS, coerce::FALSE_WORDS].concat();
                    bad_choice(issues, place, &words)
                })
            }
            (Kind::Any, None) => Err(wrong_type(issues, place, "nonoptional", received)),
            (Kind::Text | Kind::BooleanWord, _) => {
                Err(wrong_type(issues, place, "string", received))
            }
            (Kind::Boolean, _) => Err(wrong_type(issues, place, "boolean", received)),
            (Kind::Number { whole, coerced }, input) => number(input, *whole, *coerced)
                .map_err(|(expected, received)| wrong_type(issues, place, expected, received)),
            (Kind::Choice(options), Some(Value::String(text)))
                if options.contains(&text.as_str()) =>
            {
                Ok(Value::String(text))
            }
            (Kind::Choice(options), _) => Err(bad_choice(issues, place, options)),
            (Kind::Date, input) => input
                .as_ref()
                .and_then(coerce::date_millis)
                .map(Value::from)
                .ok_or_else(|| wrong_type(issues, place, "date", "Date")),
            (Kind::Object { fields, extra }, Some(Value::Object(members))) => {
                object(fields, *extra, members, place, issues)
            }
            (Kind::Object { .. }, _) => Err(wrong_type(issues, place, "object", received)),
            (Kind::Record { key, value }, Some(Value::Object(members))) => {
                record(key, value, members, place, issues)
            }
            (Kind::Record { .. }, _) => Err(wrong_type(issues, place, "record", received)),
            (Kind::Array(item), Some(Value::Array(items))) => array(item, items, place, issues),
            (Kind::Array(_), _) => Err(wrong_type(issues, place, "array", received)),
            (Kind::AnyOf(schemas), input) => first_match(schemas, input.as_ref(), place)
                .ok_or_else(|| fail(issues, place, "invalid_union", "Invalid input")),
            (Kind::Tagged { variants, mismatch }, input) => {
                branch(variants, mismatch, input, place, issues)
            }
        }
    }
}

fn bad_choice(issues: &mut Vec<Issue>, place: Place<'_>, options: &[&str]) -> Unusable {
    let message = match options {
        [only] => format!("Invalid input: expected \"{only}\""),
        _ => format!("Invalid option: expected one of {}", quoted_options(options)),
    };
    fail(issues, place, "invalid_value", message)
}

/// The number, or the words for what was expected and received.
fn number(
    input: Option<Value>,
    whole: bool,
    coerced: bool,
) -> Result<Value, (&'static str, &'static str)> {
    let received = type_word(input.as_ref());
    let number = match input {
        Some(value) if coerced => coerce::number(&value).ok_or(("number", "NaN"))?,
        None if coerced => return Err(("number", "NaN")),
        Some(Value::Number(number)) => number,
        _ => return Err(("number", received)),
    };
    if whole && number.as_f64().is_none_or(|double| double.fract() != 0.0) {
        return Err(("int", "number"));
    }
    if whole && number.is_f64() {
        let integer = number.as_f64().and_then(coerce::whole_or_double);
        return integer.filter(|it| !it.is_f64()).map(Value::Number).ok_or(("int", "number"));
    }
    Ok(Value::Number(number))
}

fn object(
    fields: &[Field],
    extra: Extra,
    members: Map<String, Value>,
    place: Place<'_>,
    issues: &mut Vec<Issue>,
) -> Result<Value, Unusable> {
    let mut given: Vec<Option<Value>> = fields.iter().map(|_| None).collect();
    let mut others = Map::new();
    let excused: Vec<bool> = fields
        .iter()
        .map(|field| match field.schema.presence {
            Presence::RequiredUnless(other) => members.contains_key(other),
            _ => false,
        })
        .collect();
    for (name, value) in members {
        match fields.iter().position(|field| field.name == name) {
            Some(index) => given[index] = Some(value),
            None if extra == Extra::Drop => {}
            None => {
                others.insert(name, value);
            }
        }
    }
    let mut checked = Map::new();
    let mut usable = true;
    for ((field, value), excused) in fields.iter().zip(given).zip(excused) {
        if excused && value.is_none() {
            continue;
        }
        match field.schema.run(value, Place::Key(&place, field.name), issues) {
            Ok(Some(value)) => {
                checked.insert(field.name.to_owned(), value);
            }
            Ok(None) => {}
            Err(Unusable) => usable = false,
        }
    }
    if extra == Extra::Refuse && !others.is_empty() {
        let plural = if others.len() == 1 { "" } else { "s" };
        let names: Vec<_> = others.keys().map(|name| format!("\"{name}\"")).collect();
        let message = format!("Unrecognized key{plural}: {}", names.join(", "));
        return Err(fail(issues, place, "unrecognized_keys", message));
    }
    checked.extend(others);
    if usable { Ok(Value::Object(checked)) } else { Err(Unusable) }
}

fn record(
    key_schema: &Schema,
    value_schema: &Schema,
    members: Map<String, Value>,
    place: Place<'_>,
    issues: &mut Vec<Issue>,
) -> Result<Value, Unusable> {
    let mut checked = Map::new();
    let mut usable = true;
    for (key, value) in members {
        let here = Place::Key(&place, &key);
        if key_schema.check(Some(Value::String(key.clone()))).is_err() {
            fail(issues, here, "invalid_key", "Invalid key in record");
            usable = false;
            continue;
        }
        match value_schema.run(Some(value), here, issues) {
            Ok(Some(value)) => {
                checked.insert(key, value);
            }
            Ok(None) => {}
            Err(Unusable) => usable = false,
        }
    }
    if usable { Ok(Value::Object(checked)) } else { Err(Unusable) }
}

fn array(
    item_schema: &Schema,
    items: Vec<Value>,
    place: Place<'_>,
    issues: &mut Vec<Issue>,
) -> Result<Value, Unusable> {
    let mut checked = Vec::with_capacity(items.len());
    let mut usable = true;
    for (index, item) in items.into_iter().enumerate() {
        match item_schema.run(Some(item), Place::Index(&place, index), issues) {
            Ok(value) => checked.extend(value),
            Err(Unusable) => usable = false,
        }
    }
    if usable { Ok(Value::Array(checked)) } else { Err(Unusable) }
}

fn first_match(schemas: &[Schema], input: Option<&Value>, place: Place<'_>) -> Option<Value> {
    schemas.iter().find_map(|schema| {
        let mut issues = Vec::new();
        let outcome = schema.run(input.cloned(), place, &mut issues).ok()?;
        if issues.is_empty() { outcome } else { None }
    })
}

fn branch(
    variants: &[Variant],
    mismatch: &'static str,
    input: Option<Value>,
    place: Place<'_>,
    issues: &mut Vec<Issue>,
) -> Result<Value, Unusable> {
    let Some(Value::Object(members)) = input else {
        return Err(fail(issues, place, "invalid_type", mismatch));
    };
    let tag = members.get("type").and_then(Value::as_str);
    let Some(variant) =
        variants.iter().find(|variant| tag.is_some_and(|tag| variant.tags.contains(&tag)))
    else {
        return Err(fail(issues, Place::Key(&place, "type"), "invalid_union", mismatch));
    };
    variant.object.typed(Some(Value::Object(members)), place, issues)
}
