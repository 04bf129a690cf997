//! That somebody knows an invitation's secret, without saying it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use ensign_primitives::{PeerId, TaggedHasher};

use crate::Invitation;

/// Who proves: the proof of one side is none of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Joiner = 0,
    Inviter = 1,
}

/// What a proof is about, besides the secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) side: Side,
    pub(crate) joiner: &'a PeerId,
    /// Of the connection: what is proven on one is nothing on another.
    pub(crate) exporter: &'a [u8; 32],
    /// The candidate's bytes: a seat is for this one.
    pub(crate) candidate: &'a [u8],
}

/// Computes a proof: HMAC-SHA256 (RFC 2104) under the secret. Cost: a few hashes.
pub(crate) fn prove(invitation: &Invitation, about: About<'_>) -> [u8; 32] {
    mac(invitation, about).finalize().into_bytes().into()
}

/// Tells whether a proof is right, in a time that does not tell how far it is.
pub(crate) fn holds(invitation: &Invitation, about: About<'_>, proof: &[u8; 32]) -> bool {
    mac(invitation, about).verify_slice(proof).is_ok()
}

fn mac(invitation: &Invitation, about: About<'_>) -> Hmac<Sha256> {
    let message = TaggedHasher::new("ensign/seat/v1", invitation.network)
        .bytes(&[about.side as u8])
        .bytes(&invitation.id().0)
        .bytes(invitation.inviter.as_bytes())
        .bytes(about.joiner.as_bytes())
        .bytes(about.exporter)
        .var_bytes(about.candidate)
        .finish();
    let mac = Hmac::new_from_slice(&invitation.secret);
    let mut mac = mac.expect("HMAC takes a key of any length");
    mac.update(&message);
    mac
}
