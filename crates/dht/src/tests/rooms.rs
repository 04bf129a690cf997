//! The table, the estimate and the alarm by themselves.

use core::time::Duration;
use std::{net::IpAddr, sync::Arc, vec::Vec};

use ensign_diversity::PrefixTable;
use ensign_pow::{Purpose, Puzzle, Solver};
use ensign_wire::{Key, NodeId, NodeRecord, Scope};
use proptest::prelude::*;

use super::cast::{NETWORK, START, address, later, peer, record, record_at};
use crate::{
    GROUP_PER_BUCKET_MAX, GROUP_PER_TABLE_MAX, K, Placed, STALE_AFTER, Size, Table, is_dense,
    region,
};

fn table() -> Table {
    table_in(Scope::Global)
}

fn table_in(scope: Scope) -> Table {
    Table::new(NodeId([0; 32]), scope, Arc::new(PrefixTable::default()))
}

fn enter(table: &mut Table, number: u16) -> Placed {
    table.answered(START.instant, record(number), address(number).ip())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn closest_are_those_of_a_full_search(target in any::<[u8; 32]>(), count in 1..40_usize) {
        let mut table = table();
        (0..300).for_each(|number| { enter(&mut table, number); });
        let target = Key(target);
        let mut all: Vec<NodeRecord> = table.contacts().cloned().collect();
        all.sort_by_key(|it| target.distance(it.position()));
        all.truncate(count);
        prop_assert_eq!(table.closest(target, count), all);
    }
}

/// How many of two hundred nodes at these addresses a table takes.
fn taken(scope: Scope, address: impl Fn(u16) -> IpAddr) -> usize {
    let mut table = table_in(scope);
    for number in 0..200 {
        table.answered(START.instant, record(number), address(number));
    }
    table.len()
}

#[test]
fn nodes_of_one_local_network_are_no_crowd_where_the_whole_network_is_local() {
    let lan = |number: u16| IpAddr::from([192, 168, 1, number as u8]);
    let one_host = |_| IpAddr::from([10, 0, 0, 7]);
    let machine = |_| IpAddr::from([127, 0, 0, 1]);
    let link = |number: u16| IpAddr::from([169, 254, 3, number as u8]);
    let unique = |number: u16| IpAddr::from([0xfd00, 0, 0, 1, 0, 0, 0, number]);
    let public = |number: u16| IpAddr::from([9, 9, 9, number as u8]);
    let room = taken(Scope::Global, |number| address(number).ip());
    assert!(room > 3 * GROUP_PER_TABLE_MAX, "{room}");
    for local in [&lan as &dyn Fn(u16) -> IpAddr, &one_host, &machine, &link, &unique] {
        assert_eq!(taken(Scope::Local, local), room);
        // Elsewhere such an address is what a proxy or a router shows, and counts as any other.
        assert_eq!(taken(Scope::Global, local), GROUP_PER_TABLE_MAX);
    }
    // A public network is one owner's in a network of one's own, too.
    assert_eq!(taken(Scope::Local, public), GROUP_PER_TABLE_MAX);
}

#[test]
fn full_bucket_keeps_its_live_contacts_and_asks_the_silent_one() {
    let mut table = table();
    let far: Vec<u16> = (0..).filter(|it| record(*it).position().0[0] >= 128).take(K + 3).collect();
    let (old, new) = far.split_at(K);
    old.iter().for_each(|it| assert_eq!(enter(&mut table, *it), Placed::In));
    assert_eq!(enter(&mut table, new[0]), Placed::Waits { ask: None });
    let late = later(START, STALE_AFTER).instant;
    let placed = table.answered(late, record(new[1]), address(new[1]).ip());
    let Placed::Waits { ask: Some(silent) } = placed else { panic!("{placed:?}") };
    assert!(old.contains(&(0..).find(|it| peer(*it) == silent.peer()).unwrap()));
    // It answers, and stays.
    assert_eq!(table.answered(late, silent.clone(), address(0).ip()), Placed::In);
    assert!(!table.failed(&silent.peer(), silent.position()));
    assert!(table.contains(&silent.peer(), silent.position()));
    // It is silent twice, and the newest who waits has its place.
    assert!(table.failed(&silent.peer(), silent.position()));
    let newest = record(new[1]);
    assert!(table.contains(&newest.peer(), newest.position()));
    assert!(!table.contains(&silent.peer(), silent.position()));
    assert_eq!(table.len(), K);
}

#[test]
fn one_network_has_two_places_of_a_bucket_and_ten_of_the_table() {
    let mut table = table();
    for number in 0..2000_u16 {
        let [_, low] = number.to_be_bytes();
        let address = ([9, 9, 9, low], 1000 + number).into();
        table.answered(
            START.instant,
            record_at(number, START, address),
            IpAddr::from([9, 9, 9, low]),
        );
    }
    let mut buckets = std::collections::BTreeMap::<u16, usize>::new();
    table.rows().for_each(|(bucket, ..)| *buckets.entry(bucket).or_default() += 1);
    assert!(buckets.values().all(|it| *it <= GROUP_PER_BUCKET_MAX), "{buckets:?}");
    assert_eq!(table.len(), GROUP_PER_TABLE_MAX);
    // Whoever comes from elsewhere has a place.
    assert_eq!(enter(&mut table, 3000), Placed::In);
}

#[test]
fn regression_nodes_that_came_from_everywhere_moved_into_one_network() {
    let mut table = table();
    let numbers: Vec<_> = (0..40).collect();
    numbers.iter().for_each(|it| _ = enter(&mut table, *it));
    assert!(table.len() > GROUP_PER_TABLE_MAX);
    for number in numbers {
        let address = ([9, 9, 9, number as u8], 4000).into();
        let moved = record_at(number, later(START, Duration::from_secs(60)), address);
        table.answered(START.instant, moved, address.ip());
    }
    assert!(table.len() <= GROUP_PER_TABLE_MAX, "{}", table.len());
}

#[test]
fn a_provider_counts_as_one_group_where_it_is_known() {
    let mut builder = PrefixTable::builder();
    builder.line("8.0.0.0\t8\t65001").unwrap();
    let mut table = Table::new(NodeId([0; 32]), Scope::Global, Arc::new(builder.build()));
    (0..500).for_each(|number| {
        enter(&mut table, number);
    });
    assert_eq!(table.len(), GROUP_PER_TABLE_MAX);
}

/// Distances from a point among so many nodes, evenly: the twentieth is 20 parts of all away.
fn even(nodes: u64) -> Vec<u64> {
    (1..=nodes.min(32)).map(|it| u64::MAX / nodes * it).collect()
}

#[test]
fn number_of_nodes_is_read_from_distances_and_moves_by_two_an_hour() {
    let hours = |count: u64| later(START, Duration::from_secs(3600 * count)).instant;
    let mut size = Size::new();
    (0..16).for_each(|_| size.observe(hours(0), &even(1000)));
    let nodes = size.nodes().unwrap();
    assert!((800..=1000).contains(&nodes), "{nodes}");
    size.observe(hours(1), &even(1000));
    (0..16).for_each(|_| size.observe(hours(1), &even(100_000)));
    assert_eq!(size.nodes(), Some(2 * nodes));
    size.observe(hours(2), &even(100_000));
    assert_eq!(size.nodes(), Some(4 * nodes));
    assert_eq!(
        size.nodes().map(|it| region(Some(it), 256) > region(Some(it + 1), 256)),
        Some(true)
    );
    assert_eq!(region(Some(1023), 256), 1 << 62);
    assert_eq!(region(None, 256), 1 << 62);
}

#[test]
fn what_an_earlier_run_saw_holds_at_once() {
    let mut size = Size::new();
    (0..16).for_each(|_| size.recall(START.instant, &even(10_000)));
    let nodes = size.nodes().unwrap();
    (0..16).for_each(|_| size.observe(START.instant, &even(100_000)));
    assert_eq!(size.nodes(), Some(2 * nodes));
}

#[test]
fn regression_who_is_there_first_sees_the_network_grow() {
    let near = |nodes: Option<u64>, of: u64| nodes.is_some_and(|it| it * 4 >= of * 3 && it <= of);
    let hours = |count: u64| later(START, Duration::from_secs(3600 * count)).instant;
    let mut size = Size::new();
    (0..16).for_each(|_| size.observe(hours(0), &even(26)));
    (0..16).for_each(|_| size.observe(hours(0), &even(10_000)));
    assert!(near(size.nodes(), 10_000), "within the first hour: {:?}", size.nodes());
    let mut old = Size::new();
    (0..16).for_each(|_| old.observe(hours(0), &even(26)));
    old.observe(hours(5), &even(26));
    (0..16).for_each(|_| old.observe(hours(5), &even(120)));
    assert!(near(old.nodes(), 120), "a small network later on: {:?}", old.nodes());
}

#[test]
fn a_walk_is_over_when_the_nearest_that_are_not_gone_have_answered() {
    use crate::pool::{Pool, Standing};
    let key = Key([0x5a; 32]);
    let nodes: Vec<_> = (0..24).map(record).collect();
    let mut seen = [0, 0];
    for draw in 0..400_u32 {
        let mut pool = Pool::new(Scope::Global);
        let mut all = Vec::new();
        for (at, node) in (0..(draw % 24) as u16).zip(&nodes) {
            let mixed = (draw * 31 + u32::from(at)).wrapping_mul(2_654_435_761) >> 24;
            let standing = match mixed {
                0..8 => Standing::New,
                8..16 => Standing::Asked,
                16..64 => Standing::Dead,
                _ => Standing::Answered,
            };
            pool.own(node.clone());
            pool.set(at, standing);
            all.push((key.distance(node.position()).top(), standing));
        }
        all.retain(|it| it.1 != Standing::Dead);
        all.sort_unstable_by_key(|it| it.0);
        let is_over = all.iter().take(10).all(|it| it.1 == Standing::Answered);
        assert_eq!(pool.is_settled(key, 10), is_over, "{draw}");
        seen[usize::from(is_over)] += 1;
    }
    assert!(seen[0] > 40 && seen[1] > 40, "{seen:?}");
}

#[test]
fn a_neighbourhood_is_dense_from_twenty_ground_positions_on() {
    assert_eq!(is_dense(&even(10_000), 10_000), None);
    let mut ground: Vec<u64> = (1..=20).map(|it| u64::MAX / 1_000_000 * it).collect();
    ground.extend(even(10_000));
    ground.truncate(32);
    assert_eq!(is_dense(&ground, 10_000), Some(8));
    assert_eq!(is_dense(&ground[..5], 10_000), None);
}

#[test]
fn the_work_of_a_position_is_that_of_the_puzzle() {
    let (key, epoch) = (peer(1), ensign_wire::position_epoch(START.unix));
    let puzzle =
        Puzzle { purpose: Purpose::Position, network: NETWORK, key, seed: [0; 32], epoch, bits: 8 };
    let proof = Solver::new(&puzzle, 0).step(100_000).unwrap();
    let mut node = record(1).node().clone();
    node.proof = proof;
    let made = NodeRecord::new(&super::cast::key(1), NETWORK, START.unix, node).unwrap();
    assert_eq!(made.verify_work(puzzle.bits_of(proof.nonce)), Ok(()));
    assert!(made.verify_work(puzzle.bits_of(proof.nonce) + 1).is_err());
}
