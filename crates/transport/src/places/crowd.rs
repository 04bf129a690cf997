//! How many are in the crowd, counted as they come and go: nothing is walked for a caller.

use std::collections::BTreeMap;

use ensign_diversity::Group;

use super::Entry;
use crate::HANDSHAKES_KEPT_MAX;

/// Most of the kept places that one host has. Guess: the nodes of an office.
const KEPT_PER_HOST_MAX: usize = 16;

/// The crowd by group.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    groups: BTreeMap<Group, usize>,
    len: usize,
    /// Of hosts that are known; they are in the crowd too.
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
        let is_host = |group: &Group| matches!(group, Group::Host(_));
        entry.is_known
            && self.known < HANDSHAKES_KEPT_MAX
            && entry.groups.iter().find(is_host).is_some_and(|it| self.of(&it) < KEPT_PER_HOST_MAX)
    }

    pub(super) fn join(&mut self, entry: &Entry) {
        if entry.stage.is_crowd() {
            self.len += 1;
            self.known += usize::from(entry.is_known);
            entry.groups.iter().for_each(|group| *self.groups.entry(group).or_default() += 1);
        }
    }

    pub(super) fn leave(&mut self, entry: &Entry) {
        if entry.stage.is_crowd() {
            self.len -= 1;
            self.known -= usize::from(entry.is_known);
            for group in entry.groups.iter() {
                if let Some(count) = self.groups.get_mut(&group) {
                    *count -= 1;
                    if *count == 0 {
                        self.groups.remove(&group);
                    }
                }
            }
        }
    }
}
