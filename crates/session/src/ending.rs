//! How an attempt ends without a signature: by us, by another signer, or by proof.

use alloc::{boxed::Box, vec::Vec};

use ensign_deadline::Stage;
use ensign_equivocation::Evidence;
use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{AbortReason, Body, Envelope, SessionAbort};

use crate::{Event, Failure, Offense, Output, OwnFault, Phase, Session, course::Aborted};

impl Session {
    /// The wait of a phase is over. A proof outranks a claim; who said nothing is named, or else who
    /// did not show what stands behind the nonce set that it named.
    pub(crate) fn on_stage_end(&mut self, now: Now, stage: Stage) {
        if self.convict_false_partials(now) {
            return;
        }
        let silent = self.waiting_on();
        if !silent.is_empty() {
            return self.fail(now, AbortReason::Timeout, silent, None);
        }
        let (unshown, others_wait) = self.unshown();
        if others_wait && self.course.prolong(now, stage) {
            // It spoke so late that it could not be asked.
            return self.ask_everybody(now);
        }
        let reason =
            if self.views_differ { AbortReason::ViewsDiffer } else { AbortReason::Timeout };
        self.fail(now, reason, unshown, None);
    }

    /// Ends the attempt: tells the others, has the signer forget, reports.
    pub(crate) fn fail(
        &mut self,
        now: Now,
        reason: AbortReason,
        culprits: Vec<SignerIndex>,
        evidence: Option<Evidence>,
    ) {
        let abort = SessionAbort { reason, culprit: culprits.first().copied() };
        let others = self.attempt.others();
        self.voice.say(now, &self.attempt, &others, Body::SessionAbort(abort));
        let phase = self.course.phase();
        let failure =
            Failure { reason, by: None, culprits, accused: None, evidence, own: None, phase };
        self.end(now, Aborted::ByUs(abort), failure);
    }

    /// Ends the attempt because our own side cannot go on: the others hear [`AbortReason::Internal`],
    /// our user hears what is wrong.
    pub(crate) fn fail_on_our_side(&mut self, now: Now, own: OwnFault) {
        let abort = SessionAbort { reason: AbortReason::Internal, culprit: None };
        let others = self.attempt.others();
        self.voice.say(now, &self.attempt, &others, Body::SessionAbort(abort));
        let failure = Failure {
            reason: abort.reason,
            by: None,
            culprits: Vec::new(),
            accused: None,
            evidence: None,
            own: Some(own),
            phase: self.course.phase(),
        };
        self.end(now, Aborted::ByUs(abort), failure);
    }

    /// Another signer ended the attempt. Whom it names is hearsay: proof, if it has any, comes as
    /// the culprit's own statements.
    pub(crate) fn on_abort(
        &mut self,
        now: Now,
        sender: SignerIndex,
        abort: SessionAbort,
        envelope: Envelope,
    ) {
        if self.course.has_ended() || self.convict_false_partials(now) {
            return;
        }
        let failure = Failure {
            reason: abort.reason,
            by: Some(sender),
            culprits: Vec::new(),
            accused: abort.culprit.filter(|accused| self.signer(*accused).is_some()),
            evidence: None,
            own: None,
            phase: self.course.phase(),
        };
        self.end(now, Aborted::ByPeer(Box::new(envelope)), failure);
    }

    fn end(&mut self, now: Now, aborted: Aborted, failure: Failure) {
        self.forget_nonces();
        self.awaited = None;
        self.course.abort(now, aborted);
        self.voice.event(Event::Phase(Phase::Aborted));
        self.voice.event(Event::Failed(Box::new(failure)));
        self.convict_false_partials(now);
        self.compare_after_abort(now, self.attempt.others());
    }

    /// Says how the attempt ended, in the words of whoever ended it.
    pub(crate) fn send_abort(&mut self, now: Now, to: SignerIndex) {
        match self.course.aborted() {
            Some(Aborted::ByUs(abort)) => {
                self.voice.say(now, &self.attempt, &[to], Body::SessionAbort(*abort));
            }
            Some(Aborted::ByPeer(envelope)) => self.voice.send(&[to], Envelope::clone(envelope)),
            None => {}
        }
    }

    /// Reports a proof that has been checked the way a stranger would check it, once for each
    /// culprit, and ends the attempt if it is still open.
    pub(crate) fn convict(
        &mut self,
        now: Now,
        culprit: SignerIndex,
        reason: AbortReason,
        evidence: Evidence,
    ) {
        let Some(signer) = self.signer_mut(culprit) else { return };
        if core::mem::replace(&mut signer.convicted, true) {
            return;
        }
        let Ok(convicted) = evidence.verify() else {
            debug_assert!(false, "evidence that we made does not convict: {evidence:?}");
            return;
        };
        let offense = Offense::Proven(Box::new(evidence.clone()));
        self.voice.push(Output::Offense { peer: convicted.peer, offense });
        self.proofs.extend(evidence.statements().into_iter().cloned());
        self.show(&self.attempt.others(), &evidence);
        if !self.course.has_ended() {
            self.fail(now, reason, alloc::vec![culprit], Some(evidence));
        } else if self.course.phase() == Phase::Complete {
            self.reopen_comparison(now);
        }
    }

    /// Shows the culprit's own statements, so that each receiver convicts for itself.
    fn show(&mut self, to: &[SignerIndex], evidence: &Evidence) {
        for statement in evidence.statements() {
            self.voice.send(to, statement.clone());
        }
    }
}
