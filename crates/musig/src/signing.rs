//! One message's signing context: key set, public nonces and message in one object.

use alloc::vec::Vec;
use core::fmt;

use secp256k1::PublicKey;
use secp256k1::musig::Session;

use crate::hex::Hex;
use crate::{
    AggNonce, Blame, KeyAggCtx, PartialSig, PubNonce, SecKey, SecNonce, SignError, SigningCtxError,
    nonce_agg, verify_schnorr,
};

/// One message on its way to one signature: the key set, every signer's public nonce, the message.
///
/// Immutable; the session context of [BIP-0327]. It owns its key set, so the two cannot diverge,
/// and it adds up the nonces itself, so an aggregator cannot make an honest signer look false.
///
/// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#session-context
#[derive(Clone)]
pub struct SigningCtx {
    key_agg_ctx: KeyAggCtx,
    pub_nonces: Vec<PubNonce>,
    agg_nonce: AggNonce,
    message: [u8; 32],
    session: Session,
}

impl SigningCtx {
    /// Fixes what is signed, by whom and with which nonces.
    ///
    /// - `pub_nonces`: one per key, in the order of the keys.
    /// - `message`: a hash that the caller has computed from what it shows to its user.
    ///
    /// Cost: about 20 us and 0.3 us a signer.
    ///
    /// # Errors
    ///
    /// [`SigningCtxError::NonceCount`] unless there is exactly one nonce per key.
    pub fn new(
        ctx: &KeyAggCtx,
        pub_nonces: Vec<PubNonce>,
        message: [u8; 32],
    ) -> Result<Self, SigningCtxError> {
        let (expected, seen) = (ctx.len(), pub_nonces.len());
        let agg_nonce = match nonce_agg(&pub_nonces) {
            Ok(agg_nonce) if seen == expected => agg_nonce,
            Ok(_) | Err(_) => return Err(SigningCtxError::NonceCount { expected, seen }),
        };
        let session = Session::new(&ctx.cache, agg_nonce.0, &message);
        Ok(Self { key_agg_ctx: ctx.clone(), pub_nonces, agg_nonce, message, session })
    }

    /// Returns the key set.
    pub fn key_agg_ctx(&self) -> &KeyAggCtx {
        &self.key_agg_ctx
    }

    /// Returns the public nonces in the order of the keys.
    pub fn pub_nonces(&self) -> &[PubNonce] {
        &self.pub_nonces
    }

    /// Returns the sum of the public nonces.
    pub fn agg_nonce(&self) -> AggNonce {
        self.agg_nonce
    }

    /// Returns the message.
    pub fn message(&self) -> &[u8; 32] {
        &self.message
    }

    /// Makes our partial signature, as `Sign` of [BIP-0327], and verifies it.
    ///
    /// The slot signed for is the one that holds our key and the public half of this nonce. A key
    /// in several slots therefore signs once for each, with a nonce made for each; if two slots of
    /// one key hold the same nonce, the same partial signature serves both.
    ///
    /// Cost: about 57 us: 17 re-blinding, 39 verifying.
    ///
    /// # Errors
    ///
    /// [`SignError`] if the nonce belongs to another key, our key is not in the key set, our nonce
    /// is in none of our slots, or the result does not verify. The nonce is erased in every case.
    ///
    /// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#signing
    pub fn sign(&self, sec_nonce: SecNonce, sec_key: &SecKey) -> Result<PartialSig, SignError> {
        let slot = self.slot_of(&sec_nonce, &sec_key.public_key())?;
        let sig = PartialSig(self.session.partial_sign(
            sec_nonce.take(),
            sec_key.keypair(),
            &self.key_agg_ctx.cache,
        ));
        if self.partial_sig_verify(slot, &sig) {
            Ok(sig)
        } else {
            Err(SignError::SelfCheck { slot })
        }
    }

    /// Tells whether the partial signature of a slot is true, as `PartialSigVerify` of [BIP-0327].
    ///
    /// A slot that does not exist has no true partial signature.
    ///
    /// Cost: about 39 us.
    ///
    /// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#partial-signature-verification
    pub fn partial_sig_verify(&self, signer: usize, sig: &PartialSig) -> bool {
        let (Some(nonce), Some(key)) =
            (self.pub_nonces.get(signer), self.key_agg_ctx.keys().get(signer))
        else {
            return false;
        };
        self.session.partial_verify(&self.key_agg_ctx.cache, &sig.0, &nonce.0, *key)
    }

    /// Adds up the partial signatures and verifies the result, as `PartialSigAgg` of [BIP-0327].
    ///
    /// Only if the sum is false are the parts verified one by one, so agreement costs one
    /// verification and not one per signer. False parts that cancel each other out still give a
    /// valid signature, and nobody is blamed.
    ///
    /// - `sigs`: one per key, in the order of the keys.
    ///
    /// Cost: about 23 us and one allocation; blaming costs 39 us a signer more.
    ///
    /// # Errors
    ///
    /// [`Blame::Signers`] with every slot whose part is false; [`Blame::Caller`] for a wrong count.
    ///
    /// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#partial-signature-aggregation
    pub fn partial_sig_agg(&self, sigs: &[PartialSig]) -> Result<[u8; 64], Blame> {
        if sigs.len() != self.key_agg_ctx.len() {
            return Err(Blame::Caller { expected: self.key_agg_ctx.len(), seen: sigs.len() });
        }
        let parts: Vec<_> = sigs.iter().map(|sig| &sig.0).collect();
        let sig = self.session.partial_sig_agg(&parts).assume_valid().to_byte_array();
        if self.verify_final(&sig) { Ok(sig) } else { Err(self.blame(sigs)) }
    }

    /// Tells whether a final signature is valid for this message under the aggregate key.
    ///
    /// Cost: about 22 us.
    pub fn verify_final(&self, sig: &[u8; 64]) -> bool {
        verify_schnorr(&self.key_agg_ctx.agg_key(), &self.message, sig)
    }

    /// Finds the slot with this key and nonce, and refuses whatever libsecp256k1 would abort on.
    fn slot_of(&self, sec_nonce: &SecNonce, signer: &PublicKey) -> Result<usize, SignError> {
        let signer = *signer;
        if !sec_nonce.public_key.eq_fast_unstable(&signer) {
            return Err(SignError::KeyMismatch { nonce_key: sec_nonce.public_key });
        }
        if self.key_agg_ctx.signer_index(&signer).is_none() {
            return Err(SignError::UnlistedSigner { signer });
        }
        self.key_agg_ctx
            .keys()
            .iter()
            .zip(&self.pub_nonces)
            .position(|(key, nonce)| key.eq_fast_unstable(&signer) && *nonce == sec_nonce.pub_nonce)
            .ok_or(SignError::NonceNotInSlot { signer })
    }

    fn blame(&self, sigs: &[PartialSig]) -> Blame {
        let false_slots = sigs
            .iter()
            .enumerate()
            .filter(|(slot, sig)| !self.partial_sig_verify(*slot, sig))
            .map(|(slot, _)| slot);
        Blame::Signers(false_slots.collect())
    }
}

impl fmt::Debug for SigningCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCtx")
            .field("key_agg_ctx", &self.key_agg_ctx)
            .field("pub_nonces", &self.pub_nonces)
            .field("message", &Hex(&self.message))
            .finish_non_exhaustive()
    }
}
