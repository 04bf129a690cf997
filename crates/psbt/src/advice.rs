//! What to do about each error, in plain words; by its cause, so that the words fit.

use crate::{AddressError, DecodeError, DraftError, ParticipantsMismatch, PsbtError};

const EXPORT_AGAIN: &str =
    "export the PSBT again in the wallet that made it; the file was damaged on its way";
const WALLET_FAULT: &str =
    "make the transaction again in the wallet; if it comes out the same, the wallet is at fault";
const ONE_VERSION: &str =
    "export it again as version 0 (BIP174) or version 2 (BIP370); what stands there is neither";
const OUR_FAULT: &str = "report it: this is a fault of the program, not of the PSBT";

impl DecodeError {
    /// Returns what to do, as one or two clauses without a full stop.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "leave out previous transactions where the wallet allows it (a witness UTXO is \
                 enough), or pay fewer at once"
            }
            Self::Magic { .. } => {
                "give the PSBT as a file, as base64 or as hex, as the wallet exports it"
            }
            Self::Lookalike(lookalike) => lookalike.advice(),
            Self::Json { .. } => "copy the output of the wallet from its first to its last brace",
            Self::Hex { .. } | Self::Base64 { .. } => {
                "copy the whole text again; a character was lost or changed"
            }
            Self::Truncated { .. } => "copy or save the PSBT again; its end is missing",
            Self::Trailing { .. } => "cut off what follows the PSBT, or export it again",
            Self::LongLength { .. } | Self::DuplicateField { .. } | Self::NoUnsignedTx => {
                EXPORT_AGAIN
            }
            Self::Version { .. } | Self::LaterField { .. } | Self::EarlierField { .. } => {
                ONE_VERSION
            }
            Self::MissingField { .. } | Self::LockTimes => WALLET_FAULT,
            Self::SignedTx { .. } => {
                "give the PSBT as it was before signing; its transaction must have no signatures"
            }
            Self::Field { .. } | Self::Musig { .. } => {
                "update the wallet that wrote this field, or export the PSBT without it"
            }
        }
    }
}

impl PsbtError {
    /// Returns what to do, as one or two clauses without a full stop.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.advice(),
            Self::NoInputs | Self::NoOutputs => {
                "choose coins and payees in the wallet, then export the PSBT"
            }
            Self::TooManyInputs { .. } => {
                "split the payment, or first merge coins of the group in transactions of that size"
            }
            Self::TooHeavy { .. } => "pay fewer at once; no node relays so large a transaction",
            Self::DuplicateInput { .. } | Self::UtxoIndex { .. } => WALLET_FAULT,
            Self::Signed { .. } => {
                "give the PSBT as it was before signing; if all have signed, finalize and broadcast \
                 it (Bitcoin Core: `finalizepsbt`, then `sendrawtransaction`)"
            }
            Self::MissingUtxo { .. } => {
                "let the wallet fill in the outputs that are spent (Bitcoin Core: `utxoupdatepsbt` \
                 or `walletprocesspsbt`)"
            }
            Self::UtxoTxid { .. } | Self::UtxoConflict { .. } => {
                "let the wallet fill in again what is spent; what stands there belongs to another \
                 coin, or somebody changed it"
            }
            Self::NotOurs { .. } => {
                "check that it is the right group and network, and spend coins at the group's \
                 addresses only"
            }
            Self::TaprootField { .. } => {
                "make the PSBT with the group's own descriptor; this one describes the coin in \
                 another way"
            }
            Self::KeyPath { .. } => {
                "make the PSBT with the group's own descriptor; its addresses are at 0/* and 1/*"
            }
            Self::ForeignSighash { .. } => {
                "choose sighash DEFAULT or ALL in the wallet; with the others somebody could \
                 change the transaction after you sign"
            }
            Self::ForeignParticipants { cause, .. } => cause.advice(),
            Self::AmountOutOfRange { .. } | Self::NegativeFee { .. } => {
                "correct the amounts in the wallet; no node accepts them"
            }
            Self::SignatureCount { .. }
            | Self::ContributionCount { .. }
            | Self::ContributionLength { .. }
            | Self::WrongSignature { .. } => OUR_FAULT,
        }
    }
}

impl ParticipantsMismatch {
    /// Returns what to do, as one or two clauses without a full stop.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Order => {
                "name the keys in the group's order, sorted as in its descriptor; another order is \
                 another address"
            }
            Self::OutputKey | Self::Child | Self::Sign => {
                "update the wallet: the participants are to be named for the aggregate key before \
                 any tweak (BIP373), or may be left out"
            }
            Self::Keys | Self::Group => {
                "check that it is the right group; this wallet counts on other signers"
            }
        }
    }
}

impl DraftError {
    /// Returns what to do, as one or two clauses without a full stop.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoCoins => "name at least one coin: transaction id, output and amount",
            Self::TooManyCoins { .. } => {
                "name fewer coins; merge the small ones first, in transactions of that many"
            }
            Self::DuplicateCoin { .. } => "name each coin once",
            Self::EmptyCoin { .. } => "give the amount that the coin holds, in satoshi",
            Self::ZeroFeeRate => "give the satoshi to pay for each virtual byte, such as 5",
            Self::FeeRateTooHigh { .. } => {
                "check the unit: the rate is in satoshi for each virtual byte"
            }
            Self::Address { cause, .. } => cause.advice(),
            Self::DustPayment { .. } => "pay more there, or leave the payment out",
            Self::AmountOutOfRange { .. } => "check the amounts: they are in satoshi",
            Self::TooLittle { .. } => "name more coins, pay less, or lower the fee rate",
            Self::Derive(_) => "name another address of the group",
            Self::TooHeavy { .. } => "pay fewer at once",
        }
    }
}

impl AddressError {
    /// Returns what to do, as one or two clauses without a full stop.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Malformed => "copy the whole address again",
            Self::ForeignNetwork { .. } => "ask the payee for an address of this network",
            Self::Unspendable | Self::Anybody => {
                "ask the payee for another address; what is paid to this one is lost"
            }
        }
    }
}
