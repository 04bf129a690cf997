//! How full an engine is: every collection that can grow, next to its bound.

use ensign_primitives::{Occupancy, SIGNERS_MAX};
use ensign_wire::PAYLOAD_BYTES_MAX;

use crate::{
    EARLY_ENVELOPES_MAX, EARLY_PAYLOADS_MAX, MEMBERS_MAX, SESSIONS_MAX, Signing, peers::Peer,
    requests::Request,
};

impl Signing {
    /// Returns how full each collection is that can grow, with the constant that bounds it.
    ///
    /// Always the same names in the same order. What exists once for each peer, request or session
    /// is counted where it is fullest. Meant for the moment after a drain: then no output waits.
    ///
    /// Cost: a walk over peers, open requests and remembered endings; no allocation.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let own = [
            self.groups.occupancy("groups"),
            Occupancy { name: "members", len: self.members.len(), limit: MEMBERS_MAX },
            self.peers.occupancy("peers"),
            self.requests.occupancy("requests"),
            Occupancy { name: "sessions", len: self.sessions.len(), limit: SESSIONS_MAX },
            self.refused.occupancy("refused announcements"),
            self.nonces.occupancy("nonce log"),
            Occupancy { name: "signing outputs after a drain", len: self.outputs.len(), limit: 0 },
        ];
        let peers = self.fullest_peer();
        let (requests, sessions) = (self.fullest_request(), self.fullest_session());
        let memories = self.undecided.occupancy().into_iter().chain(self.recalls.occupancy());
        let memories = memories.chain([self.budgets.occupancy(), self.instances.occupancy()]);
        let memories = memories.chain(self.shared.occupancy());
        own.into_iter()
            .chain(self.ended.occupancy())
            .chain(memories)
            .chain(peers)
            .chain(requests)
            .chain(sessions)
    }

    fn fullest_peer(&self) -> [Occupancy; 3] {
        let fullest = |measure: fn(&Peer) -> usize| {
            self.peers.iter().map(|(_, peer)| measure(peer)).max().unwrap_or(0)
        };
        [
            Occupancy {
                name: "early envelopes of a peer",
                len: fullest(|peer| peer.early.len()),
                limit: EARLY_ENVELOPES_MAX,
            },
            Occupancy {
                name: "early payloads of a peer",
                len: fullest(|peer| peer.early_payloads.len()),
                limit: EARLY_PAYLOADS_MAX,
            },
            Occupancy {
                name: "early payloads of a peer, bytes",
                len: fullest(|peer| peer.early_payloads.bytes()),
                limit: PAYLOAD_BYTES_MAX,
            },
        ]
    }

    fn fullest_request(&self) -> [Occupancy; 2] {
        let fullest = |measure: fn(&Request) -> usize| {
            self.requests.iter().map(|(_, request)| measure(request)).max().unwrap_or(0)
        };
        [
            Occupancy {
                name: "members with a request's payload",
                len: fullest(|request| request.payload_sent.len()),
                limit: SIGNERS_MAX,
            },
            Occupancy {
                name: "members that joined a request",
                len: fullest(|request| request.joined.len()),
                limit: SIGNERS_MAX,
            },
        ]
    }

    fn fullest_session(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let sessions = self.requests.iter().map(|(_, request)| request.session.occupancy());
        let fullest = sessions.reduce(|mut fullest, session| {
            for (one, other) in fullest.iter_mut().zip(session) {
                *one = one.or_fuller(other.len);
            }
            fullest
        });
        fullest.into_iter().flatten()
    }
}
