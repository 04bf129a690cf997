//! Comparing what we hold with what others hold: two who were told different things hold a proof
//! together, and find it here.

use alloc::vec::Vec;

use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{AbortReason, Body, Envelope, Held, NonceAck, PartialSigAck, SignerSet, Slot};

use crate::{Phase, Session, VIEW_QUESTIONS_MIN, VIEWS_SHARED_MAX};

/// What is compared: everything that a signer says once before there is a signature.
const COMPARED: [Slot; 4] =
    [Slot::Join, Slot::NonceShare, Slot::NoncesComplete, Slot::PartialSigShare];

impl Session {
    /// Returns whose statements we hold, and what they say.
    pub(crate) fn view(&self) -> PartialSigAck {
        let held = |slot| {
            let signers = self.signers_in(slot);
            Held { digest: self.set_digest(slot, &signers), signers }
        };
        PartialSigAck {
            joins: held(Slot::Join),
            nonces: held(Slot::NonceShare),
            confirmations: held(Slot::NoncesComplete),
            partials: held(Slot::PartialSigShare),
        }
    }

    /// Whose statements in a slot we compare. Whom we have convicted has nothing left to compare.
    fn signers_in(&self, slot: Slot) -> SignerSet {
        let held = |signer: &SignerIndex| {
            self.said_digest(*signer, slot).is_some()
                && self.signer(*signer).is_some_and(|signer| !signer.convicted)
        };
        self.attempt.signers().filter(held).collect()
    }

    fn said_digest(&self, signer: SignerIndex, slot: Slot) -> Option<[u8; 32]> {
        if signer == self.attempt.local() {
            return self.voice.digest(slot);
        }
        self.statements.digest(&self.attempt.peer_of(signer)?, slot)
    }

    fn set_digest(&self, slot: Slot, signers: &SignerSet) -> [u8; 32] {
        let statements = self
            .attempt
            .signers()
            .filter(|signer| signers.contains(*signer))
            .filter_map(|signer| Some((signer, self.said_digest(signer, slot)?)));
        self.attempt.statements_digest(statements)
    }

    /// Compares what `from` holds with what we hold, and shows ours wherever it holds something else
    /// of the same signers. Returns whether both hold the same.
    pub(crate) fn compare(&mut self, from: SignerIndex, theirs: &PartialSigAck) -> bool {
        let (mut same, mut differing) = (true, Vec::new());
        for slot in COMPARED {
            let held = theirs.of(slot);
            let ours = self.signers_in(slot);
            same &= held.signers == ours;
            let comparable =
                self.attempt.signers().all(|who| !held.signers.contains(who) || ours.contains(who));
            if comparable && held.digest != self.set_digest(slot, &held.signers) {
                differing.push(slot);
            }
        }
        let same = same && differing.is_empty();
        if !differing.is_empty() && self.may_show(from) {
            for slot in differing {
                self.forward(from, slot, &SignerSet::default());
            }
        }
        same
    }

    /// Compares a digest over part of the nonces with ours over the same part.
    pub(crate) fn compare_nonces(&mut self, from: SignerIndex, ack: &NonceAck) {
        let holds = |who| self.signer(who).is_some_and(|signer| signer.nonces.is_some());
        let comparable = self.attempt.signers().all(|who| !ack.held.contains(who) || holds(who));
        if comparable && ack.digest != self.digest_of(|signer| ack.held.contains(signer)) {
            self.views_differ = true;
            if self.may_show(from) {
                self.forward(from, Slot::Join, &SignerSet::default());
                self.forward(from, Slot::NonceShare, &SignerSet::default());
            }
        }
    }

    /// Counts a showing and tells whether it is within the bound.
    pub(crate) fn may_show(&mut self, to: SignerIndex) -> bool {
        let Some(signer) = self.signer_mut(to) else { return false };
        signer.views_shared = signer.views_shared.saturating_add(1);
        signer.views_shared <= VIEWS_SHARED_MAX
    }

    /// Compares the nonce set that a signer named with ours, once ours is whole. One that names another
    /// was told other nonces, or lies: it is asked for the statements behind its set, and everybody
    /// else for what the others were told. It convicts itself where it contradicts what it confirmed.
    pub(crate) fn check_view(&mut self, now: Now, signer: SignerIndex) {
        self.check_confirmed(now, signer);
        let (confirmed, signed_for) = self.named_by(signer);
        if !self.all(|signer| signer.nonces.is_some()) {
            return;
        }
        let ours = self.view_digest();
        if confirmed == Some(ours)
            && let Some(known) = self.signer_mut(signer)
            && !core::mem::replace(&mut known.confirmed, true)
        {
            self.progress(crate::Event::Confirmed(signer));
        }
        let differs = [confirmed, signed_for].into_iter().flatten().any(|theirs| theirs != ours);
        if differs
            && let Some(known) = self.signer_mut(signer)
            && !core::mem::replace(&mut known.names_another, true)
        {
            self.views_differ = true;
            self.ask_everybody(now);
        }
    }

    /// Returns the nonce sets that a signer has confirmed and signed for.
    fn named_by(&self, signer: SignerIndex) -> (Option<[u8; 32]>, Option<[u8; 32]>) {
        let Some(peer) = self.attempt.peer_of(signer) else { return (None, None) };
        let statement = |slot| self.statements.get(&peer, slot).map(Envelope::body);
        let confirmed = match statement(Slot::NoncesComplete) {
            Some(Body::NoncesComplete(complete)) => Some(complete.digest),
            Some(_) | None => None,
        };
        let signed_for = match statement(Slot::PartialSigShare) {
            Some(Body::PartialSigShare(share)) => Some(share.nonces),
            Some(_) | None => None,
        };
        (confirmed, signed_for)
    }

    /// Whoever confirms one nonce set and signs for another is convicted by both statements.
    fn check_confirmed(&mut self, now: Now, signer: SignerIndex) {
        let (Some(confirmed), Some(signed_for)) = self.named_by(signer) else { return };
        let Some(peer) = self.attempt.peer_of(signer).filter(|_| confirmed != signed_for) else {
            return;
        };
        let statement = |slot| self.statements.get(&peer, slot).cloned().map(Into::into);
        let (Some(confirmed), Some(partial)) =
            (statement(Slot::NoncesComplete), statement(Slot::PartialSigShare))
        else {
            return;
        };
        let evidence = ensign_equivocation::Evidence::SignedOtherwise { confirmed, partial };
        self.convict(now, signer, AbortReason::Equivocation, evidence);
    }

    /// Asks every other signer at once what it holds.
    pub(crate) fn ask_everybody(&mut self, now: Now) {
        if matches!(self.course.phase(), Phase::Revealing | Phase::Signing) {
            for signer in self.attempt.others() {
                self.send_ack(now, signer);
            }
        }
    }

    /// Returns whom we have asked often enough, and in vain, for what stands behind its nonce set; with
    /// them whether there is anybody whom we have not.
    pub(crate) fn unshown(&self) -> (Vec<SignerIndex>, bool) {
        let naming = |who: &SignerIndex| self.signer(*who).is_some_and(|it| it.names_another);
        let asked = |who: &SignerIndex| {
            self.signer(*who).is_some_and(|it| it.views_asked >= VIEW_QUESTIONS_MIN)
        };
        let naming: Vec<_> = self.attempt.others().into_iter().filter(naming).collect();
        let unshown: Vec<_> = naming.iter().copied().filter(asked).collect();
        let others_wait = unshown.len() < naming.len();
        (unshown, others_wait)
    }

    /// After the end of an attempt that we had joined: says what we hold to those of `whom` who are not
    /// known to hold the same, so that who equivocates and then ends the attempt does not escape.
    pub(crate) fn compare_after_abort(&mut self, now: Now, whom: Vec<SignerIndex>) {
        let open = |who: &SignerIndex| {
            self.signer(*who).is_some_and(|signer| !signer.agrees && !signer.convicted)
        };
        let whom: Vec<_> = whom.into_iter().filter(open).collect();
        let joined = self.signer(self.attempt.local()).is_some_and(|signer| signer.joined);
        if whom.is_empty() || !joined || self.statements.is_empty() {
            return;
        }
        let view = self.view();
        self.voice.say(now, &self.attempt, &whom, Body::PartialSigAck(view));
    }

    /// Answers a question after the end of the attempt: how it ended, whose proofs we hold, and what we
    /// hold that differs or is missing.
    pub(crate) fn answer_after_abort(&mut self, now: Now, from: SignerIndex, ack: &Body) {
        self.send_abort(now, from);
        self.show_proofs(from);
        #[expect(clippy::wildcard_enum_match_arm, reason = "who asks otherwise is not at its end")]
        match ack {
            Body::NonceAck(ack) => self.compare_nonces(from, ack),
            Body::PartialSigAck(view) => {
                let same = self.compare(from, view);
                if let Some(signer) = self.signer_mut(from) {
                    signer.agrees = same;
                }
                self.give_missing(now, from, view);
            }
            _ => {}
        }
    }

    /// Gives what `to` does not hold: our own statements, and those of others that are old enough to
    /// have reached it without us. After the end our partial signatures stay where they are.
    pub(crate) fn give_missing(&mut self, now: Now, to: SignerIndex, theirs: &PartialSigAck) {
        let (local, over) = (self.attempt.local(), self.course.phase() == Phase::Aborted);
        self.voice.say_again(now, &self.attempt, to, |body| {
            let lacks = body.slot().is_some_and(|slot| !theirs.of(slot).signers.contains(local));
            lacks && !(over && matches!(body, Body::PartialSigShare(_)))
        });
        for slot in COMPARED {
            self.hand_on(now, to, slot, &theirs.of(slot).signers);
        }
    }
}
