//! What peers do wrong.

use core::fmt;

use ensign_primitives::QueryId;
use ensign_wire::RecordError;

/// What a peer did wrong. Silence, "none" and a far answer are none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
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
    /// It answered something else than was asked.
    WrongAnswer,
    /// It told of one node twice in one answer.
    Repeated,
    /// It handed on a node record that is false everywhere.
    Node(RecordError),
    /// It said that another's node record is its own.
    ForeignRecord,
    /// The record that it sent lies elsewhere than it says.
    OtherKey,
    /// The record that it sent is not signed by its publisher.
    Signature,
    /// The record that it sent says nothing of its kind.
    Invalid,
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverAsked { query } => {
                write!(f, "an answer to question {query}, which nobody asked")
            }
            Self::AskedTwice { query } => write!(f, "question {query} asked twice"),
            Self::WrongAnswer => f.write_str("an answer to another question than the one asked"),
            Self::Repeated => f.write_str("an answer that names one node twice"),
            Self::Node(error) => write!(f, "it hands on {error}"),
            Self::ForeignRecord => f.write_str("another node's record as its own"),
            Self::OtherKey => f.write_str("a record for another key than it belongs to"),
            Self::Signature => f.write_str("a record without its publisher's signature"),
            Self::Invalid => f.write_str("a record that says nothing of its kind"),
        }
    }
}
