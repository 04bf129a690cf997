//! Which groups two nodes share, by each one's own list: found when they meet, told once.
//!
//! Each says which groups it has with the other. Nothing of a group's is said to a node that has not
//! said that it has the group, or spoken in a session of it: it could only refuse, and to it we may be
//! a stranger.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};
use core::time::Duration;

use ensign_primitives::{GroupId, Now, Occupancy, PeerId};
use ensign_wire::{Frame, Groups};

use crate::{Event, GROUPS_MAX, MEMBERS_MAX, Signing};

/// How long a difference has to stand before it is told: groups are formed one after the other when
/// a node starts. Guess: far above what that takes.
pub const GROUPS_SETTLE: Duration = Duration::from_secs(2);
/// Most claims of groups that we do not have which are remembered, so that each is told once; the
/// oldest give way. Guess: all of several members that form all of theirs.
pub const CLAIMS_REMEMBERED: usize = 256;
/// Most groups that a stranger can have us tell of on one connection. Guess: a member of a few groups
/// that we have not formed yet.
pub const CLAIMS_PER_STRANGER_MAX: usize = 4;

const _: () = assert!(GROUPS_MAX <= ensign_wire::SHARED_GROUPS_MAX, "all fit into one frame");

/// What was found, so that each difference is told once.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Our groups that members do not have.
    lacking: BTreeSet<(PeerId, GroupId)>,
    /// Groups that others have with us and we do not have, the oldest claim first.
    missing: VecDeque<(PeerId, GroupId)>,
}

impl Shared {
    fn claim(&mut self, claim: (PeerId, GroupId)) -> bool {
        let is_new = !self.missing.contains(&claim);
        if is_new {
            if self.missing.len() >= CLAIMS_REMEMBERED {
                self.missing.pop_front();
            }
            self.missing.push_back(claim);
        }
        is_new
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        [
            Occupancy {
                name: "groups that members lack",
                len: self.lacking.len(),
                limit: MEMBERS_MAX,
            },
            Occupancy {
                name: "claims of groups that we lack",
                len: self.missing.len(),
                limit: CLAIMS_REMEMBERED,
            },
        ]
    }
}

impl Signing {
    /// Returns whether a member has said that it does not have a group of ours.
    pub fn lacks(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.shared.lacking.contains(&(*peer, *group))
    }

    /// Whether a connected node has said that it has a group.
    pub(crate) fn has_group(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.peers.get(peer).is_some_and(|known| known.told.contains(group))
    }

    /// Takes a member that speaks in a session of a group for one that has it.
    pub(crate) fn speaks_for(&mut self, peer: PeerId, group: GroupId) {
        let is_of_group = self.groups.get(&group).is_some_and(|it| it.peers.contains(&peer));
        if is_of_group && let Some(known) = self.peers.get_mut(&peer) {
            known.told.insert(group);
        }
    }

    /// Says which groups we share with a node.
    pub(crate) fn say_groups(&mut self, peer: PeerId) {
        let shared = self.shared_with(&peer);
        if let Some(known) = self.peers.get_mut(&peer) {
            known.has_heard = true;
            self.send(peer, &Frame::Groups(Groups { shared }));
        }
    }

    /// Our groups with a node, rising.
    fn shared_with(&self, peer: &PeerId) -> Vec<GroupId> {
        let shared = self.groups.iter().filter(|(_, group)| group.peers.contains(peer));
        shared.map(|(id, _)| *id).collect()
    }

    /// Takes a node's list. A stranger is answered once on each connection.
    pub(crate) fn on_groups(&mut self, now: Now, peer: PeerId, groups: Groups) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let told: BTreeSet<GroupId> = groups.shared.into_iter().collect();
        let before = core::mem::replace(&mut known.told, told);
        known.has_told = true;
        known.compare_at = Some(now.instant.after(GROUPS_SETTLE));
        if !known.has_heard {
            self.say_groups(peer);
        }
        for group in self.shared_with(&peer) {
            if self.has_group(&peer, &group) && !before.contains(&group) {
                if self.shared.lacking.remove(&(peer, group)) {
                    self.event(Event::GroupKnown { peer, group });
                }
                self.reconnect_sessions(now, peer, &group);
            }
        }
    }

    /// Compares both lists again after ours has changed: says ours, and tells differences once they
    /// stand.
    pub(crate) fn groups_changed(&mut self, peer: PeerId) {
        let is_introduced = self.is_up(&peer);
        if let Some(known) = self.peers.get_mut(&peer).filter(|_| is_introduced) {
            // The clock is not known here: the next wake-up is due at once, and waits from there.
            known.compare_at = known.has_told.then(Default::default);
            self.say_groups(peer);
        }
    }

    /// Forgets what was found about a group that is formed, or given up.
    pub(crate) fn forget_differences(&mut self, group: &GroupId) {
        self.shared.missing.retain(|(_, missing)| missing != group);
        self.shared.lacking.retain(|(_, lacking)| lacking != group);
    }

    /// Tells the differences that have stood long enough.
    pub(crate) fn compare_groups(&mut self, now: Now) {
        let due = |at: &Option<_>| at.is_some_and(|at| at <= now.instant);
        let due: Vec<_> =
            self.peers.iter().filter(|(_, it)| due(&it.compare_at)).map(|(id, _)| *id).collect();
        for peer in due {
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            if known.compare_at == Some(Default::default()) {
                known.compare_at = Some(now.instant.after(GROUPS_SETTLE));
                continue;
            }
            known.compare_at = None;
            self.tell_differences(peer);
        }
    }

    fn tell_differences(&mut self, peer: PeerId) {
        let Some(known) = self.peers.get(&peer) else { return };
        let (told, ours) = (known.told.clone(), self.shared_with(&peer));
        for group in ours.iter().filter(|group| !told.contains(*group)) {
            if self.shared.lacking.insert((peer, *group)) {
                self.event(Event::GroupUnknown { peer, group: *group });
            }
        }
        let most = if self.is_member(&peer) { usize::MAX } else { CLAIMS_PER_STRANGER_MAX };
        for group in told.iter().filter(|group| !ours.contains(group)).take(most) {
            self.claim_group(peer, *group);
        }
    }

    /// Tells once that somebody has a group with us that we do not have.
    pub(crate) fn claim_group(&mut self, peer: PeerId, group: GroupId) {
        if self.shared.claim((peer, group)) {
            self.event(Event::GroupMissing { peer, group });
        }
    }
}
