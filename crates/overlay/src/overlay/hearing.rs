//! What peers say, and what the two machines say to each other and to the world.

use alloc::vec::Vec;

use ensign_book::{Event as BookEvent, Input as BookInput, Output as BookOutput, Source};
use ensign_dht::{Event as DhtEvent, Input as DhtInput, Outcome, Output as DhtOutput};
use ensign_primitives::{Direction, Now, PeerId, QueryId};
use ensign_wire::{DhtFind, DhtMessage, Key, NodeRecord, PeersMessage};

use super::{Overlay, Todo};
use crate::{Event, Message, Offense, Output, Record};

/// Two walks whose ends the address book compares.
#[derive(Debug)]
pub(super) struct Comparison {
    round: u64,
    near: View,
    apart: View,
}

/// What one of them sees.
#[derive(Debug)]
enum View {
    Walking(QueryId),
    Seen(Vec<PeerId>),
}

impl View {
    fn end(&mut self, query: QueryId, nearest: &[PeerId]) {
        if matches!(self, Self::Walking(of) if *of == query) {
            *self = Self::Seen(nearest.to_vec());
        }
    }
}

impl Overlay {
    pub(super) fn on_message(&mut self, now: Now, from: PeerId, message: Message) {
        if !self.links.is_up(&from) {
            return;
        }
        self.heard(now);
        self.links.touch(&from);
        match message {
            Message::Dht(message) => {
                self.hear_asker(from, &message);
                self.todo.push_back(Todo::Dht(DhtInput::Message { from, message }));
            }
            Message::Peers(PeersMessage::Ask) => {
                self.todo.push_back(Todo::Book(BookInput::Asked { from }));
            }
            Message::Peers(PeersMessage::Told(records)) => self.on_told(now, from, records),
            Message::Reach(message) => self.on_reach_message(from, message),
        }
    }

    /// Whoever asks and says where it is gets into the book as hearsay: a first node would know nobody else.
    fn hear_asker(&mut self, from: PeerId, message: &DhtMessage) {
        let DhtMessage::Find(DhtFind { asker: Some(record), .. }) = message else { return };
        let Some(remote) = self.links.remote(&from).filter(|_| record.peer() == from) else {
            return;
        };
        // Each costs a signature: who is known costs none.
        if self.book.record(&from).is_some_and(|known| known.seq() >= record.seq()) {
            return;
        }
        let (record, source) = (record.clone(), Source::Node(remote));
        self.todo.push_back(Todo::Book(BookInput::Learned { record, source }));
    }

    /// One of the first nodes answers, or somebody whom the address book has asked.
    fn on_told(&mut self, now: Now, from: PeerId, records: Vec<NodeRecord>) {
        let place = self.start.place(&from);
        if !self.start.answered(&from) {
            return self.todo.push_back(Todo::Book(BookInput::Told { from, records }));
        }
        let source = Source::Seed(place.unwrap_or(u16::MAX));
        for record in records {
            if let Err(error) = self.dht.learn(now, record.clone()) {
                // What it tells besides is worth no signature more.
                let offense = Offense::Dht(ensign_dht::Offense::Node(error));
                return self.outputs.push_back(Output::Offense { peer: from, offense });
            }
            self.todo.push_back(Todo::Book(BookInput::Learned { record: record.clone(), source }));
            self.todo.push_back(Todo::Dht(DhtInput::Learned { record }));
        }
    }

    pub(super) fn on_dht(&mut self, now: Now, output: DhtOutput) {
        match output {
            DhtOutput::Send { to, message } => self.send(to, Message::Dht(message)),
            DhtOutput::Reach { record } => self.reach(now, record),
            DhtOutput::Offense { peer, offense } => {
                let offense = Offense::Dht(offense);
                self.outputs.push_back(Output::Offense { peer, offense });
            }
            DhtOutput::Event(DhtEvent::Ended { query, key, outcome, asked, took }) => {
                if self.commands.remove(&query) {
                    let event = Event::Ended { query, key, outcome, asked, took };
                    return self.outputs.push_back(Output::Event(event));
                }
                if let Outcome::Stored { copies } = outcome
                    && self.own.has_issued(query, copies)
                {
                    return self.outputs.push_back(Output::Event(Event::Published { copies }));
                }
                if self.pairs.ended(query) {
                    return;
                }
                if let Some(search) = self.looked_for.ended(query) {
                    return self.on_looked(search, outcome);
                }
                if let Outcome::Seen { nearest, .. } = outcome {
                    self.on_seen(query, &nearest);
                }
            }
            DhtOutput::Event(DhtEvent::Renew { key }) => self.renew(now, key),
            DhtOutput::Event(DhtEvent::Dense { key, neighbours }) => {
                self.outputs.push_back(Output::Event(Event::Dense { key, neighbours }));
            }
        }
    }

    fn reach(&mut self, now: Now, record: NodeRecord) {
        let peer = record.peer();
        let scope = self.config.scope;
        let address = record.node().addresses.iter().find(|it| scope.allows(it.ip())).copied();
        let is_let = !self.links.is_barred(&peer) && !self.links.is_up(&peer);
        let is_dialled = address.filter(|_| is_let).is_some_and(|address| {
            self.dial(now, peer, address, |dial| dial.asked_by = Some(record))
        });
        if !is_dialled {
            self.todo.push_back(Todo::Dht(DhtInput::Unreachable { peer }));
        }
    }

    pub(super) fn on_book(&mut self, now: Now, output: BookOutput<NodeRecord>) {
        match output {
            BookOutput::Dial { peer, .. } if self.links.is_up(&peer) => {
                // It came up just now, and the book hears of it next.
                self.links.take_for_book(&peer);
                let remote = self.links.remote(&peer);
                let up = |remote| BookInput::Up { peer, remote, direction: Direction::Outbound };
                self.todo.extend(remote.map(up).map(Todo::Book));
            }
            BookOutput::Dial { peer, address } => {
                self.dial(now, peer, address, |dial| dial.book = Some(address));
            }
            BookOutput::Close { peer, why: _ } => self.give_up(peer),
            BookOutput::Ask { to } => self.send(to, Message::Peers(PeersMessage::Ask)),
            BookOutput::Tell { to, records } => {
                let told = self.own.record().cloned().into_iter().chain(records).collect();
                self.send(to, Message::Peers(PeersMessage::Told(told)));
            }
            BookOutput::Compare { round, target, near, apart } => {
                self.compare(now, (round, Key(target)), (&near, &apart));
            }
            BookOutput::Offense { peer, offense } => {
                let offense = Offense::Book(offense);
                self.outputs.push_back(Output::Offense { peer, offense });
            }
            BookOutput::Note(note) => self.outputs.push_back(Output::Note(Record::Book(note))),
            BookOutput::Event(BookEvent::Alarm { reason }) => {
                self.outputs.push_back(Output::Event(Event::Alarm { reason }));
            }
            BookOutput::Event(BookEvent::Over { reason }) => {
                self.outputs.push_back(Output::Event(Event::Over { reason }));
            }
        }
    }

    /// Walks to one point from two sets of nodes.
    fn compare(
        &mut self,
        now: Now,
        (round, target): (u64, Key),
        (near, apart): (&[PeerId], &[PeerId]),
    ) {
        let mut look = |peers: &[PeerId]| {
            let records = peers.iter().filter_map(|peer| self.book.record(peer)).cloned();
            let query = self.dht.look(now, target, records.collect());
            query.map_or_else(|_| View::Seen(Vec::new()), View::Walking)
        };
        self.comparison = Some(Comparison { round, near: look(near), apart: look(apart) });
        self.end_comparison();
    }

    fn on_seen(&mut self, query: QueryId, nearest: &[PeerId]) {
        if let Some(comparison) = &mut self.comparison {
            comparison.near.end(query, nearest);
            comparison.apart.end(query, nearest);
            self.end_comparison();
        }
    }

    /// Tells the address book what both have seen, when both have ended.
    fn end_comparison(&mut self) {
        let both = self
            .comparison
            .take_if(|it| matches!((&it.near, &it.apart), (View::Seen(_), View::Seen(_))));
        if let Some(Comparison { round, near: View::Seen(near), apart: View::Seen(apart) }) = both {
            self.todo.push_back(Todo::Book(BookInput::Compared { round, near, apart }));
        }
    }
}
