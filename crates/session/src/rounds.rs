//! From one phase to the next, up to the signatures.

use alloc::{boxed::Box, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_identity::Signature;
use ensign_musig::{Blame, PartialSig};
use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{AbortReason, Body, Mode, NoncesComplete, PubNonceBytes, Slot};

use crate::{
    Event, Finished, OwnFault, Phase, Record, Session, SignerRecord,
    session::{Signer, Step},
};

impl Session {
    /// Moves on as far as what is held allows.
    pub(crate) fn advance(&mut self, now: Now) {
        match self.course.phase() {
            Phase::Committing if self.all(|signer| signer.joined) => {
                if self.attempt.is_fast() {
                    self.order_partials(now);
                } else {
                    self.enter(now, Phase::Revealing);
                    self.reveal(now);
                    self.advance(now);
                    self.report_waiting();
                }
            }
            Phase::Revealing if self.all(|signer| signer.nonces.is_some()) => {
                if self.attempt.mode() == Mode::Strict && !self.all_confirmed(now) {
                    return;
                }
                self.order_partials(now);
            }
            Phase::Signing if self.all(|signer| signer.partials.is_some()) => self.aggregate(now),
            Phase::Gathering
            | Phase::Committing
            | Phase::Revealing
            | Phase::Signing
            | Phase::Complete
            | Phase::Aborted => {}
        }
    }

    /// Whether a signer has said what the phase waits for, true or false.
    pub(crate) fn has_delivered(&self, index: SignerIndex) -> bool {
        let (Some(signer), Some(peer)) = (self.signer(index), self.attempt.peer_of(index)) else {
            return true;
        };
        let said = |slot| self.statements.get(&peer, slot).is_some();
        match self.course.phase() {
            Phase::Gathering | Phase::Committing => signer.joined,
            // Nobody can confirm a set that is not whole.
            Phase::Revealing if self.all(|signer| signer.nonces.is_some()) => {
                self.attempt.mode() != Mode::Strict || said(Slot::NoncesComplete)
            }
            Phase::Revealing => signer.nonces.is_some(),
            Phase::Signing => said(Slot::PartialSigShare),
            Phase::Complete => signer.done,
            Phase::Aborted => true,
        }
    }

    /// Mode strict: confirms our view once, and tells whether all have confirmed the same.
    fn all_confirmed(&mut self, now: Now) -> bool {
        let signer = self.attempt.local();
        if !self.signer(signer).is_some_and(|signer| signer.confirmed) {
            let digest = self.view_digest();
            self.voice.say_once(
                now,
                &self.attempt,
                Body::NoncesComplete(NoncesComplete { signer, digest }),
            );
            if let Some(signer) = self.signer_mut(signer) {
                signer.confirmed = true;
            }
            self.voice.event(Event::Confirmed(signer));
            for other in self.attempt.others() {
                self.check_view(now, other);
            }
        }
        self.all(|signer| signer.confirmed)
    }

    /// Takes a confirmation; it counts once our own view is whole and equal.
    pub(crate) fn on_confirmation(&mut self, now: Now, signer: SignerIndex) {
        self.check_view(now, signer);
        self.course.note_news(now);
        self.advance(now);
    }

    /// Adds up; only if the sum is false looks for who is to blame.
    fn aggregate(&mut self, now: Now) {
        let mut signatures = Vec::with_capacity(self.signing.len());
        let mut false_signers = Vec::new();
        for (position, ctx) in self.signing.iter().enumerate() {
            let partials: Vec<_> = self
                .signers
                .iter()
                .filter_map(|signer| signer.partials.as_ref()?.get(position).copied())
                .collect();
            match ctx.partial_sig_agg(&partials) {
                Ok(signature) => signatures.push(signature),
                Err(Blame::Signers(slots)) => false_signers.extend(slots),
                Err(_) => return self.fail(now, AbortReason::Internal, Vec::new(), None),
            }
        }
        if false_signers.is_empty() {
            // True parts give a signature, unless the nonces cancel each other out.
            if signatures.len() != self.signing.len() {
                return self.fail_on_our_side(now, OwnFault::NoSignature);
            }
            for signer in &mut self.signers {
                signer.partials_checked = true;
            }
            return self.complete(now, signatures);
        }
        false_signers.sort_unstable();
        false_signers.dedup();
        self.blame(now, &false_signers);
    }

    /// A signer's partial signatures do not even parse: provable once our nonce set is whole.
    pub(crate) fn check_partials(&mut self, now: Now, signer: SignerIndex) {
        if self.course.phase() == Phase::Signing {
            self.blame(now, &[signer.as_usize()]);
        }
    }

    pub(crate) fn check_unparsed(&mut self, now: Now) {
        let unparsed: Vec<_> = self
            .attempt
            .others()
            .into_iter()
            .filter(|signer| self.signer(*signer).is_some_and(|s| s.partials.is_none()))
            .filter(|signer| {
                self.attempt
                    .peer_of(*signer)
                    .is_some_and(|peer| self.statements.get(&peer, Slot::PartialSigShare).is_some())
            })
            .map(SignerIndex::as_usize)
            .collect();
        if !unparsed.is_empty() {
            self.blame(now, &unparsed);
        }
    }

    /// Convicts the first false signer whose nonce set is ours. Who signed for another set is not
    /// to blame yet: somebody may have shown it other nonces.
    fn blame(&mut self, now: Now, slots: &[usize]) {
        let ours = self.view_digest();
        for signer in slots.iter().filter_map(|slot| SignerIndex::from_usize(*slot)) {
            let Some(evidence) = self.partial_evidence(signer, ours) else { continue };
            return self.convict(now, signer, AbortReason::WrongPartialSig, evidence);
        }
        // The false ones signed for other nonces: drop their sum and let the views be compared.
        self.views_differ = true;
        if !core::mem::replace(&mut self.sum_is_false, true) {
            self.ask_everybody(now);
        }
    }

    /// Verifies by itself each partial signature that was made for our nonce set, once: before an
    /// attempt ends with a claim, and when another has ended it. Returns whether one was false.
    ///
    /// Cost: 80 us a message and signer, once, and only for what our user consented to.
    pub(crate) fn convict_false_partials(&mut self, now: Now) -> bool {
        if !self.approved || !self.all(|signer| signer.nonces.is_some()) {
            return false;
        }
        let ours = self.view_digest();
        let mut convicted = false;
        for signer in self.attempt.others() {
            if self.signer(signer).is_none_or(|it| it.partials_checked || it.convicted) {
                continue;
            }
            let Some(evidence) = self.partial_evidence(signer, ours) else { continue };
            if let Some(known) = self.signer_mut(signer) {
                known.partials_checked = true;
            }
            if !self.partials_hold(signer).unwrap_or_else(|| evidence.verify().is_err()) {
                self.convict(now, signer, AbortReason::WrongPartialSig, evidence);
                convicted = true;
            }
        }
        convicted
    }

    /// Whether a signer's partial signatures are true; `None` where we have not come to sign ourselves.
    fn partials_hold(&self, signer: SignerIndex) -> Option<bool> {
        if self.signing.is_empty() {
            return None;
        }
        let Some(partials) = self.signer(signer)?.partials.as_ref() else { return Some(false) };
        let mut checks = self.signing.iter().zip(partials);
        Some(checks.all(|(ctx, partial)| ctx.partial_sig_verify(signer.as_usize(), partial)))
    }

    fn partial_evidence(&self, signer: SignerIndex, ours: [u8; 32]) -> Option<Evidence> {
        let peer = self.attempt.peer_of(signer)?;
        let partial = self.statements.get(&peer, Slot::PartialSigShare)?.clone();
        let Body::PartialSigShare(share) = partial.body() else { return None };
        if share.nonces != ours {
            return None;
        }
        let Body::SessionJoin(join) = self.statements.get(&peer, Slot::Join)?.body() else {
            return None;
        };
        let nonces = self
            .signers
            .iter()
            .map(|signer| Some(signer.nonces.as_ref()?.bytes.clone()))
            .collect::<Option<_>>()?;
        Some(self.attempt.wrong_partials(join.delegation, nonces, partial))
    }

    /// Takes signatures that verify: the session has reached its end.
    pub(crate) fn complete(&mut self, now: Now, signatures: Vec<[u8; 64]>) {
        self.forget_nonces();
        self.result.clone_from(&signatures);
        self.enter(now, Phase::Complete);
        let record =
            Record::Finished { session: self.attempt.id(), signatures: signatures.clone() };
        self.persist(record, Step::SayDone);
        let signers = self.signers.iter().map(record_of).collect();
        self.voice.event(Event::Done(Box::new(Finished { signatures, signers })));
    }

    /// Says that we are done; the signatures are durable. The others may leave on our word, and then
    /// nobody could give us what we had lost.
    pub(crate) fn say_done(&mut self, now: Now) {
        self.say_complete(now, &self.attempt.others());
        for done in self
            .attempt
            .others()
            .into_iter()
            .filter(|other| self.is_done(*other))
            .collect::<Vec<_>>()
        {
            self.voice.event(Event::PeerDone(done));
        }
        self.weigh_agreement(now);
    }

    /// Whether the signatures are here and on disk.
    pub(crate) const fn is_kept(&self) -> bool {
        matches!(self.course.phase(), Phase::Complete) && self.awaited.is_none()
    }

    /// Nothing is left to do once all others have the signatures and hold what we hold.
    pub(crate) fn rest_if_all_are_done(&mut self, now: Now) {
        let settled = |other| self.is_settled_with(other);
        if self.is_kept() && self.attempt.others().into_iter().all(settled) {
            self.course.rest(now);
        }
    }

    fn is_done(&self, signer: SignerIndex) -> bool {
        self.signer(signer).is_some_and(|signer| signer.done)
    }

    pub(crate) fn final_signatures(&self) -> Vec<Signature> {
        self.result.iter().map(|signature| Signature(*signature)).collect()
    }

    /// The digest of the nonces we hold.
    pub(crate) fn view_digest(&self) -> [u8; 32] {
        self.digest_of(|_| true)
    }

    /// The digest of the nonces we hold of the wanted signers.
    pub(crate) fn digest_of(&self, wanted: impl Fn(SignerIndex) -> bool) -> [u8; 32] {
        let held = self.attempt.signers().filter(|signer| wanted(*signer)).filter_map(|signer| {
            let nonces: &[PubNonceBytes] = &self.signer(signer)?.nonces.as_ref()?.bytes;
            Some((signer, nonces))
        });
        self.attempt.nonces_digest(held)
    }

    pub(crate) fn all(&self, holds: impl Fn(&Signer) -> bool) -> bool {
        self.signers.iter().all(holds)
    }
}

fn record_of(signer: &Signer) -> SignerRecord {
    SignerRecord {
        nonces: signer.nonces.as_ref().map(|nonces| nonces.bytes.clone()),
        partials: signer
            .partials
            .as_ref()
            .map(|partials| partials.iter().map(PartialSig::to_bytes).collect()),
    }
}
