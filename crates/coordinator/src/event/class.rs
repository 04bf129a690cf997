//! What an event is to a reader that falls behind, and how much memory it takes.

use ensign_review::{Class, PROOF_BYTES};

use crate::{Event, PeerEvent};

/// Most events of progress, and most warnings, that wait for a reader. Guess: seconds of the busiest
/// node.
const EVENTS_KEPT_MAX: usize = 1_024;
/// Most decisions and endings that wait for a reader. Guess: those of eight thousand requests.
const DECISIONS_KEPT_MAX: usize = 16_384;
/// Most bytes of each class, by [`weight`].
const BYTES_KEPT_MAX: usize = 64 << 20;

/// What an event takes besides what is counted.
const EVENT_BYTES: usize = 512;

/// What an event of a group that forms takes at most: its roster, or its certificate.
const FORMATION_BYTES: usize = 16 * 1024;

/// Returns which events give way to it.
pub(super) const fn class(event: &Event) -> Class {
    match event {
        Event::Peer(
            _,
            PeerEvent::Up { .. } | PeerEvent::Down { .. } | PeerEvent::DialFailed { .. },
        ) => Class::Progress,
        Event::Peer(..) | Event::Warning { .. } => Class::Notice,
        Event::Request(_, event) => event.class(),
        Event::Convicted { .. } | Event::Formation(_) | Event::Delegated(_) => Class::Decision,
    }
}

/// Returns how many events of a class, and how many bytes of them, may wait.
pub(super) const fn limits(class: Class) -> (usize, usize) {
    match class {
        Class::Progress | Class::Notice => (EVENTS_KEPT_MAX, BYTES_KEPT_MAX),
        Class::Decision => (DECISIONS_KEPT_MAX, BYTES_KEPT_MAX),
    }
}

/// Returns how many go when there is no room.
pub(super) const fn dropped_at_once(class: Class) -> usize {
    match class {
        Class::Progress | Class::Notice => EVENTS_KEPT_MAX / 16,
        Class::Decision => 1,
    }
}

/// Returns about how many bytes an event takes, in whole what a peer can make large. The group is
/// shared by all.
pub(super) fn weight(event: &Event) -> usize {
    let more = match event {
        Event::Peer(_, PeerEvent::DialFailed { reason, .. }) => reason.len(),
        Event::Peer(..) | Event::Delegated(_) => 0,
        Event::Formation(_) => FORMATION_BYTES,
        Event::Request(_, event) => event.weight(),
        Event::Warning { problem, .. } => problem.what.len(),
        Event::Convicted { .. } => PROOF_BYTES,
    };
    EVENT_BYTES.saturating_add(more)
}
