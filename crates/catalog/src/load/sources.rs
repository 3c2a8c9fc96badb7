//! Provider files as text, and the entries written in them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{CatalogError, FILE_BYTES_MAX, FILES_MAX};
use crate::finding::{Finding, Level};
use crate::lines::line_of;
use crate::read::{OWN_KEYS, SCRIPT_KEYS};
use crate::schema::Form;

/// Entries as written, by name.
pub(crate) type Sources = BTreeMap<String, Source>;

/// An entry as written.
pub(crate) struct Source {
    pub(crate) name: String,
    /// The file's name.
    pub(crate) origin: Arc<str>,
    /// The file's text, the part of it that holds the entry, and the line that part begins on.
    text: Arc<str>,
    part: Range<usize>,
    first_line: usize,
    pub(crate) entry: Map<String, Value>,
    pub(crate) form: Form,
}

impl Source {
    /// The line of a key, or of the nearest thing above it.
    pub(crate) fn line(&self, key: &str) -> usize {
        let part = self.text.get(self.part.clone()).unwrap_or(&self.text);
        self.first_line + line_of(part, &self.name, key) - 1
    }

    /// A finding with the file and line it is about.
    pub(crate) fn located(&self, finding: Finding) -> Finding {
        let line = self.line(&finding.key);
        Finding { place: Some((self.origin.to_string(), line)), ..finding }
    }

    /// A finding of the reader as it counts here: what is written in a file of our own form and has
    /// no effect is a mistake.
    pub(crate) fn judged(&self, mut finding: Finding) -> Finding {
        let top = finding.key.split('.').next().unwrap_or_default();
        let is_written = self.entry.contains_key(top) && !SCRIPT_KEYS.contains(&top);
        if self.form == Form::Own && is_written && finding.level == Level::Warning {
            finding.level = Level::Error;
        }
        finding
    }
}

/// The provider files of a folder, or the file itself.
///
/// # Errors
/// When it cannot be read, or holds too many files.
pub fn provider_files(path: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let unreadable = |source| CatalogError::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        // The schema may lie beside the files, where editors find it.
        let is_schema = file.file_name().is_some_and(|name| name == "schema.json");
        if matches!(extension, Some("yaml" | "yml" | "json")) && !is_schema {
            files.push(file);
        }
        if files.len() > FILES_MAX {
            let limit = format!("{FILES_MAX} files");
            return Err(CatalogError::TooLarge { path: path.to_owned(), limit });
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn read_file(path: &Path) -> Result<String, CatalogError> {
    let unreadable = |source| CatalogError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        let limit = format!("{FILE_BYTES_MAX} bytes");
        return Err(CatalogError::TooLarge { path: path.to_owned(), limit });
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// The entries of one text.
pub(super) fn parse(text: &str, origin: &str) -> Result<Sources, CatalogError> {
    // YAML 1.2: only `true` and `false` are booleans, so that a field may be called `n`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        CatalogError::Syntax {
            origin: origin.to_owned(),
            line: error.location().map_or(0, |location| location.line()),
            message: error.without_snippet().to_string(),
        }
    })?;
    entries_of(value, origin, text)
}

/// The entries of one parsed text: one named by its file, or a map of them.
pub(super) fn entries_of(value: Value, origin: &str, text: &str) -> Result<Sources, CatalogError> {
    let shape = |message: &str| CatalogError::Shape {
        origin: origin.to_owned(),
        message: message.to_owned(),
    };
    let (origin_shared, text) = (Arc::<str>::from(origin), Arc::<str>::from(text));
    let source = |name: &str, entry: Map<String, Value>, form| Source {
        name: name.to_owned(),
        origin: Arc::clone(&origin_shared),
        text: Arc::clone(&text),
        part: 0..text.len(),
        first_line: 1,
        entry,
        form,
    };
    let map = match value {
        Value::Object(map) => map,
        // A file of comments only.
        Value::Null => return Ok(Sources::new()),
        _ => {
            return Err(shape("a provider, or a map of providers by name, is expected"));
        }
    };
    let is_single = ["auth_mode", "alias", "extends"]
        .iter()
        .any(|key| matches!(map.get(*key), Some(Value::String(_))));
    if is_single {
        let name = Path::new(origin).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        check_name(name, origin)?;
        return Ok(Sources::from([(name.to_owned(), source(name, map, Form::Own))]));
    }
    let parts = parts_of(&text, &map);
    let mut entries = Sources::new();
    for (name, entry) in map {
        check_name(&name, origin)?;
        let Value::Object(entry) = entry else {
            return Err(shape(&format!("the entry {name} is not a map")));
        };
        // A map is the widespread form; whoever uses a key of ours in it means ours.
        let has_own = entry.keys().any(|key| OWN_KEYS.contains(&key.as_str()));
        let form = if has_own { Form::Own } else { Form::Foreign };
        let mut written = source(&name, entry, form);
        if let Some((part, line)) = parts.get(&name) {
            written.part = part.clone();
            written.first_line = *line;
        }
        entries.insert(name, written);
    }
    Ok(entries)
}

fn check_name(name: &str, origin: &str) -> Result<(), CatalogError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.len() <= 255 && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(CatalogError::Shape {
        origin: origin.to_owned(),
        message: format!(
            "\"{name}\" cannot name a provider: letters, digits, hyphens and underscores are allowed"
        ),
    })
}

/// Where each entry of a map stands in its file, as bytes, and on which line (from 1): a foreign
/// catalogue is long, and looking through all of it for every finding takes its time.
fn parts_of(text: &str, map: &Map<String, Value>) -> BTreeMap<String, (Range<usize>, usize)> {
    let mut openings = Vec::new();
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_start();
        let name = bare.trim_start_matches(['"', '\'']);
        let name = name.split(['"', '\'', ':']).next().unwrap_or_default();
        if map.contains_key(name) {
            openings.push((line.len() - bare.len(), name.to_owned(), at, index + 1));
        }
        at += line.len();
    }
    // A key inside an entry may have the name of another one.
    let outermost = openings.iter().map(|(indent, ..)| *indent).min();
    openings.retain(|(indent, ..)| Some(*indent) == outermost);
    let mut ends: Vec<usize> = openings.iter().skip(1).map(|(_, _, at, _)| *at).collect();
    ends.push(text.len());
    let parts = openings.into_iter().zip(ends);
    parts.map(|((_, name, at, line), end)| (name, (at..end, line))).collect()
}
