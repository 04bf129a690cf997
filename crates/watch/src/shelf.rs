//! Entries of which the largest group gives way first, and in it whoever was noted longest ago.

use alloc::collections::{BTreeMap, BTreeSet};
use core::{
    cmp::Reverse,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ensign_primitives::PeerId;

use crate::Entry;

/// Bits of an IPv4 address that a group has in common: what one network hands out.
const GROUP_BITS_V4: u32 = 24;
/// Bits of an IPv6 address that a group has in common: what one provider has.
const GROUP_BITS_V6: u32 = 32;

/// Who gives way together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group(Option<IpAddr>);

impl Group {
    /// All whose address is not known are one group.
    pub(crate) fn of(remote: Option<IpAddr>) -> Self {
        Self(remote.map(|remote| match remote.to_canonical() {
            IpAddr::V4(ip) => {
                let low = u32::BITS - GROUP_BITS_V4;
                Ipv4Addr::from_bits(ip.to_bits() >> low << low).into()
            }
            IpAddr::V6(ip) => {
                let low = u128::BITS - GROUP_BITS_V6;
                Ipv6Addr::from_bits(ip.to_bits() >> low << low).into()
            }
        }))
    }
}

#[derive(Debug)]
struct Held {
    /// When it was noted last.
    number: u64,
    group: Group,
    entry: Entry,
}

/// A bounded number of entries.
#[derive(Debug)]
pub(crate) struct Shelf {
    max: usize,
    entries: BTreeMap<PeerId, Held>,
    /// By when they were noted last.
    order: BTreeMap<u64, PeerId>,
    /// When those of each group were noted last.
    groups: BTreeMap<Group, BTreeSet<u64>>,
    /// The groups by their size; of equal ones the last has the entry that was noted longest ago.
    sizes: BTreeSet<(usize, Reverse<u64>, Group)>,
    next: u64,
}

impl Shelf {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            max,
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            groups: BTreeMap::new(),
            sizes: BTreeSet::new(),
            next: 0,
        }
    }

    /// Returns the entry to write into, a fresh one where there is none.
    pub(crate) fn touch(&mut self, whom: PeerId, group: Group) -> &mut Entry {
        let entry = self.remove(&whom).unwrap_or_else(|| {
            self.make_room();
            Entry::default()
        });
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.order.insert(number, whom);
        self.regroup(group, |numbers| numbers.insert(number));
        let held = Held { number, group, entry };
        &mut self.entries.entry(whom).insert_entry(held).into_mut().entry
    }

    pub(crate) fn remove(&mut self, whom: &PeerId) -> Option<Entry> {
        let Held { number, group, entry } = self.entries.remove(whom)?;
        self.order.remove(&number);
        self.regroup(group, |numbers| numbers.remove(&number));
        Some(entry)
    }

    pub(crate) fn put(&mut self, whom: PeerId, group: Group, entry: Entry) {
        *self.touch(whom, group) = entry;
    }

    pub(crate) fn get(&self, whom: &PeerId) -> Option<&Entry> {
        self.entries.get(whom).map(|held| &held.entry)
    }

    /// The latest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Entry)> {
        self.order.values().rev().filter_map(|whom| Some((whom, self.get(whom)?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn make_room(&mut self) {
        if self.entries.len() < self.max {
            return;
        }
        let oldest = self.sizes.last().map(|(_, Reverse(oldest), _)| *oldest);
        if let Some(whom) = oldest.and_then(|oldest| self.order.get(&oldest).copied()) {
            self.remove(&whom);
        }
    }

    /// Changes a group, and where it stands among the others.
    fn regroup(&mut self, group: Group, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let numbers = self.groups.entry(group).or_default();
        if let Some(oldest) = numbers.first() {
            self.sizes.remove(&(numbers.len(), Reverse(*oldest), group));
        }
        change(numbers);
        if let Some(oldest) = numbers.first() {
            self.sizes.insert((numbers.len(), Reverse(*oldest), group));
        } else {
            self.groups.remove(&group);
        }
    }
}
