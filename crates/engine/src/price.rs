//! What strangers pay when too many come, and what we pay where we are one.

use ensign_diversity::{Candidate, Regard};
use ensign_gate::Arrival;
use ensign_pow::{Payment, Step};
use ensign_primitives::{Direction, LinkId, Now};
use ensign_signing::Standing;
use ensign_watch::Act;
use ensign_wire::{Frame, Price, Proof};

use crate::{CloseCode, Engine, Event, Offense, Output};

impl Engine {
    /// A stranger that nobody wants is told a price while there is one. Returns it, and who gives way: at rest
    /// that is the gate's own choice, and so for whoever pays nothing.
    pub(crate) fn charge(
        &mut self,
        now: Now,
        arrival: &Arrival,
        place: &Candidate,
    ) -> (Option<Price>, Option<LinkId>) {
        let Arrival { link, remote, .. } = *arrival;
        if place.regard == Regard::Kept {
            return (None, self.gate.gives_way(place));
        }
        let guests = self.gate.guests().count();
        let price = self.toll.arrives(now.instant, (link, remote.ip()), guests);
        let gives_way = match price {
            // Against whom something is held goes first, the newcomer too, whoever has paid.
            Some(_) if self.gate.is_crowded() && !self.gate.is_any_penalized(place) => {
                let guests = self.gate.guests().map(|(_, at)| at);
                Some(self.toll.gives_way((link, remote.ip()), guests))
            }
            Some(_) | None => self.gate.gives_way(place),
        };
        (price, gives_way)
    }

    /// A stranger pays. One that was found to be a member meanwhile, or is wanted, owes nothing.
    pub(crate) fn on_proof(&mut self, now: Now, link: LinkId, proof: Proof) {
        let Some(guest) = self.gate.get(link).filter(|it| it.place.regard == Regard::Guest) else {
            return;
        };
        let payment = Payment { link, peer: guest.peer, remote: guest.remote.ip(), proof };
        let guests = self.gate.guests().map(|(_, at)| at);
        match self.toll.pay(now.instant, payment, guests) {
            Ok(gives_way) => {
                self.gate.stays_on(now, link, self.toll.paid(link));
                if let Some(least) = gives_way {
                    let why = "the node is busy, and others have proved more work";
                    self.note_of(now, least, (Act::GaveWay, 0), &why);
                    self.close(least, CloseCode::Busy);
                }
            }
            Err(refusal) => self.offense(now, link, Offense::Proof(refusal)),
        }
    }

    /// A node asks for a proof: whom we want and came to, we pay.
    pub(crate) fn on_price(&mut self, now: Now, link: LinkId, price: Price) {
        let Some(known) = self.gate.get_mut(link) else { return };
        // To whom we came, and who is not let in as a member: nobody makes us work by coming here.
        let is_paid = known.is_wanted
            && known.direction == Direction::Outbound
            && known.standing == Standing::Stranger;
        let peer = known.peer;
        if core::mem::replace(&mut known.is_priced, true) {
            return self.offense(now, link, Offense::PricedTwice);
        }
        if is_paid {
            self.payer.told(now.instant, peer, price);
        }
    }

    /// What the payer wants done becomes ours.
    pub(crate) fn on_step(&mut self, step: Step) {
        let output = match step {
            Step::Solve { job, peer, puzzle, start } => Output::Solve { job, peer, puzzle, start },
            Step::Stop { job } => Output::StopSolving { job },
            Step::Send { peer, proof } => {
                let Some(link) = self.gate.link_of(&peer) else { return };
                return self.send(link, &Frame::Proof(proof));
            }
            Step::Event(paying) => Output::Event(Event::Paying(paying)),
        };
        self.outputs.push_back(output);
    }
}
