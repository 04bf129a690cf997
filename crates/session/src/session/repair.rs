//! Asking for what is missing, answering who asks, and comparing what each holds: during the attempt
//! and after its end.

use alloc::vec::Vec;

use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{
    AbortReason, Body, Envelope, Kind, NonceAck, PartialSigAck, PartialSigsComplete, Refusal,
    SessionReady, SignatureFinalized, SignerSet, Slot, ValidationError,
};

use crate::{
    ACKS_ANSWERED_MAX, Event, Offense, Output, Phase, Session,
    course::Aborted,
    view::{COMPARED, View},
};

impl Session {
    /// Tells a signer's node that something it sent was not taken: what it was, and why.
    pub fn refuse(&mut self, now: Now, to: SignerIndex, (refused, why): (Kind, Refusal)) {
        self.say(now, &[to], Body::ValidationError(ValidationError { refused, why }));
    }

    /// Whether others hear of the attempt from us: we made the request, or opened the attempt.
    pub(super) fn is_announcer(&self) -> bool {
        self.course.is_opened_by_us() || self.attempt.is_by_us()
    }

    pub(super) fn announce_to(&mut self, now: Now, signer: SignerIndex) {
        self.say(now, &[signer], self.attempt.announcement());
    }

    /// Repeats the phase's question to everybody: one that is silent to us may have spoken to
    /// another, who hands it on.
    pub(super) fn ask_again(&mut self, now: Now) {
        match self.course.phase() {
            Phase::Gathering => return,
            Phase::Aborted => return self.compare_after_abort(now, self.attempt.others()),
            Phase::Complete => return self.ask_when_complete(now),
            Phase::Committing | Phase::Revealing | Phase::Signing => {}
        }
        for signer in self.attempt.others() {
            // It has not heard of the attempt, as far as we know: it may have been asked too much
            // when the announcement came first.
            if self.is_announcer() && self.roll.is_unheard(signer) {
                self.announce_to(now, signer);
            }
            self.send_ack(now, signer);
        }
        self.report_waiting();
    }

    /// Asks every other signer at once what it holds.
    pub(super) fn ask_everybody(&mut self, now: Now) {
        if matches!(self.course.phase(), Phase::Revealing | Phase::Signing) {
            for signer in self.attempt.others() {
                self.send_ack(now, signer);
            }
        }
    }

    /// Says what we hold; who has more sends it.
    pub(super) fn send_ack(&mut self, now: Now, to: SignerIndex) {
        let body = match self.course.phase() {
            Phase::Gathering | Phase::Committing => {
                let joined = self.roll.joined();
                return self.say(now, &[to], Body::SessionReady(SessionReady { joined }));
            }
            Phase::Revealing => Body::NonceAck(NonceAck {
                held: self.roll.revealed(),
                digest: self.roll.nonces_digest(&self.attempt),
            }),
            Phase::Signing | Phase::Complete => Body::PartialSigAck(self.view().to_ack()),
            Phase::Aborted => return self.send_abort(now, to),
        };
        self.agreement.note_question(to);
        self.say(now, &[to], body);
    }

    /// Answers an acknowledgement with what its sender is missing, within a bound.
    pub(super) fn on_ack(&mut self, now: Now, from: SignerIndex, ack: &Body) {
        if !self.may_answer(from) {
            return;
        }
        match self.course.phase() {
            Phase::Complete => return self.answer_when_complete(now, from, ack),
            Phase::Aborted => return self.answer_after_abort(now, from, ack),
            Phase::Gathering | Phase::Committing | Phase::Revealing | Phase::Signing => {}
        }
        let local = self.attempt.local();
        #[expect(clippy::wildcard_enum_match_arm, reason = "only acknowledgements come here")]
        match ack {
            Body::SessionReady(ready) => {
                self.report_acknowledged(from);
                if !ready.joined.contains(local) {
                    self.say_again(now, from, |_| true);
                }
                self.hand_on(now, from, Slot::Join, &ready.joined);
            }
            Body::NonceAck(ack) => {
                self.compare_nonces(from, ack);
                let held = ack.held.contains(local);
                self.say_again(now, from, |body| match body {
                    Body::NonceShare(_) => !held,
                    Body::NoncesComplete(_) | Body::PartialSigShare(_) => true,
                    _ => false,
                });
                self.hand_on(now, from, Slot::NonceShare, &ack.held);
                self.hand_on(now, from, Slot::NoncesComplete, &SignerSet::default());
            }
            Body::PartialSigAck(view) => {
                self.compare(from, view);
                self.give_missing(now, from, view);
            }
            _ => {}
        }
    }

    /// Counts a question and tells whether it is still answered.
    pub(super) fn may_answer(&mut self, from: SignerIndex) -> bool {
        let Some(peer) = self.attempt.peer_of(from) else { return false };
        let allowed = self.allowance.may_answer(from);
        if !allowed {
            let offense = Offense::TooManyAcks { limit: ACKS_ANSWERED_MAX };
            self.voice.push(Output::Offense { peer, offense });
        }
        allowed
    }

    fn report_acknowledged(&mut self, from: SignerIndex) {
        if self.course.phase() <= Phase::Committing
            && !self.roll.has_joined(from)
            && self.allowance.has_asked_once(from)
        {
            self.voice.event(Event::Acknowledged(from));
        }
    }

    fn say_again(&mut self, now: Now, to: SignerIndex, wanted: impl Fn(&Body) -> bool) {
        self.voice.say_again(now, &self.attempt, to, wanted);
    }

    /// Hands on other signers' statements in a slot that `to` does not hold, once the news is old
    /// enough to have reached it without us.
    fn hand_on(&mut self, now: Now, to: SignerIndex, slot: Slot, held: &SignerSet) {
        if self.course.is_quiet(now, self.attempt.answer_pause()) {
            self.forward(to, slot, held);
        }
    }

    fn forward(&mut self, to: SignerIndex, slot: Slot, held: &SignerSet) {
        for signer in self.attempt.others() {
            if signer == to || held.contains(signer) {
                continue;
            }
            let peer = self.attempt.peer_of(signer);
            let statement = peer.and_then(|peer| self.case.said(&peer, slot).cloned());
            if let Some(envelope) = statement {
                self.voice.send(&[to], envelope);
            }
        }
    }

    /// Gives what `to` does not hold: our own statements, and those of others that are old enough to
    /// have reached it without us. After the end our partial signatures stay where they are.
    fn give_missing(&mut self, now: Now, to: SignerIndex, theirs: &PartialSigAck) {
        let (local, over) = (self.attempt.local(), self.course.phase() == Phase::Aborted);
        self.say_again(now, to, |body| {
            let lacks = body.slot().is_some_and(|slot| !theirs.of(slot).signers.contains(local));
            lacks && !(over && matches!(body, Body::PartialSigShare(_)))
        });
        for slot in COMPARED {
            self.hand_on(now, to, slot, &theirs.of(slot).signers);
        }
    }

    /// Returns whose statements we hold, and what they say. Whom we have convicted has nothing left to
    /// compare.
    fn view(&self) -> View<'_> {
        View::new(&self.attempt, |signer, slot| {
            if self.case.is_convicted(signer) {
                return None;
            }
            if signer == self.attempt.local() {
                return self.voice.digest(slot);
            }
            self.case.digest(&self.attempt.peer_of(signer)?, slot)
        })
    }

    /// Cost: a hash over each statement's digest, at most four for each signer.
    fn held_digest(&self) -> [u8; 32] {
        self.attempt.body_digest(&Body::PartialSigAck(self.view().to_ack()))
    }

    /// Compares what `from` holds with what we hold, and shows ours wherever it holds something else
    /// of the same signers. Returns whether both hold the same.
    fn compare(&mut self, from: SignerIndex, theirs: &PartialSigAck) -> bool {
        let found = self.view().compare(theirs);
        if !found.differing.is_empty() && self.allowance.may_show(from) {
            for slot in found.differing {
                self.forward(from, slot, &SignerSet::default());
            }
        }
        found.same
    }

    /// Compares a digest over part of the nonces with ours over the same part.
    fn compare_nonces(&mut self, from: SignerIndex, ack: &NonceAck) {
        if self.roll.differs(&self.attempt, ack) {
            self.agreement.note_difference();
            if self.allowance.may_show(from) {
                self.forward(from, Slot::Join, &SignerSet::default());
                self.forward(from, Slot::NonceShare, &SignerSet::default());
            }
        }
    }

    /// Compares the nonce set that a signer named with ours, once ours is whole. One that names another
    /// was told other nonces, or lies: it is asked for the statements behind its set, and everybody
    /// else for what the others were told. It convicts itself where it contradicts what it confirmed.
    pub(super) fn check_view(&mut self, now: Now, signer: SignerIndex) {
        let Some(peer) = self.attempt.peer_of(signer) else { return };
        if let Some(evidence) = self.case.signed_otherwise(&peer) {
            self.convict(now, signer, AbortReason::Equivocation, evidence);
        }
        if !self.roll.have_all_revealed() {
            return;
        }
        let (confirmed, signed_for) = self.case.named_by(&peer);
        let ours = self.roll.nonces_digest(&self.attempt);
        if confirmed == Some(ours) && self.roll.confirm(signer) {
            self.progress(Event::Confirmed(signer));
        }
        let differs = [confirmed, signed_for].into_iter().flatten().any(|theirs| theirs != ours);
        if differs && self.agreement.names_another(signer) {
            self.ask_everybody(now);
        }
    }

    /// Hands out the final signatures, within the bound on answers.
    pub(super) fn answer_final(&mut self, now: Now, to: SignerIndex) {
        if self.may_answer(to) {
            self.send_final(now, to);
        }
    }

    /// Hands out the final signatures, once they are on disk: whoever has them counts us as done.
    fn send_final(&mut self, now: Now, to: SignerIndex) {
        if self.is_kept() {
            let signatures = self.sum.signatures();
            self.say(now, &[to], Body::SignatureFinalized(SignatureFinalized { signatures }));
        }
    }

    /// Says that we are done, and the digest of what we hold: who holds the same has nothing to ask.
    pub(super) fn say_complete(&mut self, now: Now, to: &[SignerIndex]) {
        let digest = self.held_digest();
        self.say(now, to, Body::PartialSigsComplete(PartialSigsComplete { digest }));
    }

    /// Holds what others have named when they were done against what we hold now.
    pub(super) fn weigh_agreement(&mut self, now: Now) {
        if self.is_kept() {
            let ours = self.held_digest();
            self.agreement.weigh(ours);
            self.rest_if_all_are_done(now);
        }
    }

    /// Whether there is something left to compare with a signer. A node that has not joined, because it
    /// restarted, has lost what it would compare; it answers who asks it.
    fn is_open_with(&self, other: SignerIndex) -> bool {
        self.roll.has_joined(self.attempt.local())
            && !self.agreement.agrees(other)
            && !self.case.is_convicted(other)
    }

    /// Whether a signer has the signatures, and nothing is left to compare with it.
    fn is_settled_with(&self, other: SignerIndex) -> bool {
        self.roll.is_done(other) && !self.is_open_with(other)
    }

    /// Nothing is left to do once all others have the signatures and hold what we hold.
    fn rest_if_all_are_done(&mut self, now: Now) {
        let mut others = self.attempt.others().into_iter();
        if self.is_kept() && others.all(|other| self.is_settled_with(other)) {
            self.course.rest(now);
        }
    }

    /// Asks everybody with whom something is open, and shows it the proofs that we hold.
    fn ask_when_complete(&mut self, now: Now) {
        let mut whom = self.attempt.others();
        whom.retain(|other| !self.is_settled_with(*other));
        for other in whom {
            self.send_ack(now, other);
            self.show_proofs(other);
        }
    }

    /// Answers a question once the signatures are here. Who is done itself compares, and is told anew what
    /// we hold; anybody else gets the signatures, and what differs.
    fn answer_when_complete(&mut self, now: Now, from: SignerIndex, ack: &Body) {
        let Body::PartialSigAck(view) = ack else { return self.send_final(now, from) };
        if !self.is_kept() {
            return;
        }
        let same = self.compare(from, view);
        self.agreement.settle(from, same);
        if !self.roll.is_done(from) {
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
    fn show_proofs(&mut self, to: SignerIndex) {
        let convicting = self.case.proofs_for(self.attempt.peer_of(to));
        if !convicting.is_empty() && self.allowance.may_show(to) {
            for statement in convicting {
                self.voice.send(&[to], statement);
            }
        }
    }

    /// Something new came after the end: whom we agreed with may hold something else. A session that
    /// rests lingers once more; as often as there are statements to come, which the slots bound.
    pub(super) fn reopen_comparison(&mut self, now: Now) {
        self.agreement.reopen();
        if self.is_kept() {
            self.course.reopen(now);
        }
        self.course.note_news(now);
        if self.course.phase() == Phase::Complete {
            self.weigh_agreement(now);
        }
    }

    /// Says how the attempt ended, in the words of whoever ended it.
    fn send_abort(&mut self, now: Now, to: SignerIndex) {
        match self.course.aborted() {
            Some(Aborted::ByUs(abort)) => {
                self.voice.say(now, &self.attempt, &[to], Body::SessionAbort(*abort));
            }
            Some(Aborted::ByPeer(envelope)) => self.voice.send(&[to], Envelope::clone(envelope)),
            None => {}
        }
    }

    /// After the end of an attempt that we had joined: says what we hold to those of `whom` who are not
    /// known to hold the same, so that who equivocates and then ends the attempt does not escape.
    pub(super) fn compare_after_abort(&mut self, now: Now, mut whom: Vec<SignerIndex>) {
        whom.retain(|who| self.is_open_with(*who));
        if !whom.is_empty() && !self.case.is_empty() {
            let view = self.view().to_ack();
            self.say(now, &whom, Body::PartialSigAck(view));
        }
    }

    /// Answers a question after the end of the attempt: how it ended, whose proofs we hold, and what we
    /// hold that differs or is missing.
    fn answer_after_abort(&mut self, now: Now, from: SignerIndex, ack: &Body) {
        self.send_abort(now, from);
        self.show_proofs(from);
        #[expect(clippy::wildcard_enum_match_arm, reason = "who asks otherwise is not at its end")]
        match ack {
            Body::NonceAck(ack) => self.compare_nonces(from, ack),
            Body::PartialSigAck(view) => {
                let same = self.compare(from, view);
                self.agreement.settle(from, same);
                self.give_missing(now, from, view);
            }
            _ => {}
        }
    }
}
