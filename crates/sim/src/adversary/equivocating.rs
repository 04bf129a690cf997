//! Says one thing to some and another to the rest.

use std::collections::BTreeMap;

use ensign_engine::{Output, signing::SignerQuestion};
use ensign_primitives::{PeerId, SessionId};
use ensign_wire::{Body, Kind};

use super::{Act, Adversary, Seat, nonces::Shown};

pub(super) const ACT: Act = Act {
    name: "equivocating",
    about: "shows some victims other commitments and nonces than the rest, or other partial \
            signatures; a coalition agrees on whom to lie to (member)",
    make: || Box::new(Equivocating::default()),
};

#[derive(Debug, Default)]
struct Equivocating {
    /// The nonces that the ones it lies to are shown.
    others: BTreeMap<SessionId, Shown>,
    messages: BTreeMap<SessionId, usize>,
}

impl Adversary for Equivocating {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        if let Output::Signer(SignerQuestion::Nonces { order, .. }) = &output {
            self.messages.insert(order.session, order.request.request.messages.len());
        }
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        // It wants the signature for itself.
        if matches!(envelope.body().kind(), Kind::PartialSigsComplete | Kind::SignatureFinalized) {
            return None;
        }
        let session = envelope.session();
        if !lied_to(seat, session).contains(&to) {
            return Some(output);
        }
        let lie = self.lie(seat, session, envelope.body().clone());
        if lie == *envelope.body() {
            return Some(output);
        }
        seat.state(to, session, envelope.seq(), lie);
        // A single victim has nobody to compare with: it hears both.
        (seat.victims().len() < 2).then_some(output)
    }
}

impl Equivocating {
    fn lie(&mut self, seat: &mut Seat, session: SessionId, body: Body) -> Body {
        if seat.agreed(session, b"what").is_multiple_of(3) {
            return other_partials(body);
        }
        let messages = self.messages.get(&session).copied().unwrap_or(1);
        let others = self.others.entry(session);
        let shown = others.or_insert_with(|| Shown::random(&mut seat.random, messages)).clone();
        shown.put_into(seat, session, body)
    }
}

fn other_partials(mut body: Body) -> Body {
    if let Body::PartialSigShare(share) = &mut body
        && let Some(byte) = share.partials.first_mut().and_then(|partial| partial.last_mut())
    {
        *byte ^= 1;
    }
    body
}

/// The half of its victims, at least one, that a coalition lies to in a session.
fn lied_to(seat: &Seat, session: SessionId) -> Vec<PeerId> {
    let mut victims = seat.victims();
    victims.sort_by_key(|victim| seat.agreed(session, victim.as_bytes()));
    victims.truncate(victims.len().div_ceil(2));
    victims
}
