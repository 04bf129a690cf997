//! A run: shards side by side, window by window, and observers who see everything in order.

use std::{thread, time::Duration};

use ensign_primitives::{Instant, sha256};

use crate::{
    NodeIndex, Observer, Sight,
    event::{Entry, Key},
    plan::Plan,
    shard::Shard,
};

/// After a window with fewer events than this the next one is not worth threads. Guess: starting one
/// costs about as much as a frame with a signature to verify.
const EVENTS_FOR_THREADS_MIN: usize = 16;

/// Causes of what befalls nodes from outside: before anything that a node causes at that moment.
const OUTSIDE: NodeIndex = NodeIndex(0);

/// A run.
#[derive(Debug)]
pub struct Simulation {
    plan: Plan,
    shards: Vec<Shard>,
    now: Instant,
}

impl Simulation {
    /// Sets the stage: all nodes are there and none has started.
    ///
    /// - `threads`: how many run side by side, at least 1; the digest does not depend on it.
    pub fn new(plan: Plan, threads: usize) -> Self {
        let count = threads.clamp(1, plan.cast.len().max(1));
        let mut shards: Vec<_> = (0..count).map(|index| Shard::new(&plan, index, count)).collect();
        let script = plan.script();
        // Numbers below those of any node's own events would be shared; these have their own range.
        for (number, (at, node, what)) in (u64::MAX / 2..).zip(script) {
            let key = Key { at, cause: OUTSIDE, number };
            if let Some(shard) = shards.get_mut(node.as_usize() % count) {
                shard.push(Entry { key, node, what });
            }
        }
        Self { plan, shards, now: Instant::from_micros(0) }
    }

    /// Returns what was decided before.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the simulation's time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Returns how many events have been handled.
    pub fn events(&self) -> u64 {
        self.shards.iter().flat_map(Shard::hosts).map(|host| host.handled).sum()
    }

    /// Lets `length` of virtual time pass; observers see what happens, in order.
    pub fn run(&mut self, length: Duration, observers: &mut [&mut dyn Observer]) {
        let end = self.now.after(length);
        let width = self.plan.weather.latency_min();
        while let Some(next) = self.next().filter(|next| *next < end) {
            let window = next.after(width).min(end);
            self.run_window(window);
            self.show(observers);
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        self.shards.iter().filter_map(Shard::next).min()
    }

    /// Runs every shard up to `end`, then hands over what each caused in the others.
    fn run_window(&mut self, end: Instant) {
        let plan = &self.plan;
        let handled: usize = self.shards.iter().map(Shard::handled).sum();
        match self.shards.as_mut_slice() {
            [first, others @ ..] if !others.is_empty() && handled >= EVENTS_FOR_THREADS_MIN => {
                thread::scope(|scope| {
                    for shard in others {
                        scope.spawn(move || shard.run_until(plan, end));
                    }
                    first.run_until(plan, end);
                });
            }
            shards => shards.iter_mut().for_each(|shard| shard.run_until(plan, end)),
        }
        let count = self.shards.len();
        for index in 0..count {
            let caused = self.shards.get_mut(index).map(|it| std::mem::take(&mut it.out.events));
            for entry in caused.unwrap_or_default() {
                debug_assert!(entry.key.at >= end, "an event reaches back into its window");
                if let Some(shard) = self.shards.get_mut(entry.node.as_usize() % count) {
                    shard.push(entry);
                }
            }
        }
        self.now = end;
    }

    fn show(&mut self, observers: &mut [&mut dyn Observer]) {
        let mut sights: Vec<Sight> = Vec::new();
        for shard in &mut self.shards {
            sights.append(&mut shard.out.sights);
        }
        sights.sort_by_key(|sight| (sight.at, sight.node, sight.order));
        for sight in &sights {
            for observer in observers.iter_mut() {
                observer.observe(&self.plan.cast, sight);
            }
        }
    }

    /// Returns the digest of everything that every node did and met, up to now.
    pub fn digest(&mut self) -> [u8; 32] {
        let count = self.shards.len();
        let total = self.plan.cast.len();
        let mut digests = Vec::with_capacity(32 * total);
        for node in 0..total {
            let host = self
                .shards
                .get_mut(node % count)
                .and_then(|shard| shard.hosts_mut().get_mut(node / count));
            digests.extend(host.map(|host| host.digest()).unwrap_or_default());
        }
        sha256(&digests)
    }
}
