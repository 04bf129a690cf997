//! Members that are away: what is published for them, who finds it, and what hostile nodes make of it.

use core::time::Duration;
use std::{collections::BTreeSet, net::SocketAddr, vec, vec::Vec};

use ensign_primitives::{PeerId, UnixTime};
use ensign_rendezvous::{DAY, DayKey, day};
use ensign_wire::{DhtMessage, DhtRecord, RecordKind, Role};

use super::cast::{NETWORK, START, World, address, config, key, peer};
use crate::{
    Event, Input, Message, Output, OverlayConfig, PAIR_SPREAD, PUBLISH_DELAY, Restored, Way,
};

/// Two members without a node record, far from every other number.
const ALICE: u16 = 70;
const BOB: u16 = 71;

/// They ask only, so that nothing public says where they are.
fn light(number: u16) -> OverlayConfig {
    config(number, Role::Light)
}

fn pair(world: &mut World, number: u16, other: u16) {
    world.input(number, Input::Wanted { peer: peer(other) });
    world.input(number, Input::Paired { peer: peer(other) });
}

fn found(outputs: &[(PeerId, Output)], by: u16, whom: u16) -> Vec<Vec<SocketAddr>> {
    let of = |(who, output): &(PeerId, Output)| match output {
        Output::Found { peer: found, addresses } if (*who, *found) == (peer(by), peer(whom)) => {
            Some(addresses.clone())
        }
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

/// Each sealed record that a node has handed to somebody.
fn handed(world: &World, by: u16) -> Vec<DhtRecord> {
    let of = |(who, output): &(PeerId, Output)| match output {
        Output::Send { message: Message::Dht(DhtMessage::Store(store)), .. }
            if *who == peer(by) && store.record.kind() == RecordKind::RENDEZVOUS =>
        {
            Some(store.record.clone())
        }
        _ => None,
    };
    world.outputs.iter().filter_map(of).collect()
}

/// A network of `nodes` that serve, and two members who have not met.
fn apart(nodes: u16) -> World {
    let mut world = World::new(nodes);
    world.run(Duration::from_secs(10));
    for number in [ALICE, BOB] {
        world.add(number, light(number), Restored::default());
    }
    pair(&mut world, ALICE, BOB);
    pair(&mut world, BOB, ALICE);
    world
}

#[test]
fn members_without_a_node_record_find_each_other_in_a_network_of_one_and_of_many() {
    for nodes in [1, 2, 25] {
        let mut world = apart(nodes);
        world.run(Duration::from_secs(45));
        for (by, whom) in [(ALICE, BOB), (BOB, ALICE)] {
            let at = found(&world.outputs, by, whom);
            assert!(at.iter().all(|it| *it == [address(whom)]), "{nodes}: {at:?}");
            assert!(!at.is_empty(), "{nodes}: {by} does not find {whom}");
            let event = Event::Found { peer: peer(whom), by: Way::Rendezvous };
            assert!(world.events(by).contains(&event));
            assert_eq!(world.node(by).status(world.now).sealed_for, 1);
        }
        assert_eq!(world.offenses, Vec::<std::string::String>::new());
    }
}

#[test]
fn what_a_node_publishes_for_several_has_nothing_in_common() {
    let mut world = World::new(20);
    world.run(Duration::from_secs(10));
    world.add(ALICE, light(ALICE), Restored::default());
    let others = 80..90;
    others.clone().for_each(|other| pair(&mut world, ALICE, other));
    world.run(Duration::from_secs(25));
    let all = handed(&world, ALICE);
    let one_each =
        |of: fn(&DhtRecord) -> [u8; 32]| all.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!(one_each(|it| *it.publisher().as_bytes()), others.len());
    assert_eq!(one_each(|it| it.key().0), others.len());
    let moments: BTreeSet<UnixTime> = all.iter().map(DhtRecord::issued).collect();
    assert_eq!(moments.len(), others.len(), "no two were signed in one moment");
    assert!(all.iter().all(|it| it.encode().len() == all[0].encode().len()));
    assert!(all.iter().all(|it| it.publisher() != peer(ALICE)));
}

#[test]
fn only_members_who_are_away_are_told_and_only_they_are_looked_for_so() {
    let mut world = World::new(10);
    world.run(Duration::from_secs(10));
    world.add(ALICE, light(ALICE), Restored::default());
    world.add(BOB, light(BOB), Restored::default());
    // Wanted for another reason.
    world.input(ALICE, Input::Wanted { peer: peer(BOB) });
    world.run(Duration::from_secs(60));
    assert_eq!((handed(&world, ALICE), handed(&world, BOB)), (vec![], vec![]));
    pair(&mut world, ALICE, BOB);
    world.run(Duration::from_secs(60));
    assert!(!handed(&world, ALICE).is_empty());
    // It is here: nothing is published any more, and when it goes something is.
    world.command(ALICE, |it, now| it.ping(now, peer(BOB), address(BOB)).unwrap());
    world.run(Duration::from_secs(1));
    assert_eq!(world.node(ALICE).status(world.now).sealed_for, 0);
    world.outputs.clear();
    world.run(Duration::from_secs(1800));
    assert_eq!(handed(&world, ALICE), []);
    world.stop(BOB);
    world.run(PUBLISH_DELAY + PAIR_SPREAD + Duration::from_secs(5));
    assert_eq!(world.node(ALICE).status(world.now).sealed_for, 1);
    world.input(ALICE, Input::Unpaired { peer: peer(BOB) });
    assert_eq!(world.node(ALICE).status(world.now).sealed_for, 0);
}

#[test]
fn who_is_banned_is_told_nothing() {
    let mut world = World::new(5);
    world.run(Duration::from_secs(10));
    world.add(ALICE, light(ALICE), Restored::default());
    world.input(ALICE, Input::Barred { peer: peer(BOB), is_barred: true });
    pair(&mut world, ALICE, BOB);
    world.run(Duration::from_secs(60));
    assert_eq!(handed(&world, ALICE), []);
    world.input(ALICE, Input::Barred { peer: peer(BOB), is_barred: false });
    world.run(Duration::from_secs(60));
    assert!(!handed(&world, ALICE).is_empty());
}

#[test]
fn each_day_has_a_key_of_its_own_and_the_last_one_is_published_no_more() {
    let mut world = World::new(0);
    let midnight = DAY.as_millis() as u64 * (day(START.unix) + 1);
    // Ten minutes before.
    world.now.unix = UnixTime::from_millis(midnight - 600_000);
    (0..3).for_each(|it| world.add(it, config(it, Role::Signer), Restored::default()));
    world.run(Duration::from_secs(10));
    for number in [ALICE, BOB] {
        world.add(number, light(number), Restored::default());
    }
    pair(&mut world, ALICE, BOB);
    world.run(Duration::from_secs(40 * 60));
    let keys: BTreeSet<_> = handed(&world, ALICE).iter().map(DhtRecord::key).collect();
    let of = |day| DayKey::ours(&key(ALICE), NETWORK, &peer(BOB), day).unwrap().key();
    let today = day(world.now.unix);
    assert_eq!(keys, [of(today - 1), of(today)].into());
    assert_eq!(world.node(ALICE).status(world.now).sealed_for, 1);
    // Half an hour after midnight what was published before is looked at too.
    pair(&mut world, BOB, ALICE);
    world.outputs.clear();
    world.run(Duration::from_secs(30));
    assert_eq!(found(&world.outputs, BOB, ALICE), [[address(ALICE)]]);
}
