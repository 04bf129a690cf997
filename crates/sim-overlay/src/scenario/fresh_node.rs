//! A node that has just come, and knows 64 others from four sources, of which some lie.

use std::sync::Arc;

use ensign_dht::{Event, Input, Outcome, Thoroughness};
use ensign_primitives::StateMachine as _;
use ensign_wire::NodeRecord;

use super::{
    Size, Workers,
    find::{look_around, walk},
};
use crate::{
    Cast, Hostile, Setting, World,
    draw::Draw,
    figures::{Demand, Line, Share, mean},
    world::Told,
};

/// Contacts that it is given.
const CONTACTS: usize = 64;
/// Of them, those of a source that names hostile nodes only: one in five.
const POISONED: usize = CONTACTS / 5;

/// What one trial found.
#[derive(Clone, Copy, Debug)]
struct Joined {
    is_found: bool,
    is_eclipsed: bool,
    hostile_share: f64,
    asked: f64,
}

pub(super) fn run(size: Size, workers: &impl Workers) -> Vec<Line> {
    let setting = Setting::honest(size.nodes).against(Hostile::Share(0.2));
    let cast = Arc::new(Cast::new(&setting, size.seed));
    let joined =
        workers.each(size.trials.into(), |at| trial(&cast, setting, (size.seed << 32) + at));
    let mean_of = |of: fn(&Joined) -> f64| mean(&joined.iter().map(of).collect::<Vec<_>>());
    let eclipsed = joined.iter().filter(|it| it.is_eclipsed).count();
    vec![
        Line::share("found", Share::of(joined.iter().map(|it| it.is_found)), Demand::AtLeast(0.98)),
        Line::number("eclipsed", eclipsed as f64, "", Demand::AtMost(0.0)),
        Line::number("asked, mean", mean_of(|it| it.asked), "", Demand::Told),
        Line::number(
            "hostile share of its table, mean",
            mean_of(|it| it.hostile_share),
            "",
            Demand::Told,
        ),
    ]
}

fn trial(cast: &Arc<Cast>, setting: Setting, seed: u64) -> Joined {
    let mut draw = Draw::new(seed, "fresh node", 0);
    let publisher = 1 + draw.below(setting.nodes as usize - 1) as u32;
    let mut world = World::new(cast, setting, seed, publisher);
    let fresh = 0;
    let contacts = contacts(&world, &mut draw, fresh);
    world.start_fresh(fresh);
    world.command(fresh, |dht, now| {
        contacts.into_iter().for_each(|record| dht.handle_input(now, Input::Learned { record }));
    });
    look_around(&mut world, [fresh, publisher]);
    world.forget_told();
    let record = world.sealed(publisher, 0);
    let key = record.key();
    walk(&mut world, publisher, |dht, now| dht.put(now, record).ok());
    world.run(super::find::HANDED_ON);
    let told = walk(&mut world, fresh, |dht, now| dht.get(now, key, Thoroughness::Usual).ok());
    let table = world.dht(fresh).map(|it| it.table(world.now())).unwrap_or_default();
    let is_hostile =
        |it: &NodeRecord| world.number(&it.peer()).is_some_and(|it| world.is_hostile(it));
    let hostile = table.iter().filter(|it| is_hostile(&it.record)).count();
    Joined {
        is_found: told.iter().any(is_found),
        is_eclipsed: hostile == table.len(),
        hostile_share: hostile as f64 / table.len().max(1) as f64,
        asked: told.iter().find_map(asked).unwrap_or_default(),
    }
}

/// Some of a source that lies, the others as drawn by three that do not: hostile nodes are among them too.
fn contacts(world: &World, draw: &mut Draw, fresh: u32) -> Vec<NodeRecord> {
    let all: Vec<u32> = (0..world.len()).filter(|it| *it != fresh).collect();
    let hostile: Vec<u32> = all.iter().copied().filter(|it| world.is_hostile(*it)).collect();
    let poisoned = draw.sample(&hostile, POISONED);
    let drawn = draw.sample(&all, CONTACTS - POISONED);
    poisoned.into_iter().chain(drawn).map(|it| world.record(it)).collect()
}

const fn is_found(told: &Told) -> bool {
    matches!(told.event, Event::Ended { outcome: Outcome::Record { .. }, .. })
}

fn asked(told: &Told) -> Option<f64> {
    match told.event {
        Event::Ended { asked, .. } => Some(f64::from(asked)),
        Event::Renew { .. } | Event::Dense { .. } => None,
    }
}
