//! Collections whose capacity is fixed when they are made and whose order is fixed by their keys.

use alloc::collections::{BTreeMap, VecDeque};

use crate::Occupancy;

/// A first-in, first-out queue that refuses what does not fit.
#[derive(Clone, Debug)]
pub struct BoundedQueue<T> {
    items: VecDeque<T>,
    capacity: usize,
    refused: u64,
}

impl<T> BoundedQueue<T> {
    /// Makes a queue for at most `capacity` items.
    pub const fn new(capacity: usize) -> Self {
        Self { items: VecDeque::new(), capacity, refused: 0 }
    }

    /// Appends `item`.
    ///
    /// # Errors
    ///
    /// Gives `item` back when the queue is full, and counts the refusal.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.items.len() >= self.capacity {
            self.refused = self.refused.saturating_add(1);
            return Err(item);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Returns how many items wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns how many items were refused since the queue was made.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns how full the queue is, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.items.len(), limit: self.capacity }
    }
}

/// An ordered map that refuses new keys when it is full; known keys can always be replaced.
#[derive(Clone, Debug)]
pub struct BoundedMap<K, V> {
    entries: BTreeMap<K, V>,
    capacity: usize,
}

impl<K: Ord, V> BoundedMap<K, V> {
    /// Makes a map for at most `capacity` keys.
    pub const fn new(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), capacity }
    }

    /// Inserts or replaces, and returns the value replaced.
    ///
    /// # Errors
    ///
    /// Gives `value` back when `key` is new and the map is full.
    pub fn insert(&mut self, key: K, value: V) -> Result<Option<V>, V> {
        if self.is_full() && !self.entries.contains_key(&key) {
            return Err(value);
        }
        Ok(self.entries.insert(key, value))
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Returns the value of `key` for change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Returns whether `key` is present.
    pub fn contains_key(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Keeps the entries for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&K, &mut V) -> bool) {
        visit(self.entries.len());
        self.entries.retain(keep);
    }

    /// Iterates in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().inspect(|_| visit(1))
    }

    /// Iterates in key order, values for change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().inspect(|_| visit(1))
    }

    /// Returns how many keys are present.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no key is present.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns whether a new key would be refused.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.capacity
    }

    /// Returns how full the map is, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.entries.len(), limit: self.capacity }
    }
}

#[cfg(feature = "visits")]
static VISITS: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

/// Returns how many entries of bounded maps this process has walked over. Only with the feature `visits`,
/// for a test that is alone in its process.
#[cfg(feature = "visits")]
pub fn visits() -> usize {
    VISITS.load(core::sync::atomic::Ordering::Relaxed)
}

/// Counts entries that are walked over, where somebody counts.
fn visit(entries: usize) {
    #[cfg(feature = "visits")]
    VISITS.fetch_add(entries, core::sync::atomic::Ordering::Relaxed);
    let _ = entries;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_queue_gives_the_item_back_and_counts_it() {
        let mut queue = BoundedQueue::new(1);
        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Err(2));
        assert_eq!((queue.refused(), queue.pop(), queue.pop()), (1, Some(1), None));
    }

    #[test]
    fn full_map_refuses_new_keys_and_replaces_known_ones() {
        let mut map = BoundedMap::new(1);
        assert_eq!(map.insert("a", 1), Ok(None));
        assert_eq!(map.insert("b", 2), Err(2));
        assert_eq!(map.insert("a", 3), Ok(Some(1)));
        assert_eq!(map.get(&"a"), Some(&3));
    }
}
