//! Reveals nonces that it did not commit to, or that are none.

use std::collections::BTreeMap;

use ensign_engine::{Input, Output, signing::SignerQuestion};
use ensign_primitives::SessionId;
use ensign_wire::{Body, Kind, NonceShare};

use super::{
    Act, Adversary, Seat, envelope_heard,
    nonces::{Shown, Views, shown_in},
};

pub(super) const WRONG: Act = Act {
    name: "wrong-nonce",
    about: "reveals nonces that do not open its commitment; in mode fast, nonces that it does not \
            sign with (member)",
    make: || Box::new(WrongNonce { which: Which::Uncommitted, ..WrongNonce::default() }),
};

pub(super) const INVALID: Act = Act {
    name: "invalid-nonce",
    about: "commits to and reveals bytes that are no points on the curve (member)",
    make: || Box::new(WrongNonce { which: Which::NoPoints, ..WrongNonce::default() }),
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Which {
    #[default]
    Uncommitted,
    NoPoints,
}

#[derive(Debug, Default)]
struct WrongNonce {
    which: Which,
    views: Views,
    shown: BTreeMap<SessionId, Shown>,
    messages: BTreeMap<SessionId, usize>,
}

impl Adversary for WrongNonce {
    fn hear(&mut self, _: &mut Seat, input: Input) -> Option<Input> {
        if let Some((_, envelope)) = envelope_heard(&input) {
            self.views.note(&envelope);
        }
        Some(input)
    }

    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        if let Output::Signer(SignerQuestion::Nonces { order, .. }) = &output {
            self.messages.insert(order.session, order.request.request.messages.len());
        }
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        let (session, body) = (envelope.session(), envelope.body());
        // It holds a signature that its victims do not know of.
        if matches!(body.kind(), Kind::PartialSigsComplete | Kind::SignatureFinalized) {
            return None;
        }
        let keeps_word = self.which == Which::NoPoints;
        if body.kind() == Kind::SessionJoin && shown_in(body).is_none() && !keeps_word {
            return Some(output);
        }
        let bent = self.bend(seat, session, body.clone());
        seat.state(to, session, envelope.seq(), bent);
        None
    }
}

impl WrongNonce {
    fn bend(&mut self, seat: &mut Seat, session: SessionId, body: Body) -> Body {
        let messages = self.messages.get(&session).copied().unwrap_or(1);
        let draw = match self.which {
            Which::Uncommitted => Shown::random,
            Which::NoPoints => Shown::invalid,
        };
        let shown = self.shown.entry(session);
        let shown = shown.or_insert_with(|| draw(&mut seat.random, messages)).clone();
        if let (Which::Uncommitted, Body::NonceShare(share)) = (self.which, &body) {
            let nonces = shown.nonces;
            return Body::NonceShare(NonceShare { nonces, ..share.clone() });
        }
        let body = shown.put_into(seat, session, body);
        self.views.name_in(seat, session, &shown, body)
    }
}
