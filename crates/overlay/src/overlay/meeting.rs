//! Links: who is dialled, who comes and goes, and whom others want.

use core::net::SocketAddr;

use ensign_book::Input as BookInput;
use ensign_dht::Input as DhtInput;
use ensign_primitives::{Direction, Now, PeerId};
use ensign_reach::Input as ReachInput;
use ensign_wire::PeersMessage;

use super::{Overlay, Todo};
use crate::{
    Event, Message, Output, Unreached,
    links::{Asked, Dial},
};

impl Overlay {
    /// Dials a node, or adds to what its dial is for; returns whether there is, or will be, an answer.
    pub(super) fn dial(
        &mut self,
        now: Now,
        peer: PeerId,
        address: SocketAddr,
        note: impl FnOnce(&mut Dial),
    ) -> bool {
        match self.links.dial(peer, address, note) {
            Asked::Dial(address) => {
                self.outputs.push_back(Output::Dial { peer, address });
                true
            }
            Asked::UnderWay => true,
            Asked::Busy => {
                self.pinged(now, &peer, false);
                false
            }
        }
    }

    pub(super) fn pinged(&mut self, now: Now, peer: &PeerId, is_there: bool) {
        let Some(since) = self.pings.remove(peer) else { return };
        let after = is_there.then(|| now.instant.since(since));
        self.outputs.push_back(Output::Event(Event::Pinged { peer: *peer, after }));
    }

    pub(super) fn on_up(
        &mut self,
        now: Now,
        peer: PeerId,
        (remote, direction): (SocketAddr, Direction),
    ) {
        self.heard(now);
        let dial = self.links.take_dial(&peer);
        let is_wanted = self.looked_for.is_wanted(&peer);
        self.looked_for.here(&peer);
        self.rest_pair(&peer);
        let is_ours = dial.is_some() && !is_wanted;
        let is_of_book = dial.as_ref().is_some_and(|it| it.book.is_some());
        if !self.links.up(peer, remote, (is_ours, is_of_book && is_ours)) {
            if is_ours {
                self.leave(peer);
            }
            return;
        }
        self.links.superfluous().into_iter().for_each(|peer| self.give_up(peer));
        let direction = if dial.is_some() { Direction::Outbound } else { direction };
        self.todo.push_back(Todo::Dht(DhtInput::Up { peer, remote }));
        let dial = dial.unwrap_or_default();
        if let Some(record) = dial.asked_by {
            // Who was told of in a walk has shown by answering that it is there.
            let source = ensign_book::Source::Node(remote);
            self.todo.push_back(Todo::Book(BookInput::Learned { record, source }));
        }
        self.todo.push_back(Todo::Book(BookInput::Up { peer, remote, direction }));
        self.start.tried(&peer, remote, Ok(()));
        if dial.is_first {
            self.ask_first(now, peer);
        }
        self.pinged(now, &peer, true);
    }

    /// Something has come: what waits for that goes on.
    pub(super) fn heard(&mut self, now: Now) {
        self.has_heard = true;
        self.heard_at = now.instant;
        self.may_look = true;
        self.start.heard();
        self.own.heard();
        self.reach.heard();
    }

    pub(super) fn ask_first(&mut self, now: Now, peer: PeerId) {
        if self.book.may_ask(now, peer) && self.start.ask(peer) {
            self.send(peer, Message::Peers(PeersMessage::Ask));
        }
    }

    pub(super) fn on_down(&mut self, now: Now, peer: PeerId) {
        if !self.links.is_up(&peer) {
            // It went before it introduced itself.
            if let Some(address) = self.links.dialled_at(&peer) {
                self.on_dial_failed(now, (peer, address), Unreached::Refused);
            }
            return;
        }
        let was_ours = self.links.down(&peer);
        self.start.answered(&peer);
        if was_ours {
            self.leave(peer);
        }
        self.looked_for.away(now.instant, &peer);
        self.pairs.away(now.instant, &peer, &mut self.random);
        self.todo.push_back(Todo::Dht(DhtInput::Down { peer }));
        self.todo.push_back(Todo::Reach(ReachInput::Left { peer }));
        self.todo.push_back(Todo::Book(BookInput::Down { peer }));
    }

    pub(super) fn on_dial_failed(
        &mut self,
        now: Now,
        (peer, address): (PeerId, SocketAddr),
        why: Unreached,
    ) {
        if self.links.dialled_at(&peer) != Some(address) {
            return;
        }
        let Some(dial) = self.links.take_dial(&peer) else { return };
        self.heard(now);
        self.pinged(now, &peer, false);
        if dial.is_first {
            self.start.tried(&peer, address, Err(why));
            self.outputs.push_back(Output::Event(Event::FirstUnreached { peer, address, why }));
        }
        if dial.asked_by.is_some() {
            self.todo.push_back(Todo::Dht(DhtInput::Unreachable { peer }));
        }
        match dial.book {
            Some(other) if other != address => {
                self.dial(now, peer, other, |dial| dial.book = Some(other));
            }
            Some(address) => {
                self.todo.push_back(Todo::Book(BookInput::DialFailed { peer, address }));
                self.leave(peer);
            }
            None => self.leave(peer),
        }
    }

    pub(super) fn on_wanted(&mut self, now: Now, peer: PeerId) {
        let is_here = self.links.is_up(&peer);
        self.looked_for.want(now.instant, peer, is_here);
        self.links.give_away(&peer);
        self.book.exclude(now, peer);
    }

    pub(super) fn on_unwanted(&mut self, peer: PeerId) {
        self.looked_for.forget(&peer);
        if !self.links.is_barred(&peer) {
            self.book.include(&peer);
        }
    }

    pub(super) fn on_barred(&mut self, now: Now, peer: PeerId, is_barred: bool) {
        self.links.bar(peer, is_barred);
        if is_barred {
            self.rest_pair(&peer);
            self.book.exclude(now, peer);
        } else {
            if !self.links.is_up(&peer) {
                self.pairs.away(now.instant, &peer, &mut self.random);
            }
            // Whom nobody could be asked about before may be dialled now.
            self.heard(now);
            if !self.looked_for.is_wanted(&peer) {
                self.book.include(&peer);
            }
        }
    }
}
