//! Where others see us, whether they reach us, and what we are in the network because of that.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::{Now, PeerId};
use ensign_reach::{Input as ReachInput, Output as ReachOutput, Verdict};
use ensign_wire::{DialBackNonce, Key, ReachMessage};

use super::{Overlay, Todo};
use crate::{Event, Message, Offense, Output};

impl Overlay {
    pub(super) fn on_seen_at(&mut self, peer: PeerId, address: SocketAddr) {
        let Some(remote) = self.links.remote(&peer) else { return };
        let seen = Some(address);
        self.todo.push_back(Todo::Reach(ReachInput::Met { peer, remote, seen }));
    }

    /// Who comes from where somebody is connected gets in through the hole that this connection has made.
    pub(super) fn on_dialled_back(&mut self, remote: SocketAddr, nonce: DialBackNonce) {
        if !self.links.is_at(remote) {
            self.todo.push_back(Todo::Reach(ReachInput::DialledBack { remote, nonce }));
        }
    }

    pub(super) fn on_reach_message(&mut self, from: PeerId, message: ReachMessage) {
        let Some(remote) = self.links.remote(&from) else { return };
        let input = match message {
            ReachMessage::Ask(ask) => ReachInput::Asked { from, remote, ask },
            ReachMessage::Told(told) => ReachInput::Told { from, told },
            // By a connection that stands nothing is shown.
            ReachMessage::DialBack(_) => return,
        };
        self.todo.push_back(Todo::Reach(input));
    }

    pub(super) fn on_reach(&mut self, now: Now, output: ReachOutput) {
        match output {
            ReachOutput::Ask { to, ask } => self.say_reach(to, ReachMessage::Ask(ask)),
            ReachOutput::Tell { to, told } => self.say_reach(to, ReachMessage::Told(told)),
            ReachOutput::DialBack { peer, address, nonce } => {
                self.outputs.push_back(Output::DialBack { peer, address, nonce });
            }
            ReachOutput::Offense { peer, offense } => {
                let offense = Offense::Reach(offense);
                self.outputs.push_back(Output::Offense { peer, offense });
            }
            ReachOutput::Refresh { peer } => self.give_up(peer),
            ReachOutput::Changed => self.readdress(now),
            ReachOutput::Judged(Verdict::Reached) => {
                let addresses = self.reach.announced().to_vec();
                self.outputs.push_back(Output::Event(Event::Reachable { addresses }));
            }
            ReachOutput::Judged(Verdict::Unreached) => {
                self.outputs.push_back(Output::Event(Event::Unreachable));
            }
            ReachOutput::Judged(
                Verdict::Unwanted | Verdict::Untested | Verdict::Unseen | Verdict::Testing,
            ) => {}
        }
    }

    /// Where a member may try: what everybody is told first, then what is only named or listened at.
    pub(super) fn places(&self) -> Vec<SocketAddr> {
        let mut places = self.reach.announced().to_vec();
        for address in self.config.addresses.iter().chain(&self.config.listening) {
            if !places.contains(address) {
                places.push(*address);
            }
        }
        places
    }

    fn say_reach(&mut self, to: PeerId, message: ReachMessage) {
        if self.links.is_up(&to) {
            self.send(to, Message::Reach(message));
        }
    }

    /// Where others reach us has changed: we serve there from now on, or nobody any more.
    fn readdress(&mut self, now: Now) {
        self.own.readdress(self.reach.announced());
        self.pairs.moved(now.instant, &mut self.random);
        self.dht.set_role(self.own.role());
        if !self.own.serves() {
            let (network, me) = (self.config.network, self.own.peer_id());
            self.dht.withdraw(&Key::of_peer(network, &me));
        } else if self.own.has_position(now) {
            self.announce(now);
        }
    }
}
