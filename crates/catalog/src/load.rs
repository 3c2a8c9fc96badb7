//! Reads provider files into a [`Catalog`].
//!
//! A file is either one provider (our own format: the file's stem is the name, and `auth_mode`,
//! `alias` or `extends` stands at the top) or a map of providers by name. JSON is YAML. `alias` lays
//! an entry's keys over another's, one level deep; `extends` merges maps at every depth, and `null`
//! removes. Targets may stand anywhere in the same files or in the catalogue below them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::finding::{Finding, Level};
use crate::schema::Provider;
use crate::{conform, read, scripts};

mod resolve;
mod sources;

use resolve::resolve;
pub use sources::provider_files;
pub(crate) use sources::{Source, Sources};
use sources::{entries_of, parse, read_file};

/// Provider files compiled into the program: name and text.
const BUNDLED: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Largest provider file, in bytes.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most files in one folder.
pub const FILES_MAX: usize = 5_000;

/// A provider file could not be used at all. Smaller matters are [`Finding`]s.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file or folder is larger than any sensible one.
    #[error("{} is too large: at most {limit}", path.display())]
    TooLarge {
        /// Which file or folder.
        path: PathBuf,
        /// The limit with its unit.
        limit: String,
    },
    /// The text is neither YAML nor JSON.
    #[error("{} is not valid YAML: {message}", at(origin, *line))]
    Syntax {
        /// Where the text came from.
        origin: String,
        /// The line, from 1; 0 when the parser names none.
        line: u64,
        /// The parser's words.
        message: String,
    },
    /// The text is YAML of the wrong shape.
    #[error("{origin}: {message}")]
    Shape {
        /// Where the text came from.
        origin: String,
        /// What was expected.
        message: String,
    },
    /// An entry builds on one that does not exist.
    #[error("{}: {name} builds on {target}, which does not exist", at(origin, *line))]
    UnknownTarget {
        /// Where the entry stands.
        origin: String,
        /// The line of the entry, from 1.
        line: u64,
        /// The entry.
        name: String,
        /// What it names.
        target: String,
    },
    /// Entries build on each other in a circle.
    #[error("{}: {name} builds on itself through {}", at(origin, *line), chain.join(" → "))]
    Cycle {
        /// Where the entry stands.
        origin: String,
        /// The line of the entry, from 1.
        line: u64,
        /// The entry.
        name: String,
        /// The way round.
        chain: Vec<String>,
    },
}

/// All known providers by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    providers: Arc<BTreeMap<String, Arc<Provider>>>,
}

/// A file and the line in it, when it is known.
fn at(origin: &str, line: u64) -> String {
    if line == 0 { origin.to_owned() } else { format!("{origin}:{line}") }
}

impl Catalog {
    /// A catalogue without providers.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The catalogue compiled into the program. An entry that cannot be read is left out;
    /// [`Catalog::bundled_with_findings`] says why.
    pub fn bundled() -> Self {
        Self::bundled_with_findings().0
    }

    /// The catalogue compiled into the program and what reading it noticed, unusable files included.
    pub fn bundled_with_findings() -> (Self, Vec<Finding>) {
        // Hundreds of files: read once, shared from then on.
        static BUNDLED_ONCE: OnceLock<(Catalog, Vec<Finding>)> = OnceLock::new();
        BUNDLED_ONCE.get_or_init(Self::read_bundled).clone()
    }

    fn read_bundled() -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut sources = Sources::new();
        for (name, text, json) in BUNDLED {
            let broken = |message: String| Finding::new(Level::Error, name, "", message);
            let origin = format!("{name}.yaml");
            // Without JSON the file could not be read when this was built; reading it again says why.
            let entries = match serde_json::from_str(json) {
                Ok(value) => entries_of(value, &origin, text),
                Err(_) => parse(text, &origin),
            };
            match entries {
                Ok(entries) => sources.extend(entries),
                Err(error) => findings.push(broken(error.to_string())),
            }
        }
        // One broken entry must not take the others with it.
        let (entries, errors) = resolve(&Self::empty(), &sources);
        for error in errors {
            findings.push(Finding::new(Level::Error, "", "", error.to_string()));
        }
        let (catalog, more) = Self::empty().with(entries, &sources);
        findings.extend(more);
        (catalog, findings)
    }

    /// The text of a bundled entry's file.
    pub fn bundled_text(name: &str) -> Option<&'static str> {
        BUNDLED.iter().find(|(key, _, _)| *key == name).map(|(_, text, _)| *text)
    }

    /// Adds or overrides entries from the text of one file. `origin` is the file's name: it appears
    /// in messages, and its stem names the entry of a single-provider file.
    pub fn overlay(&self, text: &str, origin: &str) -> Result<(Self, Vec<Finding>), CatalogError> {
        self.overlay_sources(&parse(text, origin)?)
    }

    /// Adds or overrides entries from a file, or from every `.yaml`, `.yml` and `.json` file of a
    /// folder (not of folders inside it). Files of a folder may build on each other.
    pub fn overlay_path(&self, path: &Path) -> Result<(Self, Vec<Finding>), CatalogError> {
        self.overlay_sources(&sources_of(path)?)
    }

    pub(crate) fn overlay_sources(
        &self,
        sources: &Sources,
    ) -> Result<(Self, Vec<Finding>), CatalogError> {
        let (entries, errors) = resolve(self, sources);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(self.with(entries, sources)),
        }
    }

    fn with(
        &self,
        entries: BTreeMap<String, Map<String, Value>>,
        sources: &Sources,
    ) -> (Self, Vec<Finding>) {
        let mut providers = (*self.providers).clone();
        let mut findings = Vec::new();
        for (name, mut entry) in entries {
            let Some(source) = sources.get(&name) else { continue };
            findings.extend(scripts::adopt(&name, &mut entry, source.form));
            match read::provider(&name, entry) {
                Ok((mut provider, noticed)) => {
                    provider.form = source.form;
                    findings.extend(noticed.into_iter().map(|finding| source.judged(finding)));
                    providers.insert(name, Arc::new(provider));
                }
                Err(finding) => findings.push(finding),
            }
        }
        (Self { providers: Arc::new(providers) }, findings)
    }

    /// What the JSON schema of provider files says about the bundled ones.
    pub fn bundled_against_schema() -> Vec<Finding> {
        let entries = BUNDLED
            .iter()
            .filter_map(|(name, text, _)| parse(text, &format!("{name}.yaml")).ok()?.remove(*name));
        entries.flat_map(|source| conform::check(&source.name, &source.entry)).collect()
    }

    /// This catalogue with other entries under these names, or without them where there is none.
    pub(crate) fn restored(&self, names: &[String], from: &Self) -> Self {
        let mut providers = (*self.providers).clone();
        for name in names {
            match from.get(name) {
                Some(provider) => providers.insert(name.clone(), Arc::clone(provider)),
                None => providers.remove(name),
            };
        }
        Self { providers: Arc::new(providers) }
    }

    /// The provider of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.get(name)
    }

    /// Every provider, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// How many providers there are.
    pub fn len(&self) -> usize {
        self.providers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }
}

/// The entries of a file or folder as written.
pub(crate) fn sources_of(path: &Path) -> Result<Sources, CatalogError> {
    let mut sources = Sources::new();
    for file in provider_files(path)? {
        let text = read_file(&file)?;
        sources.extend(parse(&text, &file.display().to_string())?);
    }
    Ok(sources)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
