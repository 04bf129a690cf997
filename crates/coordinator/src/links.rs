//! The port to the network, and the connections of this node: who is connected, and how they end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use ensign_diversity::PrefixTable;
use ensign_engine::{CloseCode, Engine, Warnings};
use ensign_primitives::{Direction, GroupId, LinkId, Now, PeerId, UnixTime};
use ensign_review::{NetPeer, PushedOff, Roster, SentAway};
use ensign_transport::{Arrivals, DisconnectReason, Traffic, Transport, TransportEvent};
use ensign_wire::Kind;

use crate::{GroupInfo, PeerInfo, report};

/// All of what is open can be said again to a member at once.
const _: () =
    assert!(ensign_engine::signing::REQUESTS_MAX <= ensign_transport::REQUESTS_SAID_AGAIN_MAX);

/// The transport, with what is known of whoever it connects.
#[derive(Debug)]
pub(crate) struct Links {
    transport: Transport,
    roster: Roster,
    /// Whose connection has just ended, if it said that it stops.
    stopped: Option<PeerId>,
    /// How often our user is told of what connections met.
    pub(crate) warnings: Warnings,
    pub(crate) pushed_off: PushedOff,
    arrivals: Arrivals,
}

impl Links {
    pub(crate) fn new((transport, arrivals): (Transport, Arrivals)) -> Self {
        let (roster, stopped, pushed_off) = (Roster::default(), None, PushedOff::default());
        Self { transport, roster, stopped, warnings: Warnings::default(), pushed_off, arrivals }
    }

    /// Waits for the next arrival; for ever when the transport has ended.
    pub(crate) async fn next(&mut self) -> TransportEvent {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => std::future::pending().await,
        }
    }

    /// How long a frame has waited at most since the last call.
    pub(crate) fn take_waited(&mut self) -> Duration {
        self.arrivals.take_waited()
    }

    pub(crate) fn know_prefixes(&self, engine: &mut Engine, now: Now, prefixes: Arc<PrefixTable>) {
        self.transport.know_prefixes(Arc::clone(&prefixes));
        engine.know_prefixes(now, prefixes);
    }

    pub(crate) fn dial(&self, peer: PeerId, address: SocketAddr) {
        self.transport.dial(peer, address);
    }

    /// Dials a node back; without entropy nobody is.
    pub(crate) fn dial_back(&self, at: (PeerId, SocketAddr), frame: Arc<[u8]>, entropy: [u8; 32]) {
        self.transport.dial_back(entropy, at, Bytes::from_owner(frame));
    }

    pub(crate) fn expect(&self, peer: PeerId) {
        self.transport.expect(peer);
    }

    pub(crate) fn sent_away(&self) -> SentAway {
        SentAway { callers: self.transport.refused(), packets: self.transport.packets_dropped() }
    }

    /// Returns how each connection fares.
    pub(crate) fn fares(&self, peers: Vec<NetPeer>) -> Vec<(NetPeer, Option<Traffic>)> {
        let traffic = |it: NetPeer| (self.transport.traffic(it.link), it);
        peers.into_iter().map(traffic).map(|(traffic, it)| (it, traffic)).collect()
    }

    pub(crate) fn admit(&self, link: LinkId) {
        self.transport.admit(link);
    }

    pub(crate) fn disconnect(&self, link: LinkId, reason: CloseCode) {
        self.transport.disconnect(link, reason);
    }

    /// Sends a frame; one that is not sent is asked for again after the reconnect.
    pub(crate) fn send(&self, link: LinkId, kind: Kind, frame: Arc<[u8]>) {
        let _ = self.transport.send(link, kind, Bytes::from_owner(frame));
    }

    /// Notes a connection.
    pub(crate) fn connected(
        &mut self,
        now: UnixTime,
        peer: PeerId,
        (remote, direction): (SocketAddr, Direction),
    ) {
        let dialled = direction == Direction::Outbound;
        self.roster.connected(now, peer, (remote, dialled));
    }

    /// A member told its clock.
    pub(crate) fn introduced(&mut self, peer: &PeerId, offset_millis: i64) {
        self.roster.introduced(peer, offset_millis);
    }

    pub(crate) fn disconnected(
        &mut self,
        now: UnixTime,
        peer: PeerId,
        (reason, is_member): (&DisconnectReason, bool),
    ) {
        self.stopped = report::has_stopped(reason).then_some(peer);
        self.roster.disconnected(now, &peer, is_member);
    }

    /// Whether a node whose connection has just ended said that it stops.
    pub(crate) fn has_stopped(&mut self, peer: &PeerId) -> bool {
        self.stopped.take().as_ref() == Some(peer)
    }

    /// A member could not be reached.
    pub(crate) fn missed(&mut self, peer: PeerId, reason: &str) {
        self.roster.missed(peer, reason);
    }

    /// Lets go of who is a member no more.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.transport.forget(*peer);
        self.roster.forget(peer);
    }

    /// Returns every other member of the groups.
    pub(crate) fn peers<'a>(
        &self,
        now: UnixTime,
        groups: impl Iterator<Item = &'a Arc<GroupInfo>>,
        (addresses, lacks): (
            impl Fn(&PeerId) -> Vec<SocketAddr>,
            impl Fn(&PeerId, &GroupId) -> bool,
        ),
    ) -> Vec<PeerInfo> {
        self.roster.peers(now, groups, addresses, lacks)
    }

    pub(crate) async fn close(&self) {
        self.transport.close().await;
    }
}
