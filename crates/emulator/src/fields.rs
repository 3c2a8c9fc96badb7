//! Request bodies as flat fields, whether a form or JSON carried them.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use serde_json::Value;

/// Named text fields of a request body. JSON numbers and booleans are read as their text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    values: BTreeMap<String, String>,
    /// Whether a browser form sent them, so that the answer is a page rather than JSON.
    pub(crate) from_form: bool,
}

impl Fields {
    /// Reads a form or JSON body; the error is a sentence for the caller.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, String> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => Self::from_form(body),
            "application/json" => Self::from_json(body),
            _ if body.is_empty() => Ok(Self::default()),
            _ => Err("the body must be a form or JSON, and Content-Type must say which".to_owned()),
        }
    }

    /// Reads a query string.
    pub(crate) fn from_query(query: &str) -> Result<Self, String> {
        Ok(Self { from_form: false, ..Self::from_form(query.as_bytes())? })
    }

    fn from_form(body: &[u8]) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            // RFC 6749, 3.2: a parameter may appear once only.
            if values.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(format!("the field {name:?} is given twice"));
            }
        }
        Ok(Self { values, from_form: true })
    }

    fn from_json(body: &[u8]) -> Result<Self, String> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Err("the body is not a JSON object".to_owned());
        };
        let mut values = BTreeMap::new();
        for (name, value) in object {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!("the field {name:?} must be a plain value"));
                }
            };
            values.insert(name, text);
        }
        Ok(Self { values, from_form: false })
    }

    /// A field's text; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A whole number, with a sentence for the caller when it is none or above `max`.
    pub(crate) fn number(&self, name: &str, max: u64) -> Result<Option<u64>, String> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse::<u64>() {
            Ok(number) if number <= max => Ok(Some(number)),
            _ => Err(format!("{name} must be a whole number of at most {max}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &'static str, body: &str) -> Result<Fields, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        Fields::read(&headers, body.as_bytes())
    }

    #[test]
    fn forms_and_json_read_alike() {
        let form = read("application/x-www-form-urlencoded", "a=1+2&times=3").unwrap();
        let json = read("application/json; charset=utf-8", r#"{"a":"1 2","times":3}"#).unwrap();
        assert_eq!(form.get("a"), json.get("a"));
        assert_eq!(json.number("times", 10), Ok(Some(3)));
        assert!(form.number("times", 2).is_err());
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        assert!(read("application/x-www-form-urlencoded", "a=1&a=2").is_err());
        assert!(read("application/json", "[1]").is_err());
        assert!(read("text/plain", "a=1").is_err());
    }
}
