//! Fills what the others keep for it: payloads, before their requests and without any.

use std::{sync::Arc, time::Duration};

use ensign_engine::Input;
use ensign_primitives::{RequestId, sha256};
use ensign_wire::{Frame, Kind, Payload};

use super::{
    Act, Adversary, Seat,
    own_requests::{OwnRequests, make},
};

pub(super) const ACT: Act = Act {
    name: "filling",
    about: "sends large payloads and requests for them one after the other, payloads for no request and \
            requests whose payload never comes; cancels what somebody has joined (member)",
    make: || Box::new(Filling::default()),
};

/// How long it waits between two bursts.
const PAUSE: Duration = Duration::from_millis(500);
/// How large its payloads are: four fill what is kept of one member before its announcements.
const PAYLOAD_BYTES: usize = 256 * 1024;
/// How many payloads and requests it makes: many times what is kept of one member.
const MADE_MAX: u64 = 48;

#[derive(Debug, Default)]
struct Filling {
    own: OwnRequests,
    made: u64,
}

impl Adversary for Filling {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            seat.wake_at(seat.now.instant.after(PAUSE));
        }
        if let Some(joined) = self.own.joined(&input) {
            self.own.cancel(seat, joined.session);
        }
        (!self.own.concerns(&input)).then_some(input)
    }

    fn wake(&mut self, seat: &mut Seat) {
        if self.made >= MADE_MAX {
            return;
        }
        self.made += 1;
        let bytes = seat.random.bytes().repeat(PAYLOAD_BYTES / 32);
        let payload = Payload::Psbt { digest: sha256(&bytes), len: PAYLOAD_BYTES as u32 };
        let request = make(seat, self.made, seat.now.unix, payload);
        let Some(request) = request else { return };
        let id = request.request.id();
        match self.made % 8 {
            1 => {
                send(seat, id, &bytes);
                self.own.announce(seat, &request, 1);
            }
            5 => {
                self.own.announce(seat, &request, 1);
                send(seat, id, &bytes);
            }
            // A request whose payload never comes.
            3 | 7 => self.own.announce(seat, &request, 1),
            // A payload of which no request ever speaks.
            _ => {
                let nothing = RequestId::from_bytes(seat.random.bytes());
                send(seat, nothing, &bytes);
            }
        }
        seat.wake_at(seat.now.instant.after(PAUSE));
    }
}

fn send(seat: &mut Seat, request: RequestId, bytes: &[u8]) {
    let frame = Frame::Payload { request, bytes: bytes.to_vec() };
    let frame: Arc<[u8]> = frame.encode().into();
    for victim in seat.victims() {
        seat.say_bytes(victim, Kind::Payload, Arc::clone(&frame));
    }
}
