//! What members said too early: statements of sessions and payloads of requests that were not
//! announced yet. Each waits on the shelf of the node that brought it, as long as it is connected.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use ensign_primitives::{Occupancy, PeerId, RequestId, SessionId};
use ensign_wire::{Envelope, PAYLOAD_BYTES_MAX};

use crate::{EARLY_ENVELOPES_MAX, EARLY_PAYLOADS_MAX, PUSHED_OFF_MAX};

/// The shelves of all connected nodes.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    boards: BTreeMap<PeerId, Board>,
    /// Who has said something of a session.
    speakers: BTreeMap<SessionId, BTreeSet<PeerId>>,
}

/// What one node has said too early.
#[derive(Debug, Default)]
struct Board {
    /// The oldest give way.
    envelopes: VecDeque<Box<Envelope>>,
    payloads: EarlyPayloads,
}

/// A member's payloads for requests that were not announced yet: a payload travels on a stream of
/// its own and may overtake its announcement. The oldest give way.
#[derive(Debug, Default)]
struct EarlyPayloads {
    kept: VecDeque<(RequestId, Vec<u8>)>,
    /// What gave way, the oldest first: it is asked for once its announcement is taken.
    pushed_off: VecDeque<RequestId>,
}

impl EarlyPayloads {
    fn keep(&mut self, request: RequestId, bytes: Vec<u8>) {
        self.kept.retain(|(other, _)| *other != request);
        self.pushed_off.retain(|other| *other != request);
        self.kept.push_back((request, bytes));
        while self.kept.len() > EARLY_PAYLOADS_MAX || self.bytes() > PAYLOAD_BYTES_MAX {
            let oldest = self.kept.pop_front().map(|(request, _)| request);
            self.pushed_off.extend(oldest);
        }
        while self.pushed_off.len() > PUSHED_OFF_MAX {
            self.pushed_off.pop_front();
        }
    }

    fn take(&mut self, request: RequestId) -> Option<Vec<u8>> {
        let at = self.kept.iter().position(|(other, _)| *other == request)?;
        self.kept.remove(at).map(|(_, bytes)| bytes)
    }

    fn take_pushed_off(&mut self, request: RequestId) -> bool {
        let at = self.pushed_off.iter().position(|other| *other == request);
        at.and_then(|at| self.pushed_off.remove(at)).is_some()
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

impl Shelf {
    /// Puts up an empty board for a node that is connected from now on.
    pub(crate) fn up(&mut self, peer: PeerId) {
        self.down(&peer);
        self.boards.insert(peer, Board::default());
    }

    /// Takes a node's board down.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        let Some(board) = self.boards.remove(peer) else { return };
        for envelope in board.envelopes {
            self.forget_speaker(&envelope.session(), peer);
        }
    }

    /// Keeps a statement, if its bearer is connected.
    pub(crate) fn keep_envelope(&mut self, from: PeerId, envelope: Box<Envelope>) {
        let Some(board) = self.boards.get_mut(&from) else { return };
        let gone = if board.envelopes.len() >= EARLY_ENVELOPES_MAX {
            board.envelopes.pop_front().map(|oldest| oldest.session())
        } else {
            None
        };
        let session = envelope.session();
        board.envelopes.push_back(envelope);
        let is_gone = |gone: &SessionId| board.envelopes.iter().all(|it| it.session() != *gone);
        let gone = gone.filter(is_gone);
        if let Some(gone) = gone {
            self.forget_speaker(&gone, &from);
        }
        self.speakers.entry(session).or_default().insert(from);
    }

    /// Takes what was said of a session, each node's in the order in which it came.
    pub(crate) fn take_envelopes(&mut self, session: &SessionId) -> Vec<(PeerId, Box<Envelope>)> {
        let mut taken = Vec::new();
        for peer in self.speakers.remove(session).unwrap_or_default() {
            let Some(board) = self.boards.get_mut(&peer) else { continue };
            let (ours, rest): (VecDeque<_>, _) =
                board.envelopes.drain(..).partition(|envelope| envelope.session() == *session);
            board.envelopes = rest;
            taken.extend(ours.into_iter().map(|envelope| (peer, envelope)));
        }
        taken
    }

    /// Keeps a payload, if its bearer is connected.
    pub(crate) fn keep_payload(&mut self, from: PeerId, request: RequestId, bytes: Vec<u8>) {
        if let Some(board) = self.boards.get_mut(&from) {
            board.payloads.keep(request, bytes);
        }
    }

    pub(crate) fn take_payload(&mut self, from: &PeerId, request: RequestId) -> Option<Vec<u8>> {
        self.boards.get_mut(from)?.payloads.take(request)
    }

    /// Whether a node's payload was here and gave way to others of the same node; tells so once.
    pub(crate) fn take_pushed_off(&mut self, from: &PeerId, request: RequestId) -> bool {
        self.boards.get_mut(from).is_some_and(|board| board.payloads.take_pushed_off(request))
    }

    fn forget_speaker(&mut self, session: &SessionId, peer: &PeerId) {
        if let Some(speakers) = self.speakers.get_mut(session) {
            speakers.remove(peer);
            if speakers.is_empty() {
                self.speakers.remove(session);
            }
        }
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 4] {
        let fullest = |measure: fn(&Board) -> usize| self.boards.values().map(measure).max();
        [
            Occupancy {
                name: "early envelopes of a peer",
                len: fullest(|board| board.envelopes.len()).unwrap_or(0),
                limit: EARLY_ENVELOPES_MAX,
            },
            Occupancy {
                name: "early payloads of a peer",
                len: fullest(|board| board.payloads.kept.len()).unwrap_or(0),
                limit: EARLY_PAYLOADS_MAX,
            },
            Occupancy {
                name: "early payloads of a peer, bytes",
                len: fullest(|board| board.payloads.bytes()).unwrap_or(0),
                limit: PAYLOAD_BYTES_MAX,
            },
            Occupancy {
                name: "early payloads of a peer that gave way",
                len: fullest(|board| board.payloads.pushed_off.len()).unwrap_or(0),
                limit: PUSHED_OFF_MAX,
            },
        ]
    }
}
