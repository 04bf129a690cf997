//! One signer's part of a signature.

use core::fmt;

use secp256k1::musig::PartialSignature;

use crate::InvalidPartialSig;
use crate::hex::Hex;

/// One signer's part of a signature, 32 bytes.
///
/// It proves nothing by itself, not even that its sender owns a key: only
/// [`SigningCtx`](crate::SigningCtx) can judge it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartialSig(pub(crate) PartialSignature);

impl PartialSig {
    /// Parses a partial signature: a big-endian number.
    ///
    /// # Errors
    ///
    /// [`InvalidPartialSig`] from the group order upwards. Its sender is to blame.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidPartialSig> {
        PartialSignature::from_byte_array(bytes)
            .map(Self)
            .map_err(|_| InvalidPartialSig { bytes: *bytes })
    }

    /// Returns the 32 bytes that travel.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.serialize()
    }
}

impl fmt::Debug for PartialSig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PartialSig").field(&Hex(&self.to_bytes())).finish()
    }
}
