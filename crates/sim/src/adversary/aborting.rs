//! Ends every session with a word, at a step of its choice.

use std::collections::BTreeSet;

use ensign_engine::Output;
use ensign_primitives::SessionId;
use ensign_wire::{AbortReason, Body, Kind, SessionAbort};

use super::{Act, Adversary, Seat};

pub(super) const JOIN: Act = Act {
    name: "abort-join",
    about: "ends every session instead of joining it (member)",
    make: || Box::new(Aborting { at: &[Kind::SessionJoin], ended: BTreeSet::new() }),
};

pub(super) const REVEAL: Act = Act {
    name: "abort-reveal",
    about: "joins, and ends every session instead of revealing its nonces; in mode fast, instead of \
            signing (member)",
    make: || {
        Box::new(Aborting {
            at: &[Kind::NonceShare, Kind::PartialSigShare],
            ended: BTreeSet::new(),
        })
    },
};

pub(super) const SIGN: Act = Act {
    name: "abort-sign",
    about: "joins, reveals its nonces, and ends every session instead of signing (member)",
    make: || Box::new(Aborting { at: &[Kind::PartialSigShare], ended: BTreeSet::new() }),
};

/// What it gives as its reason: some lead to another attempt, some do not.
const REASONS: [AbortReason; 8] = [
    AbortReason::Internal,
    AbortReason::Timeout,
    AbortReason::ViewsDiffer,
    AbortReason::Cancelled,
    AbortReason::AttemptsUsed,
    AbortReason::Dissolved,
    AbortReason::Declined,
    AbortReason::Expired,
];

#[derive(Debug)]
struct Aborting {
    at: &'static [Kind],
    ended: BTreeSet<SessionId>,
}

impl Adversary for Aborting {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        let (session, kind) = (envelope.session(), envelope.body().kind());
        // Others have signed, and its engine has the signature.
        if matches!(kind, Kind::PartialSigsComplete | Kind::SignatureFinalized) {
            return None;
        }
        if self.at.contains(&kind) {
            self.ended.insert(session);
            let choice = seat.agreed(session, b"reason") as usize % REASONS.len();
            let reason = REASONS.get(choice).copied().unwrap_or(AbortReason::Internal);
            let abort = SessionAbort { reason, culprit: None };
            seat.state(to, session, envelope.seq(), Body::SessionAbort(abort));
        }
        (!self.ended.contains(&session)).then_some(output)
    }
}
