//! What an event is to a reader that falls behind, and how much memory it takes.

use ensign_primitives::PeerId;
use ensign_review::{Class, PROOF_BYTES};

use crate::Event;

/// What an event takes besides what is counted.
const EVENT_BYTES: usize = 512;

/// What an event of a group that forms takes at most: its roster, or its certificate.
const FORMATION_BYTES: usize = 16 * 1024;

impl Event {
    /// Returns which events give way to it: those of its own class.
    pub const fn class(&self) -> Class {
        match self {
            Self::Peer(_, event) => event.class(),
            Self::Warning { .. } => Class::Notice,
            Self::Busy(..) => Class::Progress,
            Self::Request(_, event) => event.class(),
            Self::Convicted { .. } | Self::Formation(_) | Self::Delegated(_) => Class::Decision,
        }
    }

    /// Returns whose node there would be no such event without, where it is another one's.
    pub(super) fn caused_by(&self) -> Option<PeerId> {
        self.request().map_or_else(|| self.peer(), |request| request.creator)
    }
}

/// Returns about how many bytes an event takes, in whole what a peer can make large. The group is
/// shared by all.
pub(super) fn weight(event: &Event) -> usize {
    let more = match event {
        Event::Peer(_, event) => event.weight(),
        Event::Delegated(_) | Event::Busy(..) => 0,
        Event::Formation(_) => FORMATION_BYTES,
        Event::Request(_, event) => event.weight(),
        Event::Warning { problem, .. } => problem.what.len(),
        Event::Convicted { .. } => PROOF_BYTES,
    };
    EVENT_BYTES.saturating_add(more)
}
