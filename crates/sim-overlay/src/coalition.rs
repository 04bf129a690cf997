//! Hostile nodes that know everything: what one says all have agreed on.
//!
//! They answer each question with the twenty of their own in the region nearest to the point asked for that the asker
//! has not seen, never name an honest node, take every record and drop it, and have none.

use std::collections::{BTreeMap, BTreeSet};

use ensign_dht::K;
use ensign_wire::{Answer, Around, DhtMessage, DhtReply, NodeRecord, Wants};

use crate::population::{Population, top};

/// How much wider they look each time when too few lie in a region.
const WIDER: u64 = 8;

/// What hostile nodes have told whom.
#[derive(Debug, Default)]
pub(crate) struct Coalition {
    /// By asker and the first bits of what it looks for: whom of them it knows.
    told: BTreeMap<(u32, u64), BTreeSet<u32>>,
}

impl Coalition {
    /// Answers a question; `known` are those whom the asker knows of itself.
    pub(crate) fn answer(
        &mut self,
        population: &Population,
        (asker, message): (u32, &DhtMessage),
        known: impl FnOnce() -> Vec<u32>,
    ) -> Option<DhtMessage> {
        let (query, answer, around) = match message {
            DhtMessage::Find(find) => match find.wants {
                Wants::Answer => (find.query, Answer::None, None),
                Wants::Nodes | Wants::Value => (find.query, Answer::None, Some(find.around)),
            },
            DhtMessage::Store(store) => (store.query, Answer::Stored, Some(store.around)),
            DhtMessage::Pull(pull) => (pull.query, Answer::None, None),
            DhtMessage::Reply(_) | DhtMessage::Have(_) => return None,
        };
        let nodes = around.map(|around| self.nodes(population, (asker, around), known));
        let nodes = nodes.unwrap_or_default();
        Some(DhtMessage::Reply(DhtReply { query, answer, nodes }))
    }

    fn nodes(
        &mut self,
        population: &Population,
        (asker, around): (u32, Around),
        known: impl FnOnce() -> Vec<u32>,
    ) -> Vec<NodeRecord> {
        let (key, target) = (top(around.key), top(around.target));
        let told = self.told.entry((asker, key));
        let told = told.or_insert_with(|| known().into_iter().collect());
        let mut region = around.region.max(1);
        let new = loop {
            let within = population.hostile_ring.within(key, region);
            let mut new: Vec<_> = within.filter(|(_, at)| !told.contains(at)).collect();
            if new.len() >= K || region == u64::MAX {
                new.sort_unstable_by_key(|(top, _)| top ^ target);
                new.truncate(K);
                break new;
            }
            region = region.saturating_mul(WIDER);
        };
        told.extend(new.iter().map(|(_, at)| *at));
        new.into_iter().map(|(_, at)| population.record(at).clone()).collect()
    }

    /// Forgets whom they told what.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
    }
}
