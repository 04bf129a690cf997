//! A large network that lives: what it costs to run it, and what it costs its nodes.

use std::{sync::Arc, time::Duration};

use super::{
    Size,
    live::{live, look_for, publish, searches},
};
use crate::{
    Cast, Setting, World,
    draw::Draw,
    figures::{Demand, Line, Share, mean, percentile},
};
use ensign_dht::REFRESH_INTERVAL;

const MINUTE: Duration = Duration::from_secs(60);
/// Zero bits of positions here: what can be found for ten thousand nodes in seconds.
const BITS: u8 = 8;
/// How many records are looked for at the end.
const SEARCHES: usize = 100;

pub(super) fn run(size: Size) -> Vec<Line> {
    let setting = Setting {
        refresh_interval: Some(REFRESH_INTERVAL),
        is_warm: false,
        bits: BITS,
        ..Setting::honest(size.nodes)
    };
    let cast = Arc::new(Cast::new(&setting, size.seed));
    let mut world = World::new(&cast, setting, size.seed, 0);
    (0..size.nodes).for_each(|it| world.start(it));
    live(&mut world, 2 * MINUTE);
    // One record each, over four minutes: after the look around with which all begin.
    let mut keys = Vec::new();
    for part in 0..4 {
        let some = (0..size.nodes).filter(|it| it % 4 == part);
        keys.extend(some.map(|it| publish(&mut world, it)).collect::<Vec<_>>());
        live(&mut world, MINUTE);
    }
    live(&mut world, 3 * MINUTE + MINUTE / 2);
    let mut draw = Draw::new(size.seed, "network", 0);
    let keys = draw.sample(&keys, SEARCHES);
    let wanted = searches(&world, &mut draw, &keys, |_| true);
    let ends = look_for(&mut world, &wanted);
    let (cost, nodes) = (world.cost(), f64::from(size.nodes));
    let records: Vec<f64> = (0..size.nodes)
        .filter_map(|it| Some(world.dht(it)?.network(world.now()).records as f64))
        .collect();
    let estimates: Vec<f64> = (0..size.nodes).map(|it| world.estimate(it) as f64).collect();
    let is_near = |it: &f64| (it / nodes - 1.0).abs() <= 0.25;
    let offenses: u64 = world.offenses().values().sum();
    vec![
        Line::share(
            "found at the end",
            Share::of(ends.iter().map(|it| it.0)),
            Demand::AtLeast(0.99),
        ),
        Line::share(
            "number of nodes known within 25 %",
            Share::of(estimates.iter().map(is_near)),
            Demand::AtLeast(0.95),
        ),
        Line::number(
            "digests told of for each record",
            cost.haves as f64 / nodes,
            "",
            Demand::AtMost(2100.0),
        ),
        Line::number("records kept by a node, mean", mean(&records), "", Demand::Told),
        Line::number("records kept by a node, most", percentile(&records, 100), "", Demand::Told),
        Line::number("kB sent by a node", cost.sent as f64 / nodes / 1e3, "", Demand::Told),
        Line::number("handshakes of a node", cost.handshakes as f64 / nodes, "", Demand::Told),
        Line::number("events", world.events() as f64, "", Demand::Told),
        Line::number("offenses of honest nodes", offenses as f64, "", Demand::AtMost(0.0)),
    ]
}
