//! Signs of being cut off: when they come, when not, and what the node does.

use core::{net::SocketAddr, time::Duration};
use std::{sync::Arc, vec, vec::Vec};

use ensign_diversity::PrefixTable;
use ensign_primitives::{Instant, PeerId, StateMachine as _};

use super::world::{World, card, config, kept, lone, peer, seed};
use crate::{
    ANCHORS_LOST_TIME, BookConfig, CHANGED_WHEN_CUT_OFF, Event, Input, OUTBOUND_MAX,
    OUTBOUND_WHEN_ALARMED, Output, Reason, Restored,
};

/// The nearest twenty as honest nodes show them, and as hostile ones do.
fn view(is_honest: bool) -> Vec<PeerId> {
    let from = if is_honest { 0 } else { 1000 };
    (from..from + 20).map(peer).collect()
}

/// Nodes from `hostile` on are hostile.
fn world_of(count: u32, number: u64) -> World {
    let cards: Vec<_> = (0..count).map(lone).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config(), seed(number), Restored { kept, anchors: Vec::new() });
    cards.iter().for_each(|card| world.lives(card));
    world.pass(Duration::from_secs(30));
    world
}

/// Answers comparisons for so long: who looks through anybody honest sees the honest world.
fn compare_for(world: &mut World, time: Duration, is_hostile: impl Fn(&PeerId) -> bool) {
    let end = world.now.instant.after(time);
    while world.now.instant < end {
        world.pass(Duration::from_secs(1));
        for (round, near, apart) in core::mem::take(&mut world.compared) {
            let near = view(!near.iter().all(&is_hostile));
            let apart = view(!apart.iter().all(&is_hostile));
            world.input(Input::Compared { round, near, apart });
        }
    }
}

#[test]
fn alarm_rises_within_five_minutes_when_every_connection_turns_hostile() {
    let mut raised = 0;
    for number in 0..100 {
        let mut world = world_of(100, number);
        let outbound = world.outbound();
        assert_eq!(outbound.len(), OUTBOUND_MAX);
        // A fifth of the others is hostile as well.
        let others = (0..100).map(peer).filter(|it| !outbound.contains(it));
        let mut hostile: Vec<_> = others.take(18).collect();
        hostile.extend(outbound);
        compare_for(&mut world, Duration::from_secs(300), |peer| hostile.contains(peer));
        let alarm = Event::Alarm { reason: Reason::ViewsApart };
        raised += usize::from(world.events.contains(&alarm));
    }
    assert!(raised >= 95, "{raised} of 100");
}

#[test]
fn hostile_connections_are_changed_one_after_the_other_and_then_it_is_over() {
    let mut world = world_of(100, 1);
    let hostile = world.outbound();
    compare_for(&mut world, Duration::from_secs(300), |peer| hostile.contains(peer));
    assert!(world.events.contains(&Event::Alarm { reason: Reason::ViewsApart }));
    assert!(world.outbound().len() >= OUTBOUND_MAX - 1);
    compare_for(&mut world, Duration::from_secs(300), |peer| hostile.contains(peer));
    let closed = world.closed.iter().filter(|(peer, _)| hostile.contains(peer)).count();
    assert!(closed >= CHANGED_WHEN_CUT_OFF / 2, "{closed}");
    assert!(world.events.contains(&Event::Over { reason: Reason::ViewsApart }));
    assert!(world.outbound().len() <= OUTBOUND_MAX + OUTBOUND_WHEN_ALARMED);
}

#[test]
fn no_alarm_by_views_in_a_month_with_a_fifth_hostile() {
    let mut world = world_of(100, 2);
    let hostile: Vec<_> = (0..20).map(peer).collect();
    let end = world.now.instant.after(Duration::from_secs(30 * 24 * 3600));
    while world.now.instant < end {
        world.pass(Duration::from_secs(20));
        for (round, near, apart) in core::mem::take(&mut world.compared) {
            let near = view(!near.iter().all(|it| hostile.contains(it)));
            let apart = view(!apart.iter().all(|it| hostile.contains(it)));
            world.input(Input::Compared { round, near, apart });
        }
    }
    assert_eq!(world.events, vec![]);
}

#[test]
fn no_alarm_by_views_while_a_third_of_the_connections_is_honest() {
    for number in 0..20 {
        let mut world = world_of(100, number);
        let outbound = world.outbound();
        let hostile = &outbound[..OUTBOUND_MAX * 2 / 3];
        compare_for(&mut world, Duration::from_secs(900), |peer| hostile.contains(peer));
        assert_eq!(world.events, vec![], "{number}");
    }
}

#[test]
fn answers_to_no_comparison_change_nothing() {
    let mut world = world_of(100, 1);
    for round in 0..100 {
        world.input(Input::Compared { round: round + 1000, near: view(false), apart: view(true) });
    }
    assert_eq!(world.events, vec![]);
    // Who is away says nothing.
    compare_for(&mut world, Duration::from_secs(60), |_| false);
    for (round, ..) in core::mem::take(&mut world.compared) {
        world.input(Input::Compared { round, near: view(true), apart: Vec::new() });
    }
    assert_eq!(world.book.signs().count(), 0);
}

#[test]
fn loss_of_all_anchors_is_a_sign_until_there_are_others() {
    let cards: Vec<_> = (0..100).map(lone).collect();
    let kept: Vec<_> = cards.iter().cloned().map(kept).collect();
    let anchors = vec![peer(0), peer(1)];
    let mut world = World::new(config(), seed(1), Restored { kept, anchors });
    cards[2..].iter().for_each(|card| world.lives(card));
    world.pass(ANCHORS_LOST_TIME - Duration::from_secs(1));
    assert_eq!(world.events, vec![]);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.events, vec![Event::Alarm { reason: Reason::AnchorsLost }]);
    assert_eq!(world.outbound().len(), OUTBOUND_MAX + OUTBOUND_WHEN_ALARMED);
    world.pass(Duration::from_secs(900));
    assert_eq!(world.events.last(), Some(&Event::Over { reason: Reason::AnchorsLost }));
    assert_eq!(world.book.anchors().len(), 2);
}

/// When the loss of the last anchor, which was given up for another sign, is one itself. The connection ends 20 s after
/// it was given up; in between, the machine is woken or not.
fn last_anchor_given_up(is_woken: bool) -> Instant {
    let config = BookConfig { outbound: 1, ..config() };
    let cards: Vec<_> = (0..10).map(lone).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config, seed(1), Restored { kept, anchors: Vec::new() });
    world.lives(&cards[0]);
    world.pass(Duration::from_secs(1200));
    assert_eq!(world.book.anchors(), [peer(0)]);
    while world.book.signs().next().is_none() {
        for (round, ..) in core::mem::take(&mut world.compared) {
            let (near, apart) = (view(false), view(true));
            world.book.handle_input(world.now, Input::Compared { round, near, apart });
            while let Some(output) = world.book.poll_output() {
                assert!(!matches!(output, Output::Event(Event::Over { .. })), "{output:?}");
            }
        }
        world.pass(Duration::from_secs(1));
    }
    for _ in 0..20 {
        if is_woken {
            world.book.handle_timeout(world.now);
        }
        world.pass(Duration::from_secs(1));
    }
    world.alive.clear();
    world.hang_up(peer(0));
    while !world.book.signs().any(|it| it == Reason::AnchorsLost) {
        world.pass(Duration::from_secs(1));
    }
    world.now.instant
}

#[test]
fn anchor_that_is_given_up_is_lost_then_whenever_somebody_looks() {
    assert_eq!(last_anchor_given_up(true), last_anchor_given_up(false));
}

#[test]
fn all_connections_into_one_provider_is_a_sign() {
    let config = BookConfig { outbound: 4, ..config() };
    let address = |it: u32| SocketAddr::from(([66, it as u8, 1, 1], 4000));
    let cards: Vec<_> = (0..4).map(|it| card(it, address(it))).collect();
    let kept = cards.iter().cloned().map(kept).collect();
    let mut world = World::new(config, seed(1), Restored { kept, anchors: Vec::new() });
    cards.iter().for_each(|card| world.lives(card));
    world.pass(Duration::from_secs(10));
    assert_eq!((world.outbound().len(), world.events.len()), (4, 0));
    // Only now is it known that all of them are one provider's.
    let mut table = PrefixTable::builder();
    table.line("66.0.0.0\t8\t64666").unwrap();
    world.book.know_prefixes(world.now, Arc::new(table.build()));
    world.call(peer(50), address(50));
    assert!(matches!(
        world.events.as_slice(),
        [Event::Alarm { reason: Reason::OneGroup { .. } }, ..]
    ));
    assert_eq!(world.closed.len(), 1);
}
