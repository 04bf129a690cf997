//! The facts that notes state, apart from words, severities and ages.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::relative::LockTime as RelativeLockTime;
use ensign_primitives::{KeyPath, TaggedHasher};

use super::{CoinState, CoinUse, Place};
use crate::OutputKind;

/// What a note states. Amounts in satoshi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Messages are signed whose meaning nobody can see.
    Blind { messages: usize },
    /// Something about the fee.
    Fee { fee: u64, what: FeeFact },
    /// Something about an output.
    Output { output: usize, amount: u64, what: OutputFact },
    /// A version that no node relays, or not in this size.
    Version { version: i32, vsize: u64 },
    /// Another request spends the coin of an input.
    Coin { input: usize, other: CoinUse },
    /// The transaction cannot confirm up to a height or time.
    LockTime { lock: LockTime, has_passed: bool },
    /// The coin of an input must reach an age.
    RelativeAge { input: usize, age: RelativeLockTime },
    /// The transaction announces that it may be replaced.
    Replaceable,
    /// The group is paid at an address that it spends from, or at its bare one.
    AddressReuse,
}

/// What is worth knowing about a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeeFact {
    /// It is above `limit` satoshi per virtual byte.
    Rate { vsize: u64, limit: u64 },
    /// It is above `limit`.
    Amount { limit: u64 },
    /// It is above a share of `whole`: of what leaves the group.
    ShareOfLeaving { whole: u64 },
    /// The same of what is spent, where nothing but the fee leaves the group.
    ShareOfSpent { whole: u64 },
    /// There is none.
    Zero,
    /// It is below what nodes relay.
    Low { vsize: u64 },
}

/// What is worth knowing about an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputFact {
    /// The key of a taproot output is no point of the curve.
    NotAPoint,
    /// The script is empty.
    EmptyScript,
    /// The script is none that wallets pay to.
    OddScript { kind: OutputKind },
    /// Value is paid to an output that only carries data.
    DataValue,
    /// Data that older nodes, or all, do not relay.
    DataSize { bytes: usize, is_pushes: bool, is_first: bool },
    /// The output is worth less than spending it costs.
    Dust { threshold: u64 },
    /// The output is ours, at an address where no wallet looks for coins.
    FarAddress { path: KeyPath },
}

impl Fact {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Blind { .. } => "blind",
            Self::Fee { what, .. } => what.name(),
            Self::Output { what, .. } => what.name(),
            Self::Version { .. } => "version",
            Self::Coin { other: CoinUse { state: CoinState::Signed, .. }, .. } => "coin_signed",
            Self::Coin { other: CoinUse { state: CoinState::Open, .. }, .. } => "coin_open",
            Self::LockTime { .. } => "lock_time",
            Self::RelativeAge { .. } => "relative_age",
            Self::Replaceable => "replaceable",
            Self::AddressReuse => "address_reuse",
        }
    }

    pub(crate) const fn place(&self) -> Place {
        match self {
            Self::Output { output, .. } => Place::Output(*output),
            Self::Coin { input, .. } | Self::RelativeAge { input, .. } => Place::Input(*input),
            Self::Blind { .. }
            | Self::Fee { .. }
            | Self::Version { .. }
            | Self::LockTime { .. }
            | Self::Replaceable
            | Self::AddressReuse => Place::Whole,
        }
    }

    /// Appends what the fact states beside its name and place; no age is in it.
    pub(crate) fn hash(&self, hasher: TaggedHasher) -> TaggedHasher {
        match self {
            Self::Blind { messages } => hasher.u64(*messages as u64),
            Self::Fee { fee, what } => what.hash(hasher.u64(*fee)),
            Self::Output { amount, what, .. } => what.hash(hasher.u64(*amount)),
            Self::Version { version, vsize } => hasher.bytes(&version.to_le_bytes()).u64(*vsize),
            Self::Coin {
                other: CoinUse { outpoint, request, number: _, state: _, at }, ..
            } => hasher
                .bytes(outpoint.txid.as_byte_array())
                .u64(outpoint.vout.into())
                .bytes(request.as_bytes())
                .u64(at.as_millis()),
            Self::LockTime { lock, has_passed } => {
                hasher.u64(lock.to_consensus_u32().into()).bytes(&[u8::from(*has_passed)])
            }
            Self::RelativeAge { age, .. } => hasher.u64(age.to_consensus_u32().into()),
            Self::Replaceable | Self::AddressReuse => hasher,
        }
    }
}

impl FeeFact {
    const fn name(self) -> &'static str {
        match self {
            Self::Rate { .. } => "fee_rate",
            Self::Amount { .. } => "fee_amount",
            Self::ShareOfLeaving { .. } | Self::ShareOfSpent { .. } => "fee_share",
            Self::Zero => "zero_fee",
            Self::Low { .. } => "low_fee",
        }
    }

    fn hash(self, hasher: TaggedHasher) -> TaggedHasher {
        match self {
            Self::Rate { vsize, limit } => hasher.u64(vsize).u64(limit),
            Self::Amount { limit } => hasher.u64(limit),
            Self::ShareOfLeaving { whole } => hasher.bytes(&[0]).u64(whole),
            Self::ShareOfSpent { whole } => hasher.bytes(&[1]).u64(whole),
            Self::Zero => hasher,
            Self::Low { vsize } => hasher.u64(vsize),
        }
    }
}

impl OutputFact {
    const fn name(self) -> &'static str {
        match self {
            Self::NotAPoint => "not_a_point",
            Self::EmptyScript => "empty_script",
            Self::OddScript { .. } => "odd_script",
            Self::DataValue => "data_value",
            Self::DataSize { .. } => "data_size",
            Self::Dust { .. } => "dust",
            Self::FarAddress { .. } => "far_address",
        }
    }

    fn hash(self, hasher: TaggedHasher) -> TaggedHasher {
        match self {
            Self::OddScript { kind } => kind.hash(hasher),
            Self::DataSize { bytes, is_pushes, is_first } => {
                hasher.u64(bytes as u64).bytes(&[u8::from(is_pushes), u8::from(is_first)])
            }
            Self::Dust { threshold } => hasher.u64(threshold),
            Self::FarAddress { path } => {
                path.steps().iter().fold(hasher, |hasher, step| hasher.u64((*step).into()))
            }
            Self::NotAPoint | Self::EmptyScript | Self::DataValue => hasher,
        }
    }
}
