//! Once the signatures are here: whether everybody holds the same statements, so that who told each
//! something else and let the session be signed is convicted all the same.

use alloc::vec::Vec;

use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{Body, Envelope, PartialSigsComplete};

use crate::{Phase, Session};

impl Session {
    /// Says that we are done, and the digest of what we hold: who holds the same has nothing to ask.
    pub(crate) fn say_complete(&mut self, now: Now, to: &[SignerIndex]) {
        let digest = self.held_digest();
        self.voice.say(
            now,
            &self.attempt,
            to,
            Body::PartialSigsComplete(PartialSigsComplete { digest }),
        );
    }

    /// Cost: a hash over each statement's digest, at most four for each signer.
    fn held_digest(&self) -> [u8; 32] {
        self.attempt.body_digest(&Body::PartialSigAck(self.view()))
    }

    /// Holds what others have named when they were done against what we hold now.
    pub(crate) fn weigh_agreement(&mut self, now: Now) {
        if !self.is_kept() {
            return;
        }
        let ours = self.held_digest();
        for signer in &mut self.signers {
            if let Some(theirs) = signer.held {
                signer.agrees = theirs == ours;
            }
        }
        self.rest_if_all_are_done(now);
    }

    /// Whether there is something left to compare with a signer. A node that has not joined, because it
    /// restarted, has lost what it would compare; it answers who asks it.
    fn is_open_with(&self, other: SignerIndex) -> bool {
        let joined = self.signer(self.attempt.local()).is_some_and(|local| local.joined);
        joined && self.signer(other).is_some_and(|it| !it.agrees && !it.convicted)
    }

    /// Whether a signer has the signatures, and nothing is left to compare with it.
    pub(crate) fn is_settled_with(&self, other: SignerIndex) -> bool {
        self.signer(other).is_some_and(|signer| signer.done) && !self.is_open_with(other)
    }

    /// Asks everybody with whom something is open, and shows it the proofs that we hold.
    pub(crate) fn ask_when_complete(&mut self, now: Now) {
        let open = |other: &SignerIndex| !self.is_settled_with(*other);
        let whom: Vec<_> = self.attempt.others().into_iter().filter(open).collect();
        for other in whom {
            self.send_ack(now, other);
            self.show_proofs(other);
        }
    }

    /// Answers a question once the signatures are here. Who is done itself compares, and is told anew what
    /// we hold; anybody else gets the signatures, and what differs.
    pub(crate) fn answer_when_complete(&mut self, now: Now, from: SignerIndex, ack: &Body) {
        let done = self.signer(from).is_some_and(|signer| signer.done);
        let Body::PartialSigAck(view) = ack else { return self.send_final(now, from) };
        if !self.is_kept() {
            return;
        }
        let same = self.compare(from, view);
        if let Some(signer) = self.signer_mut(from) {
            signer.agrees = same;
        }
        if !done {
            return self.send_final(now, from);
        }
        if !same {
            self.show_proofs(from);
            self.give_missing(now, from, view);
        }
        self.say_complete(now, &[from]);
        self.rest_if_all_are_done(now);
    }

    /// Shows a signer the statements that convict others, within the bound on showings.
    pub(crate) fn show_proofs(&mut self, to: SignerIndex) {
        let convicting = self
            .proofs
            .iter()
            .filter(|said| self.attempt.peer_of(to) != Some(said.sender()))
            .cloned();
        let convicting: Vec<Envelope> = convicting.collect();
        if !convicting.is_empty() && self.may_show(to) {
            for statement in convicting {
                self.voice.send(&[to], statement);
            }
        }
    }

    /// Something new came after the end: whom we agreed with may hold something else. A session that
    /// rests lingers once more; as often as there are statements to come, which the slots bound.
    pub(crate) fn reopen_comparison(&mut self, now: Now) {
        for signer in &mut self.signers {
            signer.agrees = false;
        }
        if self.is_kept() {
            self.course.reopen(now);
        }
        self.course.note_news(now);
        if self.course.phase() == Phase::Complete {
            self.weigh_agreement(now);
        }
    }
}
