//! Shows nonces a second time: its own, or another signer's.

use std::collections::BTreeMap;

use ensign_engine::{Input, Output};
use ensign_primitives::SessionId;
use ensign_wire::Kind;

use super::{
    Act, Adversary, Seat, envelope_heard,
    nonces::{Shown, Views, shown_in},
};

pub(super) const OWN: Act = Act {
    name: "reused-nonce",
    about: "shows its nonces of its first session in every later one (member)",
    make: || Box::new(Reusing { whose: Whose::Own, ..Reusing::default() }),
};

pub(super) const STOLEN: Act = Act {
    name: "stolen-nonce",
    about: "shows nonces that an honest signer has shown, in this session or an earlier one, as its \
            own (member)",
    make: || Box::new(Reusing { whose: Whose::Theirs, ..Reusing::default() }),
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Whose {
    #[default]
    Own,
    Theirs,
}

#[derive(Debug, Default)]
struct Reusing {
    whose: Whose,
    views: Views,
    known: Option<Shown>,
    /// What it shows in each session, decided when it joins.
    chosen: BTreeMap<SessionId, Option<Shown>>,
}

impl Adversary for Reusing {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        let Some((_, envelope)) = envelope_heard(&input) else { return Some(input) };
        self.views.note(&envelope);
        if self.whose == Whose::Theirs
            && seat.victims().contains(&envelope.sender())
            && let Some(shown) = shown_in(envelope.body())
        {
            self.known = Some(shown);
        }
        Some(input)
    }

    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        let (session, body) = (envelope.session(), envelope.body());
        let kind = body.kind();
        if kind == Kind::SessionJoin {
            self.chosen.entry(session).or_insert_with(|| self.known.clone());
        }
        let Some(shown) = self.chosen.get(&session).cloned().flatten() else {
            if self.whose == Whose::Own && self.known.is_none() {
                self.known = shown_in(body);
            }
            return Some(output);
        };
        // What its engine signs is false under the nonces shown; what it has then is its own.
        if matches!(kind, Kind::PartialSigsComplete | Kind::SignatureFinalized) {
            return None;
        }
        let bent = shown.put_into(seat, session, body.clone());
        let bent = self.views.name_in(seat, session, &shown, bent);
        seat.state(to, session, envelope.seq(), bent);
        None
    }
}
