//! What is signed under which keys and nonces, and what the parts add up to. No signature comes out of
//! here that does not verify.

use alloc::vec::Vec;
use core::mem;

use ensign_identity::Signature;
use ensign_musig::{Blame, KeyAggCtx, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::SignerIndex;

use crate::{
    OwnFault, OwnPartials, attempt::Attempt, contexts::contexts, signer::signing_contexts,
};

/// The keys, what is fixed once the nonces are, and the signatures.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    /// One context per message; none before our user has consented.
    contexts: Vec<KeyAggCtx>,
    /// One for each message; none before our own partial signatures are here.
    signing: Vec<SigningCtx>,
    signatures: Vec<[u8; 64]>,
    /// Whether every partial signature was here and they did not add up.
    is_false: bool,
}

/// What partial signatures add up to.
#[derive(Debug)]
pub(crate) enum Added {
    /// One signature for each message, each verified.
    Signatures(Vec<[u8; 64]>),
    /// These positions' parts are false.
    False(Vec<usize>),
    /// The parts are true, and the nonces cancel each other out.
    NoSignature,
    /// Something that cannot be.
    Broken,
}

impl Sum {
    /// Computes under which key each message is signed.
    ///
    /// Cost: 16 us for each different tweak.
    ///
    /// # Errors
    ///
    /// [`OwnFault::Tweak`] with the first message whose tweak gives no key.
    pub(crate) fn fix_keys(&mut self, attempt: &Attempt) -> Result<(), OwnFault> {
        self.contexts = contexts(attempt.group(), attempt.messages())
            .map_err(|(message, source)| OwnFault::Tweak { message, source })?;
        Ok(())
    }

    /// Returns for how many messages the key was computed.
    #[cfg(test)]
    pub(crate) const fn keys_fixed(&self) -> usize {
        self.contexts.len()
    }

    /// Takes our partial signatures with the contexts under which they are true. A signer in this
    /// process hands over the ones that it has made and checked; everybody else's are checked here.
    /// Returns `None` where they are false, or not one for each message.
    ///
    /// - `nonces`: each signer's, in key order.
    pub(crate) fn take_own(
        &mut self,
        attempt: &Attempt,
        nonces: &[&[PubNonce]],
        own: OwnPartials,
    ) -> Option<Vec<PartialSig>> {
        let (partials, brought) = own.into_parts();
        if partials.len() != self.contexts.len() {
            return None;
        }
        if self.are_ours(attempt, nonces, &brought) {
            self.signing = brought;
            return Some(partials);
        }
        let digests = attempt.messages().iter().map(|message| message.digest);
        let signing = signing_contexts(&self.contexts, digests, nonces).ok()?;
        let local = attempt.local().as_usize();
        let mut checks = signing.iter().zip(&partials);
        checks.all(|(ctx, partial)| ctx.partial_sig_verify(local, partial)).then_some(())?;
        self.signing = signing;
        Some(partials)
    }

    /// Whether contexts are for our keys, messages and nonces: then we would make the same.
    fn are_ours(&self, attempt: &Attempt, nonces: &[&[PubNonce]], brought: &[SigningCtx]) -> bool {
        brought.len() == self.contexts.len()
            && brought.iter().zip(&self.contexts).zip(attempt.messages()).enumerate().all(
                |(position, ((brought, ours), message))| {
                    let held = nonces.iter().map(|signer| signer.get(position));
                    brought.message() == &message.digest
                        && brought.key_agg_ctx().agg_key_full() == ours.agg_key_full()
                        && brought.pub_nonces().iter().map(Some).eq(held)
                },
            )
    }

    /// Adds up every signer's partial signatures.
    ///
    /// - `partials`: in key order.
    pub(crate) fn add_up(&self, partials: &[&[PartialSig]]) -> Added {
        let mut signatures = Vec::with_capacity(self.signing.len());
        let mut false_signers = Vec::new();
        for (position, ctx) in self.signing.iter().enumerate() {
            let of_message: Vec<_> =
                partials.iter().filter_map(|signer| signer.get(position).copied()).collect();
            match ctx.partial_sig_agg(&of_message) {
                Ok(signature) => signatures.push(signature),
                Err(Blame::Signers(slots)) => false_signers.extend(slots),
                Err(_) => return Added::Broken,
            }
        }
        if false_signers.is_empty() {
            // True parts give a signature, unless the nonces cancel each other out.
            return if signatures.len() == self.signing.len() {
                Added::Signatures(signatures)
            } else {
                Added::NoSignature
            };
        }
        false_signers.sort_unstable();
        false_signers.dedup();
        Added::False(false_signers)
    }

    /// Whether a signer's partial signatures are true; `None` where we have not come to sign ourselves.
    ///
    /// - `partials`: `None` where they do not even parse.
    pub(crate) fn holds(
        &self,
        signer: SignerIndex,
        partials: Option<&[PartialSig]>,
    ) -> Option<bool> {
        if self.signing.is_empty() {
            return None;
        }
        let Some(partials) = partials else { return Some(false) };
        let mut checks = self.signing.iter().zip(partials);
        Some(checks.all(|(ctx, partial)| ctx.partial_sig_verify(signer.as_usize(), partial)))
    }

    /// The parts did not add up; returns whether that is new.
    pub(crate) const fn doubt(&mut self) -> bool {
        !mem::replace(&mut self.is_false, true)
    }

    /// Keeps signatures that verify.
    pub(crate) fn finish(&mut self, signatures: &[[u8; 64]]) {
        self.signatures = signatures.to_vec();
    }

    /// Returns the signatures, once they are here.
    pub(crate) fn signatures(&self) -> Vec<Signature> {
        self.signatures.iter().map(|signature| Signature(*signature)).collect()
    }
}
