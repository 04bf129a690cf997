//! What peers do wrong.

use core::fmt;

use ensign_wire::MessageId;

/// What a peer did wrong. Silence, late and double messages are none of these; the score sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offense {
    /// It sent a message that the layer above rejects.
    Invalid {
        /// Which.
        id: MessageId,
    },
    /// It sent one message twice without being asked.
    Repeated {
        /// Which.
        id: MessageId,
    },
    /// It sent a message of a topic that we did not ask it for.
    ForeignTopic,
    /// It grafts although it was told to stay away.
    GraftTooSoon,
    /// It named messages that nobody ever brought.
    BrokenPromise {
        /// One of them.
        id: MessageId,
    },
    /// It names more messages than it may.
    TooManyNames,
    /// It asks for more messages than it may.
    TooManyWants,
    /// It wants more topics, or changes them more often, than it may.
    TooManyTopics,
}

impl fmt::Display for Offense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid { .. } => "a message that is false",
            Self::Repeated { .. } => "one message sent twice",
            Self::ForeignTopic => "a message of a topic that nobody asked for",
            Self::GraftTooSoon => "it asks to come back before its time",
            Self::BrokenPromise { .. } => "it names a message that nobody has",
            Self::TooManyNames => "it names too many messages",
            Self::TooManyWants => "it asks for too many messages",
            Self::TooManyTopics => "too many topics, or changes of them",
        })
    }
}
