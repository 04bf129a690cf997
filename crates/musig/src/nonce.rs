//! Nonces: secret ones that are used once, public ones that travel, their sum.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{fmt, mem};

use secp256k1::PublicKey;
use secp256k1::ffi::MUSIG_SECNONCE_SIZE;
use secp256k1::musig::{
    AggregatedNonce, PublicNonce, SecretNonce, SessionSecretRand, new_nonce_pair,
};
use zeroize::Zeroizing;

use crate::hex::Hex;
use crate::{
    InvalidEntropy, InvalidNonce, KeyAggCtx, NonceAggError, NonceGenError, SIGNERS_MAX, SecKey,
};

/// 32 bytes from the operating system's random source, for exactly one nonce.
///
/// Move-only, consumed by [`nonce_gen`], erased on drop; its `Debug` shows nothing.
///
/// # Security
///
/// Ask the operating system anew for each. A generator in this process would repeat itself after
/// its memory is copied, for instance when a virtual machine is restored.
///
/// ```compile_fail,E0599
/// let entropy = ensign_musig::NonceEntropy::new([1; 32]).unwrap();
/// let copy = entropy.clone();
/// ```
pub struct NonceEntropy(Box<Zeroizing<[u8; 32]>>);

impl NonceEntropy {
    /// Takes 32 random bytes.
    ///
    /// Pass [`Zeroizing`] bytes so that the caller's copy is erased as well.
    ///
    /// # Errors
    ///
    /// [`InvalidEntropy`] if all bytes are zero: then the buffer was never filled.
    pub fn new(bytes: impl Into<Zeroizing<[u8; 32]>>) -> Result<Self, InvalidEntropy> {
        let bytes = bytes.into();
        let any = bytes.iter().fold(0, |any, byte| any | byte);
        if any == 0 { Err(InvalidEntropy) } else { Ok(Self(Box::new(Zeroizing::new(*bytes)))) }
    }
}

impl fmt::Debug for NonceEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceEntropy").finish_non_exhaustive()
    }
}

/// Makes a nonce: the secret half to sign with once, the public half to send.
///
/// Implements `NonceGen` of [BIP-0327] with every optional input, so that a random source that
/// repeats itself does not at once repeat a nonce.
///
/// - `extra`: a hash of whatever else makes this session unique, its id for instance.
///
/// Cost: about 38 us, 17 of them re-blinding.
///
/// # Errors
///
/// [`NonceGenError::UnlistedSigner`] if the signer is not in the key set.
///
/// # Security
///
/// Send the public half, or a commitment to it, once. After a restart start a new session.
///
/// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#nonce-generation
pub fn nonce_gen(
    entropy: NonceEntropy,
    sec_key: &SecKey,
    ctx: &KeyAggCtx,
    message: &[u8; 32],
    extra: &[u8; 32],
) -> Result<(SecNonce, PubNonce), NonceGenError> {
    let public_key = sec_key.public_key();
    if ctx.signer_index(&public_key).is_none() {
        return Err(NonceGenError::UnlistedSigner { signer: public_key });
    }
    let (secret, public) = new_nonce_pair(
        // Uniform bytes are what BIP327 calls rand': libsecp256k1 mixes the secret key in.
        SessionSecretRand::assume_uniformly_random(**entropy.0),
        Some(&ctx.cache),
        Some(*sec_key.secret_key()),
        public_key,
        Some(message),
        Some(*extra),
    );
    let pub_nonce = PubNonce(public);
    Ok((SecNonce { secret: Box::new(secret), public_key, pub_nonce }, pub_nonce))
}

/// The secret half of a nonce. Whoever sees it, or two signatures made with it, has the key.
///
/// Move-only, in one heap allocation that is erased on drop; its `Debug` shows the public key.
/// [`SigningCtx::sign`](crate::SigningCtx::sign) consumes it:
///
/// ```
/// # use ensign_musig::{KeyAggCtx, NonceEntropy, SecKey, SigningCtx, nonce_gen};
/// let key = SecKey::from_secret_bytes([1; 32]).unwrap();
/// let ctx = KeyAggCtx::new(&[key.public_key()]).unwrap();
/// let entropy = NonceEntropy::new([2; 32]).unwrap();
/// let (secnonce, pubnonce) = nonce_gen(entropy, &key, &ctx, &[3; 32], &[4; 32]).unwrap();
/// let signing = SigningCtx::new(&ctx, vec![pubnonce], [3; 32]).unwrap();
/// signing.sign(secnonce, &key).unwrap();
/// ```
///
/// The same with a second use does not compile:
///
/// ```compile_fail,E0382
/// # use ensign_musig::{KeyAggCtx, NonceEntropy, SecKey, SigningCtx, nonce_gen};
/// let key = SecKey::from_secret_bytes([1; 32]).unwrap();
/// let ctx = KeyAggCtx::new(&[key.public_key()]).unwrap();
/// let entropy = NonceEntropy::new([2; 32]).unwrap();
/// let (secnonce, pubnonce) = nonce_gen(entropy, &key, &ctx, &[3; 32], &[4; 32]).unwrap();
/// let signing = SigningCtx::new(&ctx, vec![pubnonce], [3; 32]).unwrap();
/// signing.sign(secnonce, &key).unwrap();
/// signing.sign(secnonce, &key).unwrap();
/// ```
///
/// Nor does a copy:
///
/// ```compile_fail,E0599
/// fn copy(secnonce: &ensign_musig::SecNonce) -> ensign_musig::SecNonce {
///     ensign_musig::SecNonce::clone(secnonce)
/// }
/// ```
pub struct SecNonce {
    pub(crate) secret: Box<SecretNonce>,
    pub(crate) public_key: PublicKey,
    pub(crate) pub_nonce: PubNonce,
}

impl SecNonce {
    /// Hands libsecp256k1 the secret, which erases it, and leaves zeros in our allocation.
    #[expect(clippy::disallowed_methods, reason = "zeros to overwrite a nonce, never a nonce")]
    pub(crate) fn take(mut self) -> SecretNonce {
        let zeros = SecretNonce::dangerous_from_bytes([0; MUSIG_SECNONCE_SIZE]);
        mem::replace(&mut *self.secret, zeros)
    }

    pub(crate) fn erase(&mut self) {
        self.secret.non_secure_erase();
    }
}

impl Drop for SecNonce {
    fn drop(&mut self) {
        self.erase();
    }
}

impl fmt::Debug for SecNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecNonce").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// The public half of a nonce: two curve points, 66 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PubNonce(pub(crate) PublicNonce);

impl PubNonce {
    /// Parses two compressed points.
    ///
    /// Cost: two square roots, about 7 us.
    ///
    /// # Errors
    ///
    /// [`InvalidNonce`] unless both halves are points other than infinity. Its sender is to blame.
    pub fn from_bytes(bytes: &[u8; 66]) -> Result<Self, InvalidNonce> {
        PublicNonce::from_byte_array(bytes).map(Self).map_err(|_| InvalidNonce { bytes: *bytes })
    }

    /// Returns the 66 bytes that travel.
    pub fn to_bytes(&self) -> [u8; 66] {
        self.0.serialize()
    }
}

impl fmt::Debug for PubNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PubNonce").field(&Hex(&self.to_bytes())).finish()
    }
}

/// The sum of all public nonces: two curve points or infinity, 66 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AggNonce(pub(crate) AggregatedNonce);

impl AggNonce {
    /// Parses two compressed points, where 33 zero bytes are infinity.
    ///
    /// # Errors
    ///
    /// [`InvalidNonce`] unless both halves are points. Whoever added them up is to blame.
    pub fn from_bytes(bytes: &[u8; 66]) -> Result<Self, InvalidNonce> {
        AggregatedNonce::from_byte_array(bytes)
            .map(Self)
            .map_err(|_| InvalidNonce { bytes: *bytes })
    }

    /// Returns the 66 bytes, where 33 zero bytes are infinity.
    pub fn to_bytes(&self) -> [u8; 66] {
        self.0.serialize()
    }
}

impl fmt::Debug for AggNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AggNonce").field(&Hex(&self.to_bytes())).finish()
    }
}

/// Aggregates the signers' public nonces into one, as `NonceAgg` of [BIP-0327].
///
/// An infinite sum is valid here: somebody cheated, and the partial signatures will show who.
///
/// - `pubnonces`: at most [`SIGNERS_MAX`]; their order does not matter.
///
/// Cost: two point additions a signer, about 0.3 us, and one allocation.
///
/// # Errors
///
/// [`NonceAggError`] if there are no nonces or too many.
///
/// [BIP-0327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki#nonce-aggregation
pub fn nonce_agg(pubnonces: &[PubNonce]) -> Result<AggNonce, NonceAggError> {
    match pubnonces.len() {
        0 => Err(NonceAggError::NoNonces),
        1..=SIGNERS_MAX => {
            let nonces: Vec<_> = pubnonces.iter().map(|nonce| &nonce.0).collect();
            Ok(AggNonce(AggregatedNonce::new(&nonces)))
        }
        seen => Err(NonceAggError::TooManyNonces { seen, limit: SIGNERS_MAX }),
    }
}
