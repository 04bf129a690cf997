//! A member that is away is looked for by what it has sealed for us; whoever keeps that may be hostile. Through the wire.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_identity::NodeKey;
use ensign_overlay::{LOOK_AFTER, LOOK_WAIT, Offense as Overlay, dht::Offense as Dht};
use ensign_primitives::{LinkId, Now, QueryId, StateMachine, TaggedHasher, UnixTime};
use ensign_rendezvous::{DayKey, day};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtRecord, DhtReply, Frame, Header, Key, Node, NodeRecord,
    PeersMessage, Proof, Published, RecordKind, Role, Wants, position_epoch,
};

use super::{
    cast::{NETWORK, START, engine_open, group_of, peer, person},
    first_words::Crowd,
};
use crate::{Event, Input, Offense, Output, peers::DialFailure};

/// What the node that keeps records answers where the member's record lies, given the moment.
type Answers = fn(Now) -> Answer;

/// Node 0, whose member 1 is away, and the only other node of the network, which answers as it likes.
struct World {
    crowd: Crowd,
    link: LinkId,
    answers: Answers,
    dials: Vec<SocketAddr>,
    offenses: Vec<Offense>,
    stored: Vec<DhtRecord>,
}

fn keeper() -> NodeKey {
    NodeKey::from_secret_bytes([0x77; 32]).unwrap()
}

fn place(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// What `from` has sealed for `to`, as of a moment that is so long past, at this port.
fn sealed((from, to): (usize, usize), now: Now, ago: Duration, port: u16) -> DhtRecord {
    let at = now.unix.as_millis() - ago.as_millis() as u64;
    let at = UnixTime::from_millis(at);
    let key = DayKey::ours(&person(from).node_key, NETWORK, &peer(to), day(at)).unwrap();
    key.seal((at.as_millis(), at), &[place(port)]).unwrap()
}

/// Anything else that bob signs with the key by which he seals for us.
fn day_signed(now: Now, said: Published) -> DhtRecord {
    let bob = &person(1).node_key;
    let hasher = |tag| TaggedHasher::new(tag, NETWORK);
    let root = hasher("ensign/rendezvous/v1")
        .bytes(bob.shared_secret(&peer(0)).unwrap().dangerous_bytes())
        .bytes(peer(1).as_bytes())
        .bytes(peer(0).as_bytes())
        .u64(day(now.unix));
    let secret = hasher("ensign/rendezvous-publisher/v1").bytes(&root.finish()).finish();
    let key = NodeKey::from_secret_bytes(secret).unwrap();
    DhtRecord::new(&key, NETWORK, (1, now.unix), said).unwrap()
}

fn by_bob(now: Now, ago: u64, port: u16) -> DhtRecord {
    sealed((1, 0), now, Duration::from_secs(ago), port)
}

impl World {
    fn new(answers: Answers) -> Self {
        let mut crowd = Crowd::of(engine_open(0));
        let (link, _) = crowd.come(keeper().peer_id(), place(5000));
        let (dials, offenses, stored) = (vec![], vec![], vec![]);
        let mut world = Self { crowd, link, answers, dials, offenses, stored };
        // It asks, and is asked back: so it gets into the table.
        let key = Key([7; 32]);
        let around = Around { key, target: key, region: 1 };
        let (query, wants, asker) = (QueryId(1), Wants::Answer, Some(node_record()));
        world.say(&Frame::Dht(DhtMessage::Find(DhtFind { query, around, wants, asker })));
        let now = world.crowd.now;
        world.crowd.engine.add_group(now, group_of(&[0, 1])).unwrap();
        world
    }

    fn say(&mut self, frame: &Frame) {
        let frame = frame.encode();
        let header = Header::decode(&frame).unwrap().unwrap();
        let body = frame[header.header_len..].to_vec();
        let outputs = self.crowd.input(Input::Frame { link: self.link, kind: header.kind, body });
        self.absorb(outputs);
    }

    fn absorb(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { link, frame, .. } if link == self.link => {
                    let frame = Frame::decode_whole(&frame, NETWORK).unwrap();
                    self.answer(frame);
                }
                Output::Dial { peer: whom, address } if whom == peer(1) => {
                    // Nobody is there.
                    self.dials.push(address);
                    let (peer, why) = (whom, DialFailure::TimedOut);
                    let outputs = self.crowd.input(Input::DialFailed { peer, address, why });
                    self.absorb(outputs);
                }
                Output::Event(Event::Offense { offense, .. }) => self.offenses.push(offense),
                _ => {}
            }
        }
    }

    fn answer(&mut self, frame: Frame) {
        let (query, answer) = match frame {
            Frame::Peers(PeersMessage::Ask) => {
                return self.say(&Frame::Peers(PeersMessage::Told(vec![])));
            }
            Frame::Dht(DhtMessage::Store(store)) => {
                self.stored.push(store.record);
                (store.query, Answer::Stored)
            }
            Frame::Dht(DhtMessage::Find(find)) => {
                let lies_at = by_bob(self.crowd.now, 0, 1).key();
                let is_it = find.wants == Wants::Value && find.around.key == lies_at;
                let answer = if is_it { (self.answers)(self.crowd.now) } else { Answer::None };
                (find.query, answer)
            }
            _ => return,
        };
        let reply = DhtReply { query, answer, nodes: vec![] };
        self.say(&Frame::Dht(DhtMessage::Reply(reply)));
    }

    fn run(&mut self, time: Duration) {
        let end = self.crowd.now.instant.after(time);
        loop {
            let due = self.crowd.engine.poll_timeout().map(|it| it.at);
            let at = due.filter(|at| *at <= end);
            let passed = at.unwrap_or(end).since(self.crowd.now.instant);
            let now = self.crowd.now;
            self.crowd.now =
                Now { instant: now.instant.after(passed), unix: now.unix.after(passed) };
            if at.is_none() {
                return;
            }
            self.crowd.engine.handle_timeout(self.crowd.now);
            let outputs = core::iter::from_fn(|| self.crowd.engine.poll_output()).collect();
            self.absorb(outputs);
        }
    }
}

fn node_record() -> NodeRecord {
    let proof = Proof { version: 1, epoch: position_epoch(START), nonce: 0 };
    let expires = START.after(Duration::from_secs(3600 * 20));
    let (role, addresses) = (Role::Bootstrap, vec![place(5000)]);
    NodeRecord::new(&keeper(), NETWORK, START, Node { role, addresses, expires, proof }).unwrap()
}

/// How a search fares whose record is answered so.
fn searched(answers: Answers) -> World {
    let mut world = World::new(answers);
    world.run(LOOK_AFTER + Duration::from_secs(5));
    world
}

fn offends(offense: Dht) -> Vec<Offense> {
    [Offense::Overlay(Overlay::Dht(offense))].into()
}

#[test]
fn member_that_is_away_is_dialled_where_it_has_sealed_that_it_is() {
    let world = searched(|now| Answer::Value(by_bob(now, 60, 4001)));
    assert_eq!(world.dials.first(), Some(&place(4001)));
    assert_eq!(world.offenses, []);
    // And it is told, sealed, where we are.
    let ours = world.stored.iter().filter(|it| it.kind() == RecordKind::RENDEZVOUS);
    let ours: Vec<_> = ours.collect();
    let (bob, now) = (&person(1).node_key, world.crowd.now);
    let key = DayKey::theirs(bob, NETWORK, &peer(0), day(now.unix)).unwrap();
    assert_eq!(key.open(ours[0]), Some(vec![place(9735)]));
}

#[test]
fn forged_and_foreign_records_are_offenses_and_lead_nowhere() {
    let forged: Answers = |now| {
        let mut bytes = by_bob(now, 60, 4001).encode();
        *bytes.last_mut().unwrap() ^= 1;
        Answer::Value(DhtRecord::decode(&bytes, NETWORK).unwrap())
    };
    // The sealed body of another day's record, or of none, under a key of its own.
    let strangers: Answers = |now| {
        let said = by_bob(now, 60, 4001).said().clone();
        let made = DhtRecord::new(&keeper(), NETWORK, (u64::MAX / 2, now.unix), said);
        Answer::Value(made.unwrap())
    };
    let for_another: Answers =
        |now| Answer::Value(sealed((1, 2), now, Duration::from_secs(60), 4001));
    let of_another_day: Answers =
        |now| Answer::Value(sealed((1, 0), now, Duration::from_secs(86_400), 4001));
    for (answers, offense) in [
        (forged, Dht::Signature),
        (strangers, Dht::OtherKey),
        (for_another, Dht::OtherKey),
        (of_another_day, Dht::OtherKey),
    ] {
        let world = searched(answers);
        assert_eq!(world.offenses, offends(offense));
        assert_eq!(world.dials, []);
    }
}

#[test]
fn what_no_longer_holds_or_says_nothing_leads_nowhere_and_is_nobodys_fault_but_its_makers() {
    // An hour ago: kept for too long by whoever answers.
    let expired = searched(|now| Answer::Value(by_bob(now, 3600, 4001)));
    assert_eq!((expired.dials, expired.offenses), (vec![], vec![]));
    // Bob's key has signed something that is not sealed for us: as long as it must be, and shorter.
    let noise = searched(|now| {
        let said = Published { body: vec![9; 200], ..by_bob(now, 60, 4001).said().clone() };
        Answer::Value(day_signed(now, said))
    });
    assert_eq!((noise.dials, noise.offenses), (vec![], vec![]));
    let short = searched(|now| {
        let said = Published { body: vec![9; 199], ..by_bob(now, 60, 4001).said().clone() };
        Answer::Value(day_signed(now, said))
    });
    assert_eq!((short.dials, short.offenses), (vec![], offends(Dht::Invalid)));
}

#[test]
fn old_words_that_are_said_again_change_nothing() {
    let mut world = searched(|now| Answer::Value(by_bob(now, 60, 4002)));
    assert_eq!(world.dials.first(), Some(&place(4002)));
    // Who keeps the record now hands out what it said half an hour ago: signed, sealed, not expired.
    world.answers = |now| Answer::Value(by_bob(now, 1800, 4001));
    world.run(2 * LOOK_WAIT);
    assert!(world.dials.iter().all(|it| *it == place(4002)), "{:?}", world.dials);
    assert_eq!(world.offenses, []);
    // A later word is heard, and what was said before is tried after it.
    world.answers = |now| Answer::Value(by_bob(now, 0, 4003));
    world.run(10 * LOOK_WAIT);
    assert!(world.dials.contains(&place(4003)), "{:?}", world.dials);
}
