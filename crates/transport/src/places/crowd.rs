//! How many are in the crowd, counted as they come and go: nothing is walked for a caller.

use std::collections::BTreeMap;

use ensign_diversity::Group;

use super::Entry;
use crate::HANDSHAKES_KEPT_MAX;

/// Most of the kept places that one host has. Guess: the nodes of an office, some of which come a round trip
/// later. A member with as many hosts [as it may have](ensign_ratelimit::HOSTS_OF_MEMBER_MAX) leaves half of all.
const KEPT_PER_HOST_MAX: usize = 8;
/// Most of them that hosts of one /24, or IPv6 /48, have. Guess: twice a host's.
const KEPT_PER_NETWORK_MAX: usize = 16;

/// The crowd by group.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    groups: BTreeMap<Group, usize>,
    len: usize,
    /// Of hosts that are known, by host and network; they are in the crowd too.
    known_groups: BTreeMap<Group, usize>,
    known: usize,
}

impl Crowd {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn of(&self, group: &Group) -> usize {
        self.groups.get(group).copied().unwrap_or_default()
    }

    /// Whether one of the places is free that are kept for hosts where a peer that is expected was
    /// connected.
    pub(super) fn keeps_a_place(&self, entry: &Entry) -> bool {
        let has_room = |group: Group| {
            let taken = self.known_groups.get(&group).copied().unwrap_or_default();
            kept(&group).is_none_or(|most| taken < most)
        };
        entry.is_known && self.known < HANDSHAKES_KEPT_MAX && entry.groups.iter().all(has_room)
    }

    pub(super) fn join(&mut self, entry: &Entry) {
        if entry.stage.is_crowd() {
            self.len += 1;
            count(&mut self.groups, entry.groups.iter());
            if entry.is_known {
                self.known += 1;
                count(&mut self.known_groups, entry.groups.iter().filter(is_kept));
            }
        }
    }

    pub(super) fn leave(&mut self, entry: &Entry) {
        if entry.stage.is_crowd() {
            self.len -= 1;
            discount(&mut self.groups, entry.groups.iter());
            if entry.is_known {
                self.known -= 1;
                discount(&mut self.known_groups, entry.groups.iter().filter(is_kept));
            }
        }
    }
}

/// How many kept places those of a group have, where that is bounded.
const fn kept(group: &Group) -> Option<usize> {
    match group {
        Group::Host(_) => Some(KEPT_PER_HOST_MAX),
        Group::Network(_) => Some(KEPT_PER_NETWORK_MAX),
        Group::Block(_) | Group::Provider(_) | Group::Country(_) => None,
    }
}

const fn is_kept(group: &Group) -> bool {
    kept(group).is_some()
}

fn count(groups: &mut BTreeMap<Group, usize>, of: impl Iterator<Item = Group>) {
    of.for_each(|group| *groups.entry(group).or_default() += 1);
}

fn discount(groups: &mut BTreeMap<Group, usize>, of: impl Iterator<Item = Group>) {
    for group in of {
        if let Some(count) = groups.get_mut(&group) {
            *count -= 1;
            if *count == 0 {
                groups.remove(&group);
            }
        }
    }
}
