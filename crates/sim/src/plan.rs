//! Everything about a run that is decided before it begins; nodes only read it.

use std::time::Duration;

use ensign_deadline::Timeouts;
use ensign_primitives::{GroupId, Instant};
use ensign_wire::Mode;

use crate::{
    Cast, NodeIndex,
    event::{What, Wish},
    link::Weather,
    paths::Paths,
    random::Random,
    scenario::{Faults, Partition, Scenario},
};

/// Nodes start within this time of the beginning, so that they do not all dial at once.
const START_SPREAD: Duration = Duration::from_secs(1);

/// How long a request stays open: no run is longer.
const REQUEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Most boundaries of one signer's session at which a crash is tried; a session has fewer.
pub const BOUNDARIES_MAX: u32 = 16;

/// A run before it begins.
#[derive(Debug)]
pub struct Plan {
    /// The scenario.
    pub scenario: Scenario,
    /// The seed from which everything else was drawn.
    pub seed: u64,
    /// Who takes part.
    pub cast: Cast,
    pub(crate) weather: Weather,
    pub(crate) paths: Paths,
    pub(crate) timeouts: Timeouts,
    intents: Vec<Intent>,
    overlay: Vec<Vec<NodeIndex>>,
}

/// Something that a person wants signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// By whom.
    pub group: GroupId,
    /// Who asks.
    pub proposer: NodeIndex,
    /// When.
    pub at: Instant,
    /// How the session runs.
    pub mode: Mode,
    /// How long the request stays open.
    pub lifetime: Duration,
}

/// Where a node crashes: at the boundary of that number among its records and sendings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrashPoint {
    pub(crate) boundary: u32,
    /// Whether what happens there has happened.
    pub(crate) after: bool,
}

impl Plan {
    /// Draws everything from the seed.
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let cast = Cast::new(&scenario, seed);
        let mut random = Random::new(seed, "plan", 0);
        let until = Instant::from_micros(0).after(scenario.faults.until);
        let has_faults = scenario.faults.until > scenario.faults.from;
        let weather_until = if has_faults { until } else { Instant::from_micros(u64::MAX) };
        Self {
            seed,
            weather: Weather::new(scenario.link.clone(), weather_until),
            paths: Paths::new(&scenario.faults, seed),
            timeouts: Timeouts::default(),
            intents: intents(&scenario, &cast, seed),
            overlay: overlay(&scenario, &cast, &mut random),
            cast,
            scenario,
        }
    }

    /// Returns everything that somebody wants signed, in no order of time.
    pub fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// Returns the intent of that number.
    pub fn intent(&self, number: u32) -> Option<&Intent> {
        self.intents.get(number as usize)
    }

    /// Strangers that a node dials besides its groups.
    pub(crate) fn overlay(&self, node: NodeIndex) -> Vec<NodeIndex> {
        self.overlay.get(node.as_usize()).cloned().unwrap_or_default()
    }

    /// Where a node crashes in a run that tries every crash point: groups take mode, signer, before
    /// or after, and boundary in turn, and each seed goes on where the seed before it ended.
    pub(crate) fn crash_point(&self, node: NodeIndex) -> Option<CrashPoint> {
        if !self.scenario.faults.crash_points {
            return None;
        }
        let group = self.cast.person(node)?.group?;
        let signers = u64::from(self.scenario.load.signers.max(1));
        let modes = (self.scenario.load.modes.len() as u64).max(1);
        let turn = turn_of(group, self.cast.groups().len(), self.seed) / modes;
        if turn % signers != u64::from(node.0) % signers {
            return None;
        }
        let turn = turn / signers;
        let boundary = (turn / 2 % u64::from(BOUNDARIES_MAX)) as u32;
        Some(CrashPoint { boundary, after: turn % 2 == 1 })
    }

    /// What befalls nodes from outside, in order: starts, crashes, stops, broken connections, cuts.
    pub(crate) fn script(&self) -> Vec<(Instant, NodeIndex, What)> {
        let origin = Instant::from_micros(0);
        let faults = &self.scenario.faults;
        let mut script = Vec::new();
        for node in (0..self.cast.len() as u32).map(NodeIndex) {
            let mut random = Random::new(self.seed, "script", node.0.into());
            let start = random.below(START_SPREAD.as_micros() as u64);
            script.push((Instant::from_micros(start), node, What::Start));
            for (at, what) in befalls(faults, &mut random) {
                script.push((origin.after(at), node, what));
            }
            if faults.partition != Partition::None {
                script.push((origin.after(faults.from), node, What::PathsChanged));
                script.push((origin.after(faults.until), node, What::PathsChanged));
            }
        }
        for (number, intent) in (0_u32..).zip(&self.intents) {
            let wish = Wish::Propose { intent: number };
            script.push((intent.at, intent.proposer, What::Person(wish)));
        }
        script
    }
}

/// The crashes, stops, sleeps and broken connections of one node.
fn befalls(faults: &Faults, random: &mut Random) -> Vec<(Duration, What)> {
    let kinds: [(f64, fn() -> What); 5] = [
        (faults.crashes, || What::Crash),
        (faults.stops, || What::Stop),
        (faults.breaks, || What::Break),
        (faults.lost_disks, || What::LoseDisk),
        (faults.sleeps, || What::Sleep),
    ];
    let mut befalls = Vec::new();
    for (per_hour, what) in kinds.into_iter().filter(|(per_hour, _)| *per_hour > 0.0) {
        let mut at = faults.from.saturating_add(random.until_next(per_hour));
        while at < faults.until {
            befalls.push((at, what()));
            at = at.saturating_add(random.until_next(per_hour));
        }
    }
    befalls
}

/// A group's number when the groups of all seeds are counted through: what is tried in turn, a run
/// of few groups tries over many seeds.
pub(crate) const fn turn_of(group: usize, groups: usize, seed: u64) -> u64 {
    seed.wrapping_mul(groups as u64).wrapping_add(group as u64)
}

fn intents(scenario: &Scenario, cast: &Cast, seed: u64) -> Vec<Intent> {
    let load = &scenario.load;
    let mut random = Random::new(seed, "intents", 0);
    let mut intents = Vec::new();
    for (number, group) in cast.groups().iter().enumerate() {
        let number = turn_of(number, cast.groups().len(), seed) as usize;
        for turn in 0..load.requests as usize {
            let spread = load.spread.as_micros() as u64;
            let at = Instant::from_micros(load.first.as_micros() as u64 + random.below(spread + 1));
            let honest: Vec<_> =
                group.members.iter().copied().filter(|node| cast.is_honest(*node)).collect();
            let Some(proposer) = honest.get(turn % honest.len().max(1)) else { continue };
            let mode = load.modes.get(number.wrapping_add(turn) % load.modes.len().max(1));
            intents.push(Intent {
                group: group.id,
                proposer: *proposer,
                at,
                mode: mode.map_or(Mode::Committed, |mode| (*mode).into()),
                lifetime: REQUEST_LIFETIME,
            });
        }
    }
    intents
}

/// Each node dials half as many as it shall have, so that it is dialled by as many on average;
/// hostile strangers dial everybody they can.
fn overlay(scenario: &Scenario, cast: &Cast, random: &mut Random) -> Vec<Vec<NodeIndex>> {
    let total = cast.len() as u32;
    let dials = scenario.overlay.div_ceil(2) as usize;
    (0..total)
        .map(|node| {
            let dials =
                if node >= scenario.nodes { scenario.overlay.max(8) as usize } else { dials };
            if dials == 0 {
                return Vec::new();
            }
            let end = if node >= scenario.nodes { scenario.nodes } else { total };
            let mut peers: Vec<_> =
                sparse_sample(random, dials + 1, end).into_iter().map(NodeIndex).collect();
            peers.retain(|peer| *peer != NodeIndex(node));
            peers.truncate(dials);
            peers
        })
        .collect()
}

/// Draws different numbers below `end` without looking at all of them.
fn sparse_sample(random: &mut Random, count: usize, end: u32) -> Vec<u32> {
    if (end as usize) < 4 * count {
        return random.sample(count, end);
    }
    let mut drawn = Vec::new();
    while drawn.len() < count {
        let number = random.below(end.into()) as u32;
        if !drawn.contains(&number) {
            drawn.push(number);
        }
    }
    drawn
}
