//! What peers do wrong.

use core::fmt;

use ensign_pow::Refusal;
use ensign_primitives::QueryId;
use ensign_wire::{DecodeError, Kind};

/// What a peer did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
    /// Its bytes are no message.
    Decode(DecodeError),
    /// A stranger's first frame was something else than a hello.
    NoHello {
        /// What came instead.
        kind: Kind,
    },
    /// It said nothing in time.
    HelloTimeout,
    /// It introduced itself twice.
    SecondHello,
    /// It speaks no version that we speak.
    Version {
        /// Its oldest.
        min: u8,
        /// Its newest.
        max: u8,
    },
    /// It is in none of our groups and asks for more answers, or for more work, than anybody needs.
    TooManyPings,
    /// It is in none of our groups and asks more of the open network than is answered there.
    TooManyQuestions {
        /// What it asks.
        kind: Kind,
    },
    /// It answered what it was never asked.
    NeverAsked {
        /// Which question it names.
        query: QueryId,
    },
    /// Its question has the name of one before, or a lesser one.
    AskedTwice {
        /// The name.
        query: QueryId,
    },
    /// It sent what only members may: it is in none of our groups.
    Stranger {
        /// What it sent.
        kind: Kind,
    },
    /// It sent more bytes of this kind than its budget; no fault of its own.
    OverBudget {
        /// What it sent.
        kind: Kind,
    },
    /// Its proof of work is not taken.
    Proof(Refusal),
    /// It asked for a proof of work twice on one connection.
    PricedTwice,
    /// A finding of signing.
    Signing(ensign_signing::Offense),
    /// A finding of formation.
    Formation(ensign_formation::Offense),
    /// A finding of the open network.
    Overlay(ensign_overlay::Offense),
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::NoHello { kind } => write!(f, "{kind:?} before hello"),
            Self::HelloTimeout => f.write_str("no hello in time"),
            Self::SecondHello => f.write_str("a second hello"),
            Self::Version { min, max } => write!(f, "it speaks versions {min} to {max}"),
            Self::TooManyPings => f.write_str(
                "more pings, lists, delegations or words about groups than anybody needs",
            ),
            Self::TooManyQuestions { kind } => {
                write!(f, "more of {kind:?} than is answered in a minute")
            }
            Self::NeverAsked { query } => {
                write!(f, "an answer to question {query}, which nobody asked")
            }
            Self::AskedTwice { query } => write!(f, "question {query} asked twice"),
            Self::Stranger { kind } => write!(f, "{kind:?} from a node of no group of ours"),
            Self::OverBudget { kind } => write!(f, "more bytes of {kind:?} than it may send"),
            Self::Proof(refusal) => refusal.fmt(f),
            Self::PricedTwice => f.write_str("a second price on one connection"),
            Self::Signing(offense) => offense.fmt(f),
            Self::Formation(offense) => offense.fmt(f),
            Self::Overlay(offense) => offense.fmt(f),
        }
    }
}
