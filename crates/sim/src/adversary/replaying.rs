//! Says again what was said: its own words and others', to anybody, at any time.

use std::{collections::VecDeque, sync::Arc};

use ensign_engine::{Input, Output};
use ensign_primitives::PeerId;
use ensign_wire::{Kind, PAYLOAD_BYTES_MAX};

use super::{Act, Adversary, Seat};
use crate::scenario::Range;

pub(super) const ACT: Act = Act {
    name: "replaying",
    about: "takes part, and sends frames that it heard or said again: to others, after a reconnect, \
            long after, from other sessions (member)",
    make: || Box::new(Replaying::default()),
};

/// How many frames it remembers.
const REMEMBERED: usize = 256;
/// How long it waits before it replays out of turn.
const PAUSE: Range = Range::millis(100, 3_000);
/// How many it replays on a new connection.
const AFTER_RECONNECT: usize = 8;

#[derive(Debug, Default)]
struct Replaying {
    frames: VecDeque<(Kind, Arc<[u8]>)>,
}

impl Adversary for Replaying {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Frame { kind, body, .. } = &input {
            self.remember(*kind, with_header(*kind, body));
            if seat.random.happens(0.5) {
                self.replay_to_anybody(seat);
            }
        } else if let Input::Up { peer, .. } = &input {
            (0..AFTER_RECONNECT).for_each(|_| self.replay(seat, *peer));
            let pause = seat.random.within(PAUSE);
            seat.wake_at(seat.now.instant.after(pause));
        }
        Some(input)
    }

    fn speak(&mut self, _: &mut Seat, output: Output) -> Option<Output> {
        if let Output::Send { kind, frame, .. } = &output {
            self.remember(*kind, Arc::clone(frame));
        }
        Some(output)
    }

    fn wake(&mut self, seat: &mut Seat) {
        self.replay_to_anybody(seat);
        let pause = seat.random.within(PAUSE);
        seat.wake_at(seat.now.instant.after(pause));
    }
}

impl Replaying {
    /// A second hello ends the connection and with it the attack; it is left out.
    fn remember(&mut self, kind: Kind, frame: Arc<[u8]>) {
        if kind == Kind::Hello {
            return;
        }
        self.frames.push_back((kind, frame));
        if self.frames.len() > REMEMBERED {
            self.frames.pop_front();
        }
    }

    fn replay_to_anybody(&self, seat: &mut Seat) {
        let peers: Vec<PeerId> = seat.connected.iter().copied().collect();
        if let Some(peer) = seat.random.choose(&peers).copied() {
            self.replay(seat, peer);
        }
    }

    fn replay(&self, seat: &mut Seat, peer: PeerId) {
        let at = seat.random.below(self.frames.len() as u64) as usize;
        if let Some((kind, frame)) = self.frames.get(at) {
            seat.say_bytes(peer, *kind, Arc::clone(frame));
        }
    }
}

/// Puts the header back before a body that came.
fn with_header(kind: Kind, body: &[u8]) -> Arc<[u8]> {
    debug_assert!(body.len() <= PAYLOAD_BYTES_MAX + 64, "a body that came is within its limit");
    let mut frame = vec![kind.id()];
    let mut rest = body.len();
    while rest >= 0x80 {
        frame.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    frame.push(rest as u8);
    frame.extend_from_slice(body);
    frame.into()
}
