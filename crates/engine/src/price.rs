//! What strangers pay when too many come, and what we pay where we are one.

use ensign_pow::{Payment, Step};
use ensign_primitives::{LinkId, Now};
use ensign_wire::{Frame, Price, Proof};

use crate::{CloseCode, Engine, Event, Offense, Output, gate::Arrival};

impl Engine {
    /// A stranger that nobody wants is told a price while there is one. Returns it, and who gives way while it is
    /// asked: at rest that is the gate's own choice.
    pub(crate) fn charge(
        &mut self,
        now: Now,
        arrival: &Arrival,
    ) -> (Option<Price>, Option<LinkId>) {
        let Arrival { link, peer, remote, .. } = *arrival;
        if !self.gate.is_guest(&peer) {
            return (None, self.gate.gives_way(arrival));
        }
        let price = self.toll.arrives(now.instant, link, self.gate.guests().count());
        let gives_way = match price {
            Some(_) if self.gate.is_crowded() => {
                Some(self.toll.gives_way((link, remote.ip()), self.gate.guests()))
            }
            Some(_) | None => self.gate.gives_way(arrival),
        };
        (price, gives_way)
    }

    /// A stranger pays. One that was found to be a member meanwhile, or is wanted, owes nothing.
    pub(crate) fn on_proof(&mut self, now: Now, link: LinkId, proof: Proof) {
        let Some((peer, remote)) = self.gate.get(link).map(|it| (it.peer, it.remote.ip())) else {
            return;
        };
        if !self.gate.is_guest(&peer) {
            return;
        }
        let payment = Payment { link, peer, remote, proof };
        match self.toll.pay(now.instant, payment, self.gate.guests()) {
            Ok(gives_way) => gives_way.into_iter().for_each(|at| self.close(at, CloseCode::Busy)),
            Err(refusal) => self.offense(now, link, Offense::Proof(refusal)),
        }
    }

    /// A node asks for a proof: whom we want, we pay.
    pub(crate) fn on_price(&mut self, now: Now, link: LinkId, price: Price) {
        let Some(known) = self.gate.get_mut(link) else { return };
        let (peer, is_wanted) = (known.peer, known.is_wanted);
        if core::mem::replace(&mut known.is_priced, true) {
            return self.offense(now, link, Offense::PricedTwice);
        }
        if is_wanted {
            self.payer.told(peer, price);
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
