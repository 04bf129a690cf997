//! Which groups two nodes share, by each one's own list: found when they meet, told once.
//!
//! Each says which groups it has with the other. Nothing of a group's is said to a node that has not
//! said that it has the group, or spoken in a session of it: it could only refuse, and to it we may be
//! a stranger.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::time::Duration;

use ensign_primitives::{GroupId, Instant, Now, Occupancy, PeerId, Wakeup};

use crate::{GROUPS_MAX, MEMBERS_MAX, Standing, Warnings};

/// How long a difference has to stand before it is told: groups are formed one after the other when
/// a node starts. Guess: far above what that takes.
pub const GROUPS_SETTLE: Duration = Duration::from_secs(2);
/// Most claims of groups that we do not have which are remembered, so that each is told once; the
/// oldest give way. Guess: all of several members that form all of theirs.
pub const CLAIMS_REMEMBERED: usize = 256;

const _: () = assert!(GROUPS_MAX <= ensign_wire::SHARED_GROUPS_MAX, "all fit into one frame");

/// What connected nodes have told of their groups, and what was found, so that each difference is
/// told once.
#[derive(Debug)]
pub(crate) struct Shared {
    lists: BTreeMap<PeerId, Lists>,
    /// When which node's list is compared with ours, the earliest first.
    comparisons: BTreeSet<(Instant, PeerId)>,
    /// Our groups that members do not have.
    lacking: BTreeSet<(PeerId, GroupId)>,
    /// Groups that others have with us and we do not have, the oldest claim first.
    missing: VecDeque<(PeerId, GroupId)>,
    /// How often such a claim is told.
    warnings: Warnings,
}

/// What a connected node and we have said to each other.
#[derive(Debug, Default)]
struct Lists {
    /// The groups that it says it shares with us.
    told: BTreeSet<GroupId>,
    has_told: bool,
    /// When a difference between the two lists is told.
    compare_at: Option<Instant>,
}

/// Where two lists differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The node does not have this group of ours.
    Lacking(GroupId),
    /// The node says that it has this group with us.
    Missing(GroupId),
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            lists: BTreeMap::new(),
            comparisons: BTreeSet::new(),
            lacking: BTreeSet::new(),
            missing: VecDeque::new(),
            warnings: Warnings::default(),
        }
    }

    /// Begins with a node that is connected from now on.
    pub(crate) fn up(&mut self, peer: PeerId) {
        self.down(&peer);
        self.lists.insert(peer, Lists::default());
    }

    /// Forgets what a node has told on its connection.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.compare_at(peer, None);
        self.lists.remove(peer);
    }

    /// Forgets what a node has told of groups in which it does not stand any more.
    pub(crate) fn keep(&mut self, peer: &PeerId, groups: &[GroupId]) {
        if let Some(known) = self.lists.get_mut(peer) {
            known.told.retain(|group| groups.contains(group));
        }
    }

    /// Whether a connected node has said that it has a group.
    pub(crate) fn has_group(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.lists.get(peer).is_some_and(|known| known.told.contains(group))
    }

    /// Takes a member that speaks in a session of a group for one that has it.
    pub(crate) fn speaks_for(&mut self, peer: &PeerId, group: GroupId) {
        if let Some(known) = self.lists.get_mut(peer) {
            known.told.insert(group);
        }
    }

    /// Takes a node's list; returns what stands in it for the first time.
    pub(crate) fn hear(&mut self, now: Now, peer: &PeerId, told: Vec<GroupId>) -> Vec<GroupId> {
        let Some(known) = self.lists.get_mut(peer) else { return Vec::new() };
        let told: BTreeSet<GroupId> = told.into_iter().collect();
        let new = told.difference(&known.told).copied().collect();
        known.told = told;
        known.has_told = true;
        self.compare_at(peer, Some(now.instant.after(GROUPS_SETTLE)));
        new
    }

    /// Notes that our list has changed.
    pub(crate) fn ours_changed(&mut self, peer: &PeerId) {
        let has_told = self.lists.get(peer).is_some_and(|known| known.has_told);
        // The clock is not known here: the next wake-up is due at once, and waits from there.
        self.compare_at(peer, has_told.then(Instant::default));
    }

    fn compare_at(&mut self, peer: &PeerId, at: Option<Instant>) {
        let Some(known) = self.lists.get_mut(peer) else { return };
        if let Some(before) = core::mem::replace(&mut known.compare_at, at) {
            self.comparisons.remove(&(before, *peer));
        }
        self.comparisons.extend(at.map(|at| (at, *peer)));
    }

    /// Returns whose differences have stood long enough to be told.
    pub(crate) fn due(&mut self, now: Now) -> Vec<PeerId> {
        let due = self.comparisons.iter().take_while(|(at, _)| *at <= now.instant);
        let due: Vec<_> = due.copied().collect();
        for (at, peer) in &due {
            let begins = *at == Instant::default();
            self.compare_at(peer, begins.then(|| now.instant.after(GROUPS_SETTLE)));
        }
        let stood = due.into_iter().filter(|(at, _)| *at != Instant::default());
        let mut stood: Vec<PeerId> = stood.map(|(_, peer)| peer).collect();
        stood.sort_unstable();
        stood
    }

    /// Finds where a node's list and ours differ, each difference once. A claim that may not be told
    /// now is found again later, as long as the node is connected.
    pub(crate) fn differences(
        &mut self,
        now: Now,
        peer: PeerId,
        ours: &[GroupId],
    ) -> Vec<Difference> {
        let Some(known) = self.lists.get(&peer) else { return Vec::new() };
        let lacking = ours.iter().copied().filter(|group| !known.told.contains(group));
        let claimed = known.told.iter().copied().filter(|group| !ours.contains(group));
        let claimed = claimed.filter(|group| !self.missing.contains(&(peer, *group)));
        let (lacking, claimed): (Vec<_>, Vec<_>) = (lacking.collect(), claimed.collect());
        let mut found = Vec::new();
        for group in lacking {
            found.extend(self.lacking.insert((peer, group)).then_some(Difference::Lacking(group)));
        }
        for group in claimed {
            if self.warnings.admit(now.instant, Standing::Member).is_none() {
                self.compare_at(&peer, Some(now.instant.after(GROUPS_SETTLE)));
                break;
            }
            self.remember_claim(peer, group);
            found.push(Difference::Missing(group));
        }
        found
    }

    fn remember_claim(&mut self, peer: PeerId, group: GroupId) {
        if self.missing.len() >= CLAIMS_REMEMBERED {
            self.missing.pop_front();
        }
        self.missing.push_back((peer, group));
    }

    /// Notes that a member has a group; returns whether it was known to lack it.
    pub(crate) fn finds(&mut self, peer: PeerId, group: GroupId) -> bool {
        self.lacking.remove(&(peer, group))
    }

    pub(crate) fn lacks(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.lacking.contains(&(*peer, *group))
    }

    /// Forgets what was found about a group that is formed, or given up.
    pub(crate) fn forget(&mut self, group: &GroupId) {
        self.missing.retain(|(_, missing)| missing != group);
        self.lacking.retain(|(_, lacking)| lacking != group);
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.comparisons.first().map(|(at, _)| Wakeup { at: *at, reason: "groups" })
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
