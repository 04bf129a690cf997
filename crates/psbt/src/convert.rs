//! The one place where our types become those of the crate `bitcoin`, by bytes.
//!
//! `bitcoin` brings an older libsecp256k1 binding, whose types do not convert into ours.

use bitcoin::key::XOnlyPublicKey as BitcoinXOnly;
use bitcoin::secp256k1::schnorr;
use bitcoin::{ScriptBuf, TapSighashType, taproot};
use ensign_identity::Signature;
use ensign_musig::{PublicKey, XOnlyPublicKey};
use ensign_primitives::Network;

/// Returns the chain under the name `bitcoin` has for it.
pub(crate) const fn chain(network: Network) -> bitcoin::Network {
    match network {
        Network::Bitcoin => bitcoin::Network::Bitcoin,
        Network::Testnet4 => bitcoin::Network::Testnet4,
        Network::Signet => bitcoin::Network::Signet,
        Network::Regtest => bitcoin::Network::Regtest,
    }
}

/// Returns the taproot script that `output_key` alone can spend by key path: `OP_1 <32 bytes>`.
pub(crate) fn p2tr_script(output_key: &XOnlyPublicKey) -> ScriptBuf {
    let mut script = vec![0x51, 0x20];
    script.extend(output_key.to_byte_array());
    ScriptBuf::from_bytes(script)
}

/// Returns the same x-only key in the older type; `None` only if the bindings disagree.
pub(crate) fn x_only(key: &XOnlyPublicKey) -> Option<BitcoinXOnly> {
    BitcoinXOnly::from_slice(&key.to_byte_array()).ok()
}

/// Returns the same key in the older type; `None` only if the bindings disagree.
pub(crate) fn public_key(key: &PublicKey) -> Option<bitcoin::secp256k1::PublicKey> {
    bitcoin::secp256k1::PublicKey::from_slice(&key.serialize()).ok()
}

/// Returns the signature as a witness carries it: with its sighash type, unless that is `DEFAULT`.
pub(crate) fn taproot_signature(
    signature: &Signature,
    sighash_type: TapSighashType,
) -> Option<taproot::Signature> {
    let signature = schnorr::Signature::from_slice(&signature.0).ok()?;
    Some(taproot::Signature { signature, sighash_type })
}
