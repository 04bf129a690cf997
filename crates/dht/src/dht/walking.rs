//! Asking: walks and what their answers bring.

use alloc::{collections::BTreeSet, vec::Vec};

use ensign_primitives::{Now, PeerId, QueryId};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtPull, DhtRecord, DhtReply, DhtStore, Had, Key,
    NodeRecord, Published, RecordKind, Wants,
};

use super::{Dht, is_named};
use crate::{
    CommandError, Event, Heard, K, Offense, Outcome, Output, Placed, TRACES_KEPT, WALKS_MAX,
    locality::shared_network,
    questions::{Purpose, Question},
    walk::{Op, Step, Walk, is_fresh},
};

impl Dht {
    pub(super) fn command(&mut self, now: Now, op: Op, key: Key) -> Result<QueryId, CommandError> {
        if self.walks.len() >= WALKS_MAX {
            return Err(CommandError::Busy { limit: WALKS_MAX });
        }
        let query = self.start(now, op, key);
        self.settle(now);
        Ok(query)
    }

    pub(super) fn start(&mut self, now: Now, op: Op, key: Key) -> QueryId {
        let query = self.questions.next_name();
        let is_nearest = matches!(op, Op::Nearest);
        let scope = self.config.rules.scope;
        let mut walk = Walk::new(now.instant, op, (key, self.region()), scope);
        let contacts: Vec<NodeRecord> = if is_nearest {
            self.table.closest(key, 2 * K)
        } else {
            self.table.contacts().cloned().collect()
        };
        let is_lonely = contacts.len() < K;
        contacts.into_iter().for_each(|it| walk.start_from(it));
        if !is_nearest || is_lonely {
            self.roots.iter().for_each(|it| walk.start_from(it.clone()));
        }
        // What we keep ourselves needs no question.
        if let Some(record) = self.held(now, &key).cloned() {
            walk.found(record, None);
        }
        self.walks.insert(query, walk);
        query
    }

    /// The record of a key that we keep or publish.
    pub(super) fn held(&self, now: Now, key: &Key) -> Option<&DhtRecord> {
        let kept = self.shelf.get(now.instant, key);
        kept.or_else(|| self.published.get(key).map(|it| &it.record))
    }

    /// Lets every walk go on as far as it can, and starts refreshes that wait.
    pub(super) fn settle(&mut self, now: Now) {
        loop {
            let names: Vec<QueryId> = self.walks.keys().copied().collect();
            for name in names {
                self.step(now, name);
            }
            if !self.start_refresh(now) {
                return;
            }
        }
    }

    fn step(&mut self, now: Now, name: QueryId) {
        loop {
            let Some(walk) = self.walks.get_mut(&name) else { return };
            if walk.is_to_be_measured() {
                self.measure(now, name);
                continue;
            }
            if walk.is_satisfied(now) {
                return self.end(now, name);
            }
            if !self.questions.has_room() {
                return;
            }
            match walk.next(now.instant, &mut self.random) {
                Some(step) => self.ask(now, name, step),
                None if walk.is_idle() => return self.end(now, name),
                None => return,
            }
        }
    }

    fn measure(&mut self, now: Now, name: QueryId) {
        let nodes = self.nodes();
        let Some(walk) = self.walks.get_mut(&name) else { return };
        if let Some(neighbours) = walk.measure(nodes) {
            let key = walk.key();
            self.dense = Some((key, neighbours, now.instant));
            self.outputs.push_back(Output::Event(Event::Dense { key, neighbours }));
        }
    }

    fn ask(&mut self, now: Now, walk: QueryId, step: Step) {
        let Step { candidate, record, target, is_inside } = step;
        if !self.questions.may_ask(now.instant, record.peer()) {
            let walk = self.walks.get_mut(&walk);
            return walk.into_iter().for_each(|it| it.over(candidate, false, Heard::Nothing));
        }
        let Some(of) = self.walks.get(&walk) else { return };
        let around = Around { key: of.key(), target, region: of.region() };
        let query = self.questions.next_name();
        let message = match of.op() {
            Op::Store(value) if is_inside => {
                DhtMessage::Store(DhtStore { query, around, record: value.clone() })
            }
            Op::Fetch(_) | Op::Node(_) if is_inside => {
                self.find(now, &record, query, around, Wants::Value)
            }
            Op::Fetch(_) | Op::Node(_) | Op::Store(_) | Op::Nearest => {
                self.find(now, &record, query, around, Wants::Nodes)
            }
        };
        let purpose = Purpose::Walk { walk, candidate };
        self.send_question(now, (query, message), record, purpose);
    }

    fn find(
        &mut self,
        now: Now,
        to: &NodeRecord,
        query: QueryId,
        around: Around,
        wants: Wants,
    ) -> DhtMessage {
        let tells = self.config.serves() && self.questions.introduces(now.instant, &to.peer());
        let asker = self.own.clone().filter(|_| tells);
        DhtMessage::Find(DhtFind { query, around, wants, asker })
    }

    fn send_question(
        &mut self,
        now: Now,
        (query, message): (QueryId, DhtMessage),
        record: NodeRecord,
        purpose: Purpose,
    ) {
        let to = record.peer();
        let about = (to, Some(record.clone()), purpose);
        let output = match self.questions.ask(now.instant, (query, message), about) {
            Some(message) => Output::Send { to, message },
            None => Output::Reach { record },
        };
        self.outputs.push_back(output);
    }

    /// Asks a node whether it is there.
    pub(super) fn probe(&mut self, now: Now, record: NodeRecord) {
        if !self.questions.has_room() || !self.questions.may_ask(now.instant, record.peer()) {
            return;
        }
        let query = self.questions.next_name();
        let key = record.position().into();
        let around = Around { key, target: key, region: 0 };
        let message = self.find(now, &record, query, around, Wants::Answer);
        self.send_question(now, (query, message), record, Purpose::Probe);
    }

    /// Asks a neighbour for what it has told of.
    pub(super) fn pull(&mut self, now: Now, from: PeerId, had: Had) {
        let query = self.questions.next_name();
        let message = DhtMessage::Pull(DhtPull { query, key16: had.key16 });
        let about = (from, None, Purpose::Pull { had });
        if let Some(message) = self.questions.ask(now.instant, (query, message), about) {
            self.outputs.push_back(Output::Send { to: from, message });
        }
    }

    pub(super) fn on_reply(&mut self, now: Now, from: PeerId, reply: DhtReply) {
        let question = match self.questions.answered(now.instant, from, reply.query) {
            Ok(question) => question,
            Err(true) => return,
            Err(false) => return self.offense(from, Offense::NeverAsked { query: reply.query }),
        };
        match self.judge(now, &question, reply) {
            Ok((value, answer_is_yes, nodes)) => {
                self.on_answer(now, &question);
                self.on_answered(now, question, (value, answer_is_yes, nodes));
            }
            Err(offense) => {
                if let Purpose::Walk { walk, candidate } = question.purpose
                    && let Some(walk) = self.walks.get_mut(&walk)
                {
                    walk.over(candidate, question.is_slow, Heard::Offense);
                }
                self.offense(from, offense);
            }
        }
    }

    /// Looks whether an answer is one to the question, and takes from it what holds.
    fn judge(
        &mut self,
        now: Now,
        question: &Question,
        reply: DhtReply,
    ) -> Result<(Option<DhtRecord>, bool, Vec<NodeRecord>), Offense> {
        let DhtReply { query: _, answer, nodes } = reply;
        let of_walk = |walk: &QueryId| self.walks.get(walk).map(Walk::key);
        let (takes_value, takes_nodes, key) = match question.purpose {
            Purpose::Walk { walk, .. } => {
                (question.wants == Some(Wants::Value), true, of_walk(&walk))
            }
            Purpose::Probe => (false, false, None),
            Purpose::Pull { .. } => (true, false, None),
        };
        let is_store = question.wants.is_none() && takes_nodes;
        let fits = match &answer {
            Answer::None => true,
            Answer::Value(_) => takes_value,
            Answer::Stored | Answer::Refused(_) => is_store,
        };
        if !fits || (!takes_nodes && !nodes.is_empty()) {
            return Err(Offense::WrongAnswer);
        }
        let names: BTreeSet<PeerId> = nodes.iter().map(NodeRecord::peer).collect();
        if names.len() < nodes.len() {
            return Err(Offense::Repeated);
        }
        let is_yes = matches!(answer, Answer::Stored | Answer::Value(_));
        let value = match answer {
            Answer::Value(record) => {
                let is_asked_for = match question.purpose {
                    Purpose::Pull { had } => record.key().first_half() == had.key16,
                    // A walk that is over has no key any more.
                    Purpose::Walk { .. } | Purpose::Probe => {
                        key.is_none_or(|key| key == record.key())
                    }
                };
                if !is_asked_for {
                    return Err(Offense::OtherKey);
                }
                self.take_value(now, record)?
            }
            Answer::None | Answer::Stored | Answer::Refused(_) => None,
        };
        Ok((value, is_yes, self.take_nodes(now, nodes)?))
    }

    /// Verifies a record that somebody has; one that has expired is none.
    fn take_value(&mut self, now: Now, record: DhtRecord) -> Result<Option<DhtRecord>, Offense> {
        if let Some(refusal) = self.refusal_of(now, &record) {
            return if refusal == ensign_wire::StoreRefusal::Invalid {
                Err(Offense::Invalid)
            } else {
                Ok(None)
            };
        }
        if self.verifier.record(&record) { Ok(Some(record)) } else { Err(Offense::Signature) }
    }

    /// Verifies nodes; what may hold for others, by other clocks and settings, is left out.
    fn take_nodes(&mut self, now: Now, nodes: Vec<NodeRecord>) -> Result<Vec<NodeRecord>, Offense> {
        let mut taken = Vec::with_capacity(nodes.len());
        for record in nodes {
            if record.peer() == self.me {
                continue;
            }
            let rules = self.config.rules;
            let cheap = record.verify_cheaply(now.unix, rules);
            match cheap.and_then(|()| self.verifier.node(&record, rules.bits)) {
                Ok(()) if record.address().is_some() => taken.push(record),
                Ok(()) => {}
                Err(error) if error.is_false_everywhere() => return Err(Offense::Node(error)),
                Err(_) => {}
            }
        }
        Ok(taken)
    }

    /// Whoever answered has a place, if there is one.
    fn on_answer(&mut self, now: Now, question: &Question) {
        let Some(record) = question.record.clone() else { return };
        let remote = self.questions.remote_of(&question.peer);
        let Some(remote) = remote.filter(|it| is_named(&record, it.ip())) else { return };
        let placed = self.table.answered(now.instant, record.clone(), remote.ip());
        match placed {
            Placed::In => {}
            Placed::Waits { ask } => {
                self.roots.learn(record);
                if let Some(silent) = ask {
                    self.probe(now, silent);
                }
            }
            Placed::Crowded => {}
        }
    }

    fn on_answered(
        &mut self,
        now: Now,
        question: Question,
        (value, is_yes, nodes): (Option<DhtRecord>, bool, Vec<NodeRecord>),
    ) {
        let remote = self.questions.remote_of(&question.peer);
        let Question { peer: from, purpose, asked, is_slow, .. } = question;
        match purpose {
            Purpose::Probe => {}
            Purpose::Pull { had } => {
                if let Some(record) = value {
                    // Nobody waits for what comes of it.
                    let _ = self.take(now, record, (from, had.ttl));
                }
            }
            Purpose::Walk { walk, candidate } => {
                let Some(walk) = self.walks.get_mut(&walk) else { return };
                let new_nodes = walk.told(candidate, nodes);
                let after = now.instant.since(asked);
                let heard = Heard::Answered { after, new_nodes, has_record: is_yes };
                walk.over(candidate, is_slow, heard);
                if let (Some(record), Some(remote)) = (value, remote) {
                    walk.found(record, shared_network(self.config.rules.scope, remote.ip()));
                } else if is_yes {
                    walk.stored();
                }
            }
        }
    }

    fn end(&mut self, now: Now, name: QueryId) {
        let Some(walk) = self.walks.remove(&name) else { return };
        if !self.looks.remove(&name) && matches!(walk.op(), Op::Nearest) {
            self.saw(now, &walk.nearest());
        }
        let outcome = match walk.op() {
            Op::Fetch(_) => walk.best().map_or(Outcome::NotFound, |record| Outcome::Record {
                record: record.clone(),
                is_old: !is_fresh(record, now),
            }),
            Op::Node(peer) => {
                let by_record = walk.best().and_then(node_of);
                let node = walk.find(peer).cloned().into_iter().chain(by_record);
                let latest = node.max_by_key(NodeRecord::seq);
                latest.map_or(Outcome::NotFound, Outcome::Node)
            }
            Op::Store(_) => Outcome::Stored { copies: walk.copies() },
            Op::Nearest => Outcome::Seen { nodes: walk.seen(), nearest: walk.nearest_peers() },
        };
        let (key, asked) = (walk.key(), walk.asked());
        let took = now.instant.since(walk.started());
        if !matches!(walk.op(), Op::Nearest) {
            self.traces.push_back((name, key, walk.into_hops()));
            if self.traces.len() > TRACES_KEPT {
                self.traces.pop_front();
            }
        }
        let ended = Event::Ended { query: name, key, outcome, asked, took };
        self.outputs.push_back(Output::Event(ended));
    }
}

/// The node record in a record of that kind, which was validated when it was taken.
fn node_of(record: &DhtRecord) -> Option<NodeRecord> {
    let Published { kind, body, .. } = record.said();
    if *kind != RecordKind::NODE {
        return None;
    }
    NodeRecord::decode(body, record.network()).ok()
}
