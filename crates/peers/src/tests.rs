//! What follows from what, one peer at a time; then lists of operations.

mod contract;
mod model;

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_primitives::{Direction, Instant, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::ADDRESSES_MAX;

use crate::{
    BACKOFF_MAX, BACKOFF_MIN, CHOSEN_MAX, CommandError, DUPLICATE_WAIT, DialFailure, Event, Input,
    Output, PEERS_MAX, Peers, PeersConfig, Record, Restored, Why,
};

const PEER: PeerId = PeerId::from_bytes([1; 32]);
const OTHER: PeerId = PeerId::from_bytes([2; 32]);

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn at(time: Duration) -> Now {
    Now { instant: Instant::default().after(time), unix: UnixTime::default() }
}

fn numbered(number: usize) -> PeerId {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn dial(port: u16) -> Output {
    Output::Dial { peer: PEER, address: address(port) }
}

/// A machine, its clock, and what it says.
struct Desk {
    peers: Peers,
    now: Duration,
}

impl Desk {
    fn new() -> Self {
        Self::restored(Restored::default())
    }

    fn restored(restored: Restored) -> Self {
        let peers = Peers::new(PeersConfig::default(), [7; 32], restored);
        Self { peers, now: Duration::ZERO }
    }

    fn know(&mut self, ports: &[u16]) -> Vec<Output> {
        let addresses: Vec<_> = ports.iter().copied().map(address).collect();
        self.peers.know(PEER, &addresses).unwrap();
        self.said()
    }

    fn want(&mut self) -> Vec<Output> {
        self.peers.want(at(self.now), PEER, Why::Member).unwrap();
        self.said()
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.peers.handle_input(at(self.now), input);
        self.said()
    }

    fn up(&mut self, port: u16) -> Vec<Output> {
        let direction = Direction::Inbound;
        self.input(Input::Up { peer: PEER, remote: address(port), direction })
    }

    fn down(&mut self) -> Vec<Output> {
        self.input(Input::Down { peer: PEER })
    }

    fn fail(&mut self, port: u16, why: DialFailure) -> Vec<Output> {
        self.input(Input::DialFailed { peer: PEER, address: address(port), why })
    }

    /// Goes to the next deadline; returns how long that took.
    fn sleep(&mut self) -> (Duration, Vec<Output>) {
        let next = self.peers.poll_timeout().expect("a deadline").at;
        let wait = next.since(at(self.now).instant);
        self.now += wait;
        self.peers.handle_timeout(at(self.now));
        (wait, self.said())
    }

    fn said(&mut self) -> Vec<Output> {
        core::iter::from_fn(|| self.peers.poll_output()).collect()
    }
}

/// Takes the wait out of what a failed dial says first.
fn retry_in(said: &[Output]) -> Duration {
    match said {
        [Output::Event(Event::DialFailed { retry_in, .. }), ..] => *retry_in,
        _ => panic!("no failure in {said:?}"),
    }
}

#[test]
fn addresses_are_dialled_in_order_and_one_at_a_time() {
    let mut desk = Desk::new();
    assert_eq!(desk.know(&[1, 2]), [], "nobody wants it");
    assert_eq!(desk.want(), [Output::Expect { peer: PEER }, dial(1)]);
    assert_eq!(desk.peers.poll_timeout(), None, "the answer is waited for");
    let said = desk.fail(1, DialFailure::Refused);
    assert_eq!(said[1..], [dial(2)]);
    let said = desk.fail(2, DialFailure::TimedOut);
    assert_eq!(said.len(), 1);
    let (wait, said_later) = desk.sleep();
    assert_eq!((wait, said_later), (retry_in(&said), vec![dial(1)]));
}

#[test]
fn answers_to_no_dial_are_ignored() {
    let mut desk = Desk::new();
    assert_eq!(desk.fail(1, DialFailure::Refused), []);
    desk.know(&[1, 2]);
    desk.want();
    assert_eq!(desk.fail(2, DialFailure::Refused), []);
    desk.up(1);
    assert_eq!(desk.fail(1, DialFailure::Duplicate), [], "the other side dialled too");
    assert_eq!(desk.peers.poll_timeout(), None);
}

#[test]
fn wait_doubles_up_to_its_limit_and_its_upper_half_is_random() {
    let mut desk = Desk::new();
    desk.know(&[1]);
    desk.want();
    let mut full = BACKOFF_MIN;
    let mut parts = Vec::new();
    for failures in 0..40 {
        let wait = retry_in(&desk.fail(1, DialFailure::TimedOut));
        assert!(wait >= full / 2 && wait <= full, "{failures} failures wait {wait:?}");
        parts.push(wait.as_micros() * 1000 / full.as_micros());
        assert_eq!(desk.sleep(), (wait, vec![dial(1)]));
        full = (full * 2).min(BACKOFF_MAX);
    }
    parts.sort_unstable();
    parts.dedup();
    assert!(parts.len() > 20, "{parts:?}");
}

#[test]
fn only_a_connection_that_lasted_makes_dialling_cheap_again() {
    let mut desk = Desk::new();
    desk.know(&[1]);
    desk.want();
    for _ in 0..10 {
        desk.up(1);
        desk.down();
        desk.sleep();
    }
    desk.up(1);
    desk.now += BACKOFF_MAX - Duration::from_micros(1);
    desk.down();
    assert!(desk.sleep().0 >= BACKOFF_MAX / 2, "a connection that comes and goes");
    desk.up(1);
    desk.now += BACKOFF_MAX;
    desk.down();
    assert!(desk.sleep().0 <= BACKOFF_MIN);
}

#[test]
fn duplicate_waits_for_the_connection_that_was_chosen() {
    let mut desk = Desk::new();
    desk.know(&[1, 2]);
    desk.want();
    assert_eq!(desk.fail(1, DialFailure::Duplicate), [], "no failure, and no other address");
    let (wait, said) = desk.sleep();
    assert!(wait >= DUPLICATE_WAIT + BACKOFF_MIN / 2 && wait <= DUPLICATE_WAIT + BACKOFF_MIN);
    assert_eq!(said, [dial(1)]);
    desk.fail(1, DialFailure::Duplicate);
    desk.up(2);
    assert_eq!(desk.peers.poll_timeout(), None, "it has shown");
}

#[test]
fn new_addresses_are_dialled_at_once_and_before_the_others() {
    let mut desk = Desk::new();
    desk.want();
    assert_eq!(desk.peers.poll_timeout(), None, "no address, no dial");
    assert_eq!(desk.know(&[1]), [dial(1)]);
    assert_eq!(desk.know(&[2]), [], "one at a time");
    assert_eq!(desk.fail(1, DialFailure::Refused)[1..], [dial(2)]);
    desk.fail(2, DialFailure::Refused);
    assert_eq!(desk.know(&[1, 2]), [dial(1)], "another order is news");
    desk.fail(1, DialFailure::Refused);
    desk.fail(2, DialFailure::Refused);
    assert_eq!(desk.know(&[1, 2]), [], "these are known");
    assert!(desk.sleep().0 <= BACKOFF_MIN);
}

#[test]
fn address_of_a_connection_is_dialled_after_those_that_were_given() {
    let mut desk = Desk::new();
    desk.know(&[1, 2]);
    desk.want();
    assert_eq!(desk.up(2), [], "it is known");
    let note = |port| Output::Note(Record::Address { peer: PEER, address: address(port) });
    assert_eq!(desk.up(3), [note(3)]);
    assert_eq!(desk.up(3), []);
    let all: Vec<_> = desk.peers.addresses(&PEER).collect();
    assert_eq!(all, [1, 2, 3].map(address));
}

#[test]
fn member_that_moves_all_the_time_is_written_down_once_a_minute() {
    let mut desk = Desk::new();
    desk.want();
    let mut noted = Vec::new();
    for seconds in (0..130).step_by(10) {
        desk.now = Duration::from_secs(seconds);
        let port = 1000 + u16::try_from(seconds).unwrap();
        if !desk.up(port).is_empty() {
            noted.push(seconds);
        }
        let all: Vec<_> = desk.peers.addresses(&PEER).collect();
        assert_eq!(all, [address(port)], "the last one counts");
    }
    assert_eq!(noted, [0, 60, 120]);
}

#[test]
fn strangers_leave_no_address_until_they_are_wanted() {
    let mut desk = Desk::new();
    assert_eq!(desk.up(1), []);
    assert_eq!(desk.peers.addresses(&PEER).count(), 0);
    let said = desk.want();
    let note = Output::Note(Record::Address { peer: PEER, address: address(1) });
    assert_eq!(said, [Output::Expect { peer: PEER }, note], "it is connected, so no dial");
    desk.down();
    assert_eq!(desk.sleep().1, [dial(1)]);
}

#[test]
fn given_addresses_are_bounded_and_the_latest_are_kept() {
    let mut desk = Desk::new();
    for port in 0..100 {
        desk.know(&[port]);
    }
    let kept: Vec<_> = desk.peers.addresses(&PEER).collect();
    assert_eq!((kept.len(), kept[0]), (ADDRESSES_MAX, address(99)));
}

#[test]
fn what_was_written_down_is_dialled_after_a_restart() {
    let mut desk = Desk::restored(Restored { addresses: vec![(PEER, address(9))] });
    assert_eq!(desk.want(), [Output::Expect { peer: PEER }, dial(9)]);
    assert_eq!(desk.fail(9, DialFailure::Refused).len(), 1);
}

#[test]
fn peer_is_forgotten_when_the_last_reason_is_gone() {
    let mut desk = Desk::new();
    desk.know(&[1]);
    desk.want();
    desk.peers.want(at(desk.now), PEER, Why::Application).unwrap();
    assert_eq!(desk.said(), []);
    desk.peers.forget(PEER, Why::Member);
    assert_eq!(desk.said(), []);
    desk.fail(1, DialFailure::Refused);
    desk.peers.forget(PEER, Why::Application);
    assert_eq!(desk.said(), [Output::Forget { peer: PEER }]);
    assert_eq!((desk.peers.poll_timeout(), desk.peers.addresses(&PEER).count()), (None, 0));
    desk.peers.forget(PEER, Why::Application);
    assert_eq!(desk.said(), []);
}

#[test]
fn application_leaves_room_for_every_member() {
    let mut desk = Desk::new();
    for number in 0..CHOSEN_MAX {
        desk.peers.want(at(desk.now), numbered(number), Why::Application).unwrap();
    }
    let refused = desk.peers.want(at(desk.now), OTHER, Why::Application);
    assert_eq!(refused, Err(CommandError::TooManyChosen { limit: CHOSEN_MAX }));
    for number in CHOSEN_MAX..PEERS_MAX {
        desk.peers.want(at(desk.now), numbered(number), Why::Member).unwrap();
    }
    desk.peers.forget(numbered(0), Why::Application);
    desk.peers.want(at(desk.now), OTHER, Why::Application).unwrap();
}

#[test]
fn full_book_lets_go_of_whom_nobody_wants_and_of_nobody_else() {
    let mut desk = Desk::new();
    desk.peers.know(OTHER, &[address(1)]).unwrap();
    for number in 1..PEERS_MAX {
        desk.peers.want(at(desk.now), numbered(number), Why::Member).unwrap();
    }
    desk.peers.want(at(desk.now), numbered(PEERS_MAX), Why::Member).unwrap();
    assert_eq!(desk.peers.addresses(&OTHER).count(), 0);
    let full = Err(CommandError::BookFull { limit: PEERS_MAX });
    assert_eq!(desk.peers.know(OTHER, &[address(1)]), full);
    assert_eq!(desk.peers.want(at(desk.now), OTHER, Why::Member), full);
    let refused = desk.peers.want(at(desk.now), OTHER, Why::Application);
    assert_eq!(refused, full);
    desk.said();
    assert!(desk.peers.occupancy().all(|it| it.is_within_limit()));
}

#[test]
fn regression_dial_that_succeeded_after_its_peer_was_forgotten_was_kept() {
    let mut desk = Desk::new();
    desk.know(&[1]);
    assert_eq!(desk.want(), [Output::Expect { peer: PEER }, dial(1)]);
    desk.peers.forget(PEER, Why::Member);
    assert_eq!(desk.said(), [Output::Forget { peer: PEER }]);
    let up = |direction| Input::Up { peer: PEER, remote: address(1), direction };
    assert_eq!(desk.input(up(Direction::Outbound)), [Output::Forget { peer: PEER }]);
    assert_eq!(desk.input(up(Direction::Inbound)), [], "that was its own wish");
}

#[test]
fn what_others_say_of_a_peer_is_dialled_last_and_forgotten_with_the_formation() {
    let mut desk = Desk::new();
    desk.know(&[1]);
    desk.want();
    let (peer, why) = (PEER, Why::Formation);
    let claims: Vec<_> = (10..30).chain([1]).map(address).collect();
    desk.input(Input::Want { peer, addresses: claims.clone(), why });
    let known: Vec<_> = desk.peers.addresses(&PEER).collect();
    assert_eq!(known[0], address(1));
    assert_eq!(known[1..], claims[..ADDRESSES_MAX]);
    assert!(desk.peers.occupancy().all(|it| it.is_within_limit()));
    // The next word takes the place of the last one.
    desk.input(Input::Want { peer, addresses: vec![address(40)], why });
    assert_eq!(desk.peers.addresses(&PEER).collect::<Vec<_>>(), [address(1), address(40)]);
    desk.input(Input::Forget { peer, why });
    assert_eq!(desk.peers.addresses(&PEER).collect::<Vec<_>>(), [address(1)]);
}
