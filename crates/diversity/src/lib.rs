//! Who is near whom on the network, and who gives way when places are short.
//!
//! An identity costs nothing and an address little; many addresses in many networks cost more. So places are
//! counted by [group](Group) of addresses: a host, its network, its provider, its country. [`evict`] says
//! who leaves when a newcomer finds every place taken, and [`most_crowded`] which of those whose
//! identity nobody knows yet. Providers and countries are known from a [`PrefixTable`]; without
//! one the prefixes alone count.
//!
//! Invariants:
//! - Nobody whom we know or want gives way, and for such a one there is room while a guest is here.
//! - The older half of the guests gives way to no other guest, unless penalized: whatever number of identities
//!   comes later from one group.
//! - Equal candidates, equal answer: nothing is drawn here.
//!
//! Sources: Bitcoin Core's `node/eviction.cpp` for what is protected, its asmap for groups by provider;
//! Marcus, Heilman and Goldberg, ePrint 2018/236, for what happens without.
//!
//! Deliberately absent: reading of files and their age, which the caller does; /16 of IPv4, which
//! tells no provider.
#![no_std]

extern crate alloc;

#[cfg(test)]
extern crate std;

mod group;
mod places;
mod table;

pub use group::{AddressGroups, Country, Group, LEVELS, block, host, network};
pub use places::{Candidate, NEAR_PROTECTED, Regard, evict, most_crowded};
pub use table::{LineError, Origin, PREFIXES_MAX, PrefixTable, PrefixTableBuilder};

#[cfg(test)]
mod tests;
