//! A gate at twice its capacity, in virtual time: who pays gets in, who does not waits, and at rest
//! nobody pays.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ensign_pow::{EFFORT_PERIOD, Price, Proof, Puzzle, Solver, Tariff};
use ensign_primitives::{Direction, Instant, LinkId, Now, PeerId, StateMachine, UnixTime, sha256};
use ensign_wire::{Frame, Header};

use super::{
    cast::{NETWORK, START, engine_for},
    links::hello,
};
use crate::{CloseCode, Engine, Input, Output, STRANGER_TIME, STRANGERS_MAX, Strangers};

/// Sixteen bits less than the default, so that a test can solve them.
const TARIFF: Tariff = Tariff { bits: 4, bits_max: 8, per_group: 120 };

/// What a try takes, so that the puzzles take what those of the default do: `2^16` tries of one core
/// that makes 9.8 million of them a second.
const TRY: Duration = Duration::from_micros(6687);

/// One way across the network, and back.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// How long whoever was sent away waits before it dials again.
const REDIAL: Duration = Duration::from_secs(1);

/// How long one has to stay to have got in: a group is joined, or a question asked, in less.
const STAY: Duration = Duration::from_secs(10);

/// How fast places become free at most, as a time between two who come.
const CAPACITY: Duration =
    Duration::from_micros(STRANGER_TIME.as_micros() as u64 / STRANGERS_MAX as u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// One of the crowd: comes once, and never pays.
    Idle,
    /// One of the crowd: pays what it is told, again and again; all of them share two cores.
    Rich,
    /// Comes until it has got in, and pays.
    Pays,
    /// Comes until it has got in, and does not pay.
    Poor,
}

/// What happens next, to which visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Comes,
    Pays(LinkId, u64, u64),
}

struct Visitor {
    kind: Kind,
    came: Duration,
    link: Option<LinkId>,
    /// Since when it has the place that it has.
    since: Duration,
    /// How long it took to get in.
    waited: Option<Duration>,
}

struct World {
    engine: Engine,
    now: Duration,
    seed: u64,
    drawn: u64,
    visitors: Vec<Visitor>,
    links: BTreeMap<LinkId, usize>,
    next_link: u64,
    /// Until when each core of the rich is busy.
    cores: [Duration; 2],
    acts: BTreeSet<(Duration, usize, Act)>,
    /// The price of each period, as it was.
    prices: Vec<Option<u8>>,
}

fn moment(at: Duration) -> Now {
    let unix = UnixTime::from_millis(START.as_millis() + at.as_millis() as u64);
    Now { instant: Instant::from_micros(0).after(at), unix }
}

impl World {
    fn new(seed: u64) -> Self {
        let strangers = Strangers { price: TARIFF, ..Strangers::default() };
        Self {
            engine: engine_for(0, strangers),
            now: Duration::ZERO,
            seed,
            drawn: 0,
            visitors: Vec::new(),
            links: BTreeMap::new(),
            next_link: 0,
            cores: [Duration::ZERO; 2],
            acts: BTreeSet::new(),
            prices: Vec::new(),
        }
    }

    fn draw(&mut self, below: Duration) -> Duration {
        self.drawn += 1;
        let hash = sha256([self.seed, self.drawn].map(u64::to_le_bytes).as_flattened());
        let drawn = u64::from_le_bytes(*hash.first_chunk().unwrap());
        Duration::from_micros(drawn % (below.as_micros() as u64).max(1))
    }

    /// Visitors of a kind come until then, each after twice a random share of `every`.
    fn expect(&mut self, kind: Kind, every: Duration, (from, until): (Duration, Duration)) {
        let mut at = from;
        loop {
            at += self.draw(every * 2);
            if at >= until {
                return;
            }
            let visitor = self.visitors.len();
            self.visitors.push(Visitor { kind, came: at, link: None, since: at, waited: None });
            self.acts.insert((at, visitor, Act::Comes));
        }
    }

    fn run(&mut self, until: Duration) {
        loop {
            let act = self.acts.first().copied().filter(|(at, ..)| *at <= until);
            let alarm = self
                .engine
                .poll_timeout()
                .map(|wakeup| Duration::from_micros(wakeup.at.as_micros()));
            let alarm = alarm.filter(|at| *at <= until && act.is_none_or(|(act, ..)| *at < act));
            let next = alarm.or(act.map(|(at, ..)| at)).unwrap_or(until);
            self.see_prices(next);
            self.now = next;
            match (alarm, act) {
                (Some(_), _) => self.engine.handle_timeout(moment(self.now)),
                (None, Some(act)) => {
                    self.acts.remove(&act);
                    self.act(act.1, act.2);
                }
                (None, None) => return,
            }
            self.listen();
        }
    }

    /// Looks at the price of each period that is over.
    fn see_prices(&mut self, until: Duration) {
        while EFFORT_PERIOD * self.prices.len() as u32 <= until {
            let at = EFFORT_PERIOD * self.prices.len() as u32;
            self.prices.push(self.engine.price(moment(at)));
        }
    }

    fn act(&mut self, visitor: usize, act: Act) {
        match act {
            Act::Comes => self.comes(visitor),
            Act::Pays(link, epoch, nonce) if self.visitors[visitor].link == Some(link) => {
                self.visitors[visitor].since = self.now;
                self.say(link, &Frame::Proof(Proof { version: 1, epoch, nonce }));
            }
            Act::Pays(..) => {}
        }
    }

    fn comes(&mut self, visitor: usize) {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, visitor);
        self.visitors[visitor].link = Some(link);
        self.visitors[visitor].since = self.now;
        // Each in a network of its own: they come from everywhere.
        let [.., c, b, a] = (visitor as u32).to_be_bytes();
        let remote = SocketAddr::from(([20 + c, b, a, 1], 4000));
        let (direction, exporter) = (Direction::Inbound, [0; 32]);
        let (peer, round_trip) = (name(visitor), Some(ROUND_TRIP));
        let up = Input::Up { link, peer, remote, direction, exporter, round_trip };
        self.engine.handle_input(moment(self.now), up);
        self.say(link, &Frame::Hello(hello()));
    }

    fn say(&mut self, link: LinkId, frame: &Frame) {
        let frame = frame.encode();
        let header = Header::decode(&frame).unwrap().unwrap();
        let body = frame[header.header_len..].to_vec();
        let input = Input::Frame { link, kind: header.kind, body };
        self.engine.handle_input(moment(self.now), input);
    }

    fn listen(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send { link, frame, .. } => {
                    let frame = Frame::decode_whole(&frame, NETWORK).unwrap();
                    if let Frame::Price(price) = frame {
                        self.on_price(self.links[&link], link, price);
                    }
                }
                Output::Close { link, reason } => self.on_close(link, reason),
                Output::Event(event) => panic!("nobody does wrong: {event:?}"),
                _ => {}
            }
        }
    }

    fn on_price(&mut self, visitor: usize, link: LinkId, price: Price) {
        if !matches!(self.visitors[visitor].kind, Kind::Rich | Kind::Pays) {
            return;
        }
        let mut solver =
            Solver::new(&Puzzle::of_price(NETWORK, name(visitor), price), link.0 << 32);
        let proof = core::iter::repeat_with(|| solver.step(64)).find_map(|found| found).unwrap();
        let (mut begins, takes) = (self.now, TRY * solver.tried() as u32);
        if self.visitors[visitor].kind == Kind::Rich {
            let core = self.cores.iter_mut().min().unwrap();
            begins = begins.max(*core);
            *core = begins + takes;
        }
        let paid_at = begins + takes + ROUND_TRIP;
        self.acts.insert((paid_at, visitor, Act::Pays(link, proof.epoch, proof.nonce)));
    }

    fn on_close(&mut self, link: LinkId, reason: CloseCode) {
        let Some(visitor) = self.links.remove(&link) else { return };
        let now = self.now;
        let it = &mut self.visitors[visitor];
        if it.link != Some(link) {
            return;
        }
        it.link = None;
        let has_stayed = now - it.since >= if it.kind == Kind::Poor { STRANGER_TIME } else { STAY };
        if has_stayed {
            it.waited = it.waited.or(Some(it.since - it.came));
        } else {
            let is_calm = matches!(reason, CloseCode::Busy | CloseCode::Unwanted);
            assert!(is_calm, "nobody does wrong: {reason:?}");
        }
        let comes_again = match it.kind {
            Kind::Idle => false,
            Kind::Rich => true,
            Kind::Pays | Kind::Poor => !has_stayed,
        };
        if comes_again {
            self.acts.insert((now + REDIAL, visitor, Act::Comes));
        }
    }

    /// How long each visitor of a kind has waited to get in; for ever is most.
    fn waits(&self, of: Kind) -> impl Iterator<Item = Duration> {
        let came = self.visitors.iter().filter(move |it| it.kind == of);
        came.map(|it| it.waited.unwrap_or(Duration::MAX))
    }
}

fn name(visitor: usize) -> PeerId {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&(visitor as u64).to_le_bytes());
    PeerId::from_bytes(id)
}

const MINUTE: Duration = Duration::from_secs(60);

/// A crowd comes for six minutes at twice what the gate holds, a newcomer every seven seconds, some of
/// whom do not pay.
fn crowded(seed: u64, rich: u32) -> World {
    let mut world = World::new(seed);
    let (begins, ends) = (MINUTE, MINUTE * 7);
    world.expect(Kind::Idle, CAPACITY / 2, (Duration::ZERO, ends));
    world.expect(Kind::Rich, MINUTE / rich.max(1), (Duration::ZERO, MINUTE * rich.min(1)));
    world.expect(Kind::Pays, Duration::from_secs(7), (begins, ends - MINUTE));
    world.expect(Kind::Poor, Duration::from_secs(20), (begins, ends - MINUTE));
    world.run(ends + MINUTE);
    world
}

/// The wait that 99 of 100 do not exceed, of at least 200.
fn p99(mut waits: Vec<Duration>) -> Duration {
    assert!(waits.len() >= 200, "{}", waits.len());
    waits.sort_unstable();
    waits[waits.len() * 99 / 100]
}

#[test]
fn who_pays_gets_in_within_ten_seconds_at_twice_the_capacity_and_who_does_not_waits() {
    let (mut waits, mut poor) = (Vec::new(), Vec::new());
    for seed in 0..5 {
        let world = crowded(seed, 0);
        waits.extend(world.waits(Kind::Pays));
        poor.extend(world.waits(Kind::Poor));
        let period = |at: Duration| (at.as_secs() / EFFORT_PERIOD.as_secs()) as usize;
        let busy = &world.prices[period(MINUTE)..period(MINUTE * 7)];
        assert!(busy.iter().all(Option::is_some), "seed {seed}");
        assert_eq!(world.prices.last(), Some(&None), "seed {seed}: a minute after the crowd");
    }
    poor.sort_unstable();
    let p99 = p99(waits);
    assert!(p99 <= Duration::from_secs(10), "{p99:?}");
    assert!(poor[0] > p99 && poor[poor.len() / 2] > MINUTE, "{poor:?}");
}

#[test]
fn who_pays_gets_in_beside_a_crowd_that_pays_with_two_cores_for_more_than_all_the_places() {
    let mut waits = Vec::new();
    for seed in 0..5 {
        let world = crowded(seed, 60);
        waits.extend(world.waits(Kind::Pays));
        // More want to pay than have room: it becomes dearer.
        assert!(world.prices.iter().flatten().any(|price| *price > TARIFF.bits), "seed {seed}");
    }
    let p99 = p99(waits);
    assert!(p99 <= Duration::from_secs(10), "{p99:?}");
}
