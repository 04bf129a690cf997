//! The person at a node: proposes, thinks, says yes or no, and does not give up at once.

use std::collections::{BTreeMap, BTreeSet};

use ensign_primitives::RequestId;

/// What a person remembers, whatever their computer does.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Requests this person answered with yes.
    pub(super) approved: BTreeSet<RequestId>,
    /// Requests this person answered with no.
    pub(super) declined: BTreeSet<RequestId>,
    /// What this person proposed, and for which intent.
    pub(super) proposed: BTreeMap<RequestId, u32>,
    /// How often each intent was proposed.
    pub(super) turns: BTreeMap<u32, u32>,
    /// Intents that are not signed yet and still wanted.
    pub(super) wanted: BTreeSet<u32>,
}

impl Person {
    /// The intents that no open request stands for.
    pub(super) fn forgotten(&self, is_open: impl Fn(&RequestId) -> bool) -> Vec<u32> {
        let open: BTreeSet<u32> = self
            .proposed
            .iter()
            .filter(|(request, _)| is_open(request))
            .map(|(_, intent)| *intent)
            .collect();
        self.wanted.difference(&open).copied().collect()
    }
}
