//! Who is let in and what strangers pay, who says hello, and who has to go.

use core::{fmt::Display, net::IpAddr};

use ensign_diversity::{Candidate, Regard};
use ensign_formation::Input as FormationInput;
use ensign_gate::{Arrival, Link, mark, sentence};
use ensign_peers::Input as PeersInput;
use ensign_pow::{Payment, Step};
use ensign_primitives::{Direction, LinkId, Now, PeerId};
use ensign_reputation::Bar;
use ensign_signing::{Input as SigningInput, Standing, own_hello};
use ensign_watch::{self as watch, Act, Distance};
use ensign_wire::{Frame, Hello, PROTOCOL_VERSION, Price, Proof, Welcome};

use crate::{CloseCode, Engine, EngineConfig, Event, Offense, Output, route::Note};

impl Engine {
    /// Enters a connection and introduces ourselves. The peer's older connection goes first, and a
    /// stranger that has to give way.
    pub(crate) fn on_up(&mut self, now: Now, arrival: Arrival) {
        let Arrival { link, peer, remote, direction, .. } = arrival;
        if self.gate.get(link).is_some() {
            return;
        }
        let score = self.reputation.score(now.unix, &peer);
        let place = Candidate { score, ..self.gate.place_for(now, &arrival) };
        if let Some(bar) = self.reputation.bars(now.unix, &peer, place.regard == Regard::Kept) {
            self.note(now, (peer, Some(remote.ip())), barred(bar), &bar);
            return self.outputs.push_back(Output::Close { link, reason: CloseCode::Unwanted });
        }
        if let Some(older) = self.gate.link_of(&peer) {
            self.close(older, CloseCode::Duplicate);
        }
        let (price, gives_way) = self.charge(now, &arrival, &place);
        let (reason, why) = match price {
            Some(_) => (CloseCode::Busy, "the node is busy, and it had proved no work"),
            None => (CloseCode::Unwanted, "another one needed its place more"),
        };
        if let Some(stranger) = gives_way {
            self.note_of(now, stranger, (Act::GaveWay, 0), &why);
            self.close(stranger, reason);
        }
        self.tell_peers(PeersInput::Up { peer, remote, direction });
        if gives_way == Some(link) || !self.gate.enter(now, arrival, place) {
            self.tell_peers(PeersInput::Down { peer });
            self.toll.leaves(link);
            let remote = Some(remote.ip());
            self.note(now, (peer, remote), (Act::Refused, 0), &"there was no place for it");
            return self.outputs.push_back(Output::Close { link, reason });
        }
        if let Some(known) = self.gate.get(link) {
            let hello = own_hello(known.remote, self.config.limits.open_sessions);
            self.send(link, &Frame::Hello(hello));
        }
        if let Some(price) = price {
            self.note_of(
                now,
                link,
                (Act::Priced, 0),
                &"the node is busy, and it had proved no work",
            );
            self.send(link, &Frame::Price(price));
        }
    }

    pub(crate) fn on_down(&mut self, link: LinkId) {
        self.toll.leaves(link);
        if let Some(gone) = self.gate.remove(link) {
            self.tell_gone(&gone);
        }
    }

    /// Closes a connection. What still comes over it is nobody's fault.
    pub(crate) fn close(&mut self, link: LinkId, reason: CloseCode) {
        self.toll.leaves(link);
        if let Some(gone) = self.gate.remove(link) {
            self.outputs.push_back(Output::Close { link, reason });
            self.tell_gone(&gone);
        }
    }

    fn tell_gone(&mut self, gone: &Link) {
        self.tell_peers(PeersInput::Down { peer: gone.peer });
        self.payer.down(&gone.peer);
        self.tell_overlay(ensign_overlay::Input::Down { peer: gone.peer });
        if gone.is_introduced() {
            self.notes.push_back(Note::Signing(SigningInput::Down { peer: gone.peer }));
            self.notes.push_back(Note::Formation(FormationInput::Down { peer: gone.peer }));
        }
    }

    pub(crate) fn on_hello(&mut self, now: Now, link: LinkId, hello: Hello) {
        let (min, max) = (hello.version_min, hello.version_max);
        if !(min..=max).contains(&PROTOCOL_VERSION) {
            return self.offense(now, link, Offense::Version { min, max });
        }
        let observed = hello.observed;
        self.gate.introduce(link, hello);
        if let Some((peer, exporter, remote, direction)) =
            self.gate.get(link).map(|it| (it.peer, it.exporter, it.remote, it.direction))
        {
            self.tell_overlay(ensign_overlay::Input::Up { peer, remote, direction });
            // Whoever dials us sees where it was told that we are.
            if let Some(address) = observed.filter(|_| direction == Direction::Outbound) {
                self.tell_overlay(ensign_overlay::Input::Seen { peer, address });
            }
            self.notes.push_back(Note::Formation(FormationInput::Up { peer, exporter }));
            self.notes.push_back(Note::Signing(SigningInput::Up { peer }));
        }
    }

    /// A node has shown that it is a member: it may say more, and hears more.
    pub(crate) fn admit(&mut self, now: Now, link: LinkId) {
        self.outputs.push_back(Output::Admit { link });
        // For members only: a clock and a local address recognise a node on whatever network it is.
        let EngineConfig { instance, listening, .. } = &self.config;
        let welcome =
            Welcome { clock: now.unix, instance: *instance, listening: listening.clone() };
        self.send(link, &Frame::Welcome(welcome));
    }

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

    /// Ends the connections of those who have not introduced themselves in time, and of strangers
    /// whose time is over.
    pub(crate) fn close_overdue(&mut self, now: Now) {
        while let Some(link) = self.gate.overdue(now) {
            self.offense(now, link, Offense::HelloTimeout);
        }
        while let Some(link) = self.gate.outstayed(now) {
            self.close(link, CloseCode::Unwanted);
        }
    }

    /// Reports what came over a connection, and makes its peer pay.
    pub(crate) fn offense(&mut self, now: Now, link: LinkId, offense: Offense) {
        if let Some(known) = self.gate.get(link) {
            self.offense_of(now, known.peer, offense);
        }
    }

    /// Notes what was done to whoever is at the other end of a connection, and why.
    pub(crate) fn note_of(&mut self, now: Now, link: LinkId, act: (Act, u32), what: &dyn Display) {
        if let Some(known) = self.gate.get(link) {
            self.note(now, (known.peer, Some(known.remote.ip())), act, what);
        }
    }

    fn note(
        &mut self,
        now: Now,
        (peer, remote): (PeerId, Option<IpAddr>),
        (act, points): (Act, u32),
        what: &dyn Display,
    ) {
        let distance = match self.gate.regard_for(&peer) {
            Regard::Kept => Distance::Near,
            Regard::Guest => Distance::Far,
        };
        self.watch.note(now, &watch::Note { whom: peer, distance, remote, act, what, points });
    }

    /// Reports an offense. Its peer pays on the connection that it has now, if it has one.
    pub(crate) fn offense_of(&mut self, now: Now, peer: PeerId, offense: Offense) {
        let sentence = sentence(&offense);
        if let Some(mark) = mark(&offense) {
            self.reputation.mark(now, peer, mark, &offense);
        }
        let score = self.reputation.score(now.unix, &peer);
        let link = self.gate.link_of(&peer);
        let ends = link.and_then(|link| self.gate.punish(link, (sentence, score)));
        let act = match (ends, sentence.weight) {
            (Some(_), _) => Act::Closed,
            // It is slowed and nobody blames it.
            (None, 0) => Act::Held,
            (None, _) => Act::Charged,
        };
        let remote = link.and_then(|link| Some(self.gate.get(link)?.remote.ip()));
        self.note(now, (peer, remote), (act, sentence.weight), &offense);
        if let Some(held_back) = self.warnings.admit(now.instant, self.gate.standing_of(&peer)) {
            let event = Event::Offense { peer, offense, sentence, held_back };
            self.outputs.push_back(Output::Event(event));
        }
        if let Some((link, reason)) = link.zip(ends) {
            self.close(link, reason);
        }
    }

    pub(crate) fn send(&mut self, link: LinkId, frame: &Frame) {
        let (kind, frame) = (frame.kind(), frame.encode().into());
        self.outputs.push_back(Output::Send { link, lane: kind.lane(), kind, frame });
    }
}

/// What is done to a node that is not let in.
const fn barred(bar: Bar) -> (Act, u32) {
    match bar {
        Bar::Banned => (Act::Banned, 0),
        Bar::BelowMinimum { .. } => (Act::Refused, 0),
    }
}
