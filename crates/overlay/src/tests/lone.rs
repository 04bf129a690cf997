//! One node, and what is said to it by hand.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{Direction, QueryId, StateMachine, UnixTime};
use ensign_wire::{Answer, Around, DhtFind, DhtMessage, DhtReply, Key, PeersMessage, Role, Wants};

use super::cast::{NETWORK, START, address, config, later, machine, peer, record, said};
use crate::{
    Event, FEW_CONTACTS, FIRST_ASKED_MIN, FIRST_NODES_MAX, FIRST_WAIT_MAX, Input,
    LINK_COMES_WITHIN, LOOK_AFTER, LOOKS_AGE_MAX, Looks, Message, Offense, Output, Overlay,
    OverlayConfig, Restored, Unreached, WARM_LINKS_MAX, book,
};

fn node() -> Overlay {
    let mut overlay = machine(7, config(7, Role::Signer), Restored::default(), START);
    overlay.handle_timeout(START);
    overlay
}

fn up(number: u16, direction: Direction) -> Input {
    Input::Up { peer: peer(number), remote: address(number), direction }
}

fn told(number: u16, about: &[u16]) -> Input {
    let records = about.iter().map(|it| record(*it)).collect();
    let message = Message::Peers(PeersMessage::Told(records));
    Input::Message { from: peer(number), message }
}

fn offenses(outputs: &[Output]) -> Vec<&Offense> {
    let mut all = Vec::new();
    for output in outputs {
        if let Output::Offense { offense, .. } = output {
            all.push(offense);
        }
    }
    all
}

#[test]
fn a_first_node_that_is_not_reached_is_told_each_time_and_kept_in_mind_with_the_reason() {
    let first = vec![(peer(0), vec![address(0)]), (peer(1), vec![address(1)])];
    let config = OverlayConfig { first, ..config(50, Role::Signer) };
    let mut overlay = machine(50, config, Restored::default(), START);
    overlay.handle_timeout(START);
    let last = |overlay: &Overlay, of| {
        let first = overlay.status(START).first;
        first.into_iter().find(|it| it.peer == peer(of)).unwrap().last
    };
    said(&mut overlay);
    assert_eq!((last(&overlay, 0), last(&overlay, 1)), (None, None));
    let why = Unreached::OtherNode { found: peer(7) };
    overlay.handle_input(START, Input::DialFailed { peer: peer(0), address: address(0), why });
    let told = Event::FirstUnreached { peer: peer(0), address: address(0), why };
    assert!(said(&mut overlay).contains(&Output::Event(told)));
    let (remote, direction) = (address(1), Direction::Outbound);
    overlay.handle_input(START, Input::Up { peer: peer(1), remote, direction });
    assert_eq!((last(&overlay, 0), last(&overlay, 1)), (Some(Err(why)), Some(Ok(()))));
}

#[test]
fn the_first_node_is_dialled_and_asked_once() {
    let mut overlay = node();
    let outputs = said(&mut overlay);
    assert!(outputs.contains(&Output::Dial { peer: peer(0), address: address(0) }));
    overlay.handle_input(START, up(0, Direction::Outbound));
    let asks = |outputs: &[Output]| {
        let ask = Output::Send { to: peer(0), message: Message::Peers(PeersMessage::Ask) };
        outputs.iter().filter(|it| **it == ask).count()
    };
    assert_eq!(asks(&said(&mut overlay)), 1);
    overlay.handle_input(START, told(0, &[0, 1, 2]));
    let outputs = said(&mut overlay);
    assert_eq!(offenses(&outputs), Vec::<&Offense>::new());
    overlay.handle_input(START, told(0, &[3]));
    let unasked = Offense::Book(book::Offense::Unasked);
    assert_eq!(offenses(&said(&mut overlay)), [&unasked]);
}

#[test]
fn who_is_told_of_is_not_dialled_but_by_us() {
    let mut overlay = node();
    said(&mut overlay);
    // Nobody asked: what it tells is no hearsay.
    overlay.handle_input(START, up(3, Direction::Inbound));
    overlay.handle_input(START, told(3, &[1, 2]));
    let now = later(START, Duration::from_secs(60));
    overlay.handle_timeout(now);
    let dials = said(&mut overlay).into_iter();
    let dials =
        dials.filter(|it| matches!(it, Output::Dial { peer: whom, .. } if *whom != peer(0)));
    assert_eq!(dials.count(), 0);
}

#[test]
fn a_dial_that_met_another_link_waits_for_it_and_not_for_ever() {
    let mut overlay = node();
    said(&mut overlay);
    let failed =
        Input::DialFailed { peer: peer(0), address: address(0), why: Unreached::Duplicate };
    overlay.handle_input(START, failed);
    assert!(!said(&mut overlay).contains(&Output::Leave { peer: peer(0) }));
    overlay.handle_timeout(later(START, LINK_COMES_WITHIN));
    assert!(said(&mut overlay).contains(&Output::Leave { peer: peer(0) }));
}

#[test]
fn a_link_that_ends_before_its_greeting_answers_its_dial() {
    let mut overlay = node();
    said(&mut overlay);
    overlay.handle_input(START, Input::Down { peer: peer(0) });
    assert!(said(&mut overlay).contains(&Output::Leave { peer: peer(0) }));
    assert!(!overlay.holds(&peer(0)));
}

#[test]
fn of_warm_links_the_longest_unused_are_left() {
    let mut overlay = node();
    said(&mut overlay);
    let count = WARM_LINKS_MAX as u16 + 2;
    for number in 100..100 + count {
        overlay.ping(START, peer(number), address(number)).unwrap();
        overlay.handle_input(START, up(number, Direction::Outbound));
        // The first is used again.
        let message = Message::Peers(PeersMessage::Ask);
        overlay.handle_input(START, Input::Message { from: peer(100), message });
    }
    let left: Vec<_> = said(&mut overlay)
        .into_iter()
        .filter_map(|it| if let Output::Leave { peer } = it { Some(peer) } else { None })
        .collect();
    assert_eq!(left, [peer(101), peer(102)]);
}

#[test]
fn who_becomes_wanted_is_never_left() {
    let mut overlay = node();
    said(&mut overlay);
    overlay.ping(START, peer(3), address(3)).unwrap();
    overlay.handle_input(START, Input::Wanted { peer: peer(3) });
    overlay.handle_input(START, up(3, Direction::Outbound));
    overlay.handle_input(START, Input::Down { peer: peer(3) });
    let outputs = said(&mut overlay);
    assert!(!outputs.contains(&Output::Leave { peer: peer(3) }), "{outputs:?}");
    let pinged = Event::Pinged { peer: peer(3), after: Some(Duration::ZERO) };
    assert!(outputs.contains(&Output::Event(pinged)));
}

#[test]
fn who_is_wanted_and_told_of_is_found() {
    let mut overlay = node();
    said(&mut overlay);
    overlay.handle_input(START, up(0, Direction::Outbound));
    overlay.handle_input(START, told(0, &[0]));
    overlay.handle_input(START, Input::Wanted { peer: peer(50) });
    let (mut now, mut found) = (START, vec![]);
    while let Some(due) = overlay.poll_timeout().filter(|_| found.is_empty()) {
        now = later(now, due.at.since(now.instant));
        overlay.handle_timeout(now);
        while let Some(output) = overlay.poll_output() {
            match output {
                Output::Send { to, message: Message::Dht(DhtMessage::Find(find)) } => {
                    let is_wanted = find.around.key == Key::of_peer(NETWORK, &peer(50));
                    let nodes = if is_wanted { vec![record(50)] } else { vec![] };
                    let reply = DhtReply { query: find.query, answer: Answer::None, nodes };
                    let message = Message::Dht(DhtMessage::Reply(reply));
                    overlay.handle_input(now, Input::Message { from: to, message });
                }
                Output::Found { peer, addresses } => found.push((peer, addresses)),
                _ => {}
            }
        }
    }
    assert_eq!(found, [(peer(50), vec![address(50)])]);
    assert!(now.instant.since(START.instant) >= LOOK_AFTER);
}

#[test]
fn who_was_named_at_the_start_stays_among_the_first_nodes() {
    let mut overlay = node();
    said(&mut overlay);
    let (peer_0, why) = (peer(0), Unreached::NoAnswer);
    let failed = Input::DialFailed { peer: peer_0, address: address(0), why };
    overlay.handle_input(START, failed);
    for number in 100..100 + 2 * FIRST_NODES_MAX as u16 {
        let addresses = vec![address(number)];
        overlay.know_first(START, peer(number), addresses);
        assert!(overlay.occupancy().all(|it| it.name != "first nodes" || it.is_within_limit()));
    }
    let (mut now, mut dials) = (START, 0);
    for _ in 0..FIRST_NODES_MAX {
        now = later(now, FIRST_WAIT_MAX);
        overlay.handle_timeout(now);
        for output in said(&mut overlay) {
            let Output::Dial { peer: whom, address } = output else { continue };
            dials += usize::from(whom == peer(0));
            let why = Unreached::NoAnswer;
            overlay.handle_input(now, Input::DialFailed { peer: whom, address, why });
        }
    }
    assert!(dials > 0);
}

/// Somebody asks, and answers when it is asked back: a contact.
fn befriend(overlay: &mut Overlay, number: u16) {
    overlay.handle_input(START, up(number, Direction::Inbound));
    said(overlay);
    let key = Key([7; 32]);
    let (query, asker) = (QueryId(1), Some(record(number)));
    let around = Around { key, target: key, region: 0 };
    let find = DhtMessage::Find(DhtFind { query, around, wants: Wants::Nodes, asker });
    let heard = |message| Input::Message { from: peer(number), message: Message::Dht(message) };
    overlay.handle_input(START, heard(find));
    for output in said(overlay) {
        if let Output::Send { to, message: Message::Dht(DhtMessage::Find(find)) } = output
            && (to, find.wants) == (peer(number), Wants::Answer)
        {
            let (query, answer, nodes) = (find.query, Answer::None, vec![]);
            overlay
                .handle_input(START, heard(DhtMessage::Reply(DhtReply { query, answer, nodes })));
            said(overlay);
        }
    }
}

#[test]
fn regression_two_hostile_first_nodes_were_all_that_a_start_asked() {
    let first = (0..6).map(|it| (peer(it), vec![address(it)])).collect();
    let config = OverlayConfig { first, ..config(7, Role::Signer) };
    let mut overlay = machine(7, config, Restored::default(), START);
    let firsts = |outputs: Vec<Output>| {
        let dial = |it: &Output| match it {
            Output::Dial { peer: whom, .. } => (0..6).any(|number| peer(number) == *whom),
            _ => false,
        };
        outputs.iter().filter(|it| dial(it)).count()
    };
    overlay.handle_timeout(START);
    let mut dialled = firsts(said(&mut overlay));
    assert_eq!(dialled, 2);
    // They lead to as many contacts as a node needs, all of them their own.
    (20..32).for_each(|number| befriend(&mut overlay, number));
    assert!(overlay.contacts(START).len() >= FEW_CONTACTS);
    for seconds in 1..600 {
        let now = later(START, Duration::from_secs(seconds));
        overlay.handle_timeout(now);
        dialled += firsts(said(&mut overlay));
    }
    assert_eq!(dialled, FIRST_ASKED_MIN);
}

#[test]
fn a_home_without_an_address_works_for_nothing() {
    let config = OverlayConfig { addresses: vec![], ..config(7, Role::Signer) };
    let mut overlay = machine(7, config, Restored::default(), START);
    overlay.handle_timeout(START);
    assert!(!said(&mut overlay).iter().any(|it| matches!(it, Output::Solve { .. })));
    let local = OverlayConfig {
        addresses: vec!["192.168.1.7:4000".parse().unwrap()],
        ..super::cast::config(7, Role::Signer)
    };
    let overlay = machine(7, local, Restored::default(), START);
    assert_eq!(overlay.status(START).role, Role::Light, "nobody outside reaches it there");
}

#[test]
fn what_was_seen_of_the_size_of_the_network_counts_for_a_day_after_a_restart() {
    // A thousand nodes: the twentieth nearest is a fiftieth of all away.
    let reaches = vec![u64::MAX / 52; 16];
    let nodes = |ago: Duration, reaches: Vec<u64>| {
        let at = UnixTime::from_millis(START.unix.as_millis() - ago.as_millis() as u64);
        let looks = Some(Looks { at, reaches });
        let restored = Restored { looks, ..Restored::default() };
        machine(50, config(50, Role::Signer), restored, START).status(START).network.nodes
    };
    let seen = nodes(Duration::ZERO, reaches.clone()).unwrap();
    assert!((800..=1000).contains(&seen), "{seen}");
    assert_eq!(nodes(LOOKS_AGE_MAX, reaches.clone()), Some(seen));
    assert_eq!(nodes(LOOKS_AGE_MAX + Duration::from_millis(1), reaches.clone()), None);
    // However much a row holds, the estimate remembers no more of it.
    assert_eq!(nodes(Duration::ZERO, [reaches, vec![1 << 40; 100]].concat()), Some(seen));
}
