//! What a coordinator is made from.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ensign_identity::{
    DELEGATION_LIFETIME_MAX, Delegation, DelegationError, DelegationProof, NodeKey, Signature,
    SignerKey,
};
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network, PeerId, UnixTime};
use ensign_wire::{Mode, TxType};

use crate::clock;

/// Who a node is.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(crate) node_key: Arc<NodeKey>,
    pub(crate) sec_key: Arc<SecKey>,
    pub(crate) delegation: DelegationProof,
}

impl Keys {
    /// Takes both secret keys and lets the signer key delegate to the node key, for half of
    /// [`DELEGATION_LIFETIME_MAX`] from now.
    ///
    /// # Errors
    ///
    /// [`DelegationError`] never in practice: it would mean that a fresh signature does not verify.
    pub fn new(
        network: Network,
        node_key: NodeKey,
        sec_key: SecKey,
    ) -> Result<Self, DelegationError> {
        Self::new_at(clock::unix_now(), network, node_key, sec_key)
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
        let expires = now.after(DELEGATION_LIFETIME_MAX / 2);
        let delegation = delegate(network, &node_key, &sec_key, expires, now)?;
        Ok(Self { node_key: Arc::new(node_key), sec_key: Arc::new(sec_key), delegation })
    }

    /// Returns the node's name.
    pub fn peer_id(&self) -> PeerId {
        self.node_key.peer_id()
    }

    /// Returns the public signer key.
    pub fn signer_key(&self) -> SignerKey {
        SignerKey::from_public_key(self.sec_key.public_key())
    }
}

fn delegate(
    network: Network,
    node_key: &NodeKey,
    sec_key: &SecKey,
    expires: UnixTime,
    now: UnixTime,
) -> Result<DelegationProof, DelegationError> {
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let peer = node_key.peer_id();
    let digest = Delegation::digest(&signer, &peer, network, expires);
    let proof = DelegationProof { expires, signature: Signature(sec_key.sign_schnorr(&digest)) };
    Delegation::verify(signer, peer, network, proof, now).map(|delegation| delegation.proof())
}

/// One signer of a group, as its contact code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key it signs with.
    pub signer: SignerKey,
    /// The node that speaks for it.
    pub peer: PeerId,
    /// Where the node may be reached; empty for ourselves, or for one that dials us.
    pub addresses: Vec<SocketAddr>,
}

/// Signers that sign together; ourselves included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Every signer, in any order: keys are sorted as BIP327 `KeySort` does.
    pub members: Vec<Member>,
}

/// What shall be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A version 0 PSBT, binary or base64: every input must belong to the group.
    Psbt(Vec<u8>),
    /// Bare 32-byte messages under the group's aggregate key. The others sign blindly, and are
    /// told so.
    Messages(Vec<[u8; 32]>),
}

/// A proposal to a group.
#[derive(Clone, Debug)]
pub struct SigningJob {
    /// Who shall sign.
    pub group: GroupId,
    /// What.
    pub work: Work,
    /// One line for the others.
    pub purpose: String,
    /// What kind of transaction it is.
    pub tx_type: TxType,
    /// How the session runs.
    pub mode: Mode,
    /// How long the request stays open, at most 24 h.
    pub lifetime: Duration,
}

impl SigningJob {
    /// Makes a job with the defaults: an ordinary payment in mode committed, open for two hours.
    pub const fn new(group: GroupId, work: Work) -> Self {
        Self {
            group,
            work,
            purpose: String::new(),
            tx_type: TxType::Spend,
            mode: Mode::Committed,
            lifetime: Duration::from_secs(2 * 60 * 60),
        }
    }
}
