//! What passes between a session and whoever holds the signer key.

use alloc::{sync::Arc, vec::Vec};

use ensign_musig::{NonceEntropy, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::{SessionId, SignerIndex};
use ensign_wire::SignedRequest;

/// Everything a signer must know to make nonces for one attempt and to show what it will sign.
///
/// Nothing in it is to be believed: [`LocalSigner`](crate::LocalSigner) computes what it signs from
/// the request and refuses an order whose parts do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The attempt's name; follows from the request and the attempt.
    pub session: SessionId,
    /// What is asked, with its creator's signature.
    pub request: Arc<SignedRequest>,
    /// Which attempt, from 1.
    pub attempt: u16,
    /// Which signer of the request we are.
    pub local: SignerIndex,
}

/// Fresh bytes from the operating system for one session. Move-only, erased on drop.
#[derive(Debug)]
pub struct Entropy {
    /// One for each nonce.
    pub nonces: Vec<NonceEntropy>,
    /// The salt of the nonce commitment; public after the reveal.
    pub salt: [u8; 32],
}

/// Our public nonces for one attempt; the secret halves stay with the signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnNonces {
    /// One for each message.
    pub nonces: Vec<PubNonce>,
    /// Opens our commitment to them.
    pub salt: [u8; 32],
}

/// Our partial signatures for one attempt, one for each message.
///
/// The session verifies them before they leave. Those of [`LocalSigner`](crate::LocalSigner) bring
/// the contexts under which it has verified them, so that neither is computed twice in one process.
#[derive(Clone, Debug)]
pub struct OwnPartials {
    partials: Vec<PartialSig>,
    verified: Vec<SigningCtx>,
}

impl OwnPartials {
    /// Takes partial signatures from outside this process.
    pub const fn unverified(partials: Vec<PartialSig>) -> Self {
        Self { partials, verified: Vec::new() }
    }

    /// Takes partial signatures that [`SigningCtx::sign`] has verified, each with its context.
    pub(crate) const fn verified(partials: Vec<PartialSig>, contexts: Vec<SigningCtx>) -> Self {
        Self { partials, verified: contexts }
    }

    /// Returns the partial signatures.
    pub fn partials(&self) -> &[PartialSig] {
        &self.partials
    }

    pub(crate) fn into_parts(self) -> (Vec<PartialSig>, Vec<SigningCtx>) {
        (self.partials, self.verified)
    }
}

/// Why the signer does not do its part. Either way the attempt ends and its nonces are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// It refuses: nobody shall sign this request.
    Declined,
    /// It cannot: it is gone, has lost the nonces, or found a fault. Another attempt may succeed.
    Failed,
    /// The nonces have outlived their time, or the clocks have parted since: they are erased.
    Outlived,
}
