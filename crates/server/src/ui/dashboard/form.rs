//! What a form or an address brought: names and values, in order.

use valetkey_base::Secret;
use valetkey_engine::Error;

/// Fields of a form, or parameters of an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(bytes).take(crate::query::PARAMETERS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// The first value of a name that was sent.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name, unless it is empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.given(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name))
    }

    /// Names and values, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What is wrong with a text that goes onto one line: its length, or what no keyboard types.
pub(super) fn line_issue(text: &str, chars_max: usize) -> Option<String> {
    let is_long = text.chars().count() > chars_max;
    (is_long || text.contains(char::is_control))
        .then(|| format!("Expected at most {chars_max} characters on one line."))
}

/// What is wrong with a form, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Issues(Vec<(String, String)>);

impl Issues {
    /// The issues of a use case. `Err` is any other failure.
    pub(super) fn from_error(error: Error) -> Result<Self, Error> {
        match error {
            Error::Invalid(issues) => Ok(Self(
                issues.into_iter().map(|issue| (issue.path.join("."), issue.message)).collect(),
            )),
            other => Err(other),
        }
    }

    /// One issue.
    pub(super) fn one(field: &str, message: impl Into<String>) -> Self {
        Self(vec![(field.to_owned(), message.into())])
    }

    pub(super) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push((field.to_owned(), message.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == field).map(|(_, message)| message.as_str())
    }

    /// What is wrong with the form as a whole.
    pub(super) fn general(&self) -> Option<&str> {
        self.of("")
    }
}
