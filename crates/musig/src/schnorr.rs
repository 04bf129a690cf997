//! BIP340 verification.

use secp256k1::{XOnlyPublicKey, schnorr};

/// Tells whether a signature is valid, as `Verify` of [BIP-0340].
///
/// - `message`: any length, also empty.
///
/// Cost: about 22 us.
///
/// [BIP-0340]: https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki#verification
pub fn verify_schnorr(key: &XOnlyPublicKey, message: &[u8], sig: &[u8; 64]) -> bool {
    schnorr::verify(&schnorr::Signature::from_byte_array(*sig), message, key).is_ok()
}
