//! Reads provider files into a [`Catalog`].
//!
//! A file is either one provider (our own format: the file's stem is the name, and `auth_mode`,
//! `alias` or `extends` stands at the top) or a map of providers by name. JSON is YAML. `alias` lays
//! an entry's keys over another's, one level deep; `extends` merges maps at every depth, and `null`
//! removes. Targets may stand anywhere in the same files or in the catalogue below them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use serde_json::{Map, Value};

use crate::finding::{Finding, Level};
use crate::read;
use crate::schema::Provider;

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
    #[error("{origin} is not valid YAML: {message}")]
    Syntax {
        /// Where the text came from.
        origin: String,
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
    #[error("{origin}: {name} builds on {target}, which does not exist")]
    UnknownTarget {
        /// Where the entry stands.
        origin: String,
        /// The entry.
        name: String,
        /// What it names.
        target: String,
    },
    /// Entries build on each other in a circle.
    #[error("{origin}: {name} builds on itself through {}", chain.join(" → "))]
    Cycle {
        /// Where the entry stands.
        origin: String,
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

/// An entry as written.
struct Source {
    origin: String,
    entry: Map<String, Value>,
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
        let mut sources = BTreeMap::new();
        for (name, text, json) in BUNDLED {
            let broken = |message: String| Finding::new(Level::Error, name, "", message);
            let origin = format!("{name}.yaml");
            // Without JSON the file could not be read when this was built; reading it again says why.
            let entries = match serde_json::from_str(json) {
                Ok(value) => entries_of(value, &origin),
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
        let (catalog, more) = Self::empty().with(entries);
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
        let mut sources = BTreeMap::new();
        for file in provider_files(path)? {
            let text = read_file(&file)?;
            sources.extend(parse(&text, &file.display().to_string())?);
        }
        self.overlay_sources(&sources)
    }

    fn overlay_sources(
        &self,
        sources: &BTreeMap<String, Source>,
    ) -> Result<(Self, Vec<Finding>), CatalogError> {
        let (entries, errors) = resolve(self, sources);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(self.with(entries)),
        }
    }

    fn with(&self, entries: BTreeMap<String, Map<String, Value>>) -> (Self, Vec<Finding>) {
        let mut providers = (*self.providers).clone();
        let mut findings = Vec::new();
        for (name, entry) in entries {
            match read::provider(&name, entry) {
                Ok((provider, mut noticed)) => {
                    findings.append(&mut noticed);
                    providers.insert(name, Arc::new(provider));
                }
                Err(finding) => findings.push(finding),
            }
        }
        (Self { providers: Arc::new(providers) }, findings)
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
        if matches!(extension, Some("yaml" | "yml" | "json")) {
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

fn read_file(path: &Path) -> Result<String, CatalogError> {
    let unreadable = |source| CatalogError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        let limit = format!("{FILE_BYTES_MAX} bytes");
        return Err(CatalogError::TooLarge { path: path.to_owned(), limit });
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// The entries of one text.
fn parse(text: &str, origin: &str) -> Result<BTreeMap<String, Source>, CatalogError> {
    // YAML 1.2: only `true` and `false` are booleans, so that a field may be called `n`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        CatalogError::Syntax { origin: origin.to_owned(), message: error.to_string() }
    })?;
    entries_of(value, origin)
}

/// The entries of one parsed text: one named by its file, or a map of them.
fn entries_of(value: Value, origin: &str) -> Result<BTreeMap<String, Source>, CatalogError> {
    let shape = |message: &str| CatalogError::Shape {
        origin: origin.to_owned(),
        message: message.to_owned(),
    };
    let source = |entry| Source { origin: origin.to_owned(), entry };
    let map = match value {
        Value::Object(map) => map,
        // A file of comments only.
        Value::Null => return Ok(BTreeMap::new()),
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
        return Ok(BTreeMap::from([(name.to_owned(), source(map))]));
    }
    let mut entries = BTreeMap::new();
    for (name, entry) in map {
        check_name(&name, origin)?;
        let Value::Object(entry) = entry else {
            return Err(shape(&format!("the entry {name} is not a map")));
        };
        entries.insert(name, source(entry));
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

/// Resolves every source; what cannot be resolved becomes an error beside the others.
fn resolve(
    base: &Catalog,
    sources: &BTreeMap<String, Source>,
) -> (BTreeMap<String, Map<String, Value>>, Vec<CatalogError>) {
    let mut resolver = Resolver { base, sources, done: BTreeMap::new() };
    let mut errors = Vec::new();
    for name in sources.keys() {
        if let Err(error) = resolver.entry(name, &mut Vec::new()) {
            errors.push(error);
        }
    }
    (resolver.done, errors)
}

struct Resolver<'a> {
    base: &'a Catalog,
    sources: &'a BTreeMap<String, Source>,
    done: BTreeMap<String, Map<String, Value>>,
}

impl Resolver<'_> {
    /// Resolves one source and what it builds on. `trail` holds the names on the way here.
    fn entry(
        &mut self,
        name: &str,
        trail: &mut Vec<String>,
    ) -> Result<Map<String, Value>, CatalogError> {
        if let Some(entry) = self.done.get(name) {
            return Ok(entry.clone());
        }
        let Some(source) = self.sources.get(name) else {
            return Ok(Map::new());
        };
        if trail.iter().any(|earlier| earlier == name) {
            trail.push(name.to_owned());
            let (origin, name) = (source.origin.clone(), name.to_owned());
            return Err(CatalogError::Cycle { origin, name, chain: trail.clone() });
        }
        trail.push(name.to_owned());
        let mut entry = source.entry.clone();
        if let Some(target) = take_target(&mut entry, "alias") {
            let mut merged = self.target(name, &target, source, trail)?;
            merged.extend(entry);
            entry = merged;
        }
        if let Some(target) = take_target(&mut entry, "extends") {
            let mut merged = self.target(name, &target, source, trail)?;
            merge_deep(&mut merged, entry);
            entry = merged;
        }
        trail.pop();
        self.done.insert(name.to_owned(), entry.clone());
        Ok(entry)
    }

    /// What an entry builds on. An entry that names itself means the one in the catalogue below.
    fn target(
        &mut self,
        name: &str,
        target: &str,
        source: &Source,
        trail: &mut Vec<String>,
    ) -> Result<Map<String, Value>, CatalogError> {
        if target != name && self.sources.contains_key(target) {
            return self.entry(target, trail);
        }
        match self.base.get(target) {
            Some(provider) => Ok(provider.merged.clone()),
            None => Err(CatalogError::UnknownTarget {
                origin: source.origin.clone(),
                name: name.to_owned(),
                target: target.to_owned(),
            }),
        }
    }
}

fn take_target(entry: &mut Map<String, Value>, key: &str) -> Option<String> {
    match entry.get(key) {
        Some(Value::String(target)) if !target.is_empty() => {
            let target = target.clone();
            entry.shift_remove(key);
            Some(target)
        }
        _ => None,
    }
}

/// Lays `over` over `under`: maps at every depth, anything else replaced, `null` removes.
fn merge_deep(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (_, Value::Null) => {
                under.shift_remove(&key);
            }
            (Some(Value::Object(below)), Value::Object(above)) => merge_deep(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
