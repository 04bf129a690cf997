//! Nodes that begin at once, and know one.

use std::{sync::Arc, time::Duration};

use ensign_dht::{Input, K};
use ensign_primitives::StateMachine as _;

use super::{
    Size,
    live::{live, look_for, publish, searches},
};
use crate::{
    Cast, Setting, World,
    draw::Draw,
    figures::{Demand, Line, Share, mean, percentile},
};

/// Within which time each node has to be usable.
const USABLE: Duration = Duration::from_secs(5);
/// Who all others know.
const BOOTSTRAP: u32 = 0;
/// What that one may send to each.
const BOOTSTRAP_KB_MAX: f64 = 12.0;
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// How it went.
#[derive(Debug, Default)]
struct Start {
    /// After how many seconds each node was usable.
    usable: Vec<Option<f64>>,
    /// How many were after [`USABLE`].
    in_time: u64,
    /// Bytes that the bootstrap node had sent then.
    sent: u64,
}

pub(super) fn run(size: Size) -> Vec<Line> {
    let setting = Setting::honest(size.nodes).from_nothing();
    let cast = Arc::new(Cast::new(&setting, size.seed));
    let mut world = World::new(&cast, setting, size.seed, BOOTSTRAP);
    world.start(BOOTSTRAP);
    let bootstrap = world.record(BOOTSTRAP);
    for node in 1..size.nodes {
        let record = bootstrap.clone();
        world.command(node, |dht, now| dht.handle_input(now, Input::Learned { record }));
    }
    let start = watch(&mut world, size.nodes);
    let mut lines = lines(&world, size.nodes, &start);
    let mut draw = Draw::new(size.seed, "cold start", 0);
    let publishers = (0..size.trials).map(|_| draw.below(size.nodes as usize) as u32);
    let publishers: Vec<u32> = publishers.collect();
    let keys: Vec<_> = publishers.iter().map(|it| publish(&mut world, *it)).collect();
    live(&mut world, Duration::from_secs(30));
    let wanted = searches(&world, &mut draw, &keys, |_| true);
    let ends = look_for(&mut world, &wanted);
    let found = Share::of(ends.iter().map(|it| it.0));
    lines.push(Line::share("found then", found, Demand::AtLeast(0.99)));
    lines
}

/// Looks on for a minute: what is late is told too.
fn watch(world: &mut World, nodes: u32) -> Start {
    let mut start = Start { usable: vec![None; nodes as usize], ..Start::default() };
    let begin = world.now().instant;
    while world.now().instant.since(begin) < 12 * USABLE {
        world.run(LOOK);
        let after = world.now().instant.since(begin);
        for (node, at) in (0..).zip(&mut start.usable) {
            if at.is_none() && contacts(world, node) >= K.min(nodes as usize / 4) {
                *at = Some(after.as_secs_f64());
            }
        }
        if after <= USABLE {
            start.sent = world.cost_of(BOOTSTRAP).sent;
            start.in_time = start.usable.iter().flatten().count() as u64;
        }
    }
    start
}

fn lines(world: &World, nodes: u32, start: &Start) -> Vec<Line> {
    let joiners = f64::from(nodes - 1);
    let never = f64::from(u16::MAX);
    let times: Vec<f64> = start.usable.iter().map(|it| it.unwrap_or(never)).collect();
    let all: Vec<f64> = (0..nodes).map(|it| contacts(world, it) as f64).collect();
    let in_time = Share { good: start.in_time, of: nodes.into() };
    let (first, later) = (start.sent as f64, world.cost_of(BOOTSTRAP).sent as f64);
    let sends = |what: &str, bytes: f64| {
        Line::number(what, bytes / joiners / 1e3, " kB", Demand::AtMost(BOOTSTRAP_KB_MAX))
    };
    vec![
        Line::share("usable within 5 s: 20 contacts", in_time, Demand::AtLeast(1.0)),
        Line::number("  usable after, p50", percentile(&times, 50), " s", Demand::Told),
        Line::number("  usable after, last", percentile(&times, 100), " s", Demand::Told),
        Line::number("contacts after a minute, mean", mean(&all), "", Demand::Told),
        sends("bootstrap node sends for each, 5 s", first),
        sends("  within a minute", later),
    ]
}

fn contacts(world: &World, node: u32) -> usize {
    world.dht(node).map_or(0, |it| it.network(world.now()).contacts)
}
