//! What loading or linting noticed about an entry.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing; the entry works.
    Note,
    /// Part of the entry will not do what it says.
    Warning,
    /// The entry cannot be used until this is mended.
    Error,
}

/// One observation about one entry. Nothing an entry says is ignored without one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// The provider it is about.
    pub provider: String,
    /// The dotted path of the key it is about.
    pub key: String,
    /// What is the matter, for a person.
    pub message: String,
    /// File and line (from 1), when the finding is about a file at hand.
    pub place: Option<(String, usize)>,
}

impl Finding {
    pub(crate) fn new(
        level: Level,
        provider: &str,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            level,
            provider: provider.to_owned(),
            key: key.into(),
            message: message.into(),
            place: None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        if let Some((file, line)) = &self.place {
            write!(f, "{file}:{line}: ")?;
        }
        write!(f, "{level}: {}: {}: {}", self.provider, self.key, self.message)
    }
}
