//! What is remembered of messages: which were seen, what is held to be asked for, who has what.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use ensign_primitives::{Instant, PeerId};
use ensign_wire::{GossipData, MessageId, Topic};

use crate::{
    HELD_BYTES_MAX, HELD_MAX, HISTORY_GOSSIP, HISTORY_LENGTH, SEEN_MAX, SEEN_RETENTION,
    VALIDATING_MAX,
};

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The layer above looks at it.
    Waits,
    Accepted,
    Ignored,
    Rejected,
}

/// A message.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) topic: Topic,
    /// When it was first heard of as bytes.
    pub(crate) first: Instant,
    pub(crate) fate: Fate,
    /// What it says, while it is held.
    pub(crate) data: Option<GossipData>,
    /// Who brought or named it, when, and whether it was brought; until it is measured.
    pub(crate) heard: Vec<(PeerId, Instant, bool)>,
    /// Whom we sent or named it to, until it is held no more.
    pub(crate) told: BTreeSet<PeerId>,
    /// How often it was sent to whoever asked.
    pub(crate) served: BTreeMap<PeerId, u8>,
    /// Whether links were measured by it.
    pub(crate) is_measured: bool,
}

impl Entry {
    /// Whether a peer has brought or named it.
    pub(crate) fn has_heard(&self, peer: &PeerId) -> bool {
        self.heard.iter().any(|it| it.0 == *peer)
    }
}

/// All messages of the last two minutes.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    of: BTreeMap<MessageId, Entry>,
    /// The oldest first.
    order: VecDeque<(Instant, MessageId)>,
    /// What was accepted, by heartbeats; the last first.
    windows: VecDeque<Vec<MessageId>>,
    waiting: usize,
    held: usize,
    held_bytes: usize,
    /// What is not measured yet, the oldest first.
    unmeasured: VecDeque<MessageId>,
}

impl Memory {
    pub(crate) fn get(&self, id: &MessageId) -> Option<&Entry> {
        self.of.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &MessageId) -> Option<&mut Entry> {
        self.of.get_mut(id)
    }

    pub(crate) fn has(&self, id: &MessageId) -> bool {
        self.of.contains_key(id)
    }

    pub(crate) fn can_wait(&self) -> bool {
        self.waiting < VALIDATING_MAX
    }

    /// Remembers a message that waits for the layer above.
    pub(crate) fn insert(&mut self, now: Instant, id: MessageId, data: GossipData) {
        if self.of.len() >= SEEN_MAX {
            self.forget_first();
        }
        self.waiting += 1;
        let entry = Entry {
            topic: data.topic,
            first: now,
            fate: Fate::Waits,
            data: Some(data),
            heard: Vec::new(),
            told: BTreeSet::new(),
            served: BTreeMap::new(),
            is_measured: false,
        };
        self.of.insert(id, entry);
        self.order.push_back((now, id));
        self.unmeasured.push_back(id);
    }

    /// Ends the waiting of a message; `None` when it does not wait.
    pub(crate) fn settle(&mut self, id: &MessageId, fate: Fate) -> Option<&mut Entry> {
        let entry = self.of.get_mut(id).filter(|it| it.fate == Fate::Waits)?;
        self.waiting = self.waiting.saturating_sub(1);
        entry.fate = fate;
        if fate == Fate::Accepted {
            self.held += 1;
            self.held_bytes += entry.data.as_ref().map_or(0, |it| it.data.len());
            if self.windows.is_empty() {
                self.windows.push_front(Vec::new());
            }
            if let Some(window) = self.windows.front_mut() {
                window.push(*id);
            }
            self.make_room(id);
        } else {
            entry.data = None;
        }
        self.of.get_mut(id)
    }

    /// Lets go of the oldest messages until all others are within their bounds.
    fn make_room(&mut self, but: &MessageId) {
        while self.held > HELD_MAX || self.held_bytes > HELD_BYTES_MAX {
            let Some(window) = self.windows.back_mut() else { return };
            if window.is_empty() {
                self.windows.pop_back();
                continue;
            }
            let id = window.remove(0);
            if id == *but {
                return;
            }
            self.release(&id);
        }
    }

    fn release(&mut self, id: &MessageId) {
        let Some(entry) = self.of.get_mut(id) else { return };
        if let Some(data) = entry.data.take() {
            self.held = self.held.saturating_sub(1);
            self.held_bytes = self.held_bytes.saturating_sub(data.data.len());
        }
        entry.told.clear();
        entry.served.clear();
    }

    /// Names of a topic's messages of the last heartbeats.
    pub(crate) fn recent(&self, topic: Topic) -> impl Iterator<Item = (MessageId, &Entry)> + Clone {
        let ids = self.windows.iter().take(HISTORY_GOSSIP).flatten();
        let known = ids.filter_map(|id| Some((*id, self.of.get(id)?)));
        known.filter(move |(_, it)| it.topic == topic && it.data.is_some())
    }

    /// Messages that were first heard before a time and are not measured: each once.
    pub(crate) fn take_unmeasured(&mut self, before: Instant) -> Vec<MessageId> {
        let mut taken = Vec::new();
        while let Some(id) = self.unmeasured.front().copied() {
            let Some(entry) = self.of.get(&id) else {
                self.unmeasured.pop_front();
                continue;
            };
            if entry.first > before {
                break;
            }
            self.unmeasured.pop_front();
            taken.push(id);
        }
        taken
    }

    /// Ends a heartbeat: what is older than the history is held no more, what is too old is forgotten; returns
    /// what has waited since before a time.
    pub(crate) fn beat(&mut self, now: Instant, waiting_since: Instant) -> Vec<MessageId> {
        self.windows.push_front(Vec::new());
        while self.windows.len() > HISTORY_LENGTH {
            let old = self.windows.pop_back().unwrap_or_default();
            old.iter().for_each(|id| self.release(id));
        }
        while let Some((first, _)) = self.order.front() {
            if now.since(*first) < SEEN_RETENTION {
                break;
            }
            self.forget_first();
        }
        let late = |it: &&(Instant, MessageId)| it.0 <= waiting_since;
        let waiting = self.order.iter().take_while(late).map(|(_, id)| *id);
        let waits = |id: &MessageId| self.of.get(id).is_some_and(|it| it.fate == Fate::Waits);
        if self.waiting == 0 { Vec::new() } else { waiting.filter(waits).collect() }
    }

    fn forget_first(&mut self) {
        let Some((_, id)) = self.order.pop_front() else { return };
        self.release(&id);
        if let Some(entry) = self.of.remove(&id)
            && entry.fate == Fate::Waits
        {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) const fn held(&self) -> (usize, usize) {
        (self.held, self.held_bytes)
    }
}
