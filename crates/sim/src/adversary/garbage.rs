//! Sends bytes that are no messages, and messages that are damaged.

use std::{sync::Arc, time::Duration};

use ensign_engine::{Input, Output};
use ensign_primitives::PeerId;
use ensign_wire::Kind;

use super::{Act, Adversary, Seat};
use crate::scenario::Range;

pub(super) const ACT: Act = Act {
    name: "garbage",
    about: "takes part, and every few seconds sends random bytes, an oversized frame, or a real frame \
            cut short, grown or with a bit flipped (member or stranger)",
    make: || Box::new(Garbage::default()),
};

/// How long it waits between two pieces: each costs it the connection, and between them a session
/// shall get somewhere.
const PAUSE: Range = Range::millis(500, 4_000);
/// The largest random body.
const RANDOM_BYTES_MAX: u64 = 120;

#[derive(Debug, Default)]
struct Garbage {
    /// A frame that was real, to be damaged.
    real: Option<(Kind, Arc<[u8]>)>,
}

impl Adversary for Garbage {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            let pause = seat.random.within(PAUSE);
            seat.wake_at(seat.now.instant.after(pause));
        }
        Some(input)
    }

    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        if let Output::Send { kind, frame, .. } = &output
            && (self.real.is_none() || seat.random.happens(0.5))
        {
            self.real = Some((*kind, Arc::clone(frame)));
        }
        Some(output)
    }

    fn wake(&mut self, seat: &mut Seat) {
        let peers: Vec<PeerId> = seat.connected.iter().copied().collect();
        if let Some(peer) = seat.random.choose(&peers).copied() {
            let (kind, bytes) = self.piece(seat);
            seat.say_bytes(peer, kind, bytes);
        }
        let pause = seat.random.within(PAUSE).max(Duration::from_millis(1));
        seat.wake_at(seat.now.instant.after(pause));
    }
}

impl Garbage {
    fn piece(&self, seat: &mut Seat) -> (Kind, Vec<u8>) {
        let choice = seat.random.below(6);
        let Some((kind, real)) = self.real.clone().filter(|_| choice > 1) else {
            return if choice == 0 { oversized(seat) } else { random(seat) };
        };
        let mut bytes = real.to_vec();
        let at = seat.random.below(bytes.len() as u64) as usize;
        match choice {
            2 => bytes.truncate(at),
            3 => bytes.extend(seat.random.bytes()),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << seat.random.below(8);
                }
            }
        }
        (kind, bytes)
    }
}

fn random_kind(seat: &mut Seat) -> Kind {
    seat.random.choose(&Kind::ALL).copied().unwrap_or(Kind::Ping)
}

/// A header that promises more than any frame may hold.
fn oversized(seat: &mut Seat) -> (Kind, Vec<u8>) {
    let kind = random_kind(seat);
    (kind, vec![kind.id(), 0xff, 0xff, 0x7f])
}

/// A true header over random bytes.
fn random(seat: &mut Seat) -> (Kind, Vec<u8>) {
    let kind = random_kind(seat);
    let len = seat.random.below(RANDOM_BYTES_MAX);
    let mut bytes = vec![kind.id(), len as u8];
    while bytes.len() < len as usize + 2 {
        bytes.extend(seat.random.bytes());
    }
    bytes.truncate(len as usize + 2);
    (kind, bytes)
}
