//! What an attempt is: who takes part, what is signed, in which mode. Nothing in it changes with what
//! others say, so every room may read it.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::time::Duration;

use ensign_deadline::Timeouts;
use ensign_equivocation::Evidence;
use ensign_identity::{Delegation, DelegationError, DelegationProof, SignerKey};
use ensign_musig::KeyAggCtx;
use ensign_primitives::{Network, Now, PeerId, RequestId, SessionId, SignerIndex, TaggedHasher};
use ensign_wire::{
    Body, Envelope, Message, Mode, NonceCommit, PubNonceBytes, Round0, SessionAnnounce,
    SessionJoin, SigningRequest, nonce_set_digest, statement_set_digest,
};

use crate::{Order, SessionSetup, SetupError};

/// One attempt at one request, as it was set up, with the names that follow from it.
#[derive(Debug)]
pub(crate) struct Attempt {
    setup: SessionSetup,
    network: Network,
    request: RequestId,
    id: SessionId,
}

impl Attempt {
    /// Takes a setup whose parts fit together.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when keys, nodes and request do not.
    pub(crate) fn new(setup: SessionSetup) -> Result<Self, SetupError> {
        let request = &setup.request.request;
        let (keys, peers, signers) = (setup.group.len(), setup.peers.len(), request.signers.len());
        if keys != signers || peers != signers {
            return Err(SetupError::SignerCount { keys, peers, signers });
        }
        check_keys(&setup)?;
        check_peers(&setup.peers)?;
        let (network, request) = (request.network, request.id());
        let id = SigningRequest::session_id(request, network, setup.attempt);
        Ok(Self { network, request, id, setup })
    }

    /// Returns the attempt's name.
    pub(crate) const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the request's name.
    pub(crate) const fn request_id(&self) -> RequestId {
        self.request
    }

    /// Returns which signer we are.
    pub(crate) const fn local(&self) -> SignerIndex {
        self.setup.local
    }

    /// Returns how long each wait may take.
    pub(crate) const fn timeouts(&self) -> Timeouts {
        self.setup.timeouts
    }

    /// How old a statement must be before it is said again or handed on: a question may cross it
    /// on its way. Half the pause between questions, so that the next one is answered.
    pub(crate) fn answer_pause(&self) -> Duration {
        self.setup.timeouts.retry_interval / 2
    }

    /// Returns how many signers there are, us included.
    pub(crate) fn count(&self) -> usize {
        self.setup.peers.len()
    }

    /// Returns the positions of all signers.
    pub(crate) fn signers(&self) -> impl Iterator<Item = SignerIndex> + use<> {
        (0..self.count()).filter_map(SignerIndex::from_usize)
    }

    /// Returns the positions of all signers but us.
    pub(crate) fn others(&self) -> Vec<SignerIndex> {
        self.signers().filter(|signer| *signer != self.local()).collect()
    }

    /// Returns for which signer a node speaks.
    pub(crate) fn index_of(&self, peer: &PeerId) -> Option<SignerIndex> {
        self.setup.peers.iter().position(|other| other == peer).and_then(SignerIndex::from_usize)
    }

    /// Returns the node that speaks for a signer.
    pub(crate) fn peer_of(&self, signer: SignerIndex) -> Option<PeerId> {
        self.setup.peers.get(signer.as_usize()).copied()
    }

    /// Returns a signer's key.
    pub(crate) fn key_of(&self, signer: SignerIndex) -> Option<SignerKey> {
        self.asked().signers.get(signer).copied()
    }

    /// Returns whether an envelope is about this attempt.
    pub(crate) fn is_named_by(&self, envelope: &Envelope) -> bool {
        envelope.session() == self.id && envelope.network() == self.network
    }

    /// Returns what is asked.
    pub(crate) fn asked(&self) -> &SigningRequest {
        &self.setup.request.request
    }

    /// Returns what is to be signed.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.asked().messages
    }

    /// Returns the group's keys before any tweak.
    pub(crate) const fn group(&self) -> &KeyAggCtx {
        &self.setup.group
    }

    /// Returns in which mode is signed.
    pub(crate) fn mode(&self) -> Mode {
        self.asked().mode
    }

    /// Returns whether joins carry the nonces.
    pub(crate) fn is_fast(&self) -> bool {
        self.mode() == Mode::Fast
    }

    /// Returns whether the request is ours.
    pub(crate) fn is_by_us(&self) -> bool {
        self.asked().creator == self.local()
    }

    /// Joins with another delegation of our signer key's.
    pub(crate) const fn renew(&mut self, delegation: DelegationProof) {
        self.setup.delegation = delegation;
    }

    /// Returns what our signer must know to make nonces.
    pub(crate) fn order(&self) -> Order {
        Order {
            session: self.id,
            request: Arc::clone(&self.setup.request),
            attempt: self.setup.attempt,
            local: self.setup.local,
        }
    }

    /// Returns what opens the attempt to another node.
    pub(crate) fn announcement(&self) -> Body {
        Body::SessionAnnounce(Box::new(SessionAnnounce {
            attempt: self.setup.attempt,
            request: self.setup.request.as_ref().clone(),
        }))
    }

    /// Returns our join.
    pub(crate) const fn join(&self, round0: Round0) -> Body {
        let (signer, delegation) = (self.setup.local, self.setup.delegation);
        Body::SessionJoin(SessionJoin { signer, delegation, round0 })
    }

    /// Signs a statement of our node's; `None` if it is too large for the wire.
    pub(crate) fn sign(&self, now: Now, seq: u64, body: Body) -> Option<Envelope> {
        Envelope::sign(&self.setup.node_key, self.network, self.id, seq, now.unix, body).ok()
    }

    /// Verifies that a signer's key lets its node speak.
    ///
    /// # Errors
    ///
    /// [`DelegationError`].
    pub(crate) fn check_delegation(
        &self,
        now: Now,
        (key, peer): (SignerKey, PeerId),
        proof: DelegationProof,
    ) -> Result<(), DelegationError> {
        Delegation::verify(key, peer, self.network, proof, now.unix).map(|_| ())
    }

    /// Returns the commitment that nonces and salt of a signer open.
    pub(crate) fn commitment(
        &self,
        signer: SignerIndex,
        nonces: &[PubNonceBytes],
        salt: &[u8; 32],
    ) -> Option<NonceCommit> {
        let key = self.key_of(signer)?;
        Some(NonceCommit::new(self.network, &self.id, signer, &key, nonces, salt))
    }

    /// Returns our commitment to nonces of ours.
    pub(crate) fn own_commitment(&self, nonces: &[PubNonceBytes], salt: &[u8; 32]) -> NonceCommit {
        let (local, key) = (self.setup.local, &self.setup.signer);
        NonceCommit::new(self.network, &self.id, local, key, nonces, salt)
    }

    /// Returns what stands in a join's record in the place of its round 0.
    pub(crate) fn said_in_join(&self, round0: &Round0) -> [u8; 32] {
        let hasher = TaggedHasher::new("ensign/join-said/v1", self.network);
        let hasher = hasher.bytes(self.id.as_bytes());
        match round0 {
            Round0::Commit(commit) => hasher.u64(0).bytes(&commit.commitment).finish(),
            Round0::Reveal(nonces) => {
                let hasher = hasher.u64(1).u64(nonces.len() as u64);
                nonces.iter().fold(hasher, |hasher, nonce| hasher.bytes(&nonce.0)).finish()
            }
        }
    }

    /// Returns the digest of a statement's body.
    pub(crate) fn body_digest(&self, body: &Body) -> [u8; 32] {
        body.digest(self.network)
    }

    /// Returns the digest of a set of nonces.
    pub(crate) fn nonces_digest<'a>(
        &self,
        nonces: impl Iterator<Item = (SignerIndex, &'a [PubNonceBytes])>,
    ) -> [u8; 32] {
        nonce_set_digest(self.network, &self.id, nonces)
    }

    /// Returns the digest of a set of statements, each by its own.
    pub(crate) fn statements_digest(
        &self,
        statements: impl Iterator<Item = (SignerIndex, [u8; 32])>,
    ) -> [u8; 32] {
        statement_set_digest(self.network, &self.id, statements)
    }

    /// Returns the evidence that a signer's partial signatures are false under these nonces.
    pub(crate) fn wrong_partials(
        &self,
        delegation: DelegationProof,
        nonces: Vec<Vec<PubNonceBytes>>,
        partial: Envelope,
    ) -> Evidence {
        Evidence::WrongPartialSig {
            request: Box::new(self.asked().clone()),
            attempt: self.setup.attempt,
            delegation,
            nonces,
            partial: Box::new(partial),
        }
    }
}

fn check_keys(setup: &SessionSetup) -> Result<(), SetupError> {
    let ours = setup.signer.as_public_key();
    if setup.group.keys().get(setup.local.as_usize()) != Some(ours) {
        return Err(SetupError::NotASigner { local: setup.local });
    }
    let named = setup.request.request.signers.as_slice();
    let differs =
        setup.group.keys().iter().zip(named).position(|(key, named)| key != named.as_public_key());
    match differs.and_then(SignerIndex::from_usize) {
        Some(signer) => Err(SetupError::KeyMismatch { signer }),
        None => Ok(()),
    }
}

fn check_peers(peers: &[PeerId]) -> Result<(), SetupError> {
    let mut seen = BTreeMap::new();
    for (index, peer) in peers.iter().enumerate() {
        let Some(second) = SignerIndex::from_usize(index) else { continue };
        if let Some(first) = seen.insert(peer, second) {
            return Err(SetupError::SamePeer { first, second });
        }
    }
    Ok(())
}
