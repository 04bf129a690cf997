//! The delegation of a home's signer key to its node, kept so that it is made once: a node that was
//! replaced must not take its place back by being started.

use std::fs;

use ensign_coordinator::Keys;
use ensign_identity::{Delegation, DelegationProof, Signature};
use ensign_peers::contact::More;
use ensign_primitives::UnixTime;

use super::{Home, io_failure, keys::PublicKeys};
use crate::durable::{self, Existing, Readers};
use crate::failure::Result;

/// Public: everybody who speaks with this node is shown it.
const FILE: &str = "delegation";

impl Home {
    /// Takes the delegation of an earlier start, if there is one, and keeps what is in use now.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IO`](crate::catalogue::HOME_IO).
    pub(super) fn with_delegation(&self, keys: Keys) -> Result<Keys> {
        let network = self.settings().network;
        let known = self.kept_delegation();
        let keys = known.into_iter().fold(keys, |keys, known| keys.after(network, known));
        if known != Some(keys.delegation()) {
            self.keep_delegation(&keys.delegation())?;
        }
        Ok(keys)
    }

    /// Returns the one that lets this node speak, as a contact code carries it; none between
    /// the restoring of keys and the first start.
    pub(super) fn shown_delegation(&self, own: &PublicKeys) -> Option<More> {
        let (proof, network) = (self.kept_delegation()?, self.settings().network);
        let holds = Delegation::verify_signature(own.signer, own.node, network, proof);
        holds.ok().map(|_| More::Delegation(proof))
    }

    /// Returns the last one that was made here, of whichever node; one that cannot be read is none.
    fn kept_delegation(&self) -> Option<DelegationProof> {
        let text = fs::read_to_string(self.path().join(FILE)).ok()?;
        let mut bytes = [0; 80];
        hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
        let (number, rest) = bytes.split_first_chunk::<8>()?;
        let (expires, signature) = rest.split_first_chunk::<8>()?;
        let (number, expires) = (u64::from_be_bytes(*number), u64::from_be_bytes(*expires));
        let expires = UnixTime::from_millis(expires);
        Some(DelegationProof { number, expires, signature: Signature(signature.try_into().ok()?) })
    }

    fn keep_delegation(&self, proof: &DelegationProof) -> Result<()> {
        let DelegationProof { number, expires, signature } = proof;
        let times = [number.to_be_bytes(), expires.as_millis().to_be_bytes()].concat();
        let text = format!("{}{}\n", hex::encode(times), hex::encode(signature.0));
        let path = self.path().join(FILE);
        durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Usual)
            .map_err(|error| io_failure("write", &path, &error))
    }
}
