//! The connections of this node: where members are dialled, who is connected, and how they end.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use ensign_engine::CloseReason;
use ensign_primitives::{GroupId, LinkId, Now, PeerId, UnixTime};
use ensign_review::Roster;
use ensign_transport::{DisconnectReason, Transport};
use ensign_wire::Kind;

use crate::{GroupInfo, PeerInfo, addresses::AddressBook, report};

/// The transport, with what is known of whoever it connects.
#[derive(Debug)]
pub(crate) struct Links {
    transport: Transport,
    addresses: AddressBook,
    roster: Roster,
    /// Whose connection has just ended, if it said that it stops.
    stopped: Option<PeerId>,
}

impl Links {
    pub(crate) fn new(transport: Transport, kept: Vec<(PeerId, SocketAddr)>) -> Self {
        let (addresses, roster) = (AddressBook::new(kept), Roster::default());
        Self { transport, addresses, roster, stopped: None }
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
        self.transport.admit(link);
    }

    pub(crate) fn close_link(&self, link: LinkId, reason: CloseReason) {
        self.transport.disconnect(link, report::close_code(reason));
    }

    /// Sends a frame; one that is not sent is asked for again after the reconnect.
    pub(crate) fn send(&self, link: LinkId, kind: Kind, frame: Arc<[u8]>) {
        let _ = self.transport.send(link, kind, Bytes::from_owner(frame));
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
