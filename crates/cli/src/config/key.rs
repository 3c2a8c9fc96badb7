//! What a setting is, and how its text is read.

use std::time::Duration;

use super::Config;
use super::section::Section;
use super::units::{bytes, duration, show_bytes, show_duration};

/// A setting.
pub(crate) struct Key {
    /// Its name in the file; with hyphens it is the flag.
    pub(crate) name: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    pub(crate) section: Section,
    /// What it is for, in sentences. The first is the short help of the flag.
    pub(crate) doc: &'static str,
    /// The text of the default, read like any other value.
    pub(crate) default: Option<&'static str>,
    /// What holds when there is no default and nothing is set.
    pub(crate) otherwise: &'static str,
    /// Whether the value may never be shown. Such a key has no flag, and also a `…_file` form.
    pub(crate) secret: bool,
    pub(crate) kind: Kind,
}

/// How a value is read and where it goes.
pub(crate) enum Kind {
    /// A whole number with a unit of time.
    Duration { min: Duration, max: Duration, at: fn(&mut Config) -> &mut Duration },
    /// A whole number.
    Number { min: u64, max: u64, at: fn(&mut Config) -> &mut u64 },
    /// A whole number with a unit of size.
    Bytes { min: u64, max: u64, at: fn(&mut Config) -> &mut u64 },
    /// Anything else. `set` may add to what `form` says.
    Text { form: &'static str, set: fn(&mut Config, &str) -> Result<(), Option<String>> },
}

impl Kind {
    /// What a value looks like.
    pub(crate) fn form(&self) -> String {
        match self {
            Self::Duration { min, max, .. } => {
                format!("a duration from {} to {}", show_duration(*min), show_duration(*max))
            }
            Self::Number { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Bytes { min, max, .. } => {
                format!("a size from {} to {}", show_bytes(*min), show_bytes(*max))
            }
            Self::Text { form, .. } => (*form).to_owned(),
        }
    }

    /// Reads a value into the configuration.
    ///
    /// # Errors
    /// What is expected. The value is not in the text.
    pub(crate) fn apply(&self, config: &mut Config, text: &str) -> Result<(), String> {
        let text = text.trim();
        let expected = || format!("expected {}", self.form());
        match self {
            Self::Duration { min, max, at } => {
                let value = duration(text).filter(|value| (min..=max).contains(&value));
                *at(config) = value.ok_or_else(|| {
                    format!("{}, written with its unit: ms, s, m, h or d", expected())
                })?;
            }
            Self::Number { min, max, at } => {
                let value = text.parse().ok().filter(|value| (min..=max).contains(&value));
                *at(config) = value.ok_or_else(expected)?;
            }
            Self::Bytes { min, max, at } => {
                let value = bytes(text).filter(|value| (min..=max).contains(&value));
                *at(config) = value.ok_or_else(|| {
                    format!("{}, written with its unit: B, KiB, MiB or GiB", expected())
                })?;
            }
            Self::Text { set, .. } => set(config, text).map_err(|detail| match detail {
                Some(detail) => format!("{}: {detail}", expected()),
                None => expected(),
            })?,
        }
        Ok(())
    }
}

impl Key {
    /// The flag without its dashes. Secrets have none: other users of the machine see flags.
    pub(crate) fn flag(&self) -> Option<String> {
        (!self.secret).then(|| self.name.replace('_', "-"))
    }
}
