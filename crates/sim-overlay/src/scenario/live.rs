//! Networks that live: all nodes are there, publish, look around, and say when a record is to be made anew.

use std::{collections::BTreeMap, time::Duration};

use ensign_dht::{Event, Outcome, Thoroughness};
use ensign_wire::Key;

use crate::{World, draw::Draw};

/// How often records are looked after that are to be made anew.
const STEP: Duration = Duration::from_secs(5);
/// How long any walk may take.
pub(super) const WALK_MAX: Duration = Duration::from_secs(30);

/// Lets time pass; whoever is told to makes its record anew.
pub(super) fn live(world: &mut World, time: Duration) {
    let end = world.now().instant.after(time);
    while world.now().instant < end {
        world.run(STEP.min(end.since(world.now().instant)));
        renew(world);
    }
}

fn renew(world: &mut World) {
    for told in world.take_told() {
        if matches!(told.event, Event::Renew { .. }) && !world.is_gone(told.node) {
            publish(world, told.node);
        }
    }
}

/// Lets a node publish its record of slot 0, issued now.
pub(super) fn publish(world: &mut World, node: u32) -> Key {
    let record = world.sealed(node, 0);
    let key = record.key();
    // Refused when too many walks are under way: it is told again in 20 minutes.
    let _refused = world.command(node, |dht, now| dht.put(now, record)).err();
    key
}

/// Who looks for what.
pub(super) type Search = (u32, Key);

/// Draws who looks for each of these records: somebody who is there.
pub(super) fn searches(
    world: &World,
    draw: &mut Draw,
    keys: &[Key],
    may: impl Fn(u32) -> bool,
) -> Vec<Search> {
    let there: Vec<u32> =
        (0..world.honest()).filter(|it| !world.is_gone(*it) && may(*it)).collect();
    keys.iter().filter_map(|key| Some((*there.get(draw.below(there.len()))?, *key))).collect()
}

/// Looks for all at once, and tells of each whether it was found, how many were asked, and after how long.
pub(super) fn look_for(world: &mut World, searches: &[Search]) -> Vec<(bool, f64, f64)> {
    renew(world);
    let mut open = BTreeMap::new();
    for (node, key) in searches {
        let get = world.command(*node, |dht, now| dht.get(now, *key, Thoroughness::Usual));
        if let Ok(query) = get {
            open.insert((*node, query), None);
        }
    }
    world.run(WALK_MAX);
    let mut anew = Vec::new();
    for told in world.take_told() {
        match told.event {
            Event::Ended { query, outcome, asked, took, .. } => {
                if let Some(end) = open.get_mut(&(told.node, query)) {
                    let is_found = matches!(outcome, Outcome::Record { .. });
                    *end = Some((is_found, f64::from(asked), took.as_secs_f64() * 1e3));
                }
            }
            Event::Renew { .. } => anew.push(told.node),
            Event::Dense { .. } => {}
        }
    }
    for node in anew {
        publish(world, node);
    }
    let missing = searches.len() - open.len();
    let ends = open.into_values().map(|it| it.unwrap_or((false, 0.0, 0.0)));
    ends.chain(std::iter::repeat_n((false, 0.0, 0.0), missing)).collect()
}
