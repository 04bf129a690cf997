//! Which sights a replay shows.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use ensign_primitives::RequestId;
use ensign_sim::{Cast, NodeIndex, Plan, Seen, Sight};

use super::{Arguments, line::Scribe, request_prefix};

/// Passes the sights of one node, one stretch of time, one request.
#[derive(Debug)]
pub(super) struct Filter {
    node: Option<NodeIndex>,
    from: Duration,
    subject: Option<Subject>,
}

/// The requests that are asked for, and whose nodes' crashes and connections belong to the story.
#[derive(Debug)]
struct Subject {
    prefix: Option<String>,
    intent: Option<u32>,
    requests: BTreeSet<RequestId>,
    signers: BTreeSet<NodeIndex>,
}

impl Filter {
    pub(super) fn new(arguments: &Arguments, plan: &Plan) -> Result<Self> {
        let nodes = plan.cast.len();
        if let Some(node) = arguments.node {
            ensure!((node as usize) < nodes, "--node {node}: the run has nodes 0 to {}", nodes - 1);
        }
        let mut subject = Subject {
            prefix: arguments.request.as_deref().map(request_prefix).transpose()?,
            intent: arguments.intent,
            requests: BTreeSet::new(),
            signers: BTreeSet::new(),
        };
        if let Some(number) = arguments.intent {
            let last = plan.intents().len().saturating_sub(1);
            let intent = plan.intent(number);
            ensure!(intent.is_some(), "--intent {number}: the run has intents 0 to {last}");
            let group = intent.and_then(|intent| plan.cast.group(&intent.group));
            subject.signers.extend(group.iter().flat_map(|group| &group.members));
        }
        let is_asked = subject.prefix.is_some() || subject.intent.is_some();
        Ok(Self {
            node: arguments.node.map(NodeIndex),
            from: arguments.from.unwrap_or_default(),
            subject: is_asked.then_some(subject),
        })
    }

    /// Remembers which requests are meant.
    pub(super) fn learn(&mut self, cast: &Cast, sight: &Sight) {
        let (Some(subject), Seen::Proposed { intent, request, .. }) =
            (&mut self.subject, &sight.what)
        else {
            return;
        };
        let is_meant = subject.intent.is_none_or(|wanted| wanted == *intent)
            && subject.prefix.as_ref().is_none_or(|it| request.to_string().starts_with(it));
        if is_meant {
            subject.requests.insert(*request);
            let group = cast.group_of(sight.node);
            subject.signers.extend(group.iter().flat_map(|group| &group.members));
        }
    }

    pub(super) fn shows(&self, scribe: &Scribe, sight: &Sight) -> bool {
        if self.node.is_some_and(|node| node != sight.node)
            || u128::from(sight.at.as_micros()) < self.from.as_micros()
        {
            return false;
        }
        let Some(subject) = &self.subject else { return true };
        match scribe.request_of(sight) {
            Some(request) => subject.requests.contains(&request),
            None => subject.signers.contains(&sight.node),
        }
    }
}
