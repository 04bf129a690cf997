//! Lies so that nobody shall be able to prove it: to each another thing, and then it ends the attempt.

use std::collections::BTreeSet;

use ensign_engine::Output;
use ensign_primitives::{PeerId, SessionId, TaggedHasher};
use ensign_wire::{AbortReason, Body, Kind, SessionAbort};

use super::{Act, Adversary, Seat};
use crate::NETWORK;

pub(super) const ACT: Act = Act {
    name: "dodging",
    about: "names another nonce set to each victim beside false partial signatures, in some sessions \
            ends the attempt right after, and helps nobody to compare (member)",
    make: || Box::new(Dodging::default()),
};

/// Most sessions it remembers to have ended. Guess: every attempt of a run.
const ENDED_MAX: usize = 1024;

#[derive(Debug, Default)]
struct Dodging {
    ended: BTreeSet<SessionId>,
}

impl Adversary for Dodging {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let is_handed_on = super::envelope_in(&output)
            .is_some_and(|it| it.sender() != seat.peer() && it.body().slot().is_some());
        if is_handed_on {
            return None;
        }
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        let (session, seq) = (envelope.session(), envelope.seq());
        // It wants the signature for itself, and has the last word.
        let says_nothing =
            matches!(envelope.body().kind(), Kind::PartialSigsComplete | Kind::SignatureFinalized);
        if says_nothing || self.ended.contains(&session) {
            return None;
        }
        let Body::PartialSigShare(share) = envelope.body() else { return Some(output) };
        let mut share = share.clone();
        share.nonces = made_up(session, to);
        if let Some(byte) = share.partials.first_mut().and_then(|partial| partial.last_mut()) {
            *byte ^= 1;
        }
        seat.state(to, session, seq, Body::PartialSigShare(share));
        let last = seat.victims().into_iter().max() == Some(to);
        if last && seat.agreed(session, b"end").is_multiple_of(2) {
            self.end(seat, session, seq);
        }
        None
    }
}

impl Dodging {
    fn end(&mut self, seat: &mut Seat, session: SessionId, seq: u64) {
        if self.ended.len() < ENDED_MAX {
            self.ended.insert(session);
        }
        let abort = SessionAbort { reason: AbortReason::Internal, culprit: None };
        for victim in seat.victims() {
            seat.state(victim, session, seq + 1, Body::SessionAbort(abort));
        }
    }
}

/// A nonce set that nobody holds, always the same one for one victim.
fn made_up(session: SessionId, to: PeerId) -> [u8; 32] {
    let hasher = TaggedHasher::new("ensign/sim-made-up/v1", NETWORK);
    hasher.bytes(session.as_bytes()).bytes(to.as_bytes()).finish()
}
