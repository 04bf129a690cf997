//! Records without signatures, and a world that answers dials at once.

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeMap, sync::Arc, vec, vec::Vec};

use ensign_diversity::PrefixTable;
use ensign_primitives::{Direction, Instant, Network, Now, PeerId, StateMachine, UnixTime, sha256};

use crate::{
    Book, BookConfig, Closing, Event, Fault, Input, Kept, Listed, Note, OUTBOUND_MAX, Offense,
    Output, Restored,
};

/// A record that says by itself what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Card {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) seq: u64,
    pub(super) expires: UnixTime,
    pub(super) fault: Option<Fault>,
}

impl Listed for Card {
    type Terms = ();

    fn peer(&self) -> PeerId {
        self.peer
    }

    fn position(&self) -> [u8; 32] {
        sha256(self.peer.as_bytes())
    }

    fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn seq(&self) -> u64 {
        self.seq
    }

    fn expires(&self) -> UnixTime {
        self.expires
    }

    fn check(&self, now: UnixTime, (): &()) -> Result<(), Fault> {
        match self.fault {
            Some(fault) if fault != Fault::Forged => Err(fault),
            _ if self.expires <= now => Err(Fault::Stale),
            _ => Ok(()),
        }
    }

    fn prove(&self, (): &()) -> Result<(), Fault> {
        if self.fault == Some(Fault::Forged) { Err(Fault::Forged) } else { Ok(()) }
    }
}

/// A peer by number.
pub(super) fn peer(number: u32) -> PeerId {
    PeerId::from_bytes(sha256(&number.to_le_bytes()))
}

/// The address of a node in a /24 of its own, by number: no private ones.
pub(super) fn own_network(number: u32) -> SocketAddr {
    let ip = 0x1400_0000 + (number << 8) + 1;
    SocketAddr::from((core::net::Ipv4Addr::from_bits(ip), 4000))
}

pub(super) fn card(number: u32, address: SocketAddr) -> Card {
    let expires = UnixTime::from_millis(u64::MAX);
    Card { peer: peer(number), addresses: vec![address], seq: 1, expires, fault: None }
}

/// Somebody in a /24 of its own.
pub(super) fn lone(number: u32) -> Card {
    card(number, own_network(number))
}

pub(super) const START: Now = Now {
    instant: Instant::from_micros(1_000_000),
    unix: UnixTime::from_millis(1_800_000_000_000),
};

pub(super) fn config() -> BookConfig<()> {
    let (local, network) = (peer(u32::MAX), Network::Regtest);
    BookConfig { local, network, terms: (), outbound: OUTBOUND_MAX, trusted: Vec::new() }
}

pub(super) fn seed(number: u64) -> [u8; 32] {
    sha256(&number.to_le_bytes())
}

pub(super) fn kept(card: Card) -> Kept<Card> {
    let address = card.addresses[0];
    Kept { record: card, address, reached_at: START.unix }
}

/// A book, and who answers in its world.
pub(super) struct World {
    pub(super) book: Book<Card>,
    pub(super) now: Now,
    /// Who answers where.
    pub(super) alive: BTreeMap<SocketAddr, PeerId>,
    pub(super) up: BTreeMap<PeerId, SocketAddr>,
    pub(super) dials: Vec<PeerId>,
    pub(super) asked: Vec<PeerId>,
    pub(super) told: Vec<(PeerId, Vec<Card>)>,
    pub(super) compared: Vec<(u64, Vec<PeerId>, Vec<PeerId>)>,
    pub(super) offenses: Vec<(PeerId, Offense)>,
    pub(super) notes: Vec<Note<Card>>,
    pub(super) events: Vec<Event>,
    pub(super) closed: Vec<(PeerId, Closing)>,
}

impl World {
    pub(super) fn new(config: BookConfig<()>, seed: [u8; 32], restored: Restored<Card>) -> Self {
        let table = Arc::new(PrefixTable::default());
        let book = Book::new(config, START, seed, table, restored);
        Self {
            book,
            now: START,
            alive: BTreeMap::new(),
            up: BTreeMap::new(),
            dials: Vec::new(),
            asked: Vec::new(),
            told: Vec::new(),
            compared: Vec::new(),
            offenses: Vec::new(),
            notes: Vec::new(),
            events: Vec::new(),
            closed: Vec::new(),
        }
    }

    pub(super) fn lives(&mut self, card: &Card) {
        self.alive.insert(card.addresses[0], card.peer);
    }

    pub(super) fn input(&mut self, input: Input<Card>) {
        self.book.handle_input(self.now, input);
        self.drain();
    }

    /// Somebody calls.
    pub(super) fn call(&mut self, peer: PeerId, remote: SocketAddr) {
        self.up.insert(peer, remote);
        self.input(Input::Up { peer, remote, direction: Direction::Inbound });
    }

    pub(super) fn hang_up(&mut self, peer: PeerId) {
        if self.up.remove(&peer).is_some() {
            self.input(Input::Down { peer });
        }
    }

    /// Lets time pass, with everything that comes due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        while let Some(next) = self.book.poll_timeout().filter(|next| next.at <= end) {
            self.advance(next.at.max(self.now.instant));
            self.book.handle_timeout(self.now);
            self.drain();
        }
        self.advance(end);
    }

    fn advance(&mut self, at: Instant) {
        let unix = self.now.unix.after(at.since(self.now.instant));
        self.now = Now { instant: at, unix };
    }

    fn drain(&mut self) {
        let mut answers = Vec::new();
        while let Some(output) = self.book.poll_output() {
            answers.extend(self.answer(output));
        }
        for answer in answers {
            self.input(answer);
        }
        for occupancy in self.book.occupancy() {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
    }

    fn answer(&mut self, output: Output<Card>) -> Option<Input<Card>> {
        match output {
            Output::Dial { peer, address } => {
                assert!(!self.up.contains_key(&peer), "dials who is connected");
                self.dials.push(peer);
                if self.alive.get(&address) != Some(&peer) {
                    return Some(Input::DialFailed { peer, address });
                }
                self.up.insert(peer, address);
                let direction = Direction::Outbound;
                return Some(Input::Up { peer, remote: address, direction });
            }
            Output::Close { peer, why } => {
                self.closed.push((peer, why));
                self.up.remove(&peer);
                return Some(Input::Down { peer });
            }
            Output::Ask { to } => self.asked.push(to),
            Output::Tell { to, records } => self.told.push((to, records)),
            Output::Compare { round, near, apart, .. } => self.compared.push((round, near, apart)),
            Output::Offense { peer, offense } => self.offenses.push((peer, offense)),
            Output::Note(note) => self.notes.push(note),
            Output::Event(event) => self.events.push(event),
        }
        None
    }

    /// How many of these are in *tried*.
    pub(super) fn tried(&self, of: &[PeerId]) -> usize {
        of.iter().filter(|peer| self.book.is_tried(peer)).count()
    }

    pub(super) fn outbound(&self) -> Vec<PeerId> {
        self.book.outbound().map(|(peer, _)| peer).collect()
    }

    pub(super) fn held(&self, name: &str) -> usize {
        self.book.occupancy().find(|it| it.name == name).map_or(0, |it| it.len)
    }
}
