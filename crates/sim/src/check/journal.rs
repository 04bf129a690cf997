//! What is on a node's disk, as far as one checker cares.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ensign_engine::signing::Record;

use crate::{NodeIndex, Seen, Sight};

/// The records of every node, reduced to marks of type `T`.
#[derive(Debug)]
pub(super) struct Journals<T> {
    mark: fn(&Record) -> Option<T>,
    disks: BTreeMap<NodeIndex, Disk<T>>,
}

#[derive(Debug)]
struct Disk<T> {
    durable: BTreeSet<T>,
    /// Records being written, in order; `None` for those without a mark.
    pending: VecDeque<Option<T>>,
}

impl<T: Ord> Journals<T> {
    pub(super) const fn new(mark: fn(&Record) -> Option<T>) -> Self {
        Self { mark, disks: BTreeMap::new() }
    }

    /// Follows what a node's disk does. What survives a crash unacknowledged counts from the crash
    /// on: nobody is there to use it before the restart.
    pub(super) fn follow(&mut self, sight: &Sight) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is no business of this checker"
        )]
        let written = match &sight.what {
            Seen::Persist { record } => {
                let mark = (self.mark)(record);
                return self.disk(sight.node).pending.push_back(mark);
            }
            Seen::Durable { .. } => 1,
            Seen::Crashed { survived, .. } => *survived,
            Seen::Stopped => usize::MAX,
            _ => return,
        };
        let disk = self.disk(sight.node);
        let written = written.min(disk.pending.len());
        disk.durable.extend(disk.pending.drain(..written).flatten());
        if let Seen::Crashed { .. } = sight.what {
            disk.pending.clear();
        }
    }

    /// Whether it is durable.
    pub(super) fn is_durable(&self, node: NodeIndex, mark: &T) -> bool {
        self.disks.get(&node).is_some_and(|disk| disk.durable.contains(mark))
    }

    /// Whether the running process knows of it: durable or being written.
    pub(super) fn is_known(&self, node: NodeIndex, mark: &T) -> bool {
        let pending =
            |disk: &Disk<T>| disk.pending.iter().any(|other| other.as_ref() == Some(mark));
        self.is_durable(node, mark) || self.disks.get(&node).is_some_and(pending)
    }

    fn disk(&mut self, node: NodeIndex) -> &mut Disk<T> {
        let empty = || Disk { durable: BTreeSet::new(), pending: VecDeque::new() };
        self.disks.entry(node).or_insert_with(empty)
    }
}
