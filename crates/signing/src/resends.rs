//! Whose payloads are sent once more, because some were dropped on their way.
//!
//! Whoever carries them tells that some were dropped, not which: what has not been seen to arrive is
//! sent once more, one after the other. Whatever is dropped again has another turn.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use ensign_primitives::{Instant, Now, Occupancy, PeerId, RequestId, Wakeup};
use ensign_ratelimit::PAYLOAD_BYTES_ALLOWED;
use ensign_wire::PAYLOAD_BYTES_MAX;

use crate::PEERS_LIMIT;

/// How long after the largest payload the next one is sent once more: no node is brought more than it
/// allows. After a smaller one it is less.
pub const RESEND_PAUSE: Duration = Duration::from_secs(8);
/// How long it is at least, and after a drop. Guess: time enough to hear that it was dropped again.
const RESEND_PAUSE_MIN: Duration = Duration::from_secs(1);

const _: () = assert!(
    PAYLOAD_BYTES_MAX as u64 * 60 <= RESEND_PAUSE.as_secs() * PAYLOAD_BYTES_ALLOWED.per_minute,
    "what is sent once more fits into what a node allows"
);

/// Who is sent payloads once more, and when the next one.
#[derive(Debug, Default)]
pub(crate) struct Resends {
    turns: BTreeMap<PeerId, Turn>,
    /// The earliest first.
    due: BTreeSet<(Instant, PeerId)>,
}

/// How far a node's payloads have been sent once more.
#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Instant,
    /// The last one, by name; the next one follows it, from the first again after the last.
    last: Option<RequestId>,
}

impl Resends {
    /// Some of a node's were dropped.
    pub(crate) fn begin(&mut self, now: Now, peer: PeerId) {
        if !self.turns.contains_key(&peer) {
            self.enter(now.instant.after(RESEND_PAUSE_MIN), peer, None);
        }
    }

    /// Goes on with a node's later, after this one of so many bytes.
    pub(crate) fn sent(&mut self, now: Now, peer: PeerId, (request, len): (RequestId, usize)) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let share = RESEND_PAUSE * len / PAYLOAD_BYTES_MAX as u32;
        self.enter(now.instant.after(share.max(RESEND_PAUSE_MIN)), peer, Some(request));
    }

    fn enter(&mut self, at: Instant, peer: PeerId, last: Option<RequestId>) {
        self.turns.insert(peer, Turn { at, last });
        self.due.insert((at, peer));
    }

    /// Takes the next node whose turn has come, and what it was sent last.
    pub(crate) fn take_due(&mut self, now: Now) -> Option<(PeerId, Option<RequestId>)> {
        let (_, peer) = *self.due.first().filter(|(at, _)| *at <= now.instant)?;
        Some((peer, self.end(&peer)?.last))
    }

    /// Forgets a node whose connection is gone.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.end(peer);
    }

    fn end(&mut self, peer: &PeerId) -> Option<Turn> {
        let turn = self.turns.remove(peer)?;
        self.due.remove(&(turn.at, *peer));
        Some(turn)
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.due.first().map(|(at, _)| Wakeup { at: *at, reason: "payloads once more" })
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "nodes with dropped payloads", len: self.turns.len(), limit: PEERS_LIMIT }
    }
}
