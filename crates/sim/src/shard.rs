//! Some of the nodes and their events: what one thread runs on its own for a while.

use std::collections::BinaryHeap;

use ensign_primitives::Instant;

use crate::{
    NodeIndex,
    event::{Entry, Outbox},
    host::{Host, Scene},
    plan::Plan,
};

/// Every `count`-th node.
#[derive(Debug)]
pub(crate) struct Shard {
    hosts: Vec<Host>,
    queue: BinaryHeap<Entry>,
    index: usize,
    count: usize,
    handled: usize,
    /// Events for nodes of other shards, and what was seen, since they were last taken.
    pub(crate) out: Outbox,
}

impl Shard {
    pub(crate) fn new(plan: &Plan, index: usize, count: usize) -> Self {
        let nodes = (index..plan.cast.len()).step_by(count);
        let hosts = nodes.map(|node| Host::new(plan, NodeIndex(node as u32))).collect();
        Self { hosts, queue: BinaryHeap::new(), index, count, handled: 0, out: Outbox::default() }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.queue.push(entry);
    }

    /// When its next event is.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|entry| entry.key.at)
    }

    /// How many events it handled in the window before.
    pub(crate) const fn handled(&self) -> usize {
        self.handled
    }

    /// Handles every event before `end`. What its nodes cause at nodes of other shards happens at
    /// `end` or later, because no packet is faster than the shortest latency.
    pub(crate) fn run_until(&mut self, plan: &Plan, end: Instant) {
        let mut turn = Outbox::default();
        self.handled = 0;
        while self.queue.peek().is_some_and(|entry| entry.key.at < end) {
            let Some(entry) = self.queue.pop() else { return };
            self.handled += 1;
            if let Some(host) = self.hosts.get_mut(entry.node.as_usize() / self.count) {
                let mut scene = Scene { plan, now: entry.key.at, out: &mut turn };
                host.handle(&mut scene, entry.what);
            }
            for caused in turn.events.drain(..) {
                if caused.node.as_usize() % self.count == self.index {
                    self.queue.push(caused);
                } else {
                    self.out.events.push(caused);
                }
            }
            self.out.sights.append(&mut turn.sights);
        }
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub(crate) fn hosts_mut(&mut self) -> &mut [Host] {
        &mut self.hosts
    }
}
