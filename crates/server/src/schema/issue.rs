//! What a check says when it fails: the wire form that clients of the API parse.

use serde::Serialize;
use serde_json::Value;

/// One problem found in an input. Fields are serialised in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Stable machine-readable kind, such as `invalid_type`.
    pub code: &'static str,
    /// Text for people.
    pub message: String,
    /// Where in the input; array indexes are strings too. Empty means the input itself.
    pub path: Vec<String>,
}

impl Issue {
    /// A business rule broken at a place.
    pub fn custom(message: impl Into<String>, path: &[&str]) -> Self {
        Self {
            code: "custom",
            message: message.into(),
            path: path.iter().map(|part| (*part).to_owned()).collect(),
        }
    }
}

/// A place in an input, as a chain on the stack so that a valid input allocates nothing.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    pub(crate) fn to_path(self) -> Vec<String> {
        match self {
            Place::Root => Vec::new(),
            Place::Key(parent, key) => extended(*parent, key.to_owned()),
            Place::Index(parent, index) => extended(*parent, index.to_string()),
        }
    }
}

fn extended(parent: Place<'_>, last: String) -> Vec<String> {
    let mut path = parent.to_path();
    path.push(last);
    path
}

/// The word for what was received in an `invalid_type` message.
pub(crate) fn type_word(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

/// `"a"|"b"`: a list of options inside a message.
pub(crate) fn quoted_options(options: &[&str]) -> String {
    options.iter().map(|option| format!("\"{option}\"")).collect::<Vec<_>>().join("|")
}
