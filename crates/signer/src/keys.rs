//! Who a node is, and who signs for it: both keys, and the word of one for the other.

use std::sync::Arc;

use ensign_identity::{
    DELEGATION_LIFETIME_MAX, Delegation, DelegationError, DelegationProof, NodeKey, SignerKey,
    Terms,
};
use ensign_musig::SecKey;
use ensign_primitives::{Network, PeerId, UnixTime};
use ensign_signing::holds_in_good_time;

use crate::{InProcess, KeyHolder, Signer, SignerError, unix_now};

/// Who a node is, and who signs for it.
#[derive(Debug)]
pub struct Keys {
    node_key: Arc<NodeKey>,
    signer_key: SignerKey,
    delegation: DelegationProof,
    signer: KeyHolder,
}

impl Keys {
    /// Takes both secret keys and lets the signer key delegate to the node key, for half of
    /// [`DELEGATION_LIFETIME_MAX`] from now. This process signs.
    ///
    /// # Errors
    ///
    /// [`DelegationError`] never in practice: it would mean that a fresh signature does not verify.
    pub fn new(
        network: Network,
        node_key: NodeKey,
        sec_key: SecKey,
    ) -> Result<Self, DelegationError> {
        Self::new_at(unix_now(), network, node_key, sec_key)
    }

    /// As [`new`](Self::new) on a machine whose wall clock says `now`; for simulations.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn new_at(
        now: UnixTime,
        network: Network,
        node_key: NodeKey,
        sec_key: SecKey,
    ) -> Result<Self, DelegationError> {
        let signer = InProcess::new(sec_key);
        let (signer_key, peer) = (signer.public_key(), node_key.peer_id());
        let expires = now.after(DELEGATION_LIFETIME_MAX / 2);
        let proof = signer.delegation(network, peer, Terms::after(0, now, expires));
        let delegation = Delegation::verify(signer_key, peer, network, proof, now)?.proof();
        let signer = KeyHolder::InProcess(Box::new(signer));
        Ok(Self { node_key: Arc::new(node_key), signer_key, delegation, signer })
    }

    /// Takes the delegation that an earlier start has made in place of the fresh one, if it holds for a while
    /// yet: a node that was replaced meanwhile does not take its place back by being started. One of
    /// another node, or that has nearly ended, gives way to the fresh one with a higher number.
    pub fn after(mut self, network: Network, known: DelegationProof) -> Self {
        let (now, peer) = (unix_now(), self.peer_id());
        if holds_in_good_time(now, network, (self.signer_key, peer), known) {
            self.delegation = known;
        } else if let KeyHolder::InProcess(signer) = &self.signer {
            let terms = Terms::after(known.number, now, self.delegation.expires);
            self.delegation = signer.delegation(network, peer, terms);
        }
        self
    }

    /// Takes the node key and a signer that holds its key by itself: a device, another process. It
    /// is asked to let the node speak for it, as in [`new`](Self::new), and again when that comes to its
    /// end; and from then on to sign, on a thread of its own.
    ///
    /// Blocks for as long as the signer takes.
    ///
    /// # Errors
    ///
    /// [`SignerError`] when it refuses, cannot be asked, or delegates falsely.
    pub fn with_signer(
        network: Network,
        node_key: NodeKey,
        signer: Box<dyn Signer>,
    ) -> Result<Self, SignerError> {
        Self::with_signer_after(network, node_key, signer, None)
    }

    /// As [`with_signer`](Self::with_signer); the signer is not asked while the delegation of an earlier
    /// start [holds](holds_in_good_time): a node that was replaced meanwhile does not take its place back by
    /// being started.
    ///
    /// # Errors
    ///
    /// As [`with_signer`](Self::with_signer).
    pub fn with_signer_after(
        network: Network,
        node_key: NodeKey,
        mut signer: Box<dyn Signer>,
        known: Option<DelegationProof>,
    ) -> Result<Self, SignerError> {
        let (signer_key, peer, now) = (signer.public_key(), node_key.peer_id(), unix_now());
        let expires = now.after(DELEGATION_LIFETIME_MAX / 2);
        let kept =
            known.filter(|known| holds_in_good_time(now, network, (signer_key, peer), *known));
        let terms = Terms::after(known.map_or(0, |known| known.number), now, expires);
        let proof = kept.map_or_else(|| signer.delegate(network, peer, terms), Ok)?;
        let delegation = Delegation::verify(signer_key, peer, network, proof, now)
            .map_err(SignerError::Delegation)?
            .proof();
        let signer = KeyHolder::Other(signer);
        Ok(Self { node_key: Arc::new(node_key), signer_key, delegation, signer })
    }

    /// Returns the proof that the signer key lets the node speak, as it was made at the start.
    pub const fn delegation(&self) -> DelegationProof {
        self.delegation
    }

    /// Splits into what the engine may know and who signs.
    pub fn into_parts(self) -> (ensign_signing::Keys, KeyHolder) {
        let Self { node_key, signer_key, delegation, signer } = self;
        (ensign_signing::Keys { node_key, signer: signer_key, delegation }, signer)
    }

    /// Returns the node key.
    pub fn node_key(&self) -> Arc<NodeKey> {
        Arc::clone(&self.node_key)
    }

    /// Returns the node's name.
    pub fn peer_id(&self) -> PeerId {
        self.node_key.peer_id()
    }

    /// Returns the public signer key.
    pub const fn signer_key(&self) -> SignerKey {
        self.signer_key
    }
}
