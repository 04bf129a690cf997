//! What waits for one peer: the urgent before the less urgent, each within its bound.

use alloc::collections::VecDeque;

use ensign_wire::{GOSSIP_IDS_MAX, GossipControl, GossipMessage};

use crate::{
    CONTROL_QUEUE_MAX, FLIGHT_BYTES, FORWARD_QUEUE_BYTES_MAX, NAMES_QUEUE_BYTES_MAX,
    OWN_QUEUE_BYTES_MAX,
};

/// What goes first: in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Mesh and topics: nothing else works without.
    Mesh,
    /// Our own messages.
    Own,
    /// Others' messages.
    Forward,
    /// Names of messages: had, wanted and not wanted.
    Names,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Mesh, Self::Own, Self::Forward, Self::Names];

    const fn limit(self) -> usize {
        match self {
            Self::Mesh => CONTROL_QUEUE_MAX * MESH_FRAME_BYTES,
            Self::Own => OWN_QUEUE_BYTES_MAX,
            Self::Forward => FORWARD_QUEUE_BYTES_MAX,
            Self::Names => NAMES_QUEUE_BYTES_MAX,
        }
    }
}

/// As what a frame of mesh and topics counts, at least.
const MESH_FRAME_BYTES: usize = 32;
/// What a frame has beside its names or data.
const HEAD_BYTES: usize = 16;

/// The queues of one peer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    flight: usize,
    queues: [Queue; Class::ALL.len()],
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<GossipMessage>,
    bytes: usize,
    dropped: u64,
}

impl Outbox {
    /// Puts a message into the queue of its class. What does not fit is dropped, and counted.
    pub(crate) fn push(&mut self, class: Class, message: GossipMessage) {
        let Some(queue) = self.queues.get_mut(class as usize) else { return };
        let bytes = weight(&message);
        if queue.bytes + bytes > class.limit() {
            queue.dropped = queue.dropped.saturating_add(1);
            return;
        }
        queue.bytes += bytes;
        let rest = match queue.waiting.back_mut() {
            Some(last) => join(last, message),
            None => Some(message),
        };
        queue.waiting.extend(rest);
    }

    /// Takes what is to be sent next, if the link has room, and how much it counts.
    pub(crate) fn pop(&mut self) -> Option<(GossipMessage, usize)> {
        if self.flight >= FLIGHT_BYTES {
            return None;
        }
        let queue = self.queues.iter_mut().find(|it| !it.waiting.is_empty())?;
        let message = queue.waiting.pop_front()?;
        let bytes = weight(&message);
        queue.bytes = if queue.waiting.is_empty() { 0 } else { queue.bytes.saturating_sub(bytes) };
        self.flight += bytes;
        Some((message, bytes))
    }

    pub(crate) fn taken(&mut self, bytes: usize) {
        self.flight = self.flight.saturating_sub(bytes);
    }

    /// Returns the class of which most was dropped, and how much in all, since it was asked last.
    pub(crate) fn take_dropped(&mut self) -> Option<(Class, u64)> {
        let dropped = Class::ALL.into_iter().zip(self.queues.iter().map(|it| it.dropped));
        let most = dropped.max_by_key(|(_, dropped)| *dropped)?.0;
        let all = self.queues.iter().fold(0_u64, |sum, it| sum.saturating_add(it.dropped));
        self.queues.iter_mut().for_each(|it| it.dropped = 0);
        (all > 0).then_some((most, all))
    }

    /// Bytes that wait in the fullest class, in thousandths of what may.
    pub(crate) fn fullness(&self) -> usize {
        let parts = Class::ALL.into_iter().zip(&self.queues);
        parts.map(|(class, queue)| queue.bytes * 1000 / class.limit()).max().unwrap_or_default()
    }
}

/// How much a message counts: about its bytes on the wire, never less than its place costs.
pub(crate) fn weight(message: &GossipMessage) -> usize {
    HEAD_BYTES
        + match message {
            GossipMessage::Data(data) => data.data.len(),
            GossipMessage::Control(control) => match control {
                GossipControl::Topics { joined, left } => (joined.len() + left.len()) * 8,
                GossipControl::IHave { ids, .. }
                | GossipControl::IWant { ids }
                | GossipControl::IDontWant { ids } => ids.len() * 20,
                GossipControl::Graft { .. }
                | GossipControl::Prune { .. }
                | GossipControl::Choke { .. }
                | GossipControl::Unchoke { .. } => MESH_FRAME_BYTES - HEAD_BYTES,
            },
        }
}

/// Puts the names of a frame that waits and of one that comes into one; gives the second back when it does not
/// go.
fn join(last: &mut GossipMessage, next: GossipMessage) -> Option<GossipMessage> {
    use GossipControl::{IDontWant, IHave, IWant};
    let (GossipMessage::Control(to), GossipMessage::Control(from)) = (last, &next) else {
        return Some(next);
    };
    let fits = |one: usize, other: usize| one + other <= GOSSIP_IDS_MAX;
    match (to, from) {
        (IHave { topic, ids }, IHave { topic: other, ids: more })
            if topic == other && fits(ids.len(), more.len()) =>
        {
            ids.extend_from_slice(more);
            None
        }
        (IWant { ids }, IWant { ids: more }) | (IDontWant { ids }, IDontWant { ids: more })
            if fits(ids.len(), more.len()) =>
        {
            ids.extend_from_slice(more);
            None
        }
        _ => Some(next),
    }
}
