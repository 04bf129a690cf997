//! Keeps from one member what everybody else has, and floods the others so that they forget it.

use std::time::Duration;

use ensign_engine::{Input, Output};
use ensign_primitives::PeerId;
use ensign_wire::{Kind, Payload};

use super::{
    Act, Adversary, Seat, envelope_in,
    own_requests::{OwnRequests, make},
};

pub(super) const ACT: Act = Act {
    name: "silencing",
    about: "signs with all, shows its partial signatures and the result to all but one, and floods \
            everybody with requests that it cancels at once, so that they forget what to tell that \
            one (member)",
    make: || Box::new(Silencing::default()),
};

/// How long it waits between two requests.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct Silencing {
    own: OwnRequests,
    made: u64,
}

impl Adversary for Silencing {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            seat.wake_at(seat.now.instant.after(PAUSE));
        }
        (!self.own.concerns(&input)).then_some(input)
    }

    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let Output::Send { link, .. } = &output else { return Some(output) };
        let is_result = envelope_in(&output).is_some_and(|envelope| {
            matches!(
                envelope.body().kind(),
                Kind::PartialSigShare | Kind::PartialSigsComplete | Kind::SignatureFinalized
            )
        });
        let peer = seat.peer_of(*link);
        (!is_result || peer.is_none() || peer != chosen(seat)).then_some(output)
    }

    fn wake(&mut self, seat: &mut Seat) {
        self.made += 1;
        if let Some(request) = make(seat, self.made, seat.now.unix, Payload::Blind) {
            self.own.announce_and_cancel(seat, &request);
        }
        seat.wake_at(seat.now.instant.after(PAUSE));
    }
}

/// Who shall not be told.
fn chosen(seat: &Seat) -> Option<PeerId> {
    seat.victims().last().copied()
}
