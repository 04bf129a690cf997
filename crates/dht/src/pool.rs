//! The candidates of one walk, and who of them is asked next.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use ensign_primitives::PeerId;
use ensign_wire::{Key, NodeRecord, Scope};

use crate::{ASKED_PER_NETWORK, NEAREST_ROOTS, POOL_MAX, locality::shared_network};

/// No candidate: of our own contacts, who told of them.
const OURS: u16 = u16::MAX;
/// Deeper lines of descent are alike.
const DEPTH_CAP: u8 = 7;

/// What is known of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    New,
    Asked,
    Answered,
    Dead,
}

#[derive(Debug)]
struct Candidate {
    record: NodeRecord,
    /// The first 64 bits of its position: a walk compares all candidates at each step.
    top: u64,
    /// 0 for ours, else one more than who told of it; the lowest counts.
    depth: u8,
    by: u16,
    /// The contact of ours from whom it descends, at first sight.
    root: u16,
    standing: Standing,
    /// Networks of all its addresses.
    networks: Box<[u16]>,
    /// Questions within the region to those who descend from it.
    root_spent: u16,
    /// Questions to those of whom it told.
    by_spent: u16,
}

/// What is asked for next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) target: Key,
    pub(crate) region: u64,
    /// Whether it shall lead elsewhere.
    pub(crate) is_stone: bool,
}

/// Candidates, each once.
#[derive(Debug)]
pub(crate) struct Pool {
    scope: Scope,
    candidates: Vec<Candidate>,
    known: BTreeMap<PeerId, u16>,
    networks: BTreeMap<IpAddr, u16>,
    asked_in: Vec<u8>,
}

impl Pool {
    /// Makes an empty one, of a network with this scope.
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            candidates: Vec::new(),
            known: BTreeMap::new(),
            networks: BTreeMap::new(),
            asked_in: Vec::new(),
        }
    }

    /// Enters a contact of ours.
    pub(crate) fn own(&mut self, record: NodeRecord) {
        let at = self.candidates.len() as u16;
        self.enter(record, (0, OURS, at));
    }

    /// Enters who a candidate told of; `true` when it is new.
    pub(crate) fn told(&mut self, record: NodeRecord, by: u16) -> bool {
        let Some(teller) = self.candidates.get(usize::from(by)) else { return false };
        let (depth, root) = (teller.depth.saturating_add(1), teller.root);
        if let Some(at) = self.known.get(&record.peer()).copied() {
            if let Some(known) = self.candidates.get_mut(usize::from(at))
                && depth < known.depth
            {
                (known.depth, known.by) = (depth, by);
            }
            self.renew(at, record);
            return false;
        }
        self.enter(record, (depth, by, root))
    }

    fn enter(&mut self, record: NodeRecord, (depth, by, root): (u8, u16, u16)) -> bool {
        if self.candidates.len() >= POOL_MAX || self.known.contains_key(&record.peer()) {
            return false;
        }
        self.known.insert(record.peer(), self.candidates.len() as u16);
        let networks = self.networks_of(&record);
        let (top, standing) = (top(record.position()), Standing::New);
        let (root_spent, by_spent) = (0, 0);
        let all =
            Candidate { record, top, depth, by, root, standing, networks, root_spent, by_spent };
        self.candidates.push(all);
        true
    }

    /// Takes a later word of a candidate: where it is now. Whoever tells of where it was hides nobody.
    fn renew(&mut self, at: u16, record: NodeRecord) {
        let known = self.candidates.get(usize::from(at));
        if known.is_none_or(|it| record.seq() <= it.record.seq()) {
            return;
        }
        let networks = self.networks_of(&record);
        if let Some(known) = self.candidates.get_mut(usize::from(at)) {
            (known.top, known.networks, known.record) = (top(record.position()), networks, record);
        }
    }

    /// Returns the networks of all its addresses, of which each counts its questions.
    fn networks_of(&mut self, record: &NodeRecord) -> Box<[u16]> {
        let mut networks = Vec::with_capacity(record.node().addresses.len());
        for address in &record.node().addresses {
            let Some(network) = shared_network(self.scope, address.ip()) else { continue };
            let next = self.asked_in.len() as u16;
            let at = *self.networks.entry(network).or_insert(next);
            if at == next {
                self.asked_in.push(0);
            }
            if !networks.contains(&at) {
                networks.push(at);
            }
        }
        networks.into_boxed_slice()
    }

    /// Chooses whom to ask: of those that were not, and whose network was not asked too often, the least
    /// by (questions to its network, whether it is where it shall be, its root's share, distance).
    pub(crate) fn choose(&self, wanted: Wanted) -> Option<u16> {
        let Wanted { key, target, region, is_stone } = wanted;
        let (key, target) = (top(key), top(target));
        let rank = |it: &Candidate| {
            let asked = self.asked_near(it);
            let is_inside = it.top ^ key < region;
            let misplaced = u8::from(is_inside == is_stone);
            let shares = if is_inside && !is_stone {
                let by_spent = self.candidates.get(usize::from(it.by)).map_or(0, |by| by.by_spent);
                let root_spent = self.candidates.get(usize::from(it.root));
                let root_spent = root_spent.map_or(0, |root| root.root_spent);
                (root_spent, by_spent + u16::from(it.depth))
            } else {
                (it.depth.min(DEPTH_CAP).into(), 0)
            };
            (asked, misplaced, shares, it.top ^ target)
        };
        let open = self.open().filter(|(_, it)| self.asked_near(it) < ASKED_PER_NETWORK);
        open.min_by_key(|(_, it)| rank(it)).map(|(at, _)| at)
    }

    /// Chooses the nearest to the key of one of [`NEAREST_ROOTS`] lines of descent, or of all when
    /// that has none.
    pub(crate) fn choose_nearest(&self, key: Key, line: u16) -> Option<u16> {
        let of = |it: &Candidate| (it.root % NEAREST_ROOTS) == line % NEAREST_ROOTS;
        let key = top(key);
        let near = |(_, it): &(u16, &Candidate)| it.top ^ key;
        let of_line = self.open().filter(|(_, it)| of(it)).min_by_key(near);
        of_line.or_else(|| self.open().min_by_key(near)).map(|(at, _)| at)
    }

    fn open(&self) -> impl Iterator<Item = (u16, &Candidate)> {
        let all = (0_u16..).zip(&self.candidates);
        all.filter(|(_, it)| it.standing == Standing::New)
    }

    fn asked_near(&self, candidate: &Candidate) -> u8 {
        let asked = |at: &u16| self.asked_in.get(usize::from(*at)).copied().unwrap_or_default();
        candidate.networks.iter().map(asked).max().unwrap_or_default()
    }

    /// Counts a question to a candidate.
    pub(crate) fn ask(&mut self, at: u16, is_inside: bool) {
        let Some(candidate) = self.candidates.get_mut(usize::from(at)) else { return };
        candidate.standing = Standing::Asked;
        let (by, root) = (candidate.by, candidate.root);
        for network in &candidate.networks {
            if let Some(asked) = self.asked_in.get_mut(usize::from(*network)) {
                *asked = asked.saturating_add(1);
            }
        }
        if let Some(by) = self.candidates.get_mut(usize::from(by)) {
            by.by_spent = by.by_spent.saturating_add(1);
        }
        if is_inside && let Some(root) = self.candidates.get_mut(usize::from(root)) {
            root.root_spent = root.root_spent.saturating_add(1);
        }
    }

    pub(crate) fn set(&mut self, at: u16, standing: Standing) {
        if let Some(candidate) = self.candidates.get_mut(usize::from(at)) {
            candidate.standing = standing;
        }
    }

    pub(crate) fn record(&self, at: u16) -> Option<&NodeRecord> {
        self.candidates.get(usize::from(at)).map(|it| &it.record)
    }

    pub(crate) fn depth(&self, at: u16) -> u8 {
        self.candidates.get(usize::from(at)).map_or(0, |it| it.depth)
    }

    pub(crate) fn find(&self, peer: &PeerId) -> Option<&NodeRecord> {
        self.record(*self.known.get(peer)?)
    }

    /// Returns the distances of the nearest that are not known to be gone, rising, at most `count`.
    pub(crate) fn nearest(&self, key: Key, count: usize) -> Vec<u64> {
        let alive = self.candidates.iter().filter(|it| it.standing != Standing::Dead);
        let key = top(key);
        let mut all: Vec<_> = alive.map(|it| it.top ^ key).collect();
        if all.len() > count {
            all.select_nth_unstable(count);
            all.truncate(count);
        }
        all.sort_unstable();
        all
    }

    /// Tells whether the nearest `count` that are not known to be gone have answered: none that has not is nearer than the
    /// last of them.
    ///
    /// Cost: two looks at each candidate, no allocation; walks ask at each of their steps.
    pub(crate) fn is_settled(&self, key: Key, count: usize) -> bool {
        let key = top(key);
        let of = |wanted: fn(Standing) -> bool| {
            let all = self.candidates.iter().filter(move |it| wanted(it.standing));
            all.map(move |it| it.top ^ key)
        };
        let open = of(|it| matches!(it, Standing::New | Standing::Asked)).min();
        let Some(open) = open else { return true };
        of(|it| it == Standing::Answered).filter(|it| *it < open).take(count).count() >= count
    }

    /// Returns the nearest that are not known to be gone, nearest first, at most `count`.
    pub(crate) fn nearest_peers(&self, key: Key, count: usize) -> Vec<PeerId> {
        let alive = self.candidates.iter().filter(|it| it.standing != Standing::Dead);
        let key = top(key);
        let mut all: Vec<_> = alive.map(|it| (it.top ^ key, it.record.peer())).collect();
        all.sort_unstable();
        all.into_iter().take(count).map(|(_, peer)| peer).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.candidates.len()
    }
}

/// The first 64 bits of a point: what the first 64 of distances are made of.
fn top(point: impl Into<Key>) -> u64 {
    Key([0; 32]).distance(point).top()
}
