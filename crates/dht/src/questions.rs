//! What we have asked and nobody has answered yet, and over which links.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_diversity::network;
use ensign_primitives::{BoundedMap, Instant, Occupancy, PeerId, QueryId};
use ensign_ratelimit::{Charge, Keyed};
use ensign_wire::{DhtMessage, Had, NodeRecord, Wants};

use crate::{
    GROUP_PER_BUCKET_MAX, HARD_TIMEOUT, INTRODUCE_INTERVAL, LINKS_MAX, PROBES_MAX, PULLS_ASKED,
    QUESTIONS_ASKED, QUESTIONS_MAX, SOFT_TIMEOUT,
};

/// Why something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A step of a walk, to this candidate; whether it is in the region.
    Walk { walk: QueryId, candidate: u16 },
    /// Whether it is there.
    Probe,
    /// A record that it has told us of.
    Pull { had: Had },
}

#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) peer: PeerId,
    /// Its node record, where we have one.
    pub(crate) record: Option<NodeRecord>,
    pub(crate) purpose: Purpose,
    /// What a [`DhtFind`](ensign_wire::DhtFind) asked for; `None` for another question.
    pub(crate) wants: Option<Wants>,
    pub(crate) asked: Instant,
    /// What waits for the link.
    waiting: Option<DhtMessage>,
    pub(crate) is_slow: bool,
}

/// What ran out.
#[derive(Debug)]
pub(crate) enum Late {
    /// Another may be asked beside it.
    Slow(Purpose),
    /// Nobody waits for it any more.
    Dead(Question),
}

#[derive(Debug)]
struct Link {
    remote: SocketAddr,
    /// The last name of a question of theirs.
    last: Option<QueryId>,
    /// When they were told our record.
    told: Option<Instant>,
    /// How many questions of ours on it died: so many late answers are no offense.
    owed: u16,
    /// When it was last asked back for nothing.
    was_silent: Option<Instant>,
}

/// Questions by their name, and the links.
#[derive(Debug)]
pub(crate) struct Questions {
    open: BTreeMap<QueryId, Question>,
    links: BoundedMap<PeerId, Link>,
    /// How often we ask each, over whatever link: questions, then pulls.
    asks: Keyed<PeerId, 2>,
    next: u64,
    /// When somebody answered last.
    answered: Option<Instant>,
}

impl Questions {
    pub(crate) const fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            links: BoundedMap::new(LINKS_MAX),
            asks: Keyed::new(LINKS_MAX),
            next: 1,
            answered: None,
        }
    }

    pub(crate) fn next_name(&mut self) -> QueryId {
        let name = QueryId(self.next);
        self.next = self.next.saturating_add(1);
        name
    }

    pub(crate) fn has_room(&self) -> bool {
        self.open.len() < QUESTIONS_MAX
    }

    /// Takes a question of a walk, or a probe, from what we may ask a node; `false` when it would be one too many.
    pub(crate) fn may_ask(&mut self, now: Instant, peer: PeerId) -> bool {
        let charge = Charge { budget: 0, allowance: QUESTIONS_ASKED, amount: 1 };
        self.asks.charge(now, peer, [charge]).is_ok()
    }

    /// The same of a record that it has told us of.
    pub(crate) fn may_pull(&mut self, now: Instant, peer: PeerId) -> bool {
        let charge = Charge { budget: 1, allowance: PULLS_ASKED, amount: 1 };
        self.asks.charge(now, peer, [charge]).is_ok()
    }

    /// Notes a question, and returns what is to be sent now; nothing while there is no link.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        (name, message): (QueryId, DhtMessage),
        (peer, record, purpose): (PeerId, Option<NodeRecord>, Purpose),
    ) -> Option<DhtMessage> {
        let wants = match &message {
            DhtMessage::Find(find) => Some(find.wants),
            DhtMessage::Store(_)
            | DhtMessage::Reply(_)
            | DhtMessage::Have(_)
            | DhtMessage::Pull(_) => None,
        };
        let (waiting, sent) = match self.links.contains_key(&peer) {
            true => (None, Some(message)),
            false => (Some(message), None),
        };
        let question =
            Question { peer, record, purpose, wants, asked: now, waiting, is_slow: false };
        self.open.insert(name, question);
        sent
    }

    /// Takes the question that somebody answers; `Err` tells whether it may have been asked.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        from: PeerId,
        name: QueryId,
    ) -> Result<Question, bool> {
        let is_ours =
            self.open.get(&name).is_some_and(|it| it.peer == from && it.waiting.is_none());
        if is_ours && let Some(question) = self.open.remove(&name) {
            self.answered = Some(now);
            return Ok(question);
        }
        let Some(link) = self.links.get_mut(&from).filter(|it| it.owed > 0) else {
            return Err(false);
        };
        link.owed -= 1;
        self.answered = Some(now);
        Err(true)
    }

    /// Tells whether somebody has answered since then.
    pub(crate) fn hears_since(&self, then: Instant) -> bool {
        self.answered.is_some_and(|it| it >= then)
    }

    /// Tells whether somebody has answered while nobody waits longer for another.
    pub(crate) fn hears_others(&self, now: Instant) -> bool {
        self.answered.is_some_and(|it| it.after(HARD_TIMEOUT) >= now)
    }

    /// A link stands; returns what waited for it.
    pub(crate) fn up(&mut self, peer: PeerId, remote: SocketAddr) -> Vec<DhtMessage> {
        let told = self.open.values().filter(|it| it.peer == peer).map(|it| it.asked).max();
        let link = Link { remote, last: None, told, owed: 0, was_silent: None };
        if self.links.insert(peer, link).is_err() {
            return Vec::new();
        }
        let of_peer = self.open.values_mut().filter(|it| it.peer == peer);
        of_peer.filter_map(|it| it.waiting.take()).collect()
    }

    /// The link is gone, or none could be made; returns the questions that nobody will answer.
    pub(crate) fn down(&mut self, peer: &PeerId) -> Vec<Question> {
        self.links.remove(peer);
        let names: Vec<_> =
            self.open.iter().filter(|(_, it)| it.peer == *peer).map(|(name, _)| *name).collect();
        names.iter().filter_map(|name| self.open.remove(name)).collect()
    }

    /// Takes what ran out at `now`.
    pub(crate) fn late(&mut self, now: Instant) -> Vec<Late> {
        let mut late = Vec::new();
        let dead = |it: &Question| it.asked.after(HARD_TIMEOUT) <= now;
        while let Some(first) = self.open.first_entry().filter(|it| dead(it.get())) {
            let question = first.remove();
            if let Some(link) = self.links.get_mut(&question.peer)
                && question.waiting.is_none()
            {
                link.owed = link.owed.saturating_add(1);
                if question.purpose == Purpose::Probe {
                    link.was_silent = Some(now);
                }
            }
            late.push(Late::Dead(question));
        }
        // Names rise with time.
        for question in self.open.values_mut() {
            if question.asked.after(SOFT_TIMEOUT) > now {
                break;
            }
            if !question.is_slow {
                question.is_slow = true;
                late.push(Late::Slow(question.purpose));
            }
        }
        late
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let dead = self.open.values().next().map(|it| it.asked.after(HARD_TIMEOUT));
        let slow = self.open.values().find(|it| !it.is_slow);
        let slow = slow.map(|it| it.asked.after(SOFT_TIMEOUT));
        dead.into_iter().chain(slow).min()
    }

    pub(crate) fn is_up(&self, peer: &PeerId) -> bool {
        self.links.contains_key(peer)
    }

    pub(crate) fn remote_of(&self, peer: &PeerId) -> Option<SocketAddr> {
        self.links.get(peer).map(|it| it.remote)
    }

    /// Notes a question of theirs; `false` for a name that is not later than the last.
    pub(crate) fn is_asked_anew(&mut self, peer: &PeerId, name: QueryId) -> bool {
        let Some(link) = self.links.get_mut(peer) else { return true };
        let is_new = link.last.is_none_or(|last| last < name);
        if is_new {
            link.last = Some(name);
        }
        is_new
    }

    /// Tells whether our record goes with the next question, which it then does: with the first over a link, and
    /// now and then, because whoever could not answer in time may have forgotten us.
    pub(crate) fn introduces(&mut self, now: Instant, peer: &PeerId) -> bool {
        let Some(link) = self.links.get_mut(peer) else { return true };
        let is_due = link.told.is_none_or(|at| now.since(at) >= INTRODUCE_INTERVAL);
        if is_due {
            link.told = Some(now);
        }
        is_due
    }

    /// Tells whether somebody who asks may be asked back: once at a time, few of one network, and none that was silent a
    /// moment ago, so that nobody keeps the others out by not answering.
    pub(crate) fn may_probe(&self, now: Instant, peer: &PeerId) -> bool {
        let Some(link) = self.links.get(peer) else { return false };
        let remote = link.remote.ip();
        if link.was_silent.is_some_and(|at| now.since(at) < INTRODUCE_INTERVAL) {
            return false;
        }
        let (mut all, mut near) = (0, 0);
        for question in self.open.values().filter(|it| it.purpose == Purpose::Probe) {
            let other = self.links.get(&question.peer).map(|it| it.remote.ip());
            all += 1;
            near += usize::from(other.is_some_and(|it| network(it) == network(remote)));
            if question.peer == *peer {
                return false;
            }
        }
        all < PROBES_MAX && (remote.is_loopback() || near < GROUP_PER_BUCKET_MAX)
    }

    /// Returns what is being pulled.
    pub(crate) fn pulling(&self) -> BTreeSet<[u8; 16]> {
        let key16 = |it: &Question| match it.purpose {
            Purpose::Pull { had } => Some(had.key16),
            Purpose::Walk { .. } | Purpose::Probe => None,
        };
        self.open.values().filter_map(key16).collect()
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        let (len, limit) = (self.open.len(), QUESTIONS_MAX);
        [
            Occupancy { name: "dht questions", len, limit },
            self.links.occupancy("dht links"),
            self.asks.occupancy("dht nodes asked"),
        ]
    }
}
