//! Says everything, seconds late.

use std::collections::VecDeque;

use ensign_engine::Output;
use ensign_primitives::Instant;

use super::{Act, Adversary, Seat};
use crate::scenario::Range;

pub(super) const ACT: Act = Act {
    name: "slow",
    about: "says everything, each frame two to six seconds late, in order (member or stranger)",
    make: || Box::new(Slow::default()),
};

/// How long it waits: long enough to be asked again, short enough to be met as a peer.
const DELAY: Range = Range::millis(2_000, 6_000);

#[derive(Debug, Default)]
struct Slow {
    waiting: VecDeque<(Instant, Output)>,
}

impl Adversary for Slow {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let Output::Send { .. } = output else { return Some(output) };
        let at = seat.now.instant.after(seat.random.within(DELAY));
        let at = self.waiting.back().map_or(at, |(last, _)| at.max(*last));
        self.waiting.push_back((at, output));
        self.set_alarm(seat);
        None
    }

    fn wake(&mut self, seat: &mut Seat) {
        while let Some((_, output)) = self.waiting.pop_front_if(|(at, _)| *at <= seat.now.instant) {
            seat.pass(output);
        }
        self.set_alarm(seat);
    }
}

impl Slow {
    fn set_alarm(&self, seat: &mut Seat) {
        if let Some((at, _)) = self.waiting.front() {
            seat.wake_at(*at);
        }
    }
}
