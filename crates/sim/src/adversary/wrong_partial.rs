//! Signs falsely, and keeps the signature for itself.

use std::collections::BTreeMap;

use ensign_engine::Output;
use ensign_primitives::SessionId;
use ensign_wire::{Body, Kind, PartialSigShare};

use super::{Act, Adversary, Seat};

pub(super) const WRONG: Act = Act {
    name: "wrong-partial",
    about: "shows random numbers as its partial signatures, sometimes ones above the order (member)",
    make: || Box::new(WrongPartial { elsewhere: None, shown: BTreeMap::new() }),
};

pub(super) const ELSEWHERE: Act = Act {
    name: "wrong-set",
    about: "shows random partial signatures and claims they were made for other nonces, so that \
            nobody can prove them false outside mode strict (member)",
    make: || Box::new(WrongPartial { elsewhere: Some([0xd1; 32]), shown: BTreeMap::new() }),
};

/// How often the number is not even below the order.
const UNPARSABLE: f64 = 0.25;

#[derive(Debug)]
struct WrongPartial {
    /// The nonce set it claims to have signed for.
    elsewhere: Option<[u8; 32]>,
    shown: BTreeMap<SessionId, Vec<[u8; 32]>>,
}

impl Adversary for WrongPartial {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        if matches!(envelope.body().kind(), Kind::PartialSigsComplete | Kind::SignatureFinalized) {
            return None;
        }
        let Body::PartialSigShare(share) = envelope.body() else { return Some(output) };
        let session = envelope.session();
        let random = &mut seat.random;
        let draw = || {
            let unparsable = random.happens(UNPARSABLE);
            let one = |_: &[u8; 32]| if unparsable { [0xff; 32] } else { random.bytes() };
            share.partials.iter().map(one).collect()
        };
        let partials = self.shown.entry(session).or_insert_with(draw).clone();
        let nonces = self.elsewhere.unwrap_or(share.nonces);
        let share = PartialSigShare { nonces, partials, signer: share.signer };
        seat.state(to, session, envelope.seq(), Body::PartialSigShare(share));
        None
    }
}
