//! Our own secret nonces and everything we have said.

use alloc::vec::Vec;
use core::mem;

use ensign_musig::{NonceGenError, SecNonce, nonce_gen};
use ensign_primitives::{Instant, Now, SignerIndex};
use ensign_wire::{Body, NonceCommit, NonceShare, PubNonceBytes, Round0, SessionJoin};

use crate::{
    Entropy, Event, Phase, Record, Session,
    session::{Nonces, Step},
};

/// Our side of the session.
#[derive(Debug, Default)]
pub(crate) struct Local {
    /// Consumed by signing; empty before the join and after any end.
    secret: Vec<SecNonce>,
    salt: [u8; 32],
    /// Our statements, so that they can be said again; never computed again.
    said: Vec<Said>,
}

/// One of our statements.
#[derive(Debug)]
struct Said {
    body: Body,
    /// When each signer was last told, in key order; `None` if it cannot have heard.
    told: Vec<Option<Instant>>,
}

impl Local {
    /// Erases the secret nonces.
    pub(crate) fn burn(&mut self) {
        self.secret.clear();
    }

    /// Returns how many statements are kept for saying again.
    pub(crate) const fn said_len(&self) -> usize {
        self.said.len()
    }

    /// Returns whether no secret nonce is left.
    #[cfg(test)]
    pub(crate) fn is_burned(&self) -> bool {
        self.secret.is_empty()
    }

    /// Takes the secret nonces for the one time they may be used.
    pub(crate) fn take_secret(&mut self) -> Vec<SecNonce> {
        mem::take(&mut self.secret)
    }
}

impl Session {
    /// Makes our nonces and asks for the join to be made durable.
    pub(crate) fn on_entropy(&mut self, now: Now, entropy: Entropy) {
        let wanted = self.approved
            && self.phase == Phase::Gathering
            && self.local.secret.is_empty()
            && self.awaited.is_none();
        if !wanted || entropy.nonces.len() != self.contexts.len() {
            return;
        }
        let Ok((secret, public)) = self.make_nonces(entropy.nonces) else {
            self.fail(now, ensign_wire::AbortReason::Internal, Vec::new(), None);
            return;
        };
        self.local.secret = secret;
        self.local.salt = entropy.salt;
        let local = self.setup.local;
        if let Some(signer) = self.signer_mut(local) {
            signer.nonces = Some(public);
        }
        self.persist(Record::Joined { session: self.id }, Step::Join);
    }

    fn make_nonces(
        &self,
        entropy: Vec<ensign_musig::NonceEntropy>,
    ) -> Result<(Vec<SecNonce>, Nonces), NonceGenError> {
        let messages = &self.setup.request.request.messages;
        let (mut secret, mut parsed) = (Vec::new(), Vec::new());
        for ((entropy, ctx), message) in entropy.into_iter().zip(&self.contexts).zip(messages) {
            let (sec_nonce, pub_nonce) =
                nonce_gen(entropy, &self.setup.sec_key, ctx, &message.digest, self.id.as_bytes())?;
            secret.push(sec_nonce);
            parsed.push(pub_nonce);
        }
        let bytes = parsed.iter().map(|nonce| PubNonceBytes(nonce.to_bytes())).collect();
        Ok((secret, Nonces { bytes, parsed }))
    }

    /// Sends our join; its record is durable.
    pub(crate) fn join(&mut self, now: Now) {
        let local = self.setup.local;
        let Some(nonces) = self.own_nonces() else { return };
        let fast = self.is_fast();
        let round0 = if fast { Round0::Reveal(nonces) } else { self.commit(local, &nonces) };
        let delegation = self.setup.delegation;
        self.enter(now, Phase::Committing);
        if let Some(signer) = self.signer_mut(local) {
            signer.joined = true;
        }
        self.event(Event::Joined(local));
        self.say_once(now, Body::SessionJoin(SessionJoin { signer: local, delegation, round0 }));
        self.advance(now);
        if self.phase == Phase::Committing {
            self.report_waiting();
        }
    }

    fn commit(&self, local: SignerIndex, nonces: &[PubNonceBytes]) -> Round0 {
        let key = ensign_identity::SignerKey::from_public_key(self.setup.sec_key.public_key());
        let (network, salt) = (self.network, &self.local.salt);
        Round0::Commit(NonceCommit::new(network, &self.id, local, &key, nonces, salt))
    }

    /// Reveals our nonces; every commitment is here.
    pub(crate) fn reveal(&mut self, now: Now) {
        let signer = self.setup.local;
        let Some(nonces) = self.own_nonces() else { return };
        let salt = self.local.salt;
        self.event(Event::Revealed(signer));
        self.say_once(now, Body::NonceShare(NonceShare { signer, nonces, salt }));
    }

    fn own_nonces(&self) -> Option<Vec<PubNonceBytes>> {
        Some(self.signer(self.setup.local)?.nonces.as_ref()?.bytes.clone())
    }

    /// Says something for the first time, to everybody, and keeps it for saying again.
    pub(crate) fn say_once(&mut self, now: Now, body: Body) {
        let others = self.setup.others();
        self.say(now, &others, body.clone());
        let told = self.signers.iter().map(|_| Some(now.instant)).collect();
        self.local.said.push(Said { body, told });
    }

    /// Says the given statements again to one signer, signed anew, unless they are on their way.
    pub(crate) fn say_again(&mut self, now: Now, to: SignerIndex, wanted: impl Fn(&Body) -> bool) {
        let pause = self.answer_pause();
        let mut again = Vec::new();
        for said in self.local.said.iter_mut().filter(|said| wanted(&said.body)) {
            let Some(told) = said.told.get_mut(to.as_usize()) else { continue };
            if told.is_none_or(|at| now.instant.since(at) >= pause) {
                *told = Some(now.instant);
                again.push(said.body.clone());
            }
        }
        for body in again {
            self.say(now, &[to], body);
        }
    }

    /// A new connection: what went over the old one may be lost.
    pub(crate) fn forget_told(&mut self, signer: SignerIndex) {
        for said in &mut self.local.said {
            if let Some(told) = said.told.get_mut(signer.as_usize()) {
                *told = None;
            }
        }
    }
}
