//! What went wrong with a seed, and what to do about it.

use ensign_peers::contact::HostName;
use std::time::Duration;

use crate::RecordError;

/// No seed can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The system does not say who resolves names.
    #[error("the resolver of this machine is not known (/etc/resolv.conf cannot be read)")]
    System,
    /// No DNS server is named.
    #[error("no DNS server is named")]
    NoServer,
    /// The resolver cannot be made of what it was given.
    #[error("the resolver cannot be set up")]
    Resolver,
}

/// What went wrong with a seed. The others are asked all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {}: {reason}", .seed.as_str())]
pub struct SeedError {
    /// Which.
    pub seed: HostName,
    /// What.
    pub reason: Reason,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// There is no such name.
    #[error("there is no such name")]
    NoName,
    /// The name has no TXT record.
    #[error("the name has no TXT record")]
    NoRecord,
    /// It has TXT records, and none names a node that may be used.
    #[error("none of its {seen} TXT records names a node that can be used: {first}")]
    NoneUsable {
        /// How many there are.
        seen: usize,
        /// Why the first that was meant for us does not, else why the first does not.
        first: RecordError,
    },
    /// The name is an alias that leads nowhere or in a circle.
    #[error("the name is an alias that leads to no record")]
    Alias,
    /// No answer in time.
    #[error("no answer within {waited:?}")]
    Timeout {
        /// How long was waited.
        waited: Duration,
    },
    /// No DNS server can be reached.
    #[error("no DNS server can be reached")]
    Unreachable,
    /// The DNS server says that it cannot or will not.
    #[error("the DNS server answers with error {code}")]
    Server {
        /// Its response code (RFC 1035, 4.1.1).
        code: u16,
    },
    /// What came is no answer to the question, or no DNS message.
    #[error("what the DNS server sent is no answer to the question")]
    Answer,
}

impl Reason {
    /// Says what a user can do about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoName => "check how the name is spelled",
            Self::NoRecord => {
                "the name exists, but is no seed, or its operator has not put the records there: `ensign net zone` \
                 prints them"
            }
            Self::NoneUsable { first: RecordError::OtherNetwork { .. }, .. } => {
                "use a seed of this home's network"
            }
            Self::NoneUsable { first: RecordError::Version { .. }, .. } => {
                "a newer version of this program may read them"
            }
            Self::NoneUsable { .. } => {
                "tell who runs the seed; `ensign net zone` prints records that are right"
            }
            Self::Alias => "tell who runs the seed: its CNAME is wrong",
            Self::Timeout { .. } | Self::Unreachable => {
                "check that this machine is online and may ask a DNS server (port 53, UDP and TCP), or name another \
                 server"
            }
            Self::Server { .. } => "ask again later, or name another DNS server",
            Self::Answer => {
                "something on the way changes answers, or the server is broken: name another DNS server"
            }
        }
    }
}
