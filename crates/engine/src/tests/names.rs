//! Names of connections, given as a transport gives them: each once, in rising order.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use ensign_primitives::{Direction, LinkId, PeerId};
use ensign_wire::{Header, Kind};

use crate::Input;

/// Who is at the other end of which connection of whom.
#[derive(Default)]
pub(super) struct Names {
    next: u64,
    /// The newest connection of a node with a peer, also after its end.
    newest: BTreeMap<(usize, PeerId), LinkId>,
    peers: BTreeMap<LinkId, PeerId>,
}

impl Names {
    /// A new connection of `node`.
    pub(super) fn up(&mut self, node: usize, peer: PeerId) -> Input {
        self.up_from(node, peer, "127.0.0.1:1".parse().unwrap())
    }

    pub(super) fn up_from(&mut self, node: usize, peer: PeerId, remote: SocketAddr) -> Input {
        let link = LinkId(self.next);
        self.next += 1;
        self.newest.insert((node, peer), link);
        self.peers.insert(link, peer);
        let direction = Direction::Inbound;
        Input::Up { link, peer, remote, direction, exporter: [0; 32], round_trip: None }
    }

    /// The newest connection of `node` with a peer; one that nobody has ever had without.
    pub(super) fn link(&self, node: usize, peer: PeerId) -> LinkId {
        self.newest.get(&(node, peer)).copied().unwrap_or(LinkId(u64::MAX))
    }

    pub(super) fn down(&self, node: usize, peer: PeerId) -> Input {
        Input::Down { link: self.link(node, peer) }
    }

    pub(super) fn body(&self, node: usize, from: PeerId, (kind, body): (Kind, &[u8])) -> Input {
        Input::Frame { link: self.link(node, from), kind, body: body.to_vec() }
    }

    /// A whole frame, as a transport takes it apart.
    pub(super) fn frame(&self, node: usize, from: PeerId, frame: &[u8]) -> Input {
        let header = Header::decode(frame).unwrap().unwrap();
        let body = &frame[header.header_len..];
        assert_eq!(body.len(), header.body_len);
        self.body(node, from, (header.kind, body))
    }

    /// Who is at the other end.
    pub(super) fn peer(&self, link: LinkId) -> PeerId {
        self.peers[&link]
    }
}
