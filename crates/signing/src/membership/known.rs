//! The highest-numbered delegation of each key.

use alloc::collections::BTreeSet;

use ensign_identity::{Delegation, DelegationError, DelegationProof, SignerKey, Terms};
use ensign_primitives::{SignerIndex, UnixTime};

use super::{Delegated, Membership};
use crate::{MEMBERS_MAX, groups::Group};

impl Membership {
    /// Enters what is verified, if it is higher than what is known; returns whether it was.
    pub(super) fn raise(&mut self, it: Delegated) -> bool {
        let is_higher = |known: &Delegated| known.proof.number < it.proof.number;
        let has_room = self.known.len() <= MEMBERS_MAX;
        let enters = self.known.get(&it.signer).map_or(has_room, is_higher);
        if enters {
            self.known.insert(it.signer, it);
        }
        enters
    }

    /// As [`raise`](Self::raise) for our own key; a number of a clock that was ahead gives way: nobody takes it.
    pub(super) fn raise_own(&mut self, now: UnixTime, own: Delegated) {
        let is_ahead = |known: &&Delegated| known.proof.number > Terms::number_max(now);
        if self.known.get(&self.own_key).filter(is_ahead).is_some() {
            self.known.remove(&self.own_key);
        }
        self.raise(own);
    }

    /// Forgets keys that are in no group, once there is no room for another one.
    pub(super) fn make_room(&mut self, keys: &BTreeSet<SignerKey>) {
        if self.known.len() > MEMBERS_MAX {
            let own = self.own_key;
            self.known.retain(|key, _| *key == own || keys.contains(key));
        }
    }

    /// Returns what is known of a key.
    pub(crate) fn of(&self, signer: &SignerKey) -> Option<&Delegated> {
        self.known.get(signer)
    }

    /// Verifies what a statement says of who speaks for a key. Cost: one signature check, and none when it is
    /// what is known already, as it is for every member that has shown it on its connection.
    pub(crate) fn verify(&self, now: UnixTime, it: Delegated) -> Result<(), DelegationError> {
        let Delegated { signer, peer, proof } = it;
        if self.of(&signer) == Some(&it) {
            return proof.terms().check(now);
        }
        Delegation::verify(signer, peer, self.network, proof, now).map(|_| ())
    }

    /// What is known of the nodes that stand in a group, with their positions.
    pub(crate) fn proofs(
        &self,
        group: &Group,
    ) -> impl Iterator<Item = (SignerIndex, DelegationProof)> {
        let standing = group.keys().as_slice().iter().zip(group.peers().iter()).enumerate();
        standing.filter_map(|(at, (key, peer))| {
            let known = self.of(key).filter(|known| known.peer == *peer)?;
            Some((SignerIndex::from_usize(at)?, known.proof))
        })
    }

    /// Whether our own key has gone to another node.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.of(&self.own_key).is_some_and(|own| own.peer != self.own_peer)
    }
}
