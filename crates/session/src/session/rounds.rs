//! From one phase to the next, up to the signatures or to the end without them. Our own side takes its
//! steps here: nonces, burn mark, signature, record, and then the world.

use alloc::{boxed::Box, vec::Vec};

use ensign_deadline::Stage;
use ensign_equivocation::Evidence;
use ensign_musig::PartialSig;
use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{
    AbortReason, Body, Mode, NonceShare, NoncesComplete, PartialSigShare, SessionAbort, Slot,
};

use crate::{
    Event, Failure, Finished, Offense, Output, OwnFault, OwnNonces, OwnPartials, Phase, Record,
    Session, Unsigned,
    course::Aborted,
    own::{Step, to_bytes},
    sum::Added,
};

impl Session {
    /// Moves on as far as what is held allows.
    pub(super) fn advance(&mut self, now: Now) {
        match self.course.phase() {
            Phase::Committing if self.roll.have_all_joined() => {
                if self.attempt.is_fast() {
                    self.order_partials(now);
                } else {
                    self.enter(now, Phase::Revealing);
                    self.reveal(now);
                    self.advance(now);
                    self.report_waiting();
                }
            }
            Phase::Revealing if self.roll.have_all_revealed() => {
                if self.attempt.mode() == Mode::Strict && !self.all_confirmed(now) {
                    return;
                }
                self.order_partials(now);
            }
            Phase::Signing if self.roll.have_all_signed() => self.aggregate(now),
            Phase::Gathering
            | Phase::Committing
            | Phase::Revealing
            | Phase::Signing
            | Phase::Complete
            | Phase::Aborted => {}
        }
    }

    /// Whether a signer has said what the phase waits for, true or false.
    pub(super) fn has_delivered(&self, signer: SignerIndex) -> bool {
        let Some(peer) = self.attempt.peer_of(signer) else { return true };
        let said = |slot| self.case.said(&peer, slot).is_some();
        match self.course.phase() {
            Phase::Gathering | Phase::Committing => self.roll.has_joined(signer),
            // Nobody can confirm a set that is not whole.
            Phase::Revealing if self.roll.have_all_revealed() => {
                self.attempt.mode() != Mode::Strict || said(Slot::NoncesComplete)
            }
            Phase::Revealing => self.roll.has_revealed(signer),
            Phase::Signing => said(Slot::PartialSigShare),
            Phase::Complete => self.roll.is_done(signer),
            Phase::Aborted => true,
        }
    }

    /// Takes our public nonces and asks for the join to be made durable.
    pub(super) fn on_own_nonces(&mut self, now: Now, own: OwnNonces) {
        match self.own.take_nonces(&self.attempt, &own) {
            Ok(Some(persist)) => {
                let bytes = to_bytes(&own.nonces);
                self.roll.reveal(self.attempt.local(), bytes, own.nonces);
                self.voice.push(persist);
            }
            Ok(None) => {}
            Err(fault) => self.fail_on_our_side(now, fault),
        }
    }

    /// There will be no nonces.
    pub(super) fn on_no_nonces(&mut self, now: Now, why: Unsigned) {
        if self.own.awaits_nonces() {
            self.on_unsigned(now, why);
        }
    }

    /// Sends our join; its record is durable.
    pub(super) fn join(&mut self, now: Now) {
        let local = self.attempt.local();
        let Some(round0) = self.own.round0() else { return };
        self.enter(now, Phase::Committing);
        self.roll.join(local);
        self.voice.event(Event::Joined(local));
        self.say_once(now, self.attempt.join(round0));
        if self.attempt.is_fast() {
            self.burn();
        }
        self.advance(now);
        if self.course.phase() == Phase::Committing {
            self.report_waiting();
        }
    }

    /// Reveals our nonces; every commitment is here.
    fn reveal(&mut self, now: Now) {
        let signer = self.attempt.local();
        let Some(nonces) = self.roll.nonces_of(signer).map(<[_]>::to_vec) else { return };
        let salt = self.own.salt();
        self.voice.event(Event::Revealed(signer));
        self.say_once(now, Body::NonceShare(NonceShare { signer, nonces, salt }));
        self.burn();
    }

    fn burn(&mut self) {
        let persist = self.own.burn(self.attempt.id());
        self.ask(persist);
    }

    /// The burn mark is durable.
    pub(super) fn on_burned(&mut self, now: Now) {
        if self.own.burned() {
            self.advance(now);
        }
    }

    /// Mode strict: confirms our view once, and tells whether all have confirmed the same.
    fn all_confirmed(&mut self, now: Now) -> bool {
        let signer = self.attempt.local();
        if !self.roll.has_confirmed(signer) {
            let digest = self.roll.nonces_digest(&self.attempt);
            self.say_once(now, Body::NoncesComplete(NoncesComplete { signer, digest }));
            self.roll.confirm(signer);
            self.voice.event(Event::Confirmed(signer));
            for other in self.attempt.others() {
                self.check_view(now, other);
            }
        }
        self.roll.have_all_confirmed()
    }

    /// Has the signer sign, once the burn mark is durable; every signer's nonces are here.
    fn order_partials(&mut self, now: Now) {
        let Some(nonces) = self.roll.nonces() else { return };
        if !self.own.begin_signing() {
            return;
        }
        let nonces = nonces.into_iter().map(<[_]>::to_vec).collect();
        for other in self.attempt.others() {
            self.check_view(now, other);
        }
        self.voice.push(Output::NeedPartials { session: self.attempt.id(), nonces });
    }

    /// Takes our partial signatures, verified, and asks for them to be made durable.
    pub(super) fn on_own_partials(&mut self, now: Now, own: OwnPartials) {
        if !self.own.end_signing() {
            return;
        }
        let nonces = self.roll.nonces();
        let taken = nonces.and_then(|nonces| self.sum.take_own(&self.attempt, &nonces, own));
        let Some(partials) = taken else {
            return self.fail_on_our_side(now, OwnFault::FalsePartials);
        };
        let record = Record::Partials {
            session: self.attempt.id(),
            nonces: self.roll.nonces_digest(&self.attempt),
            partials: partials.iter().map(PartialSig::to_bytes).collect(),
        };
        self.roll.sign(self.attempt.local(), partials);
        let persist = self.own.persist(record, Step::SayPartials);
        self.voice.push(persist);
    }

    /// There will be no partial signatures.
    pub(super) fn on_no_partials(&mut self, now: Now, why: Unsigned) {
        if self.own.awaits_partials() {
            self.on_unsigned(now, why);
        }
    }

    /// The signer does not do its part. It is told to forget all the same: its answer may have been
    /// lost on the way.
    fn on_unsigned(&mut self, now: Now, why: Unsigned) {
        let reason = match why {
            Unsigned::Declined => AbortReason::Declined,
            Unsigned::Failed => AbortReason::Internal,
            Unsigned::Outlived => AbortReason::Dissolved,
        };
        self.fail(now, reason, Vec::new(), None);
    }

    /// Sends our partial signatures; their record is durable.
    pub(super) fn say_partials(&mut self, now: Now) {
        let signer = self.attempt.local();
        let own = self.roll.partials_of(signer);
        let Some(partials) = own.map(|own| own.iter().map(PartialSig::to_bytes).collect()) else {
            return;
        };
        self.enter(now, Phase::Signing);
        self.voice.event(Event::Signed(signer));
        let nonces = self.roll.nonces_digest(&self.attempt);
        self.say_once(now, Body::PartialSigShare(PartialSigShare { signer, nonces, partials }));
        self.check_unparsed(now, &self.attempt.others());
        if self.agreement.is_broken() {
            self.ask_everybody(now);
        }
        self.advance(now);
        self.report_waiting();
    }

    /// Adds up; only if the sum is false looks for who is to blame.
    fn aggregate(&mut self, now: Now) {
        match self.sum.add_up(&self.roll.partials()) {
            Added::Signatures(signatures) => {
                self.case.note_all_checked();
                self.complete(now, signatures);
            }
            Added::False(slots) => {
                let signers = slots.into_iter().filter_map(SignerIndex::from_usize);
                self.blame(now, signers.collect());
            }
            Added::NoSignature => self.fail_on_our_side(now, OwnFault::NoSignature),
            Added::Broken => self.fail(now, AbortReason::Internal, Vec::new(), None),
        }
    }

    /// Partial signatures that do not even parse are provably false once our nonce set is whole.
    pub(super) fn check_unparsed(&mut self, now: Now, of: &[SignerIndex]) {
        if self.course.phase() != Phase::Signing {
            return;
        }
        let said = |signer: SignerIndex| {
            let peer = self.attempt.peer_of(signer);
            peer.is_some_and(|peer| self.case.said(&peer, Slot::PartialSigShare).is_some())
        };
        let unparsed: Vec<_> = of
            .iter()
            .copied()
            .filter(|signer| self.roll.partials_of(*signer).is_none() && said(*signer))
            .collect();
        if !unparsed.is_empty() {
            self.blame(now, unparsed);
        }
    }

    /// Convicts the first false signer whose nonce set is ours. Who signed for another set is not
    /// to blame yet: somebody may have shown it other nonces.
    fn blame(&mut self, now: Now, signers: Vec<SignerIndex>) {
        let ours = self.roll.nonces_digest(&self.attempt);
        for signer in signers {
            let Some(evidence) = self.against_partials(signer, ours) else { continue };
            return self.convict(now, signer, AbortReason::WrongPartialSig, evidence);
        }
        // The false ones signed for other nonces: drop their sum and let the views be compared.
        self.agreement.note_difference();
        if self.sum.doubt() {
            self.ask_everybody(now);
        }
    }

    /// Verifies by itself each partial signature that was made for our nonce set, once: before an
    /// attempt ends with a claim, and when another has ended it. Returns whether one was false.
    ///
    /// Cost: 80 us a message and signer, once, and only for what our user consented to.
    pub(super) fn convict_false_partials(&mut self, now: Now) -> bool {
        if !self.own.is_approved() || !self.roll.have_all_revealed() {
            return false;
        }
        let ours = self.roll.nonces_digest(&self.attempt);
        let mut convicted = false;
        for signer in self.attempt.others() {
            if !self.case.is_unchecked(signer) {
                continue;
            }
            let Some(evidence) = self.against_partials(signer, ours) else { continue };
            self.case.note_checked(signer);
            let holds = self.sum.holds(signer, self.roll.partials_of(signer));
            if !holds.unwrap_or_else(|| evidence.verify().is_err()) {
                self.convict(now, signer, AbortReason::WrongPartialSig, evidence);
                convicted = true;
            }
        }
        convicted
    }

    fn against_partials(&self, signer: SignerIndex, ours: [u8; 32]) -> Option<Evidence> {
        self.case.against_partials(&self.attempt, signer, ours, || self.roll.nonce_bytes())
    }

    /// Takes signatures that verify: the session has reached its end.
    pub(super) fn complete(&mut self, now: Now, signatures: Vec<[u8; 64]>) {
        let session = self.attempt.id();
        let forget = self.own.close(session);
        self.ask(forget);
        self.sum.finish(&signatures);
        self.enter(now, Phase::Complete);
        let record = Record::Finished { session, signatures: signatures.clone() };
        let persist = self.own.persist(record, Step::SayDone);
        self.voice.push(persist);
        let signers = self.roll.records();
        self.voice.event(Event::Done(Box::new(Finished { signatures, signers })));
    }

    /// Says that we are done; the signatures are durable. The others may leave on our word, and then
    /// nobody could give us what we had lost.
    pub(super) fn say_done(&mut self, now: Now) {
        self.say_complete(now, &self.attempt.others());
        for other in self.attempt.others() {
            if self.roll.is_done(other) {
                self.voice.event(Event::PeerDone(other));
            }
        }
        self.weigh_agreement(now);
    }

    /// Whether the signatures are here and on disk.
    pub(super) const fn is_kept(&self) -> bool {
        matches!(self.course.phase(), Phase::Complete) && !self.own.awaits_disk()
    }

    /// The wait of a phase is over. A proof outranks a claim; who said nothing is named, or else who
    /// did not show what stands behind the nonce set that it named.
    pub(super) fn on_stage_end(&mut self, now: Now, stage: Stage) {
        if self.convict_false_partials(now) {
            return;
        }
        let silent = self.waiting_on();
        if !silent.is_empty() {
            return self.fail(now, AbortReason::Timeout, silent, None);
        }
        let (unshown, others_wait) = self.agreement.unshown(&self.attempt.others());
        if others_wait && self.course.prolong(now, stage) {
            // It spoke so late that it could not be asked.
            return self.ask_everybody(now);
        }
        let differ = self.agreement.is_broken();
        let reason = if differ { AbortReason::ViewsDiffer } else { AbortReason::Timeout };
        self.fail(now, reason, unshown, None);
    }

    /// Ends the attempt: tells the others, has the signer forget, reports.
    pub(super) fn fail(
        &mut self,
        now: Now,
        reason: AbortReason,
        culprits: Vec<SignerIndex>,
        evidence: Option<Evidence>,
    ) {
        let abort = SessionAbort { reason, culprit: culprits.first().copied() };
        let phase = self.course.phase();
        let failure =
            Failure { reason, by: None, culprits, accused: None, evidence, own: None, phase };
        self.end_by_us(now, abort, failure);
    }

    /// Ends the attempt because our own side cannot go on: the others hear [`AbortReason::Internal`],
    /// our user hears what is wrong.
    pub(super) fn fail_on_our_side(&mut self, now: Now, own: OwnFault) {
        let abort = SessionAbort { reason: AbortReason::Internal, culprit: None };
        let failure = Failure {
            reason: abort.reason,
            by: None,
            culprits: Vec::new(),
            accused: None,
            evidence: None,
            own: Some(own),
            phase: self.course.phase(),
        };
        self.end_by_us(now, abort, failure);
    }

    fn end_by_us(&mut self, now: Now, abort: SessionAbort, failure: Failure) {
        self.say(now, &self.attempt.others(), Body::SessionAbort(abort));
        self.end(now, Aborted::ByUs(abort), failure);
    }

    pub(super) fn end(&mut self, now: Now, aborted: Aborted, failure: Failure) {
        let forget = self.own.close(self.attempt.id());
        self.ask(forget);
        self.course.abort(now, aborted);
        self.voice.event(Event::Phase(Phase::Aborted));
        self.voice.event(Event::Failed(Box::new(failure)));
        self.convict_false_partials(now);
        self.compare_after_abort(now, self.attempt.others());
    }

    /// Reports a proof that has been checked the way a stranger would check it, once for each
    /// culprit, and ends the attempt if it is still open.
    pub(super) fn convict(
        &mut self,
        now: Now,
        culprit: SignerIndex,
        reason: AbortReason,
        evidence: Evidence,
    ) {
        let Some(peer) = self.case.convict(culprit, &evidence) else { return };
        let offense = Offense::Proven(Box::new(evidence.clone()));
        self.voice.push(Output::Offense { peer, offense });
        // The culprit's own statements are shown, so that each receiver convicts for itself.
        for statement in evidence.statements() {
            self.voice.send(&self.attempt.others(), statement.clone());
        }
        if !self.course.has_ended() {
            self.fail(now, reason, alloc::vec![culprit], Some(evidence));
        } else if self.course.phase() == Phase::Complete {
            self.reopen_comparison(now);
        }
    }
}
