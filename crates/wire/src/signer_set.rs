//! Which signers of a group somebody speaks of.

use alloc::vec::Vec;

use ensign_primitives::{SIGNERS_MAX, SignerIndex};
use serde::{Deserialize, Serialize};

use crate::{DecodeError, codec};

/// A set of signers as a bitmap: bit `i % 8` of byte `i / 8` stands for signer `i`.
///
/// The last byte is never zero, so each set has one encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignerSet(Vec<u8>);

impl SignerSet {
    /// Returns whether `signer` is in the set.
    pub fn contains(&self, signer: SignerIndex) -> bool {
        let (byte, bit) = (signer.as_usize() / 8, signer.0 % 8);
        self.0.get(byte).is_some_and(|byte| byte >> bit & 1 == 1)
    }

    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("signer set bytes", self.0.len() as u64, 0..=(SIGNERS_MAX / 8) as u64)?;
        let last = self.0.last().copied().unwrap_or(1);
        codec::in_range("last byte of a signer set", last.into(), 1..=255)
    }
}

impl FromIterator<SignerIndex> for SignerSet {
    fn from_iter<I: IntoIterator<Item = SignerIndex>>(signers: I) -> Self {
        let mut bytes = Vec::new();
        for signer in signers {
            let byte = signer.as_usize() / 8;
            if bytes.len() <= byte {
                bytes.resize(byte + 1, 0);
            }
            if let Some(byte) = bytes.get_mut(byte) {
                *byte |= 1 << (signer.0 % 8);
            }
        }
        Self(bytes)
    }
}
