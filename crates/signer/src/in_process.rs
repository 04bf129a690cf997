//! The signer in this process.

use std::{sync::Arc, time::Duration};

use ensign_identity::{Delegation, DelegationProof, SignerKey, Terms};
use ensign_musig::{NonceEntropy, PubNonce, SecKey};
use ensign_primitives::{Network, Now, PeerId, SessionId};
use ensign_session::{Entropy, LocalSigner, Order, OwnNonces, OwnPartials};

use crate::{Randomness, Signer, SignerError, wall};

/// The signer in this process: [`LocalSigner`] with the operating system's entropy and clock.
///
/// It lets a node speak for it only as [`Delegation::check`] allows, and another node than the last one only
/// with a higher number.
pub struct InProcess {
    signer: LocalSigner,
    /// The highest number that was given, and to which node, since the start.
    given: Option<(u64, Network, PeerId)>,
    randomness: Randomness,
    now: Box<dyn Fn() -> Now + Send>,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess").field("signer", &self.signer).finish_non_exhaustive()
    }
}

impl InProcess {
    /// Takes the secret key.
    pub fn new(sec_key: SecKey) -> Self {
        let signer = LocalSigner::new(Arc::new(sec_key));
        Self { signer, given: None, randomness: Randomness::System, now: Box::new(wall::now) }
    }

    /// Lets a node speak for the key, whatever the clock says; see [`Signer::delegate`].
    pub fn delegation(&self, network: Network, peer: PeerId, terms: Terms) -> DelegationProof {
        self.signer.delegate(network, peer, terms)
    }

    /// Draws from somewhere else than the operating system, and goes by other clocks: for
    /// simulations.
    ///
    /// # Security
    ///
    /// Whoever knows what it draws computes the secret key from one signature.
    pub fn dangerous_simulate(
        &mut self,
        randomness: Randomness,
        now: impl Fn() -> Now + Send + 'static,
    ) {
        (self.randomness, self.now) = (randomness, Box::new(now));
    }

    fn draw(&mut self, nonces: usize) -> Result<Entropy, SignerError> {
        let draw = |_| NonceEntropy::new(self.randomness.draw().ok()?).ok();
        let nonces: Option<Vec<_>> = (0..nonces).map(draw).collect();
        let nonces = nonces.ok_or(SignerError::Entropy)?;
        let salt = self.randomness.draw().map_err(|_| SignerError::Entropy)?;
        Ok(Entropy { nonces, salt })
    }
}

impl Signer for InProcess {
    fn public_key(&self) -> SignerKey {
        self.signer.public_key()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        let now = (self.now)().unix;
        Delegation::check(&peer, terms, now).map_err(SignerError::Delegation)?;
        let taken = self.given.filter(|(_, of, other)| *of == network && *other != peer);
        if let Some((last, ..)) = taken.filter(|(last, ..)| terms.number <= *last) {
            return Err(SignerError::Superseded { number: terms.number, last });
        }
        let last = self.given.filter(|(_, of, _)| *of == network).map_or(0, |(last, ..)| last);
        self.given = Some((last.max(terms.number), network, peer));
        Ok(self.delegation(network, peer, terms))
    }

    fn nonces(&mut self, order: &Order, _: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        let entropy = self.draw(order.request.request.messages.len())?;
        self.signer.nonces((self.now)(), order, entropy).map_err(SignerError::Order)
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        self.signer.partials((self.now)(), session, nonces).map_err(SignerError::Partials)
    }

    fn forget(&mut self, session: SessionId) {
        self.signer.forget(session);
    }

    fn forget_old(&mut self) -> Option<Duration> {
        let now = (self.now)();
        self.signer.forget_old(now).map(|at| at.since(now.instant))
    }
}
