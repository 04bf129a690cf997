//! What is told of the nodes of members.

use std::{sync::Arc, time::Duration};

use ensign_primitives::{GroupId, PeerId};
use ensign_signing::Event;

use crate::{Class, GroupInfo};

/// What happened to the connection to a member's node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// It is connected.
    Up {
        /// How far its clock is ahead of ours, in milliseconds.
        clock_offset_millis: i64,
    },
    /// The connection is gone; it is dialled again, unless our user has banned it.
    Down {
        /// Our user has banned it.
        is_banned: bool,
        /// Whether it said that it stops; otherwise the connection broke, or either side closed it
        /// for another reason.
        has_stopped: bool,
    },
    /// It cannot be reached now; it is dialled again.
    DialFailed {
        /// Why, naming the address.
        reason: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// It is connected and does not have this group of ours: its user has to form it too.
    GroupUnknown {
        /// Our group.
        group: Arc<GroupInfo>,
    },
    /// It has this group of ours now, which it did not have before.
    GroupKnown {
        /// Our group.
        group: Arc<GroupInfo>,
    },
    /// It is connected and has a group with us that we do not have.
    GroupMissing {
        /// The group's id.
        group: GroupId,
    },
    /// It is connected, and has not shown that it speaks for the member whose node it should be; nothing of a
    /// group is sent to it. Mostly its user has not formed the group yet.
    NotShown,
    /// It has taken the place of a member's former node, in every group: the member's key says so.
    TookPlace {
        /// The former node.
        from: PeerId,
        /// The number of its delegation.
        number: u64,
    },
    /// Our own key has let this other node speak for it.
    OwnKey {
        /// The number of its delegation.
        number: u64,
        /// Whether that is above ours: then it has taken our place.
        is_newer: bool,
    },
    /// Two processes run with one identity and push each other off: one home was copied, and each
    /// copy may forget what the other has joined.
    Copied {
        /// Which identity.
        whose: Whose,
    },
}

/// Which of two nodes runs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The other one.
    Theirs,
    /// Ours.
    Ours,
}

impl PeerEvent {
    /// Returns which events it gives way to: those of its own class.
    pub const fn class(&self) -> Class {
        match self {
            Self::Up { .. } | Self::Down { .. } | Self::DialFailed { .. } => Class::Progress,
            Self::GroupUnknown { .. }
            | Self::GroupKnown { .. }
            | Self::GroupMissing { .. }
            | Self::NotShown
            | Self::TookPlace { .. }
            | Self::OwnKey { .. }
            | Self::Copied { .. } => Class::Notice,
        }
    }

    /// Returns how many bytes of it another node can make large.
    pub const fn weight(&self) -> usize {
        if let Self::DialFailed { reason, .. } = self { reason.len() } else { 0 }
    }
}

/// Words what was found out about another node, where that says all; with the node that it is about.
pub const fn acquaintance(event: &Event) -> Option<(PeerId, PeerEvent)> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else is told by whoever knows more")]
    match event {
        Event::GroupMissing { peer, group } => {
            Some((*peer, PeerEvent::GroupMissing { group: *group }))
        }
        Event::NotShown { peer, .. } => Some((*peer, PeerEvent::NotShown)),
        Event::NodeChanged { from, to, number, .. } => {
            Some((*to, PeerEvent::TookPlace { from: *from, number: *number }))
        }
        Event::OwnKeyElsewhere { peer, number, is_newer } => {
            Some((*peer, PeerEvent::OwnKey { number: *number, is_newer: *is_newer }))
        }
        Event::PeerCopied { peer } => Some((*peer, PeerEvent::Copied { whose: Whose::Theirs })),
        _ => None,
    }
}
