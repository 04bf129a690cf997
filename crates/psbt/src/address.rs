//! Addresses that people type: of this network, and such that what is paid there can be spent.

use core::str::FromStr as _;

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, ScriptBuf};
use ensign_primitives::Network;

use crate::{OutputKind, convert};

/// Checks an address and returns it in the one way in which [`Destination`](crate::Destination)
/// shows it, for a list of payees to be compared with.
///
/// # Errors
///
/// [`AddressError`] for what is no address, for one of another network, and for one whose coins
/// nobody or anybody could spend.
pub fn check_address(text: &str, network: Network) -> Result<String, AddressError> {
    Ok(parse_address(text, network)?.to_string())
}

/// Returns the script that an address stands for.
pub(crate) fn script_of(text: &str, network: Network) -> Result<ScriptBuf, AddressError> {
    Ok(parse_address(text, network)?.script_pubkey())
}

fn parse_address(text: &str, network: Network) -> Result<Address, AddressError> {
    let address = Address::<NetworkUnchecked>::from_str(text.trim())
        .map_err(|_| AddressError::Malformed)?
        .require_network(convert::chain(network))
        .map_err(|_| AddressError::ForeignNetwork { expected: network })?;
    match OutputKind::of(&address.script_pubkey()) {
        OutputKind::NotAPoint | OutputKind::Unspendable => Err(AddressError::Unspendable),
        OutputKind::FutureWitness { .. } | OutputKind::Anchor => Err(AddressError::Anybody),
        OutputKind::PubkeyHash
        | OutputKind::ScriptHash
        | OutputKind::WitnessPubkeyHash
        | OutputKind::WitnessScriptHash
        | OutputKind::Taproot
        // These have no address.
        | OutputKind::Data { .. }
        | OutputKind::Pubkey
        | OutputKind::Multisig { .. }
        | OutputKind::Empty
        | OutputKind::AnyoneCanSpend
        | OutputKind::NonStandard => Ok(address),
    }
}

/// Why an address is not to be paid to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no address, or one with a typing error: its checksum does not fit.
    #[error("no address, or one with a typing error")]
    Malformed,
    /// It belongs to another network.
    #[error("an address of another network than {expected}")]
    ForeignNetwork {
        /// The network of the group.
        expected: Network,
    },
    /// Nobody can ever spend what is paid there.
    #[error("an address whose coins nobody could ever spend")]
    Unspendable,
    /// Anybody, or any miner, could take what is paid there.
    #[error("an address of a kind without rules yet: anybody could take its coins")]
    Anybody,
}
