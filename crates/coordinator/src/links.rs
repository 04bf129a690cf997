//! The connections of this node: where members are dialled, who is connected, and how they end.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use ensign_engine::CloseReason;
use ensign_primitives::{GroupId, LinkId, Now, PeerId, UnixTime};
use ensign_transport::{CloseCode, DisconnectReason, Transport};
use ensign_wire::Kind;

use crate::{GroupInfo, PeerInfo, addresses::AddressBook, report, roster::Roster};

/// The transport, with what is known of whoever it connects.
#[derive(Debug)]
pub(crate) struct Links {
    transport: Transport,
    addresses: AddressBook,
    roster: Roster,
    /// The name of each peer's connection, and whose each name is.
    names: BTreeMap<PeerId, LinkId>,
    peers: BTreeMap<LinkId, PeerId>,
    next_name: u64,
    /// Whose connection has just ended, if it said that it stops.
    stopped: Option<PeerId>,
}

impl Links {
    pub(crate) fn new(transport: Transport, kept: Vec<(PeerId, SocketAddr)>) -> Self {
        let (addresses, roster) = (AddressBook::new(kept), Roster::default());
        let (names, peers) = (BTreeMap::new(), BTreeMap::new());
        Self { transport, addresses, roster, names, peers, next_name: 0, stopped: None }
    }

    /// Names a peer's new connection; frames of an older one have no name any more.
    pub(crate) fn name(&mut self, peer: PeerId) -> LinkId {
        self.lose_name(&peer);
        let link = LinkId(self.next_name);
        self.next_name += 1;
        self.names.insert(peer, link);
        self.peers.insert(link, peer);
        link
    }

    /// Returns the name of a peer's connection.
    pub(crate) fn name_of(&self, peer: &PeerId) -> Option<LinkId> {
        self.names.get(peer).copied()
    }

    /// Forgets the name of a connection that is gone, and returns it.
    pub(crate) fn lose_name(&mut self, peer: &PeerId) -> Option<LinkId> {
        let link = self.names.remove(peer)?;
        self.peers.remove(&link);
        Some(link)
    }

    /// Dials a member from now on.
    pub(crate) fn connect(&mut self, peer: PeerId) {
        self.transport.expect(peer);
        let addresses = self.addresses.want(peer);
        if !addresses.is_empty() {
            self.transport.keep_connected(peer, addresses);
        }
    }

    pub(crate) fn admit(&self, link: LinkId) {
        if let Some(peer) = self.peers.get(&link) {
            self.transport.admit(*peer);
        }
    }

    pub(crate) fn close_link(&self, link: LinkId, reason: CloseReason) {
        if let Some(peer) = self.peers.get(&link) {
            self.transport.disconnect(*peer, report::close_code(reason));
        }
    }

    /// Sends a frame; one that is not sent is asked for again after the reconnect.
    pub(crate) fn send(&self, link: LinkId, kind: Kind, frame: Arc<[u8]>) {
        if let Some(peer) = self.peers.get(&link) {
            let _ = self.transport.send(*peer, kind, Bytes::from_owner(frame));
        }
    }

    /// Enters addresses before those known already, and dials anew if that changes anything.
    pub(crate) fn know_addresses(&mut self, peer: PeerId, addresses: &[SocketAddr]) {
        if let Some(all) = self.addresses.give(peer, addresses) {
            self.transport.keep_connected(peer, all);
        }
    }

    /// Notes a connection. Returns whether to write down where the member was reached, to find it
    /// there after a restart.
    pub(crate) fn connected(
        &mut self,
        now: Now,
        peer: PeerId,
        (remote, dialled): (SocketAddr, bool),
    ) -> bool {
        self.roster.connected(now.unix, peer, (remote, dialled));
        let Some((all, is_due)) = self.addresses.see(now.instant, peer, remote) else {
            return false;
        };
        self.transport.keep_connected(peer, all);
        is_due
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
        self.transport.disconnect(*peer, CloseCode::Unwanted);
        self.addresses.forget(peer);
        self.roster.forget(peer);
    }

    /// Returns every other member of the groups.
    pub(crate) fn peers<'a>(
        &self,
        now: UnixTime,
        groups: impl Iterator<Item = &'a Arc<GroupInfo>>,
        lacks: impl Fn(&PeerId, &GroupId) -> bool,
    ) -> Vec<PeerInfo> {
        self.roster.peers(now, groups, |peer| self.addresses.of(peer), lacks)
    }

    pub(crate) async fn close(&self) {
        self.transport.close().await;
    }
}
