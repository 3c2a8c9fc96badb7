//! A map that forgets its oldest entries.

use std::collections::{HashMap, VecDeque};

/// At most `entries_max` values by key, the oldest dropped first. Keys are never reused.
#[derive(Debug)]
pub(crate) struct Bounded<V> {
    entries_max: usize,
    /// Insertion order; a removed key stays until it is the oldest, which keeps removal cheap.
    order: VecDeque<String>,
    values: HashMap<String, V>,
}

impl<V> Bounded<V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries_max: entries_max.max(1), order: VecDeque::new(), values: HashMap::new() }
    }

    /// Stores a value under a key that was not used before.
    pub(crate) fn insert(&mut self, key: String, value: V) {
        while self.order.len() >= self.entries_max {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
        self.order.push_back(key.clone());
        self.values.insert(key, value);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.values.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.values.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        self.values.remove(key)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Keys and values, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = (&str, &V)> {
        let entries = self.order.iter().rev();
        entries.filter_map(|key| self.values.get(key).map(|value| (key.as_str(), value)))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut map = Bounded::new(2);
        for key in ["a", "b", "c"] {
            map.insert(key.to_owned(), key.len());
        }
        assert!(!map.contains("a"));
        let keys: Vec<&str> = map.newest_first().map(|(key, _)| key).collect();
        assert_eq!(keys, ["c", "b"]);
    }

    #[test]
    fn removal_leaves_no_trace_in_the_listing() {
        let mut map = Bounded::new(2);
        map.insert("a".to_owned(), 1);
        map.insert("b".to_owned(), 2);
        assert_eq!(map.remove("b"), Some(2));
        assert_eq!(map.newest_first().count(), 1);
    }
}
