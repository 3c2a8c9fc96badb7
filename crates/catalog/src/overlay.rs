//! An operator's files laid over a catalogue, the way a server uses them: looked over first, and
//! without the entries that have an error.

use std::path::PathBuf;
use std::sync::Arc;

use crate::finding::{Finding, Level};
use crate::load::{Catalog, CatalogError, Source, Sources, sources_of};
use crate::schema::{Form, Provider};
use crate::{conform, lint};

/// A catalogue with an operator's files over it.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// The entries of both. What was refused is as it was below, or not there.
    pub catalog: Catalog,
    /// All there is to say, with file and line, errors first.
    pub findings: Vec<Finding>,
    /// How many entries the files hold.
    pub count: usize,
    /// Entries of our own form that an error keeps out.
    pub refused: Vec<String>,
    /// Entries of a foreign catalogue that have no meaning here.
    pub unusable: Vec<String>,
}

/// What differs between two catalogues: names, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the newer one alone.
    pub added: Vec<String>,
    /// In both, not the same.
    pub changed: Vec<String>,
    /// In the older one alone.
    pub removed: Vec<String>,
}

impl Changes {
    /// Whether the catalogues are the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl Catalog {
    /// Lays files and folders over this catalogue, one after the other.
    ///
    /// # Errors
    /// The first file that cannot be used at all.
    pub fn overlaid(&self, paths: &[PathBuf]) -> Result<Overlay, CatalogError> {
        let mut overlay = Overlay {
            catalog: self.clone(),
            findings: Vec::new(),
            count: 0,
            refused: Vec::new(),
            unusable: Vec::new(),
        };
        for path in paths {
            overlay.add(&sources_of(path)?)?;
        }
        overlay.findings.sort_by(|a, b| {
            (b.level, &a.provider, &a.place, &a.key).cmp(&(a.level, &b.provider, &b.place, &b.key))
        });
        Ok(overlay)
    }

    /// What changed since an older catalogue.
    pub fn changes_since(&self, older: &Self) -> Changes {
        let mut changes = Changes::default();
        for provider in self.all() {
            match older.get(&provider.name) {
                None => changes.added.push(provider.name.clone()),
                Some(before) if !is_same(before, provider) => {
                    changes.changed.push(provider.name.clone());
                }
                Some(_) => {}
            }
        }
        let gone = older.all().filter(|provider| self.get(&provider.name).is_none());
        changes.removed = gone.map(|provider| provider.name.clone()).collect();
        changes
    }
}

/// Most entries are shared between catalogues, and comparing addresses is quicker.
fn is_same(before: &Arc<Provider>, after: &Arc<Provider>) -> bool {
    Arc::ptr_eq(before, after) || before == after
}

impl Overlay {
    fn add(&mut self, sources: &Sources) -> Result<(), CatalogError> {
        let (catalog, mut findings) = self.catalog.overlay_sources(sources)?;
        for source in sources.values() {
            if source.form == Form::Own {
                let noticed = conform::check(&source.name, &source.entry);
                findings.retain(|known| !noticed.iter().any(|new| is_about_the_same(known, new)));
                findings.extend(noticed);
            }
            let provider = catalog.get(&source.name);
            let is_new = provider != self.catalog.get(&source.name);
            if let Some(provider) = provider.filter(|_| is_new) {
                findings.extend(lint(provider));
            }
        }
        let has_error = |name: &str| {
            findings.iter().any(|finding| finding.level == Level::Error && finding.provider == name)
        };
        let left_out = sources.values().filter(|source| has_error(&source.name));
        let (own, foreign): (Vec<_>, Vec<_>) =
            left_out.partition(|source| source.form == Form::Own);
        let names = |sources: Vec<&Source>| -> Vec<String> {
            sources.into_iter().map(|source| source.name.clone()).collect()
        };
        let (own, foreign) = (names(own), names(foreign));
        self.count += sources.len();
        self.catalog = catalog.restored(&own, &self.catalog).restored(&foreign, &self.catalog);
        self.refused.extend(own);
        self.unusable.extend(foreign);
        self.findings.extend(findings.into_iter().map(
            |finding| match sources.get(&finding.provider) {
                Some(source) => source.located(finding),
                None => finding,
            },
        ));
        Ok(())
    }
}

fn is_about_the_same(one: &Finding, other: &Finding) -> bool {
    one.provider == other.provider && one.key == other.key
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
