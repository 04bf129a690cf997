//! Who has agreed to which request: our user's word, and the latest word of every other signer.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use ensign_primitives::{Occupancy, PeerId, RequestId, SIGNERS_MAX, SignerIndex};
use ensign_wire::{Consent, Signed};

use crate::{PEERS_LIMIT, REQUESTS_LIMIT};

/// Most consents kept for a member that brings them before their request is open here. Guess: several
/// requests of an ordinary group, proposed at once.
pub const EARLY_CONSENTS_MAX: usize = 32;

/// Words on open requests. What others say is kept in memory only: they say it again on every connection.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    of: BTreeMap<RequestId, OfRequest>,
    /// What came before its request, unverified, by who brought it.
    early: BTreeMap<PeerId, VecDeque<Box<Signed<Consent>>>>,
}

#[derive(Debug, Default)]
struct OfRequest {
    own: Option<Own>,
    /// The verified word with the highest number, of each other signer.
    held: BTreeMap<SignerIndex, Box<Signed<Consent>>>,
}

/// Our user's latest decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) number: u32,
    pub(crate) agrees: bool,
    /// The record that it waits for; on disk it may be said.
    awaits: Option<u64>,
}

/// What a word is beside the one that is held of its signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Its number is higher, or it is the first.
    Newer,
    /// Its number is the same, and it says the same; or the number is lower.
    Known,
    /// Its number is the same, and it says something else.
    Contradicts,
}

impl Consents {
    /// Begins with a request that is open from now on.
    pub(crate) fn open(&mut self, id: RequestId) {
        self.of.entry(id).or_default();
    }

    /// Forgets a request that is over.
    pub(crate) fn close(&mut self, id: &RequestId) {
        self.of.remove(id);
    }

    /// Notes what our user decided; returns its number, one above the last.
    pub(crate) fn decide(&mut self, id: RequestId, agrees: bool) -> u32 {
        let known = self.of.entry(id).or_default();
        let number = known.own.map_or(0, |own| own.number).saturating_add(1);
        known.own = Some(Own { number, agrees, awaits: None });
        number
    }

    /// Notes under which token our user's latest decision is made durable.
    pub(crate) fn await_record(&mut self, id: &RequestId, token: u64) {
        if let Some(own) = self.of.get_mut(id).and_then(|known| known.own.as_mut()) {
            own.awaits = Some(token);
        }
    }

    /// Takes our user's decision from before a restart: it is durable.
    pub(crate) fn restore(&mut self, id: RequestId, number: u32, agrees: bool) {
        self.of.entry(id).or_default().own = Some(Own { number, agrees, awaits: None });
    }

    /// Notes that the record under this token is durable; returns whether that is our user's latest decision.
    pub(crate) fn durable(&mut self, id: &RequestId, token: u64) -> bool {
        let own = self.of.get_mut(id).and_then(|known| known.own.as_mut());
        own.and_then(|own| own.awaits.take_if(|awaited| *awaited == token)).is_some()
    }

    /// Returns our user's decision, if it may be said.
    pub(crate) fn said(&self, id: &RequestId) -> Option<Own> {
        self.of.get(id)?.own.filter(|own| own.awaits.is_none())
    }

    pub(crate) fn rank(&self, id: &RequestId, consent: &Consent) -> Rank {
        let held = self.of.get(id).and_then(|known| known.held.get(&consent.signer));
        let Some(held) = held.map(|held| held.said()) else { return Rank::Newer };
        if consent.number > held.number {
            Rank::Newer
        } else if consent.number == held.number && consent.agrees != held.agrees {
            Rank::Contradicts
        } else {
            Rank::Known
        }
    }

    /// Takes a verified word that is newer than the one held.
    pub(crate) fn take(&mut self, signed: Box<Signed<Consent>>) {
        let Consent { request, signer, .. } = *signed.said();
        if let Some(known) = self.of.get_mut(&request) {
            known.held.insert(signer, signed);
        }
    }

    /// Returns what a signer other than us said last.
    pub(crate) fn of(&self, id: &RequestId, signer: SignerIndex) -> Option<&Signed<Consent>> {
        self.of.get(id)?.held.get(&signer).map(Box::as_ref)
    }

    /// Forgets what a signer said, whose node is another one now.
    pub(crate) fn forget(&mut self, id: &RequestId, signer: SignerIndex) {
        if let Some(known) = self.of.get_mut(id) {
            known.held.remove(&signer);
        }
    }

    /// Keeps what was brought before its request. The oldest gives way.
    pub(crate) fn keep_early(&mut self, from: PeerId, signed: Box<Signed<Consent>>) {
        let kept = self.early.entry(from).or_default();
        if kept.len() >= EARLY_CONSENTS_MAX {
            kept.pop_front();
        }
        kept.push_back(signed);
    }

    /// Takes what was brought before a request that is open now.
    pub(crate) fn take_early(&mut self, id: &RequestId) -> Vec<(PeerId, Box<Signed<Consent>>)> {
        let mut taken = Vec::new();
        self.early.retain(|from, kept| {
            let (of, rest) = kept.drain(..).partition(|signed| signed.said().request == *id);
            *kept = rest;
            let of: VecDeque<_> = of;
            taken.extend(of.into_iter().map(|signed| (*from, signed)));
            !kept.is_empty()
        });
        taken
    }

    /// Forgets what a node brought that is gone.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.early.remove(peer);
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        let held = self.of.values().map(|known| known.held.len()).max().unwrap_or(0);
        [
            Occupancy { name: "requests with consents", len: self.of.len(), limit: REQUESTS_LIMIT },
            Occupancy { name: "consents to a request", len: held, limit: SIGNERS_MAX },
            Occupancy {
                name: "members with early consents",
                len: self.early.len(),
                limit: PEERS_LIMIT,
            },
        ]
    }
}
