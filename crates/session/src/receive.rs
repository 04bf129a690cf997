//! The way of an envelope: cheap checks first, then the signature, then what it says.

use alloc::{boxed::Box, vec::Vec};

use ensign_equivocation::{Evidence, Outcome};
use ensign_musig::{PartialSig, PubNonce};
use ensign_primitives::{Now, PeerId, SignerIndex};
use ensign_replay::check_fresh;
use ensign_wire::{
    AbortReason, Body, Envelope, Kind, NonceShare, PartialSigShare, PubNonceBytes, Round0,
    SessionJoin, SignatureFinalized, Slot,
};

use crate::{Event, Offense, Output, Phase, Session, contexts::signatures_hold, session::Nonces};

impl Session {
    /// Handles one envelope. Order: session, sender, bearer, duplicate, freshness, signature,
    /// speaker, sequence, form, conflict, content; nothing is changed by one whose signature does
    /// not hold.
    pub(crate) fn on_envelope(&mut self, now: Now, from: PeerId, envelope: Envelope) {
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
        if sender == self.attempt.local() || self.duplicates.contains(envelope.digest()) {
            return;
        }
        // A statement that fills a slot, and an abort, mean the same whoever brings them and
        // whenever: the session's name keeps them from another session, the slot from counting
        // twice. All else is between the two who speak, and is worth its moment only.
        let slotted = envelope.body().slot().is_some();
        let direct = from == envelope.sender();
        if !direct && !slotted && envelope.body().kind() != Kind::SessionAbort {
            return;
        }
        // An old statement that contradicts a known one is still proof.
        let timeless = !direct || self.statements.differs(&envelope);
        if !timeless && let Err(error) = check_fresh(now.unix, envelope.sent_at()) {
            return self.offense(from, Offense::Replay(error));
        }
        if !envelope.verify() {
            return self.offense(from, Offense::BadSignature { sender: envelope.sender() });
        }
        self.duplicates.remember(*envelope.digest());
        if let Some(claimed) = envelope.body().signer()
            && claimed != sender
        {
            return self.offense(envelope.sender(), Offense::WrongSpeaker { claimed });
        }
        if direct
            && !slotted
            && let Err(error) = self.sequences.accept(envelope.sender(), envelope.seq())
        {
            return self.offense(from, Offense::Replay(error));
        }
        self.on_statement(now, sender, envelope);
    }

    fn on_statement(&mut self, now: Now, sender: SignerIndex, envelope: Envelope) {
        // Who refused the announcement does not have it.
        let is_refusal = matches!(envelope.body(), Body::ValidationError(_));
        if let Some(signer) = self.signer_mut(sender) {
            signer.acknowledged |= !is_refusal;
        }
        // What contradicts a statement that is held convicts, whatever its form.
        let slotted = envelope.body().slot().is_some();
        let contradicts = self.statements.differs(&envelope);
        if slotted && !contradicts && !self.is_well_formed(now, sender, &envelope) {
            return;
        }
        match self.statements.observe(&envelope) {
            Outcome::Conflict(evidence) => {
                return self.convict(now, sender, AbortReason::Equivocation, evidence);
            }
            Outcome::Repeated => return,
            Outcome::New => {}
        }
        match envelope.body() {
            Body::SessionJoin(join) => self.on_join(now, join, &envelope),
            Body::NonceShare(share) => self.on_nonce_share(now, share),
            Body::NoncesComplete(_) => self.on_confirmation(now, sender),
            Body::PartialSigShare(share) => self.on_partial_sigs(now, share),
            Body::PartialSigsComplete(complete) => {
                if let Some(signer) = self.signer_mut(sender) {
                    signer.held = Some(complete.digest);
                }
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
        if slotted && self.course.has_ended() {
            self.reopen_comparison(now);
            self.convict_false_partials(now);
        }
    }

    /// Checks what a statement must fulfil before it may fill its slot. A statement that fails is
    /// dropped, so that its sender can still say the right thing.
    fn is_well_formed(&mut self, now: Now, sender: SignerIndex, envelope: &Envelope) -> bool {
        let expected = self.attempt.messages().len();
        let (kind, peer) = (envelope.body().kind(), envelope.sender());
        let offense = match envelope.body() {
            // What was taken once stays taken: its delegation may have ended since.
            Body::SessionJoin(_) if self.holds(envelope) => None,
            Body::SessionJoin(join) => self.malformed_join(now, sender, peer, join),
            Body::NonceShare(share) if self.attempt.is_fast() => {
                let seen = share.nonces.len();
                Some(Offense::WrongCount { kind, expected: 0, seen })
            }
            Body::NonceShare(NonceShare { nonces, .. }) if nonces.len() != expected => {
                Some(Offense::WrongCount { kind, expected, seen: nonces.len() })
            }
            Body::PartialSigShare(share) if share.partials.len() != expected => {
                Some(Offense::WrongCount { kind, expected, seen: share.partials.len() })
            }
            Body::SessionAnnounce(_)
            | Body::SessionReady(_)
            | Body::NonceShare(_)
            | Body::NonceAck(_)
            | Body::NoncesComplete(_)
            | Body::PartialSigShare(_)
            | Body::PartialSigAck(_)
            | Body::PartialSigsComplete(_)
            | Body::SignatureFinalized(_)
            | Body::SessionAbort(_)
            | Body::ValidationError(_) => None,
        };
        offense.map(|offense| self.offense(peer, offense)).is_none()
    }

    fn holds(&self, envelope: &Envelope) -> bool {
        let slot = envelope.body().slot();
        let held = slot.and_then(|slot| self.statements.get(&envelope.sender(), slot));
        held.is_some_and(|held| held.body() == envelope.body())
    }

    fn malformed_join(
        &self,
        now: Now,
        sender: SignerIndex,
        peer: PeerId,
        join: &SessionJoin,
    ) -> Option<Offense> {
        let expected = self.attempt.messages().len();
        match &join.round0 {
            Round0::Reveal(nonces) if self.attempt.is_fast() && nonces.len() != expected => {
                let kind = Kind::SessionJoin;
                return Some(Offense::WrongCount { kind, expected, seen: nonces.len() });
            }
            Round0::Reveal(_) if !self.attempt.is_fast() => return Some(Offense::WrongRound0),
            Round0::Commit(_) if self.attempt.is_fast() => return Some(Offense::WrongRound0),
            Round0::Reveal(_) | Round0::Commit(_) => {}
        }
        let (key, delegation) = (self.attempt.key_of(sender)?, join.delegation);
        let known = self.signer(sender).and_then(|signer| signer.delegation);
        let checked = if known == Some(delegation) {
            delegation.terms().check(now.unix)
        } else {
            self.attempt.check_delegation(now, (key, peer), delegation)
        };
        checked.err().map(Offense::NotDelegated)
    }

    fn on_join(&mut self, now: Now, join: &SessionJoin, envelope: &Envelope) {
        if let Some(signer) = self.signer_mut(join.signer) {
            signer.joined = true;
        }
        self.progress(Event::Joined(join.signer));
        if let Round0::Reveal(nonces) = &join.round0 {
            self.take_nonces(now, join.signer, nonces, envelope);
        } else if let Some(share) = self.statements.get(&envelope.sender(), Slot::NonceShare) {
            // The reveal overtook its join.
            if let Body::NonceShare(share) = share.body().clone() {
                self.on_nonce_share(now, &share);
            }
        }
        self.course.note_news(now);
        self.advance(now);
    }

    fn on_nonce_share(&mut self, now: Now, share: &NonceShare) {
        let Some(peer) = self.attempt.peer_of(share.signer) else { return };
        let Some(key) = self.attempt.key_of(share.signer) else { return };
        let (join, shared) = (
            self.statements.get(&peer, Slot::Join).cloned(),
            self.statements.get(&peer, Slot::NonceShare).cloned(),
        );
        // Without its join the reveal waits: there is nothing yet to hold it against.
        let (Some(join), Some(shared)) = (join, shared) else { return };
        let Body::SessionJoin(SessionJoin { round0: Round0::Commit(commit), .. }) = join.body()
        else {
            return;
        };
        let (nonces, salt) = (&share.nonces, &share.salt);
        if self.attempt.commitment(share.signer, nonces, salt).as_ref() != Some(commit) {
            let (join, share_envelope) = (Box::new(join), Box::new(shared));
            let evidence = Evidence::WrongCommitment { key, join, share: share_envelope };
            return self.convict(now, share.signer, AbortReason::WrongCommitment, evidence);
        }
        self.take_nonces(now, share.signer, nonces, &shared);
        self.course.note_news(now);
        self.advance(now);
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
        if let Some(known) = self.signer_mut(signer) {
            known.nonces = Some(Nonces { bytes: bytes.to_vec(), parsed });
        }
        self.voice.push(Output::NoncesSeen { signer, nonces: bytes.to_vec() });
        self.progress(Event::Revealed(signer));
    }

    fn on_partial_sigs(&mut self, now: Now, share: &PartialSigShare) {
        // A scalar that does not parse is as false as one that does not add up.
        let parsed: Option<Vec<_>> =
            share.partials.iter().map(|partial| PartialSig::from_bytes(partial).ok()).collect();
        let signer = share.signer;
        self.check_view(now, signer);
        let Some(partials) = parsed else { return self.check_partials(now, signer) };
        if let Some(known) = self.signer_mut(signer) {
            known.partials = Some(partials);
        }
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
        let Some(signer) = self.signer_mut(sender) else { return };
        if core::mem::replace(&mut signer.done, true) {
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

    /// Reports that something came which the session was waiting for.
    pub(crate) fn progress(&mut self, event: Event) {
        if !self.course.has_ended() {
            self.voice.event(event);
        }
    }

    fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.voice.push(Output::Offense { peer, offense });
    }
}
