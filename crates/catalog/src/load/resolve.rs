//! Entries that build on others: `alias` and `extends`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Catalog, CatalogError, Source, Sources};

/// Resolves every source; what cannot be resolved becomes an error beside the others.
pub(super) fn resolve(
    base: &Catalog,
    sources: &Sources,
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
    sources: &'a Sources,
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
            return Err(CatalogError::Cycle {
                origin: source.origin.to_string(),
                line: source.line("") as u64,
                name: name.to_owned(),
                chain: trail.clone(),
            });
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
                origin: source.origin.to_string(),
                line: source.line("") as u64,
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
