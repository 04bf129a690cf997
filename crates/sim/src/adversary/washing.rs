//! Tries to have the others forget that a request was over, and brings it back.

use std::{collections::BTreeSet, time::Duration};

use ensign_engine::{Input, signing::FAILED_ATTEMPTS_MAX};
use ensign_primitives::PeerId;
use ensign_wire::{Payload, SignedRequest, SigningRequest};

use super::{
    Act, Adversary, Seat,
    own_requests::{OwnRequests, make},
};
use crate::{NETWORK, cast::START};

pub(super) const ACT: Act = Act {
    name: "washing",
    about: "has a request of its own joined and cancels it, announces and cancels as many others as it \
            can, and announces the first and the others again and again (member)",
    make: || Box::new(Washing::default()),
};

/// How long it waits between two announcements.
const PAUSE: Duration = Duration::from_millis(800);
/// How often it announces its first request before it goes on without everybody's join: after a
/// restart of its own nobody joins it any more.
const PATIENCE: u32 = 8;

#[derive(Debug, Default)]
struct Washing {
    own: OwnRequests,
    /// Who has joined its first request.
    joined: BTreeSet<PeerId>,
    first_announced: u32,
    first_is_over: bool,
    /// How many others it has made.
    made: u64,
}

impl Adversary for Washing {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            seat.wake_at(seat.now.instant.after(PAUSE));
        }
        if let Some(joined) = self.own.joined(&input) {
            let is_first = nth(seat, 0).is_some_and(|it| it.request.id() == joined.request);
            if is_first && !self.first_is_over {
                self.joined.insert(joined.by);
            } else {
                self.own.cancel(seat, joined.session);
            }
        }
        (!self.own.concerns(&input)).then_some(input)
    }

    fn wake(&mut self, seat: &mut Seat) {
        if self.first_is_over {
            self.wash(seat);
        } else {
            self.wait_for_joins(seat);
        }
        seat.wake_at(seat.now.instant.after(PAUSE));
    }
}

impl Washing {
    fn wait_for_joins(&mut self, seat: &mut Seat) {
        let Some(first) = nth(seat, 0) else { return };
        self.own.announce(seat, &first, 1);
        self.first_announced += 1;
        let everybody = seat.victims().iter().all(|victim| self.joined.contains(victim));
        if everybody || self.first_announced >= PATIENCE {
            self.first_is_over = true;
            let session = SigningRequest::session_id(first.request.id(), NETWORK, 1);
            self.own.cancel(seat, session);
        }
    }

    fn wash(&mut self, seat: &mut Seat) {
        self.made += 1;
        if let Some(next) = nth(seat, self.made) {
            // Every other one is cancelled when somebody has joined it, the rest before.
            if self.made.is_multiple_of(2) {
                self.own.announce(seat, &next, 1);
            } else {
                self.own.announce_and_cancel(seat, &next);
            }
        }
        let attempt = 1 + seat.random.below(FAILED_ATTEMPTS_MAX.into()) as u16;
        let other = seat.random.below(self.made);
        for again in [0, other] {
            if let Some(again) = nth(seat, again) {
                self.own.announce(seat, &again, attempt);
            }
        }
    }
}

/// Its requests by number, the same ones after a restart of its own.
fn nth(seat: &Seat, number: u64) -> Option<SignedRequest> {
    make(seat, number, START.after(Duration::from_millis(number)), Payload::Blind)
}
