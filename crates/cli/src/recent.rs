//! A memory with room for so many; the oldest gives way.

use std::collections::{BTreeMap, VecDeque};

/// Values by their keys, and the keys as they came.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    values: BTreeMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Copy + Ord, V> Recent<K, V> {
    /// Begins with nothing.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { values: BTreeMap::new(), order: VecDeque::new(), limit }
    }

    /// Remembers a value; one that is there already is replaced and stays as old as it was.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.values.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    /// Returns a value.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_the_lowest_was_forgotten_instead_of_the_oldest() {
        let mut recent = Recent::new(3);
        for key in [9, 1, 5, 9, 7] {
            recent.insert(key, key * 10);
        }
        let known: Vec<_> = (0..10).filter(|key| recent.get(key).is_some()).collect();
        assert_eq!(known, [1, 5, 7]);
    }
}
