//! Connections: introductions, members and strangers, and what misbehaviour costs.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::{Instant, MESSAGES_MAX, Now, PeerId, Wakeup};
use ensign_wire::{
    Audience, Frame, Hello, Kind, Limits, PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, Roles,
};

use crate::{
    CloseReason, Event, HELLO_TIMEOUT, OFFENSE_POINTS_MAX, Offense, Output, PINGS_ALLOWED, Penalty,
    REQUESTS_MAX, Signing,
    budget::{Bucket, Good},
    penalty,
};

/// One connected node.
#[derive(Debug)]
pub(crate) struct Peer {
    introduced: bool,
    hello_by: Instant,
    points: u32,
    pub(crate) pings: Bucket,
}

impl Peer {
    fn new(now: Instant) -> Self {
        Self {
            introduced: false,
            hello_by: now.after(HELLO_TIMEOUT),
            points: 0,
            pings: Bucket::full(now, PINGS_ALLOWED),
        }
    }

    pub(crate) const fn is_introduced(&self) -> bool {
        self.introduced
    }

    pub(crate) fn hello_wakeup(&self) -> Option<Wakeup> {
        (!self.introduced).then_some(Wakeup { at: self.hello_by, reason: "hello" })
    }
}

impl Signing {
    pub(crate) fn on_connected(&mut self, now: Now, peer: PeerId, remote: SocketAddr) {
        self.make_place(peer);
        if self.peers.insert(peer, Peer::new(now.instant)).is_err() {
            self.outputs.push_back(Output::Disconnect { peer, reason: CloseReason::Full });
            return;
        }
        self.shared.up(peer);
        self.shelf.up(peer);
        // A clock and a local address recognise a node on whatever network it is.
        let is_member = self.is_member(&peer);
        let hello = Hello {
            roles: Roles::SIGNER,
            version_min: PROTOCOL_VERSION,
            version_max: PROTOCOL_VERSION,
            clock: is_member.then_some(now.unix),
            instance: is_member.then_some(self.config.instance),
            observed: Some(remote),
            listening: if is_member { self.config.listening.clone() } else { Vec::new() },
            limits: Limits {
                payload_bytes: PAYLOAD_BYTES_MAX as u32,
                messages: MESSAGES_MAX as u16,
                requests: REQUESTS_MAX as u16,
            },
        };
        self.send(peer, &Frame::Hello(hello));
        if is_member {
            self.say_groups(peer);
        }
    }

    /// A stranger gives way to a member when every place is taken.
    fn make_place(&mut self, peer: PeerId) {
        if !self.peers.is_full() || !self.is_member(&peer) || self.peers.contains_key(&peer) {
            return;
        }
        let stranger = self.peers.iter().map(|(other, _)| *other).find(|it| !self.is_member(it));
        if let Some(stranger) = stranger {
            self.peers.remove(&stranger);
            self.forget_connection(&stranger);
            let reason = CloseReason::Full;
            self.outputs.push_back(Output::Disconnect { peer: stranger, reason });
        }
    }

    pub(crate) fn on_disconnected(&mut self, peer: PeerId) {
        if self.peers.remove(&peer).is_some_and(|peer| peer.introduced) && self.is_member(&peer) {
            self.event(Event::PeerDown { peer });
        }
        self.forget_connection(&peer);
    }

    pub(crate) fn on_frame(&mut self, now: Now, peer: PeerId, kind: Kind, body: &[u8]) {
        let Some(known) = self.peers.get(&peer) else { return };
        if !known.introduced && kind.audience() != Audience::Anyone {
            if self.is_member(&peer) {
                // Meant for the connection before this one, whose end its sender had not noticed:
                // it will be said again after the hello.
                return;
            }
            return self.offense(peer, Offense::NoHello { kind });
        }
        if kind.audience() == Audience::Member && !self.is_member(&peer) {
            return self.offense(peer, Offense::Stranger { kind });
        }
        if !self.pays_for_bytes(now, peer, kind, body.len()) {
            return self.offense(peer, Offense::NoRoom);
        }
        match Frame::decode(kind, body, self.config.network) {
            Err(error) => self.offense(peer, Offense::Decode(error)),
            Ok(Frame::Hello(hello)) => self.on_hello(now, peer, &hello),
            Ok(Frame::Ping(number)) => self.on_ping(now, peer, number),
            Ok(Frame::Pong(_)) => {}
            Ok(Frame::Groups(groups)) => self.on_groups(now, peer, groups),
            Ok(Frame::Payload { request, bytes }) => self.on_payload(now, peer, request, bytes),
            Ok(Frame::Envelope(envelope)) => self.on_envelope(now, peer, envelope),
        }
    }

    /// Answers within the peer's budget. A member that asks for more gets no answer and keeps its
    /// connection; a stranger loses it.
    fn on_ping(&mut self, now: Now, peer: PeerId, number: u64) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if known.pings.take(now.instant, PINGS_ALLOWED, 1) {
            self.send(peer, &Frame::Pong(number));
        } else if !self.is_member(&peer) {
            self.offense(peer, Offense::TooManyPings);
        }
    }

    fn on_hello(&mut self, now: Now, peer: PeerId, hello: &Hello) {
        let (min, max) = (hello.version_min, hello.version_max);
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if known.introduced {
            return self.offense(peer, Offense::SecondHello);
        }
        if !(min..=max).contains(&PROTOCOL_VERSION) {
            return self.offense(peer, Offense::Version { min, max });
        }
        known.introduced = true;
        if self.is_member(&peer) {
            self.greet_member(now, peer, hello);
        }
    }

    fn greet_member(&mut self, now: Now, peer: PeerId, hello: &Hello) {
        let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        // A member that does not have our group yet tells no clock: nothing is known about it.
        let clock_offset_millis = hello.clock.map_or(0, |clock| {
            signed(clock.as_millis()).saturating_sub(signed(now.unix.as_millis()))
        });
        self.outputs.push_back(Output::Admit { peer });
        self.event(Event::PeerUp { peer, clock_offset_millis });
        if hello.instance.is_some_and(|number| self.instances.see(peer, number, now.instant)) {
            self.event(Event::PeerCopied { peer });
        }
    }

    /// Whether a member's budget covers the bytes of what is dear to decode or to keep.
    fn pays_for_bytes(&mut self, now: Now, peer: PeerId, kind: Kind, len: usize) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is small or of a session")]
        let good = match kind {
            Kind::SessionAnnounce => Good::AnnouncedBytes,
            Kind::Payload => Good::PayloadBytes,
            _ => return true,
        };
        self.admission.budgets_mut().spend(now.instant, peer, good, len as u64)
    }

    /// A group was formed while its member was already connected as a stranger. The clock it told
    /// then, if any, was not kept: it counts as right until it connects again.
    pub(crate) fn admit(&mut self, peer: PeerId) {
        if self.peers.get(&peer).is_some_and(Peer::is_introduced) {
            self.outputs.push_back(Output::Admit { peer });
            self.event(Event::PeerUp { peer, clock_offset_millis: 0 });
        }
    }

    pub(crate) fn close_silent_peers(&mut self, now: Now) {
        let silent: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.hello_wakeup().is_some_and(|at| at.at <= now.instant))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in silent {
            self.offense(peer, Offense::HelloTimeout);
        }
    }

    /// Reports an offense and makes its sender pay.
    pub(crate) fn offense(&mut self, peer: PeerId, offense: Offense) {
        let penalty = penalty(&offense);
        let reason = match offense {
            Offense::NoHello { .. } | Offense::HelloTimeout => CloseReason::NoHello,
            Offense::Version { .. } => CloseReason::Version,
            Offense::Decode(_)
            | Offense::SecondHello
            | Offense::TooManyPings
            | Offense::Stranger { .. }
            | Offense::UnknownGroup { .. }
            | Offense::InvalidRequest(_)
            | Offense::RequestTime { .. }
            | Offense::InvalidAnnounce { .. }
            | Offense::Unsignable(_)
            | Offense::WrongPayload { .. }
            | Offense::NoRoom
            | Offense::Session(_) => CloseReason::Misbehaved,
        };
        self.event(Event::Offense { peer, offense, penalty });
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let close = match penalty {
            Penalty::Points(points) => {
                known.points = known.points.saturating_add(points);
                known.points >= OFFENSE_POINTS_MAX
            }
            Penalty::Disconnect => true,
        };
        if close {
            let introduced = known.introduced;
            self.peers.remove(&peer);
            self.outputs.push_back(Output::Disconnect { peer, reason });
            if introduced && self.is_member(&peer) {
                self.event(Event::PeerDown { peer });
            }
            self.forget_connection(&peer);
        }
    }

    fn forget_connection(&mut self, peer: &PeerId) {
        self.shared.down(peer);
        self.shelf.down(peer);
        self.forget_sent_payloads(peer);
    }
}
