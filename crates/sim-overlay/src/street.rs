//! One address book, and a world that answers its dials at once.
//!
//! Records are unsigned here: what a book does with one that is forged, its own tests show.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ensign_book::{
    Book, BookConfig, Event, Fault, Input, Kept, Listed, OUTBOUND_MAX, Output, Reason, Restored,
    Source,
};
use ensign_diversity::PrefixTable;
use ensign_primitives::{Direction, Instant, Now, PeerId, StateMachine as _, UnixTime};

use crate::{
    draw::seed_of,
    people::{NETWORK, START},
};

/// The first /24 that is given out; all up to 36.0.0.0 are public.
const FIRST_NETWORK: u32 = u32::from_be_bytes([20, 0, 0, 0]) >> 8;
/// Nearest nodes that a walk shows.
const SHOWN: u64 = 20;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Card {
    peer: PeerId,
    addresses: Vec<SocketAddr>,
}

impl Card {
    /// Somebody by number, at this address.
    pub(crate) fn at(number: u32, address: SocketAddr) -> Self {
        Self { peer: peer(number), addresses: vec![address] }
    }

    /// Somebody by number, in a /24 of its own.
    pub(crate) fn lone(number: u32) -> Self {
        let ip = Ipv4Addr::from_bits(((FIRST_NETWORK + number) << 8) + 1);
        Self::at(number, (ip, 4000).into())
    }

    pub(crate) const fn peer(&self) -> PeerId {
        self.peer
    }

    fn address(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 1).into())
    }
}

impl Listed for Card {
    type Terms = ();

    fn peer(&self) -> PeerId {
        self.peer
    }

    fn position(&self) -> [u8; 32] {
        *self.peer.as_bytes()
    }

    fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn seq(&self) -> u64 {
        1
    }

    fn expires(&self) -> UnixTime {
        UnixTime::from_millis(u64::MAX)
    }

    fn check(&self, _: UnixTime, (): &()) -> Result<(), Fault> {
        Ok(())
    }

    fn prove(&self, (): &()) -> Result<(), Fault> {
        Ok(())
    }
}

fn peer(number: u32) -> PeerId {
    PeerId::from_bytes(seed_of(0, "somebody", number.into()))
}

/// A book and who answers.
#[derive(Debug)]
pub(crate) struct Street {
    book: Book<Card>,
    now: Now,
    /// Who answers where.
    alive: BTreeMap<SocketAddr, PeerId>,
    up: BTreeSet<PeerId>,
    hostile: BTreeSet<PeerId>,
    /// When each sign rose.
    pub(crate) alarms: Vec<(Instant, Reason)>,
}

impl Street {
    /// A node that restarts with these in its book; nobody answers yet.
    pub(crate) fn new(seed: u64, known: &[Card], anchors: Vec<PeerId>, of: PrefixTable) -> Self {
        let now = Now { instant: Instant::from_micros(1_000_000), unix: START };
        let local = peer(u32::MAX);
        let (network, outbound, trusted) = (NETWORK, OUTBOUND_MAX, Vec::new());
        let config = BookConfig { local, network, terms: (), outbound, trusted };
        let kept = |it: &Card| {
            let address = it.address();
            Kept { record: it.clone(), address, reached_at: START }
        };
        let restored = Restored { kept: known.iter().map(kept).collect(), anchors };
        let book = Book::new(config, now, seed_of(seed, "book", 0), Arc::new(of), restored);
        let (alive, up, hostile) = Default::default();
        Self { book, now, alive, up, hostile, alarms: Vec::new() }
    }

    /// Lets somebody answer from now on.
    pub(crate) fn lives(&mut self, card: &Card) {
        self.alive.insert(card.address(), card.peer);
    }

    /// Lets somebody show the hostile world from now on.
    pub(crate) fn turns(&mut self, peer: PeerId) {
        self.hostile.insert(peer);
    }

    pub(crate) fn learns(&mut self, card: Card, from: &Card) {
        let source = Source::Node(from.address());
        self.input(Input::Learned { record: card, source });
    }

    pub(crate) fn outbound(&self) -> Vec<PeerId> {
        self.book.outbound().map(|(peer, _)| peer).collect()
    }

    pub(crate) fn is_tried(&self, peer: &PeerId) -> bool {
        self.book.is_tried(peer)
    }

    pub(crate) const fn now(&self) -> Instant {
        self.now.instant
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
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

    fn input(&mut self, input: Input<Card>) {
        self.book.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        let mut answers = Vec::new();
        while let Some(output) = self.book.poll_output() {
            answers.extend(self.answer(output));
        }
        for answer in answers {
            self.input(answer);
        }
    }

    fn answer(&mut self, output: Output<Card>) -> Option<Input<Card>> {
        match output {
            Output::Dial { peer, address } if self.alive.get(&address) == Some(&peer) => {
                self.up.insert(peer);
                let direction = Direction::Outbound;
                Some(Input::Up { peer, remote: address, direction })
            }
            Output::Dial { peer, address } => Some(Input::DialFailed { peer, address }),
            Output::Close { peer, why: _ } => {
                self.up.remove(&peer);
                Some(Input::Down { peer })
            }
            Output::Compare { round, target: _, near, apart } => {
                let (near, apart) = (self.shown(&near), self.shown(&apart));
                Some(Input::Compared { round, near, apart })
            }
            Output::Event(Event::Alarm { reason }) => {
                self.alarms.push((self.now.instant, reason));
                None
            }
            Output::Ask { .. }
            | Output::Tell { .. }
            | Output::Offense { .. }
            | Output::Note(_)
            | Output::Event(_) => None,
        }
    }

    /// What a walk shows: whoever looks through anybody honest sees the honest world.
    fn shown(&self, through: &[PeerId]) -> Vec<PeerId> {
        let is_hostile = through.iter().all(|it| self.hostile.contains(it));
        let first = u64::from(is_hostile) * SHOWN;
        let nearest = first..first + SHOWN;
        nearest.map(|it| PeerId::from_bytes(seed_of(1, "shown", it))).collect()
    }
}
