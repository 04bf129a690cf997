//! First words of a stranger that others at its address, or anywhere, leave nothing to; through the wire.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_primitives::{Direction, LinkId, Now, PeerId, StateMachine};
use ensign_wire::{FormationMessage, Frame, Header, InvitationId, Kind, Seat};

use super::{
    cast::{NETWORK, engine_for},
    links::hello,
    price::{at, nobody, solved, up},
};
use crate::{Engine, Event, Input, Output, Strangers, pow::Tariff};

/// A node of people 0 and 1, at which strangers are.
pub(super) struct Crowd {
    pub(super) engine: Engine,
    pub(super) now: Now,
    links: u64,
}

/// A seat of nobody's invitation: answered, and nobody's fault.
pub(super) fn seat() -> Vec<u8> {
    let invitation = InvitationId([7; 16]);
    let seat = Seat { invitation, proof: [0; 32], candidate: vec![0; 64] };
    Frame::Formation(FormationMessage::Seat(seat)).encode()
}

impl Crowd {
    pub(super) fn new(strangers: Strangers) -> Self {
        Self::of(engine_for(0, strangers))
    }

    /// As [`new`](Self::new), at this node.
    pub(super) fn of(engine: Engine) -> Self {
        Self { engine, now: at(Duration::ZERO), links: 0 }
    }

    pub(super) fn input(&mut self, input: Input) -> Vec<Output> {
        self.engine.handle_input(self.now, input);
        core::iter::from_fn(|| self.engine.poll_output()).collect()
    }

    /// Lets time go by.
    pub(super) fn pass(&mut self, to: Duration) {
        self.now = at(to);
        self.engine.handle_timeout(self.now);
        while self.engine.poll_output().is_some() {}
    }

    /// Connects somebody, who says hello; returns what it is told, too.
    pub(super) fn come(&mut self, who: PeerId, remote: SocketAddr) -> (LinkId, Vec<Output>) {
        let (link, told) = self.connect(who, remote);
        self.say(link, &Frame::Hello(hello()).encode());
        (link, told)
    }

    /// Connects somebody, who says nothing yet.
    pub(super) fn connect(&mut self, who: PeerId, remote: SocketAddr) -> (LinkId, Vec<Output>) {
        let link = LinkId(self.links);
        self.links += 1;
        let told = self.input(up(link, who, remote, Direction::Inbound));
        (link, told)
    }

    /// Says a frame; returns how many frames answer it.
    pub(super) fn say(&mut self, link: LinkId, frame: &[u8]) -> usize {
        let header = Header::decode(frame).unwrap().unwrap();
        let body = frame[header.header_len..].to_vec();
        let said = self.input(Input::Frame { link, kind: header.kind, body });
        let blamed = said.iter().find(|it| matches!(it, Output::Event(Event::Offense { .. })));
        assert!(blamed.is_none(), "nobody does wrong: {blamed:?}");
        said.iter().filter(|it| matches!(it, Output::Send { .. })).count()
    }

    pub(super) fn leave(&mut self, link: LinkId) {
        self.input(Input::Down { link });
    }
}

/// Forty neighbours of one address ask what each may, five times a second; meanwhile a joiner a second comes
/// there, for five minutes. Returns how many were answered, of how many.
fn joiners_behind_one_address(neighbours: u64) -> (usize, usize) {
    let mut crowd = Crowd::new(Strangers::default());
    let home = SocketAddr::from(([192, 0, 2, 7], 4000));
    let mut links = vec![];
    let (mut heard, mut tries) = (0, 0);
    for tick in 0..1500_u64 {
        let (second, fifth) = (tick / 5, tick % 5);
        crowd.pass(Duration::from_millis(second * 1000 + fifth * 200));
        if tick % 150 == 0 {
            // Their stay is over: each comes again.
            links = (0..neighbours).map(|number| crowd.come(nobody(number), home).0).collect();
        }
        for link in &links {
            // Within its own budgets: 128 seats at once, then two a second.
            if fifth < 2 {
                crowd.say(*link, &seat());
            }
        }
        if fifth == 4 {
            let (link, _) = crowd.come(nobody(10_000 + second), home);
            heard += crowd.say(link, &seat());
            tries += 1;
            crowd.leave(link);
        }
    }
    (heard, tries)
}

#[test]
fn regression_neighbours_of_one_address_ate_the_first_words_of_a_joiner() {
    assert_eq!(joiners_behind_one_address(0), (300, 300));
    let (heard, tries) = joiners_behind_one_address(40);
    std::println!("first words heard behind forty neighbours: {heard} of {tries}");
    assert_eq!((heard, tries), (300, 300));
}

#[test]
fn regression_rosters_that_nobody_read_ate_what_strangers_share() {
    let mut crowd = Crowd::new(Strangers::default());
    let home = |port: u16| SocketAddr::from(([192, 0, 2, 7], port));
    // Nobody who is no member of a group that forms is read: five of them at once from one address.
    let roster = Kind::FormationRoster;
    for number in 0..5 {
        let (link, _) = crowd.come(nobody(number), home(number as u16));
        let said = crowd.input(Input::Frame { link, kind: roster, body: vec![0; 24_000] });
        assert!(said.is_empty(), "{said:?}");
    }
    let (link, _) = crowd.come(nobody(100), home(100));
    let heard: usize = (0..100).map(|_| crowd.say(link, &seat())).sum();
    assert_eq!(heard, 100);
    assert!(crowd.engine.watch().get(&nobody(100)).is_none(), "nothing of it was held back");
}

#[test]
fn regression_strangers_from_everywhere_ate_the_words_of_who_had_paid() {
    let price = Tariff { bits: 6, bits_max: 10, per_group: 120 };
    let mut crowd = Crowd::new(Strangers { links_max: 64, price, ..Strangers::default() });
    let network = |number: u64| SocketAddr::from(([10, 0, number as u8, 1], 4000));
    let links: Vec<_> =
        (0..64).map(|number| crowd.come(nobody(number), network(number)).0).collect();
    crowd.come(nobody(64), network(64));
    crowd.pass(Duration::from_secs(5));
    // One pays, and all others ask as much as each may.
    let (link, told) = crowd.come(nobody(100), network(100));
    let asked = told.iter().find_map(|output| match output {
        Output::Send { frame, .. } => match Frame::decode_whole(frame, NETWORK).unwrap() {
            Frame::Price(price) => Some(price),
            _ => None,
        },
        _ => None,
    });
    let proof = solved(asked.unwrap(), nobody(100));
    for _ in 0..100 {
        for link in &links {
            let body = seat();
            crowd.say(*link, &body);
        }
    }
    let mut others: usize = 0;
    links.iter().for_each(|link| others += crowd.say(*link, &seat()));
    assert_eq!(others, 0, "nothing is left of what strangers share");
    crowd.say(link, &Frame::Proof(proof).encode());
    let (_, known) = crowd.engine.link_of(&nobody(100)).unwrap();
    assert!(known.place.effort > 0, "its proof is heard");
    let heard: usize = (0..100).map(|_| crowd.say(link, &seat())).sum();
    assert_eq!(heard, 100, "it has paid");
}
