//! What is wrong with a configuration: everything at once, each with its source.

use std::fmt;

/// One thing wrong. Neither part ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The variable, flag or key of the file.
    pub(crate) source: String,
    /// What is expected.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(source: impl Into<String>, message: impl Into<String>) -> Self {
        Self { source: source.into(), message: message.into() }
    }
}

/// All that is wrong with a configuration. The process ends with exit code 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "{}: {}", one.source, one.message),
            all => {
                write!(f, "{} things are wrong with the settings", all.len())?;
                all.iter().try_for_each(|problem| {
                    write!(f, "\n  {}: {}", problem.source, problem.message)
                })
            }
        }
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
