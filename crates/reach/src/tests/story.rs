//! A node comes, is seen, tested and found, or not, and moves.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::StateMachine;
use ensign_wire::Scope;

use super::cast::{Does, World, config, outside, peer};
use crate::{Announce, Output, REFRESHED, RETEST_INTERVAL, ReachConfig, Verdict};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn node_behind_an_open_router_is_announced_once_two_areas_came_back() {
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    world.meet(1, outside(4820), Does::Dial);
    assert_eq!((world.status().verdict, world.asked.len()), (Verdict::Unseen, 0));
    world.meet(2, outside(4820), Does::Dial);
    let status = world.status();
    assert_eq!((status.verdict, status.seen[0].networks), (Verdict::Reached, 2));
    assert_eq!(world.announced(), [outside(4820)]);
    assert_eq!((world.asked.len(), world.changes, world.offenses()), (2, 1, 0));
    let by: Vec<_> = status.tested[0].reached.iter().map(|(peer, _)| *peer).collect();
    assert!(by.contains(&peer(1)) && by.contains(&peer(2)), "{by:?}");
}

#[test]
fn node_that_nobody_reaches_is_told_so_and_announces_nothing() {
    let mut world = World::new(config());
    for number in 1..=4 {
        world.meet(number, outside(4820), Does::Dial);
    }
    let status = world.status();
    assert_eq!((status.verdict, status.port), (Verdict::Unreached, Some(4820)));
    assert_eq!((status.tested[0].failed, world.asked.len()), (3, 3));
    assert!(world.announced().is_empty());
    // Its user forwards the port: found at the next round, which nobody has to start.
    world.open = vec![outside(4820)];
    world.reach.heard();
    world.run(3 * MINUTE);
    assert_eq!(world.announced(), [outside(4820)]);
    assert_eq!(world.status().verdict, Verdict::Reached);
}

#[test]
fn port_that_is_forwarded_is_found_where_the_router_shows_another() {
    // Each observer sees another port, and the one on which the node listens is forwarded.
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    for number in 1..=3 {
        world.meet(number, outside(30_000 + number), Does::Dial);
    }
    assert_eq!(world.announced(), [outside(4820)]);
    // All see one other port: both are tested.
    let mut world = World::new(config());
    world.open = vec![outside(777 + 1000)];
    for number in 1..=8 {
        world.meet(number, outside(1777), Does::Dial);
    }
    assert_eq!(world.announced(), [outside(1777)]);
    assert_eq!(world.status().tested.len(), 2);
}

#[test]
fn own_interface_needs_no_observer_and_one_dial_back() {
    let listening = vec![outside(4820)];
    let mut world = World::new(ReachConfig { listening, ..config() });
    world.open = vec![outside(4820)];
    assert_eq!(world.status().verdict, Verdict::Testing);
    world.meet(1, outside(4820), Does::Dial);
    assert_eq!((world.announced(), world.asked.len()), (vec![outside(4820)], 1));
}

#[test]
fn what_the_user_names_is_announced_at_once_and_tested_for_his_knowledge() {
    let given = vec![outside(5000)];
    let mut world = World::new(ReachConfig { given, ..config() });
    assert_eq!(world.announced(), [outside(5000)]);
    assert_eq!(world.status().verdict, Verdict::Untested);
    for number in 1..=3 {
        world.meet(number, outside(4820), Does::Dial);
    }
    // Others see another port, which is open too: what is named stands alone.
    let status = world.status();
    assert_eq!((status.verdict, status.is_given), (Verdict::Unreached, true));
    assert_eq!((world.announced(), world.changes), (vec![outside(5000)], 0));
    world.open = vec![outside(5000)];
    world.run(3 * MINUTE);
    world.reach.heard();
    world.run(3 * MINUTE);
    assert_eq!(world.status().verdict, Verdict::Reached);
}

#[test]
fn node_of_its_own_area_is_not_asked() {
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    world.meet_at(1, ([9, 9, 9, 1], 4000).into(), (outside(4820), Does::Dial));
    world.meet(2, outside(4820), Does::Dial);
    assert_eq!(world.asked.iter().map(|it| it.0).collect::<Vec<_>>(), [peer(2)]);
    assert_eq!(world.status().verdict, Verdict::Testing);
    world.meet(3, outside(4820), Does::Dial);
    assert_eq!(world.announced(), [outside(4820)]);
}

#[test]
fn local_network_and_light_node_test_nothing() {
    let listening = vec![([127, 0, 0, 1], 4820).into()];
    for (announce, verdict) in
        [(Announce::Listening, Verdict::Untested), (Announce::Nothing, Verdict::Unwanted)]
    {
        let listening = listening.clone();
        let scope = Scope::Local;
        let mut world = World::new(ReachConfig { scope, listening, announce, given: vec![] });
        for number in 1..=4 {
            world.meet(number, ([127, 0, 0, 1], 4820).into(), Does::Dial);
        }
        assert_eq!((world.status().verdict, world.asked.len()), (verdict, 0));
        assert_eq!(world.announced().is_empty(), announce == Announce::Nothing);
        assert_eq!(world.reach.poll_timeout(), None);
    }
}

#[test]
fn loopback_nodes_dial_each_other_back_where_they_are_told_to() {
    let own = ([127, 0, 0, 1], 4820).into();
    let config = ReachConfig { scope: Scope::Local, listening: vec![own], ..config() };
    let mut world = World::new(config);
    world.open = vec![own];
    world.meet_at(1, ([127, 0, 0, 1], 4000).into(), (own, Does::Dial));
    assert_eq!(world.announced(), [own]);
}

#[test]
fn address_that_changes_is_given_up_and_the_new_one_found() {
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    for number in 1..=8 {
        world.meet(number, outside(4820), Does::Dial);
    }
    assert_eq!(world.announced(), [outside(4820)]);
    // The provider gives another one. Connections live on, and say nothing new.
    let moved = ([9, 9, 7, 7], 4820).into();
    world.open = vec![moved];
    world.reach.heard();
    world.run(RETEST_INTERVAL + MINUTE);
    assert!(world.announced().is_empty(), "{:?}", world.status());
    let anew = world.outputs.iter().filter(|it| matches!(it, Output::Refresh { .. })).count();
    assert_eq!(anew, REFRESHED);
    // Two that are dialled anew say where we are now.
    world.meet(11, moved, Does::Dial);
    world.meet(12, moved, Does::Dial);
    assert_eq!(world.announced(), [moved]);
    assert_eq!(world.changes, 3);
}

#[test]
fn address_that_holds_is_tested_anew_by_one() {
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    for number in 1..=4 {
        world.meet(number, outside(4820), Does::Dial);
    }
    let before = world.asked.len();
    for _ in 0..3 {
        world.reach.heard();
        world.run(RETEST_INTERVAL + MINUTE);
    }
    assert_eq!((world.asked.len(), world.changes), (before + 3, 1));
    let (_, ago) = *world.status().tested[0].reached.last().unwrap();
    assert!(ago <= RETEST_INTERVAL);
}

#[test]
fn two_families_are_seen_and_tested_apart() {
    let v6 = |port: u16| core::net::SocketAddr::from(([0x2a00, 0, 0, 0, 0, 0, 0, 9], port));
    let mut world = World::new(config());
    world.open = vec![outside(4820), v6(4820)];
    for number in 1..=2_u16 {
        world.meet(number, outside(4820), Does::Dial);
        let remote = ([0x2a10 + number, 0, 0, 0, 0, 0, 0, 1], 4000).into();
        world.meet_at(10 + number, remote, (v6(4820), Does::Dial));
    }
    assert_eq!(world.announced(), [outside(4820), v6(4820)]);
}
