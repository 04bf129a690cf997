//! What a person should know before saying yes: notes about a transaction, each with a severity.
//!
//! [`judge`] is pure: the clock and the coins that other requests spend are arguments. A note is a
//! fact about what is signed, never a refusal; a [`Policy`](crate::Policy) may refuse by it.

use core::fmt;

use bitcoin::OutPoint;
use ensign_primitives::{RequestId, UnixTime};

mod fact;
mod judge;
mod words;
pub(crate) use fact::Fact;
pub use judge::{
    FEE_GRAVE, FEE_RATE_GRAVE, FEE_RATE_LOW, FEE_RATE_WARNING, FEE_SHARE_WARNING_PERCENT,
    FEE_WARNING, WAIT_SECONDS_WARNING, judge, judge_blind,
};
pub(crate) use judge::{KnownFee, judge_outline};

/// The names that [`Note::name`] returns. They are part of settings and of command lines, and stay.
pub const NOTE_NAMES: [&str; 20] = [
    "blind",
    "fee_rate",
    "fee_amount",
    "fee_share",
    "zero_fee",
    "low_fee",
    "not_a_point",
    "empty_script",
    "odd_script",
    "data_value",
    "data_size",
    "dust",
    "version",
    "coin_signed",
    "coin_open",
    "lock_time",
    "relative_age",
    "replaceable",
    "address_reuse",
    "far_address",
];

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, nothing wrong.
    Info,
    /// Deserves a second look.
    Warning,
    /// Money is probably lost; wants more than a yes.
    Grave,
}

impl Severity {
    /// Returns the word for programs: `info`, `warning` or `grave`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Grave => "grave",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// All that is signed.
    Whole,
    /// An input, counted from 0.
    Input(usize),
    /// An output, counted from 0.
    Output(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the whole"),
            Self::Input(index) => write!(f, "input {index}"),
            Self::Output(index) => write!(f, "output {index}"),
        }
    }
}

/// Something worth knowing about what is signed.
///
/// Its [`Display`](fmt::Display) is one full sentence, with ages as of the moment it was judged.
/// Two notes are equal when they state the same fact with the same severity, whenever judged.
#[derive(Clone, Debug)]
pub struct Note {
    fact: Fact,
    severity: Severity,
    /// What the ages in the sentence count from.
    judged_at: UnixTime,
}

impl Note {
    /// Returns the name of this kind of note, one of [`NOTE_NAMES`].
    pub const fn name(&self) -> &'static str {
        self.fact.name()
    }

    /// Returns how much it matters.
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns what it is about.
    pub const fn place(&self) -> Place {
        self.fact.place()
    }

    /// Returns the other request that it names, if it names one.
    pub const fn request(&self) -> Option<RequestId> {
        if let Fact::Coin { other, .. } = &self.fact { Some(other.request) } else { None }
    }

    /// Returns whether somebody who has seen `seen` has not seen this: no note there states the
    /// same fact with this severity or a graver one.
    pub fn is_new_to(&self, seen: &[Self]) -> bool {
        !seen.iter().any(|old| old.fact == self.fact && old.severity >= self.severity)
    }

    pub(crate) const fn fact(&self) -> &Fact {
        &self.fact
    }
}

impl PartialEq for Note {
    fn eq(&self, other: &Self) -> bool {
        self.fact == other.fact && self.severity == other.severity
    }
}

impl Eq for Note {}

/// A coin that another request of ours spends.
///
/// Two are equal whatever the number is: it is a name for the request, known here alone.
#[derive(Clone, Copy, Debug)]
pub struct CoinUse {
    /// The coin.
    pub outpoint: OutPoint,
    /// The request that spends it; never the one that is judged.
    pub request: RequestId,
    /// The number that this home calls it by, if it has one; said, and part of no digest.
    pub number: Option<u64>,
    /// How far that request is.
    pub state: CoinState,
    /// Since when.
    pub at: UnixTime,
}

impl PartialEq for CoinUse {
    fn eq(&self, other: &Self) -> bool {
        let Self { outpoint, request, number: _, state, at } = other;
        (&self.outpoint, &self.request, &self.state, &self.at) == (outpoint, request, state, at)
    }
}

impl Eq for CoinUse {}

/// How far a request is that spends a coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoinState {
    /// It is signed, or our part of the signature was given.
    Signed,
    /// It is open.
    Open,
}

/// What [`judge`] knows beside the transaction.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// What the clock says: tells a lock time that has passed from one that has not.
    pub now: UnixTime,
    /// The coins that other requests of ours spend. Others in it are ignored.
    pub coins: &'a [CoinUse],
}
