//! What is over stays over, and nobody is asked, consents or joins twice, across crashes.
//!
//! What a node's disk holds counts, and what its running process has seen. Ends that are only noted
//! are on the disk with the next record, when the process ends in order, or after [`NOTE_PAUSE`]; a
//! request whose note a crash has taken away may come back, and nothing else may.

use std::collections::{BTreeMap, BTreeSet};

use ensign_engine::signing::{ATTEMPTS_MAX, Event, NOTE_PAUSE, Record};
use ensign_primitives::{Instant, RequestId};
use ensign_session::Event as SessionEvent;
use ensign_wire::Envelope;

use super::{Cast, Checker, NodeIndex, Seen, Sight, journal::Journals};

#[derive(Debug)]
pub(super) struct Once {
    consents: Journals<RequestId>,
    joins: Journals<(RequestId, u16)>,
    ends: Journals<RequestId>,
    memories: BTreeMap<NodeIndex, Memory>,
}

/// What a node knows of ends beside its journal.
#[derive(Debug, Default)]
struct Memory {
    /// What its running process has seen the end of.
    over: BTreeSet<RequestId>,
    /// Ends that are noted and not written, oldest first.
    notes: Vec<(Instant, RequestId)>,
    /// Ends that were noted and are on the disk.
    noted: BTreeSet<RequestId>,
}

impl Default for Once {
    fn default() -> Self {
        Self {
            consents: Journals::new(consented),
            joins: Journals::new(joined),
            ends: Journals::new(ended),
            memories: BTreeMap::new(),
        }
    }
}

fn consented(record: &Record) -> Option<RequestId> {
    let Record::Consented { request, .. } = record else { return None };
    Some(request.request.id())
}

fn joined(record: &Record) -> Option<(RequestId, u16)> {
    let Record::Joined { request, attempt, .. } = record else { return None };
    Some((*request, *attempt))
}

fn ended(record: &Record) -> Option<RequestId> {
    let (Record::Finished { request, .. } | Record::Closed { request, .. }) = record else {
        return None;
    };
    Some(*request)
}

impl Checker for Once {
    fn name(&self) -> &'static str {
        "what is over stays over, nothing decided or joined again"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, _: Option<&Envelope>) -> Result<(), String> {
        let node = sight.node;
        let verdict = if let Seen::Event(Event::Review(review)) = &sight.what {
            self.on_review(node, review.id)
        } else if let Seen::Persist { record } = &sight.what {
            self.on_record(node, record)
        } else {
            Ok(())
        };
        for journal in [&mut self.consents, &mut self.ends] {
            journal.follow(sight);
        }
        self.joins.follow(sight);
        self.remember(sight);
        verdict
    }
}

impl Once {
    fn on_review(&self, node: NodeIndex, id: RequestId) -> Result<(), String> {
        let joined = (1..=ATTEMPTS_MAX).any(|attempt| self.joins.is_known(node, &(id, attempt)));
        if self.is_over(node, &id) || joined || self.consents.is_known(node, &id) {
            return Err(format!("node {node} asks its person again about request {id}"));
        }
        Ok(())
    }

    fn on_record(&self, node: NodeIndex, record: &Record) -> Result<(), String> {
        if let Some(id) = consented(record)
            && (self.is_over(node, &id) || self.consents.is_known(node, &id))
        {
            return Err(format!("node {node} consents to request {id} again"));
        }
        let Some((id, attempt)) = joined(record) else { return Ok(()) };
        if self.is_over(node, &id) {
            return Err(format!(
                "node {node} joins attempt {attempt} at request {id} after its end"
            ));
        }
        if (attempt..=ATTEMPTS_MAX).any(|later| self.joins.is_known(node, &(id, later))) {
            return Err(format!("node {node} goes back to attempt {attempt} at request {id}"));
        }
        Ok(())
    }

    fn is_over(&self, node: NodeIndex, id: &RequestId) -> bool {
        let known = self.memories.get(&node);
        known.is_some_and(|known| known.over.contains(id) || known.noted.contains(id))
            || self.ends.is_known(node, id)
    }

    fn remember(&mut self, sight: &Sight) {
        let memory = self.memories.entry(sight.node).or_default();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is no business of this checker"
        )]
        match &sight.what {
            Seen::Persist { record } => memory.over.extend(ended(record)),
            Seen::Event(Event::Session { request, event: SessionEvent::Done(_), .. }) => {
                memory.over.insert(*request);
            }
            Seen::Event(Event::Closed { request, .. }) => {
                memory.over.insert(*request);
                // An end of which there is a record waits for that.
                if !self.ends.is_known(sight.node, request) {
                    memory.notes.push((sight.at, *request));
                }
            }
            Seen::Durable { .. } => memory.write(|_| true),
            Seen::Stopped => {
                memory.write(|_| true);
                memory.over.clear();
            }
            Seen::Crashed { .. } => {
                memory.write(|noted| noted.after(NOTE_PAUSE) <= sight.at);
                memory.notes.clear();
                memory.over.clear();
            }
            _ => {}
        }
    }
}

impl Memory {
    /// Notes go to the disk.
    fn write(&mut self, reaches: impl Fn(Instant) -> bool) {
        let written = self.notes.extract_if(.., |(at, _)| reaches(*at));
        self.noted.extend(written.map(|(_, id)| id));
    }
}
