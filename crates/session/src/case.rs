//! The case: what was said by whom, what of it was heard before, and what of it convicts. Cheap checks
//! come first, then the signature; nobody is convicted by what was not verified the way a stranger would.

use alloc::{boxed::Box, vec::Vec};
use core::mem;

use ensign_equivocation::{Evidence, Outcome, Statements};
use ensign_identity::DelegationProof;
use ensign_primitives::{Now, Occupancy, PeerId, SIGNERS_MAX, SignerIndex};
use ensign_replay::{Duplicates, Sequences, check_fresh};
use ensign_wire::{Body, Envelope, Kind, NonceShare, PubNonceBytes, Round0, SessionJoin, Slot};

use crate::{DUPLICATES_REMEMBERED, Offense, attempt::Attempt};

/// Most statements that convict: two for each signer, each of whom is convicted once.
const PROOFS_MAX: usize = 2 * SIGNERS_MAX;

/// The statements of all other signers, and what follows from them by themselves.
#[derive(Debug)]
pub(crate) struct Case {
    statements: Statements,
    sequences: Sequences,
    duplicates: Duplicates,
    /// The statements that convict; at most two for each signer.
    proofs: Vec<Envelope>,
    /// One for each signer, in key order.
    marks: Vec<Mark>,
}

#[derive(Debug, Default)]
struct Mark {
    /// Whether its partial signatures were verified by themselves, for our nonce set.
    checked: bool,
    convicted: bool,
}

/// What becomes of an envelope.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is its sender's, and to be heard.
    Taken,
    /// It says nothing, or nothing new.
    Ignored,
    /// A node did wrong by it.
    Refused(PeerId, Offense),
}

/// What a revealed set of nonces is worth.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It opens its commitment.
    Opens(NonceShare, Box<Envelope>),
    /// There is nothing yet to hold it against, or nothing to open.
    Waits,
    /// It is not what was promised.
    Lies(Evidence),
}

impl Case {
    /// Nobody has said anything yet.
    pub(crate) fn new(attempt: &Attempt) -> Self {
        Self {
            statements: Statements::default(),
            sequences: Sequences::default(),
            duplicates: Duplicates::new(DUPLICATES_REMEMBERED),
            proofs: Vec::new(),
            marks: attempt.signers().map(|_| Mark::default()).collect(),
        }
    }

    /// Remembers an envelope as heard.
    pub(crate) fn remember(&mut self, envelope: &Envelope) {
        self.duplicates.remember(*envelope.digest());
    }

    /// Looks at an envelope of `sender`'s that the node `from` brought. Order: duplicate, bearer,
    /// freshness, signature, speaker, sequence; nothing is changed by one whose signature does not hold.
    pub(crate) fn admit(
        &mut self,
        now: Now,
        from: PeerId,
        sender: SignerIndex,
        envelope: &Envelope,
    ) -> Admission {
        if self.duplicates.contains(envelope.digest()) {
            return Admission::Ignored;
        }
        // A statement that fills a slot, and an abort, mean the same whoever brings them and
        // whenever: the session's name keeps them from another session, the slot from counting
        // twice. All else is between the two who speak, and is worth its moment only.
        let slotted = envelope.body().slot().is_some();
        let direct = from == envelope.sender();
        if !direct && !slotted && envelope.body().kind() != Kind::SessionAbort {
            return Admission::Ignored;
        }
        // An old statement that contradicts a known one is still proof.
        let timeless = !direct || self.contradicts(envelope);
        if !timeless && let Err(error) = check_fresh(now.unix, envelope.sent_at()) {
            return Admission::Refused(from, Offense::Replay(error));
        }
        if !envelope.verify() {
            return Admission::Refused(from, Offense::BadSignature { sender: envelope.sender() });
        }
        self.remember(envelope);
        if let Some(claimed) = envelope.body().signer()
            && claimed != sender
        {
            return Admission::Refused(envelope.sender(), Offense::WrongSpeaker { claimed });
        }
        if direct
            && !slotted
            && let Err(error) = self.sequences.accept(envelope.sender(), envelope.seq())
        {
            return Admission::Refused(from, Offense::Replay(error));
        }
        Admission::Taken
    }

    /// Returns whether an envelope contradicts a statement that is held.
    pub(crate) fn contradicts(&self, envelope: &Envelope) -> bool {
        self.statements.differs(envelope)
    }

    /// Returns whether the same was said before in the same place: what was taken once stays taken.
    pub(crate) fn holds(&self, envelope: &Envelope) -> bool {
        let slot = envelope.body().slot();
        let held = slot.and_then(|slot| self.said(&envelope.sender(), slot));
        held.is_some_and(|held| held.body() == envelope.body())
    }

    /// Holds a statement against what its sender has said, and keeps it if it is new.
    pub(crate) fn observe(&mut self, envelope: &Envelope) -> Outcome {
        self.statements.observe(envelope)
    }

    /// Returns what a node has said in a slot.
    pub(crate) fn said(&self, peer: &PeerId, slot: Slot) -> Option<&Envelope> {
        self.statements.get(peer, slot)
    }

    /// Returns the digest of what a node has said in a slot.
    pub(crate) fn digest(&self, peer: &PeerId, slot: Slot) -> Option<[u8; 32]> {
        self.statements.digest(peer, slot)
    }

    /// Returns whether no other signer has said anything that fills a slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Returns the join of a node.
    pub(crate) fn join(&self, peer: &PeerId) -> Option<&SessionJoin> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the slot of joins holds joins")]
        match self.said(peer, Slot::Join)?.body() {
            Body::SessionJoin(join) => Some(join),
            _ => None,
        }
    }

    /// Returns the delegation that a node's join carried.
    pub(crate) fn delegation(&self, peer: &PeerId) -> Option<DelegationProof> {
        Some(self.join(peer)?.delegation)
    }

    /// Holds the nonces that a signer has revealed against its commitment. Without its join they wait;
    /// the reveal may have overtaken it.
    pub(crate) fn open(&self, attempt: &Attempt, signer: SignerIndex) -> Opening {
        self.opening(attempt, signer).unwrap_or(Opening::Waits)
    }

    fn opening(&self, attempt: &Attempt, signer: SignerIndex) -> Option<Opening> {
        let (peer, key) = (attempt.peer_of(signer)?, attempt.key_of(signer)?);
        let (join, shared) = (self.said(&peer, Slot::Join)?, self.said(&peer, Slot::NonceShare)?);
        let Round0::Commit(commit) = &self.join(&peer)?.round0 else { return None };
        let Body::NonceShare(share) = shared.body() else { return None };
        if attempt.commitment(signer, &share.nonces, &share.salt).as_ref() != Some(commit) {
            let (join, share) = (Box::new(join.clone()), Box::new(shared.clone()));
            return Some(Opening::Lies(Evidence::WrongCommitment { key, join, share }));
        }
        Some(Opening::Opens(share.clone(), Box::new(shared.clone())))
    }

    /// Returns the nonce sets that a node has confirmed and signed for.
    pub(crate) fn named_by(&self, peer: &PeerId) -> (Option<[u8; 32]>, Option<[u8; 32]>) {
        let statement = |slot| self.said(peer, slot).map(Envelope::body);
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
    pub(crate) fn signed_otherwise(&self, peer: &PeerId) -> Option<Evidence> {
        let (confirmed, signed_for) = self.named_by(peer);
        if confirmed? == signed_for? {
            return None;
        }
        let statement = |slot| self.said(peer, slot).cloned().map(Into::into);
        Some(Evidence::SignedOtherwise {
            confirmed: statement(Slot::NoncesComplete)?,
            partial: statement(Slot::PartialSigShare)?,
        })
    }

    /// Returns what would convict a signer if its partial signatures are false under `nonces`, whose
    /// digest is `ours`. Nobody is blamed for what it signed for another set: somebody may have shown it
    /// other nonces.
    pub(crate) fn against_partials(
        &self,
        attempt: &Attempt,
        signer: SignerIndex,
        ours: [u8; 32],
        nonces: impl FnOnce() -> Option<Vec<Vec<PubNonceBytes>>>,
    ) -> Option<Evidence> {
        let peer = attempt.peer_of(signer)?;
        let partial = self.said(&peer, Slot::PartialSigShare)?;
        let Body::PartialSigShare(share) = partial.body() else { return None };
        if share.nonces != ours {
            return None;
        }
        let delegation = self.delegation(&peer)?;
        Some(attempt.wrong_partials(delegation, nonces()?, partial.clone()))
    }

    /// Returns whether a signer's partial signatures have yet to be verified by themselves.
    pub(crate) fn is_unchecked(&self, signer: SignerIndex) -> bool {
        self.mark(signer).is_some_and(|mark| !mark.checked && !mark.convicted)
    }

    /// A signer's partial signatures were verified, or are about to be.
    pub(crate) fn note_checked(&mut self, signer: SignerIndex) {
        if let Some(mark) = self.marks.get_mut(signer.as_usize()) {
            mark.checked = true;
        }
    }

    /// Everybody's partial signatures added up.
    pub(crate) fn note_all_checked(&mut self) {
        for mark in &mut self.marks {
            mark.checked = true;
        }
    }

    /// Returns whether a signer was convicted.
    pub(crate) fn is_convicted(&self, signer: SignerIndex) -> bool {
        self.mark(signer).is_some_and(|mark| mark.convicted)
    }

    /// Convicts a signer by evidence that is verified the way a stranger would verify it, once. Returns
    /// the node at fault if that is new.
    pub(crate) fn convict(&mut self, culprit: SignerIndex, evidence: &Evidence) -> Option<PeerId> {
        let mark = self.marks.get_mut(culprit.as_usize())?;
        if mem::replace(&mut mark.convicted, true) {
            return None;
        }
        let Ok(convicted) = evidence.verify() else {
            debug_assert!(false, "evidence that we made does not convict: {evidence:?}");
            return None;
        };
        self.proofs.extend(evidence.statements().into_iter().cloned());
        Some(convicted.peer)
    }

    /// Returns the statements that convict others than `peer`.
    pub(crate) fn proofs_for(&self, peer: Option<PeerId>) -> Vec<Envelope> {
        self.proofs.iter().filter(|said| peer != Some(said.sender())).cloned().collect()
    }

    /// Returns how full it is: statements, sequence numbers, duplicates, and what convicts.
    pub(crate) fn occupancy(&self) -> [Occupancy; 4] {
        [
            self.statements.occupancy("session statements"),
            self.sequences.occupancy("session sequence numbers"),
            self.duplicates.occupancy("session duplicates"),
            Occupancy {
                name: "session statements that convict",
                len: self.proofs.len(),
                limit: PROOFS_MAX,
            },
        ]
    }

    fn mark(&self, signer: SignerIndex) -> Option<&Mark> {
        self.marks.get(signer.as_usize())
    }
}
