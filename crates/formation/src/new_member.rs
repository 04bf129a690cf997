//! Us, before we are in a group.

use alloc::{string::String, vec::Vec};

use ensign_identity::{DelegationProof, SignerKey};
use ensign_peers::contact::Address;
use ensign_primitives::PeerId;
use ensign_wire::{Candidate, RosterMember};

/// Us, as we enter a group that forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// The key that we bring.
    pub signer: SignerKey,
    /// Our node.
    pub peer: PeerId,
    /// That the key lets the node speak.
    pub delegation: DelegationProof,
    /// What we call ourselves.
    pub name: String,
    /// Where the others may dial us.
    pub addresses: Vec<Address>,
}

impl NewMember {
    /// Returns what the members are told, and what stands in a code: host names, which whoever reads them
    /// looks up, stand in codes only.
    pub fn candidate(self) -> (Candidate, Vec<Address>) {
        let Self { signer, peer, delegation, name, addresses } = self;
        let numbers = addresses.iter().filter_map(Address::ip).collect();
        let member = RosterMember { signer, peer, delegation, name };
        (Candidate { member, addresses: numbers }, addresses)
    }
}
