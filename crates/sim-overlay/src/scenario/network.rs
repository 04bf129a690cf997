//! A large network that lives: what it costs to run it, and what it costs its nodes.

use std::{sync::Arc, time::Duration};

use super::{
    Size, Spent, Workers,
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

/// From how many nodes on it has to be done within [`TIME_MAX`] and [`RESIDENT_MAX`].
const LARGE: u32 = 10_000;
const TIME_MAX: f64 = 300.0;
/// In MiB.
const RESIDENT_MAX: f64 = 4096.0;
/// In KiB, of each node.
const NODE_MAX: f64 = 320.0;

/// `verifies_alone`: whether each node verifies for itself, and remembers what a production node does.
pub(super) fn run(size: Size, workers: &impl Workers, verifies_alone: bool) -> Vec<Line> {
    let setting = Setting {
        refresh_interval: Some(REFRESH_INTERVAL),
        is_warm: false,
        bits: BITS,
        verifies_alone,
        ..Setting::honest(size.nodes)
    };
    let before = workers.spent();
    let cast = Arc::new(Cast::new(&setting, size.seed));
    let mut world = World::new(&cast, setting, size.seed, 0);
    let drawn = workers.spent();
    let found = ten_minutes(&mut world, size);
    let after = workers.spent();
    let mut lines = vec![Line::share("found at the end", found, Demand::AtLeast(0.99))];
    lines.extend(figures(&world, size.nodes));
    if let (Some(before), Some(drawn), Some(after)) = (before, drawn, after) {
        lines.extend(spent(&world, size.nodes, [before, drawn, after]));
    }
    lines
}

/// One record each, and some are looked for at the end.
fn ten_minutes(world: &mut World, size: Size) -> Share {
    (0..size.nodes).for_each(|it| world.start(it));
    live(world, 2 * MINUTE);
    // Over four minutes: after the look around with which all begin.
    let mut keys = Vec::new();
    for part in 0..4 {
        let some = (0..size.nodes).filter(|it| it % 4 == part);
        keys.extend(some.map(|it| publish(world, it)).collect::<Vec<_>>());
        live(world, MINUTE);
    }
    live(world, 3 * MINUTE + MINUTE / 2);
    let mut draw = Draw::new(size.seed, "network", 0);
    let keys = draw.sample(&keys, SEARCHES);
    let wanted = searches(world, &mut draw, &keys, |_| true);
    Share::of(look_for(world, &wanted).iter().map(|it| it.0))
}

fn figures(world: &World, nodes: u32) -> [Line; 8] {
    let (cost, all) = (world.cost(), f64::from(nodes));
    let records: Vec<f64> = (0..nodes)
        .filter_map(|it| Some(world.dht(it)?.network(world.now()).records as f64))
        .collect();
    let is_near = |it: u32| (world.estimate(it) as f64 / all - 1.0).abs() <= 0.25;
    let offenses: u64 = world.offenses().values().sum();
    let told = |what: &str, figure: f64| Line::number(what, figure, "", Demand::Told);
    let digests = cost.haves as f64 / all;
    [
        Line::share(
            "number of nodes known within 25 %",
            Share::of((0..nodes).map(is_near)),
            Demand::AtLeast(0.95),
        ),
        Line::number("digests told of for each record", digests, "", Demand::AtMost(2100.0)),
        told("records kept by a node, mean", mean(&records)),
        told("records kept by a node, most", percentile(&records, 100)),
        told("kB sent by a node", cost.sent as f64 / all / 1e3),
        told("handshakes of a node", cost.handshakes as f64 / all),
        told("events", world.events() as f64),
        Line::number("offenses of honest nodes", offenses as f64, "", Demand::AtMost(0.0)),
    ]
}

/// What it took to run. Nodes of a world share the records that they hold, which real ones do not: those are
/// counted for each by their encoded bytes, beside its part of the memory.
fn spent(world: &World, nodes: u32, [before, drawn, after]: [Spent; 3]) -> [Line; 6] {
    let is_large = |most| if nodes >= LARGE { Demand::AtMost(most) } else { Demand::Told };
    let part = after.resident.saturating_sub(drawn.resident) as f64 / f64::from(nodes) / 1024.0;
    let held: Vec<f64> = (0..nodes).map(|it| world.bytes_held(it) as f64 / 1024.0).collect();
    let time = after.time.saturating_sub(before.time).as_secs_f64();
    let busy = after.busy.saturating_sub(before.busy).as_secs_f64();
    let resident = after.resident as f64 / f64::from(1 << 20);
    [
        Line::number("seconds that it took", time.round(), "", is_large(TIME_MAX)),
        Line::number("  of a processor", busy.round(), "", Demand::Told),
        Line::number("MiB of the process", resident.round(), "", is_large(RESIDENT_MAX)),
        Line::number("  KiB of it for each node", part, "", Demand::Told),
        Line::number("  KiB of records that a node holds, mean", mean(&held), "", Demand::Told),
        Line::number("  KiB of a node, both", part + mean(&held), "", Demand::AtMost(NODE_MAX)),
    ]
}
