//! What a network has to outlast: nodes that vanish, that come and go, and a partition.

use std::{sync::Arc, time::Duration};

use super::{
    Size,
    live::{live, look_for, publish, searches},
};
use crate::{
    Cast, Setting, World,
    draw::Draw,
    figures::{Demand, Line, Share, mean},
};
use ensign_dht::REFRESH_INTERVAL;

/// Until nodes that began together have looked around, and records are handed on.
const SETTLED: Duration = Duration::from_secs(60);
const MINUTE: Duration = Duration::from_secs(60);

/// A network that has been there for long, and lives.
fn settled(size: Size) -> (World, Draw) {
    let setting = Setting {
        refresh_interval: Some(REFRESH_INTERVAL),
        is_warm: false,
        ..Setting::honest(size.nodes)
    };
    let cast = Arc::new(Cast::new(&setting, size.seed));
    let mut world = World::new(&cast, setting, size.seed, 0);
    (0..size.nodes).for_each(|it| world.start(it));
    live(&mut world, SETTLED);
    (world, Draw::new(size.seed, "upheaval", 0))
}

fn publishers(world: &World, draw: &mut Draw, count: u32) -> Vec<u32> {
    let all: Vec<u32> = (0..world.honest()).collect();
    draw.sample(&all, count as usize)
}

fn found(what: &str, ends: &[(bool, f64, f64)], demand: Demand) -> Line {
    Line::share(what, Share::of(ends.iter().map(|it| it.0)), demand)
}

fn asked(ends: &[(bool, f64, f64)]) -> Line {
    let asked: Vec<f64> = ends.iter().map(|it| it.1).collect();
    Line::number("  asked, mean", mean(&asked), "", Demand::Told)
}

pub(super) fn vanish(size: Size) -> Vec<Line> {
    let (mut world, mut draw) = settled(size);
    let publishers = publishers(&world, &mut draw, size.trials);
    let keys: Vec<_> = publishers.iter().map(|it| publish(&mut world, *it)).collect();
    live(&mut world, MINUTE);
    for node in 0..size.nodes {
        if draw.unit() < 0.3 {
            world.kill(node);
        }
    }
    let wanted = searches(&world, &mut draw, &keys, |_| true);
    let at_once = look_for(&mut world, &wanted);
    live(&mut world, MINUTE / 2);
    let wanted = searches(&world, &mut draw, &keys, |_| true);
    let later = look_for(&mut world, &wanted);
    vec![
        found("found at once", &at_once, Demand::Told),
        asked(&at_once),
        found("found after 60 s", &later, Demand::AtLeast(0.99)),
        asked(&later),
    ]
}

pub(super) fn churn(size: Size) -> Vec<Line> {
    let (mut world, mut draw) = settled(size);
    let publishers = publishers(&world, &mut draw, size.trials);
    // Every second one goes as soon as its record is handed on: nobody makes it anew.
    let (lasting, leaving) = publishers.split_at(publishers.len() / 2);
    let renewed: Vec<_> = lasting.iter().map(|it| publish(&mut world, *it)).collect();
    let left: Vec<_> = leaving.iter().map(|it| publish(&mut world, *it)).collect();
    live(&mut world, MINUTE);
    leaving.iter().for_each(|it| world.kill(*it));
    let (mut of_lasting, mut of_left) = (Vec::new(), Vec::new());
    for minute in 0..58 {
        half_go_in_an_hour(&mut world, &mut draw, lasting);
        // Looking takes half a minute.
        if minute % 5 == 4 {
            let wanted = searches(&world, &mut draw, &renewed, |_| true);
            of_lasting.extend(look_for(&mut world, &wanted));
            let wanted = searches(&world, &mut draw, &left, |_| true);
            of_left.extend(look_for(&mut world, &wanted));
        } else {
            live(&mut world, MINUTE);
        }
    }
    vec![
        found("found, of publishers that stay", &of_lasting, Demand::AtLeast(0.99)),
        asked(&of_lasting),
        found("found, of publishers that are gone", &of_left, Demand::AtLeast(0.99)),
        asked(&of_left),
        Line::number("  searches", (of_lasting.len() + of_left.len()) as f64, "", Demand::Told),
    ]
}

/// Half of all go within an hour; as many come back, and know some that were there.
fn half_go_in_an_hour(world: &mut World, draw: &mut Draw, lasting: &[u32]) {
    let nodes = world.honest();
    for node in (0..nodes).filter(|it| !lasting.contains(it)) {
        if world.is_gone(node) {
            if draw.unit() < 0.1 {
                let known: Vec<_> = (0..64).map(|_| draw.below(nodes as usize) as u32).collect();
                world.revive(node, &known);
            }
        } else if draw.unit() < 0.5 / 60.0 {
            world.kill(node);
        }
    }
}

pub(super) fn partition(size: Size) -> Vec<Line> {
    let (mut world, mut draw) = settled(size);
    world.part(|it| (it % 2) as u8);
    live(&mut world, 4 * MINUTE);
    let publishers = publishers(&world, &mut draw, size.trials);
    let keys: Vec<_> = publishers.iter().map(|it| publish(&mut world, *it)).collect();
    live(&mut world, 6 * MINUTE);
    let across: Vec<_> = publishers.iter().zip(&keys).collect();
    world.heal();
    live(&mut world, MINUTE / 2);
    let mut wanted = Vec::new();
    for (publisher, key) in across {
        wanted.extend(searches(&world, &mut draw, &[*key], |it| it % 2 != publisher % 2));
    }
    let ends = look_for(&mut world, &wanted);
    vec![found("found across, within 60 s", &ends, Demand::AtLeast(0.99)), asked(&ends)]
}
