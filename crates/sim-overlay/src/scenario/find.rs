//! One stores a record, another looks for it.

use std::{sync::Arc, time::Duration};

use ensign_book::{VIEWERS_APART, VIEWERS_NEAR, VIEWS_SHARED_MIN};
use ensign_dht::{Dht, Event, Outcome, Thoroughness};
use ensign_primitives::{Now, QueryId};
use ensign_wire::Key;

use crate::{Cast, Setting, World, draw::Draw, world::Told};

/// How long any walk may take: 128 questions to nodes that do not answer, four at a time.
const WALK_MAX: Duration = Duration::from_secs(90);
/// How long a record is handed on: three hands, each of which gathers for 5 s.
pub(super) const HANDED_ON: Duration = Duration::from_secs(25);
/// How often those two look around, as nodes that join: at thirteen points.
const LOOKS: u32 = 1;
/// The region of a small network is a quarter of all, and nodes keep what lies within twice their region.
const FAR: u64 = 1 << 63;

/// What one trial found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Whether the record was found.
    pub is_found: bool,
    /// Nodes that were asked for it.
    pub asked: u16,
    /// How long that took.
    pub millis: f64,
    /// Bytes that the asker sent and heard.
    pub bytes: u64,
    /// Handshakes that the asker began.
    pub handshakes: u64,
    /// Nodes that the publisher asked.
    pub store_asked: u16,
    /// Nodes that said they took it.
    pub copies: u16,
    /// Records that neighbours were told of.
    pub haves: u64,
    /// Honest nodes that had it when it was looked for.
    pub holders: usize,
    /// Whether the store, or the fetch, found the neighbourhood too dense.
    pub is_dense: (bool, bool),
    /// How many nodes asker and publisher believe there are.
    pub estimates: [u64; 2],
    /// Offenses that honest nodes saw.
    pub offenses: u64,
    /// Whether two looks at a random point by way of different nodes showed the same to the asker; `None` where
    /// hostile nodes are about a key.
    pub agrees: Option<bool>,
}

/// Tries `trials` times in one world: more than one only where hostile nodes are about no key.
pub fn find(cast: &Arc<Cast>, setting: Setting, seed: u64, trials: u32) -> Vec<Found> {
    let mut draw = Draw::new(seed, "trials", 0);
    let mut world = None;
    let trials = if setting.is_about_a_key() { 1 } else { trials };
    let mut all = Vec::new();
    for _ in 0..trials {
        let publisher = draw.below(setting.nodes as usize) as u32;
        let world = world.get_or_insert_with(|| World::new(cast, setting, seed, publisher));
        let (publisher, asker) = pair(world, &mut draw, publisher);
        let mut found = trial(world, publisher, asker);
        if trials > 1 {
            found.agrees = Some(agrees(world, &mut draw, asker));
        }
        all.push(found);
    }
    all
}

/// Looks at a random point as a book does that compares views.
fn agrees(world: &mut World, draw: &mut Draw, asker: u32) -> bool {
    world.forget_told();
    let mut target = [0; 32];
    target.fill_with(|| draw.number() as u8);
    let others: Vec<u32> = (0..world.len()).filter(|it| *it != asker).collect();
    let views = [VIEWERS_NEAR, VIEWERS_APART].map(|viewers| {
        let from = draw.sample(&others, viewers);
        let from = from.into_iter().map(|it| world.record(it)).collect();
        let told = walk(world, asker, |dht, now| dht.look(now, Key(target), from).ok());
        told.into_iter().find_map(|it| match it.event {
            Event::Ended { outcome: Outcome::Seen { nearest, .. }, .. } => Some(nearest),
            Event::Ended { .. } | Event::Renew { .. } | Event::Dense { .. } => None,
        })
    });
    let [near, apart] = views.map(Option::unwrap_or_default);
    apart.iter().filter(|it| near.contains(it)).count() >= VIEWS_SHARED_MIN
}

/// One who asks: it is there, and far from where the record lies, so that it does not keep it itself.
fn pair(world: &World, draw: &mut Draw, publisher: u32) -> (u32, u32) {
    let key = world.sealed(publisher, 0).key();
    let is_far = |it: u32| key.distance(world.record(it).position()).top() >= FAR;
    loop {
        let asker = draw.below(world.honest() as usize) as u32;
        if !world.is_gone(asker) && asker != publisher && is_far(asker) {
            return (publisher, asker);
        }
    }
}

fn trial(world: &mut World, publisher: u32, asker: u32) -> Found {
    world.be_there(publisher);
    look_around(world, [publisher, asker]);
    world.forget_told();
    let record = world.sealed(publisher, 0);
    let key = record.key();
    let before = world.cost();
    let stored = walk(world, publisher, |dht, now| dht.put(now, record.clone()).ok());
    let fired = |told: &[Told], of: u32| {
        told.iter().any(|it| {
            it.node == of && matches!(&it.event, Event::Dense { key: at, .. } if *at == key)
        })
    };
    let is_dense_store = fired(&stored, publisher);
    world.run(HANDED_ON);
    let haves = world.cost().since(&before).haves;
    let holders = world.holders(key);
    let before = world.cost_of(asker);
    let fetched = walk(world, asker, |dht, now| dht.get(now, key, Thoroughness::Usual).ok());
    let cost = world.cost_of(asker).since(&before);
    let mut found = Found {
        haves,
        holders,
        bytes: cost.sent + cost.heard,
        handshakes: cost.handshakes,
        is_dense: (is_dense_store, fired(&fetched, asker)),
        estimates: [publisher, asker].map(|it| world.estimate(it)),
        offenses: world.offenses().values().sum(),
        ..Found::default()
    };
    for told in stored.iter().chain(&fetched) {
        let Event::Ended { outcome, asked, took, .. } = &told.event else { continue };
        match outcome {
            Outcome::Record { record: got, .. } => {
                found.is_found = got.seal() == record.seal();
                (found.asked, found.millis) = (*asked, took.as_secs_f64() * 1e3);
            }
            Outcome::NotFound => {
                (found.asked, found.millis) = (*asked, took.as_secs_f64() * 1e3);
            }
            Outcome::Stored { copies } => {
                (found.store_asked, found.copies) = (*asked, *copies);
            }
            Outcome::Node(_) | Outcome::Seen { .. } => {}
        }
    }
    found
}

/// Lets nodes see so many random points that they know how many nodes there are.
pub(super) fn look_around<const N: usize>(world: &mut World, nodes: [u32; N]) {
    for _ in 0..LOOKS {
        for node in nodes {
            world.command(node, |dht, now| dht.refresh(now));
        }
        let mut left = N as u32 * (ensign_dht::JOIN_REFRESHES as u32 + 1);
        world.run_until(WALK_MAX, |told| {
            let ended = told.iter().filter(|it| {
                matches!(&it.event, Event::Ended { outcome: Outcome::Seen { .. }, .. })
                    && nodes.contains(&it.node)
            });
            left = left.saturating_sub(ended.count() as u32);
            left == 0
        });
    }
    world.take_told();
}

/// Starts a walk of a node and returns what was told until it ended.
pub(super) fn walk(
    world: &mut World,
    node: u32,
    start: impl FnOnce(&mut Dht, Now) -> Option<QueryId>,
) -> Vec<Told> {
    world.take_told();
    let Some(query) = world.command(node, start) else { return Vec::new() };
    let is_end = |it: &Told| {
        it.node == node && matches!(&it.event, Event::Ended { query: ended, .. } if *ended == query)
    };
    if !world.told().iter().any(is_end) {
        world.run_until(WALK_MAX, |told| told.iter().any(is_end));
    }
    let mut told = world.take_told();
    told.retain(|it| it.node == node);
    told
}
