//! What comes in: each envelope is shown to the case, and what it says is handed to the room that it
//! is about.

use alloc::{boxed::Box, vec::Vec};

use ensign_equivocation::{Evidence, Outcome};
use ensign_musig::{PartialSig, PubNonce};
use ensign_primitives::{Now, PeerId, SignerIndex};
use ensign_wire::{
    AbortReason, Body, Envelope, Kind, PartialSigShare, PubNonceBytes, Round0, SessionAbort,
    SessionJoin, SignatureFinalized,
};

use crate::{
    Event, Failure, Offense, Output, Phase, Session,
    case::{Admission, Opening},
    contexts::signatures_hold,
    course::Aborted,
    form::malformed,
};

impl Session {
    /// Handles one envelope. Order: session, sender, bearer, duplicate, freshness, signature,
    /// speaker, sequence, form, conflict, content; nothing is changed by one whose signature does
    /// not hold.
    pub(super) fn on_envelope(&mut self, now: Now, from: PeerId, envelope: Envelope) {
        if !self.attempt.is_named_by(&envelope) {
            return;
        }
        let Some(sender) = self.attempt.index_of(&envelope.sender()) else {
            return self.offense(from, Offense::Unlisted { sender: envelope.sender() });
        };
        let Some(bearer) = self.attempt.index_of(&from) else { return };
        if self.course.phase() == Phase::Complete && envelope.body().kind() == Kind::SessionAbort {
            // Whoever gave up, or was told to, is handed what it gave up on.
            return self.answer_final(now, bearer);
        }
        if sender == self.attempt.local() {
            return;
        }
        match self.case.admit(now, from, sender, &envelope) {
            Admission::Taken => self.on_statement(now, sender, envelope),
            Admission::Ignored => {}
            Admission::Refused(peer, offense) => self.offense(peer, offense),
        }
    }

    fn on_statement(&mut self, now: Now, sender: SignerIndex, envelope: Envelope) {
        // Who refused the announcement does not have it.
        if !matches!(envelope.body(), Body::ValidationError(_)) {
            self.roll.hear(sender);
        }
        // What contradicts a statement that is held convicts, whatever its form.
        let slotted = envelope.body().slot().is_some();
        if slotted && !self.case.contradicts(&envelope) && !self.case.holds(&envelope) {
            let known = self.roll.delegation(sender);
            if let Some(offense) = malformed(now, &self.attempt, (sender, known), &envelope) {
                return self.offense(envelope.sender(), offense);
            }
        }
        match self.case.observe(&envelope) {
            Outcome::Conflict(evidence) => {
                return self.convict(now, sender, AbortReason::Equivocation, evidence);
            }
            Outcome::Repeated => return,
            Outcome::New => {}
        }
        self.on_content(now, sender, envelope);
        if slotted && self.course.has_ended() {
            self.reopen_comparison(now);
            self.convict_false_partials(now);
        }
    }

    fn on_content(&mut self, now: Now, sender: SignerIndex, envelope: Envelope) {
        match envelope.body() {
            Body::SessionJoin(join) => self.on_join(now, join, &envelope),
            Body::NonceShare(share) => self.on_nonce_share(now, share.signer),
            Body::NoncesComplete(_) => self.on_confirmation(now, sender),
            Body::PartialSigShare(share) => self.on_partial_sigs(now, share),
            Body::PartialSigsComplete(complete) => {
                self.agreement.hear(sender, complete.digest);
                self.on_peer_done(now, sender);
            }
            Body::SignatureFinalized(done) => self.on_final(now, sender, done),
            Body::SessionReady(_) | Body::NonceAck(_) | Body::PartialSigAck(_) => {
                self.on_ack(now, sender, envelope.body());
            }
            Body::SessionAbort(abort) => self.on_abort(now, sender, *abort, envelope),
            Body::ValidationError(error) => {
                let (refused, why) = (error.refused, error.why);
                self.voice.event(Event::Refused { by: sender, refused, why });
            }
            // The engine reads announcements before a session exists; here it is a repetition.
            Body::SessionAnnounce(_) => {
                if self.may_answer(sender) {
                    self.send_ack(now, sender);
                }
            }
        }
    }

    fn on_join(&mut self, now: Now, join: &SessionJoin, envelope: &Envelope) {
        self.roll.join(join.signer);
        self.progress(Event::Joined(join.signer));
        match &join.round0 {
            Round0::Reveal(nonces) => self.take_nonces(now, join.signer, nonces, envelope),
            // The reveal may have overtaken its join.
            Round0::Commit(_) => self.on_nonce_share(now, join.signer),
        }
        self.course.note_news(now);
        self.advance(now);
    }

    fn on_nonce_share(&mut self, now: Now, signer: SignerIndex) {
        match self.case.open(&self.attempt, signer) {
            Opening::Opens(share, envelope) => {
                self.take_nonces(now, signer, &share.nonces, &envelope);
                self.course.note_news(now);
                self.advance(now);
            }
            Opening::Waits => {}
            Opening::Lies(evidence) => {
                self.convict(now, signer, AbortReason::WrongCommitment, evidence);
            }
        }
    }

    fn take_nonces(
        &mut self,
        now: Now,
        signer: SignerIndex,
        bytes: &[PubNonceBytes],
        envelope: &Envelope,
    ) {
        let parsed: Result<Vec<_>, _> =
            bytes.iter().map(|nonce| PubNonce::from_bytes(&nonce.0)).collect();
        let Ok(parsed) = parsed else {
            let evidence = Evidence::InvalidNonce { envelope: Box::new(envelope.clone()) };
            return self.convict(now, signer, AbortReason::InvalidNonce, evidence);
        };
        self.roll.reveal(signer, bytes.to_vec(), parsed);
        self.voice.push(Output::NoncesSeen { signer, nonces: bytes.to_vec() });
        self.progress(Event::Revealed(signer));
    }

    /// Takes a confirmation; it counts once our own view is whole and equal.
    fn on_confirmation(&mut self, now: Now, signer: SignerIndex) {
        self.check_view(now, signer);
        self.course.note_news(now);
        self.advance(now);
    }

    fn on_partial_sigs(&mut self, now: Now, share: &PartialSigShare) {
        // A scalar that does not parse is as false as one that does not add up.
        let parsed: Option<Vec<_>> =
            share.partials.iter().map(|partial| PartialSig::from_bytes(partial).ok()).collect();
        let signer = share.signer;
        self.check_view(now, signer);
        let Some(partials) = parsed else { return self.check_unparsed(now, &[signer]) };
        self.roll.sign(signer, partials);
        self.progress(Event::Signed(signer));
        self.course.note_news(now);
        self.advance(now);
    }

    fn on_final(&mut self, now: Now, sender: SignerIndex, done: &SignatureFinalized) {
        if self.course.phase() == Phase::Complete {
            return self.on_peer_done(now, sender);
        }
        if !signatures_hold(self.attempt.group(), self.attempt.messages(), &done.signatures) {
            let Some(peer) = self.attempt.peer_of(sender) else { return };
            return self.offense(peer, Offense::FalseSignature);
        }
        let signatures = done.signatures.iter().map(|signature| signature.0).collect();
        self.complete(now, signatures);
        self.on_peer_done(now, sender);
        // Nothing was added up here: what some were told falsely nobody has looked at.
        self.convict_false_partials(now);
    }

    fn on_peer_done(&mut self, now: Now, sender: SignerIndex) {
        if !self.roll.finish(sender) {
            return self.weigh_agreement(now);
        }
        if self.is_kept() {
            self.voice.event(Event::PeerDone(sender));
        }
        if matches!(self.course.phase(), Phase::Gathering | Phase::Aborted)
            && self.may_answer(sender)
        {
            // Whoever has the signatures answers an abort with them, and a question too.
            self.send_ack(now, sender);
        }
        self.weigh_agreement(now);
    }

    /// Another signer ended the attempt. Whom it names is hearsay: proof, if it has any, comes as
    /// the culprit's own statements.
    fn on_abort(&mut self, now: Now, sender: SignerIndex, abort: SessionAbort, envelope: Envelope) {
        if self.course.has_ended() || self.convict_false_partials(now) {
            return;
        }
        let failure = Failure {
            reason: abort.reason,
            by: Some(sender),
            culprits: Vec::new(),
            accused: abort.culprit.filter(|accused| self.attempt.peer_of(*accused).is_some()),
            evidence: None,
            own: None,
            phase: self.course.phase(),
        };
        self.end(now, Aborted::ByPeer(Box::new(envelope)), failure);
    }

    fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.voice.push(Output::Offense { peer, offense });
    }
}
