//! Who was asked whom it knows, what is taken of the answers, and who may ask us.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_ratelimit::{Gcra, Keyed};

use crate::{
    ANSWERS_ALLOWED, Area, CONNECTED_MAX, Fault, Listed, OUTBOUND_MAX, OUTBOUND_WHEN_ALARMED,
    Offense, QUESTIONS_ALLOWED, QUESTIONS_ASKED, ROUND_TAKEN_MAX, ROUND_TAKEN_PER_SOURCE_MAX,
    TOLD_MAX, TRUSTED_MAX,
};

/// The exchange of records with those who are connected.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Who was asked on its connection and has not answered.
    waiting: BTreeSet<PeerId>,
    /// What was taken in this round, by area of who said it.
    taken: BTreeMap<Area, usize>,
    askers: Keyed<PeerId>,
    /// How often we ask each.
    asks: Keyed<PeerId>,
    answers: Gcra,
}

impl Exchange {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: BTreeSet::new(),
            taken: BTreeMap::new(),
            askers: Keyed::new(CONNECTED_MAX),
            asks: Keyed::new(CONNECTED_MAX),
            answers: Gcra::FULL,
        }
    }

    /// Begins a round.
    pub(crate) fn begin(&mut self) {
        self.taken.clear();
    }

    /// Returns whether a peer may be asked now, and takes it as asked: one question at a time.
    pub(crate) fn ask(&mut self, now: Instant, peer: PeerId) -> bool {
        !self.waiting.contains(&peer) && self.may_ask(now, peer) && self.waiting.insert(peer)
    }

    /// Takes a question from what we may ask a peer; `false` when it would take it for too many.
    pub(crate) fn may_ask(&mut self, now: Instant, peer: PeerId) -> bool {
        self.asks.take(now, peer, QUESTIONS_ASKED, 1)
    }

    pub(crate) fn is_waiting_for(&self, peer: &PeerId) -> bool {
        self.waiting.contains(peer)
    }

    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.waiting.remove(peer);
    }

    /// Judges an answer as a whole, cheap things first; none of it is taken when something in it cannot be.
    /// Records that have ended are left out, which is nobody's fault.
    pub(crate) fn answered<R: Listed>(
        &mut self,
        from: &PeerId,
        records: Vec<R>,
        check: impl Fn(&R) -> Result<(), Fault>,
        prove: impl Fn(&R) -> Result<(), Fault>,
    ) -> Result<Vec<R>, Offense> {
        if !self.waiting.remove(from) {
            return Err(Offense::Unasked);
        }
        // Its own comes besides, if it serves.
        let count = records.iter().filter(|it| it.peer() != *from).count();
        if count > TOLD_MAX {
            return Err(Offense::TooMany { count, limit: TOLD_MAX });
        }
        let mut named = BTreeSet::new();
        let mut current = Vec::with_capacity(records.len());
        for record in records {
            let peer = record.peer();
            if !named.insert(peer) {
                return Err(Offense::Twice { peer });
            }
            match check(&record) {
                Ok(()) => current.push(record),
                Err(fault) if fault.is_an_offense() => {
                    return Err(Offense::Record { peer, fault });
                }
                Err(_) => {}
            }
        }
        for record in &current {
            prove(record).map_err(|fault| Offense::Record { peer: record.peer(), fault })?;
        }
        Ok(current)
    }

    /// Returns whether one more record of that source may enter in this round.
    pub(crate) fn has_room(&self, source: Area) -> bool {
        let of_source = self.taken.get(&source).copied().unwrap_or(0);
        of_source < ROUND_TAKEN_PER_SOURCE_MAX
            && self.taken.values().sum::<usize>() < ROUND_TAKEN_MAX
    }

    /// Counts a record that entered.
    pub(crate) fn take(&mut self, source: Area) {
        *self.taken.entry(source).or_default() += 1;
    }

    /// Returns whether a question is answered; `None` when it is one too many from that asker.
    pub(crate) fn asked(&mut self, now: Instant, from: PeerId) -> Option<bool> {
        let is_allowed = self.askers.take(now, from, QUESTIONS_ALLOWED, 1);
        is_allowed.then(|| self.answers.take(now, ANSWERS_ALLOWED, 1))
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let asked_max = OUTBOUND_MAX + OUTBOUND_WHEN_ALARMED + TRUSTED_MAX;
        [
            Occupancy { name: "asked nodes", len: self.waiting.len(), limit: asked_max },
            Occupancy { name: "sources", len: self.taken.len(), limit: ROUND_TAKEN_MAX },
        ]
    }
}
