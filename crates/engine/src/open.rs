//! Between the node and its part in the open network.

use alloc::sync::Arc;
use core::net::SocketAddr;

use ensign_diversity::PrefixTable;
use ensign_overlay::{
    CommandError, Input as OverlayInput, Message, Output as OverlayOutput, Overlay, Unreached,
};
use ensign_peers::{DialFailure, Input as PeersInput};
use ensign_primitives::{LinkId, Now, PeerId};
use ensign_wire::{Frame, ReachMessage};

use crate::{CloseCode, Engine, Event, Offense, Output, Record, route::Note};

/// The job of our position's puzzle, which is worked beside those of prices; no price's has this name.
pub const POSITION_JOB: u64 = u64::MAX;

/// A dial that led to no link, as the open network hears of it.
pub(crate) const fn dial_failed(
    peer: PeerId,
    address: SocketAddr,
    why: DialFailure,
) -> OverlayInput {
    let why = match why {
        DialFailure::Duplicate => Unreached::Duplicate,
        DialFailure::WrongIdentity { found, .. } => Unreached::OtherNode { found },
        DialFailure::ForeignNetwork { .. } => Unreached::OtherNetwork,
        DialFailure::SameNode => Unreached::Ourselves,
        DialFailure::Refused | DialFailure::Closed { .. } => Unreached::Refused,
        DialFailure::Tls { .. } | DialFailure::Quic { .. } | DialFailure::InvalidAddress => {
            Unreached::NoNode
        }
        DialFailure::TimedOut | DialFailure::TransportClosed | _ => Unreached::NoAnswer,
    };
    OverlayInput::DialFailed { peer, address, why }
}

impl Engine {
    /// Returns the child that takes part in the open network, for questions; `None` in a closed home.
    pub const fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    /// Carries out a command of our user at the child that takes part in the open network, and what follows
    /// from it; `None` in a closed home.
    ///
    /// # Errors
    ///
    /// Those of the command.
    pub fn outside<T>(
        &mut self,
        now: Now,
        act: impl FnOnce(&mut Overlay) -> Result<T, CommandError>,
    ) -> Option<Result<T, CommandError>> {
        let done = act(self.overlay.as_mut()?);
        self.settle(now);
        Some(done)
    }

    pub(crate) fn tell_overlay(&mut self, input: OverlayInput) {
        if self.overlay.is_some() {
            self.notes.push_back(Note::Overlay(input));
        }
    }

    pub(crate) fn hear_outside(&mut self, from: PeerId, message: Message) {
        self.tell_overlay(OverlayInput::Message { from, message });
    }

    /// Somebody says who can be reached. A dial back is of whoever has said nothing else on its connection.
    pub(crate) fn hear_reach(&mut self, link: LinkId, message: ReachMessage) {
        let Some((peer, remote)) = self.gate.get(link).map(|it| (it.peer, it.remote)) else {
            return;
        };
        match message {
            ReachMessage::DialBack(nonce) => {
                self.tell_overlay(OverlayInput::DialledBack { remote, nonce });
            }
            ReachMessage::Ask(_) | ReachMessage::Told(_) => {
                self.hear_outside(peer, Message::Reach(message));
            }
        }
    }

    pub(crate) fn is_held_outside(&self, peer: &PeerId) -> bool {
        self.overlay.as_ref().is_some_and(|it| it.holds(peer))
    }

    pub(crate) fn know_prefixes_outside(&mut self, now: Now, prefixes: &Arc<PrefixTable>) {
        self.overlay.iter_mut().for_each(|it| it.know_prefixes(now, Arc::clone(prefixes)));
    }

    /// Dials a node no more, or again.
    pub(crate) fn bar(&mut self, peer: PeerId, is_barred: bool) {
        if is_barred {
            self.peers.bar(peer);
        } else {
            self.peers.unbar(peer);
        }
        self.tell_overlay(OverlayInput::Barred { peer, is_barred });
    }

    /// What the open network says becomes ours.
    pub(crate) fn on_overlay(&mut self, now: Now, output: OverlayOutput) {
        let output = match output {
            OverlayOutput::Dial { peer, address } => {
                self.gate.want(peer);
                Output::Dial { peer, address }
            }
            OverlayOutput::DialBack { peer, address, nonce } => {
                let frame = Frame::Reach(ReachMessage::DialBack(nonce)).encode().into();
                Output::DialBack { peer, address, frame }
            }
            OverlayOutput::Leave { peer } => {
                if self.peers.is_wanted(&peer) {
                    return;
                }
                let link = self.gate.link_of(&peer);
                link.into_iter().for_each(|link| self.close(link, CloseCode::Unwanted));
                self.gate.forget(&peer);
                self.payer.forget(&peer);
                Output::Forget { peer }
            }
            OverlayOutput::Send { to, message } => {
                let Some(link) = self.gate.link_of(&to) else { return };
                let frame = match message {
                    Message::Dht(message) => Frame::Dht(message),
                    Message::Peers(message) => Frame::Peers(message),
                    Message::Reach(message) => Frame::Reach(message),
                };
                return self.send(link, &frame);
            }
            OverlayOutput::Found { peer, addresses } => {
                return self.tell_peers(PeersInput::Found { peer, addresses });
            }
            OverlayOutput::Solve { puzzle, start } => {
                let peer = puzzle.key;
                Output::Solve { job: POSITION_JOB, peer, puzzle, start }
            }
            OverlayOutput::Offense { peer, offense } => {
                return self.offense_of(now, peer, Offense::Overlay(offense));
            }
            OverlayOutput::Note(record) => Output::Note(Record::Overlay(record)),
            OverlayOutput::Event(event) => Output::Event(Event::Overlay(event)),
        };
        self.outputs.push_back(output);
    }
}
