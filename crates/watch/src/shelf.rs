//! Entries of which whoever was noted longest ago goes.

use alloc::collections::BTreeMap;

use ensign_primitives::PeerId;

use crate::Entry;

/// A bounded number of entries.
#[derive(Debug)]
pub(crate) struct Shelf {
    max: usize,
    entries: BTreeMap<PeerId, (u64, Entry)>,
    /// By when they were noted last.
    order: BTreeMap<u64, PeerId>,
    next: u64,
}

impl Shelf {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, entries: BTreeMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// Returns the entry to write into, a fresh one where there is none.
    pub(crate) fn touch(&mut self, whom: PeerId) -> &mut Entry {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        if let Some((before, _)) = self.entries.get(&whom) {
            self.order.remove(before);
        } else if self.entries.len() >= self.max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.order.insert(number, whom);
        let (at, entry) = self.entries.entry(whom).or_default();
        *at = number;
        entry
    }

    pub(crate) fn remove(&mut self, whom: &PeerId) -> Option<Entry> {
        let (number, entry) = self.entries.remove(whom)?;
        self.order.remove(&number);
        Some(entry)
    }

    pub(crate) fn put(&mut self, whom: PeerId, entry: Entry) {
        *self.touch(whom) = entry;
    }

    pub(crate) fn get(&self, whom: &PeerId) -> Option<&Entry> {
        self.entries.get(whom).map(|(_, entry)| entry)
    }

    /// The latest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Entry)> {
        self.order.values().rev().filter_map(|whom| Some((whom, self.get(whom)?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
