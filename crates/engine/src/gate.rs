//! The gate: a table of connections, who each peer is to us, and who has not introduced itself yet.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::{IpAddr, SocketAddr};

use ensign_primitives::{
    BoundedMap, Direction, Instant, LinkId, MESSAGES_MAX, Now, Occupancy, PeerId, QueryId, Wakeup,
};
use ensign_signing::{Bucket, MEMBERS_MAX, PEERS_MAX, REQUESTS_MAX, Standing};
use ensign_wire::{Hello, Limits, PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, Roles};

use crate::{
    CloseCode, EngineConfig, HELLO_TIMEOUT, LISTS_ALLOWED, OFFENSE_POINTS_MAX, PINGS_ALLOWED,
    Sentence,
};

/// One connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// The node at its other end.
    pub peer: PeerId,
    /// Where that node speaks from.
    pub remote: SocketAddr,
    /// Who began it.
    pub direction: Direction,
    /// What the node is to us.
    pub standing: Standing,
    /// How the node introduced itself: its roles, where it listens, under which address it sees us,
    /// what it accepts. `None` until then.
    pub hello: Option<Hello>,
    /// Until when it has to.
    hello_by: Instant,
    points: u32,
    pub(crate) pings: Bucket,
    pub(crate) lists: Bucket,
    /// Its last question; the next has a greater name.
    asked: Option<QueryId>,
}

impl Link {
    pub(crate) const fn is_introduced(&self) -> bool {
        self.hello.is_some()
    }

    /// Notes a question; `false` for one with a name that it has used, or left out.
    pub(crate) fn is_asked_anew(&mut self, query: QueryId) -> bool {
        let is_new = self.asked.is_none_or(|last| last < query);
        if is_new {
            self.asked = Some(query);
        }
        is_new
    }

    pub(crate) const fn is_member(&self) -> bool {
        matches!(self.standing, Standing::Member)
    }
}

/// A connection that is to be entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) link: LinkId,
    pub(crate) peer: PeerId,
    pub(crate) remote: SocketAddr,
    pub(crate) direction: Direction,
}

/// Every connection that is up: one for each peer, the newest.
#[derive(Debug)]
pub(crate) struct Gate {
    links: BoundedMap<LinkId, Link>,
    /// The connection of each peer.
    current: BTreeMap<PeerId, LinkId>,
    /// Those that have not introduced themselves, by when they have to.
    silent: BTreeSet<(Instant, LinkId)>,
    /// The peers that children have called members, connected or not.
    members: BTreeSet<PeerId>,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Self {
            links: BoundedMap::new(PEERS_MAX),
            current: BTreeMap::new(),
            silent: BTreeSet::new(),
            members: BTreeSet::new(),
        }
    }

    pub(crate) fn get(&self, link: LinkId) -> Option<&Link> {
        self.links.get(&link)
    }

    pub(crate) fn get_mut(&mut self, link: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&link)
    }

    /// Returns the connection of a peer.
    pub(crate) fn link_of(&self, peer: &PeerId) -> Option<LinkId> {
        self.current.get(peer).copied()
    }

    pub(crate) fn standing_of(&self, peer: &PeerId) -> Standing {
        if self.members.contains(peer) { Standing::Member } else { Standing::Stranger }
    }

    /// Returns the connection that has to go, so that this peer has a place: when all are taken, a
    /// stranger gives way to a member.
    ///
    /// Of the strangers, it is the youngest of the network that most of them come from: whoever fills
    /// the places loses them first.
    pub(crate) fn gives_way(&self, peer: &PeerId) -> Option<LinkId> {
        if !self.links.is_full() || self.standing_of(peer) == Standing::Stranger {
            return None;
        }
        let mut networks: BTreeMap<Vec<u8>, (usize, LinkId)> = BTreeMap::new();
        for (link, known) in self.links.iter().filter(|(_, known)| !known.is_member()) {
            // Names rise, so that the last one seen is the youngest.
            let (count, youngest) = networks.entry(network_of(known.remote)).or_insert((0, *link));
            (*count, *youngest) = (*count + 1, *link);
        }
        networks.into_values().max().map(|(_, youngest)| youngest)
    }

    /// Enters a connection; `false` when every place is taken.
    pub(crate) fn enter(&mut self, now: Now, arrival: Arrival) -> bool {
        let Arrival { link, peer, remote, direction } = arrival;
        let (standing, hello_by) = (self.standing_of(&peer), now.instant.after(HELLO_TIMEOUT));
        let [pings, lists] = [PINGS_ALLOWED, LISTS_ALLOWED].map(|it| Bucket::full(now.instant, it));
        let known = Link {
            peer,
            remote,
            direction,
            standing,
            hello: None,
            hello_by,
            points: 0,
            pings,
            lists,
            asked: None,
        };
        let is_entered = self.links.insert(link, known).is_ok();
        if is_entered {
            self.current.insert(peer, link);
            self.silent.insert((hello_by, link));
        }
        is_entered
    }

    /// Takes a connection out.
    pub(crate) fn remove(&mut self, link: LinkId) -> Option<Link> {
        let known = self.links.remove(&link)?;
        self.silent.remove(&(known.hello_by, link));
        if self.link_of(&known.peer) == Some(link) {
            self.current.remove(&known.peer);
        }
        Some(known)
    }

    /// Keeps how a peer introduced itself.
    pub(crate) fn introduce(&mut self, link: LinkId, hello: Hello) {
        if let Some(known) = self.links.get_mut(&link) {
            self.silent.remove(&(known.hello_by, link));
            known.hello = Some(hello);
        }
    }

    /// Notes what a peer is to us; returns its connection, if it has introduced itself there.
    pub(crate) fn set_standing(&mut self, peer: PeerId, standing: Standing) -> Option<LinkId> {
        match standing {
            Standing::Member => self.members.insert(peer),
            Standing::Stranger => self.members.remove(&peer),
        };
        let link = self.link_of(&peer)?;
        let known = self.links.get_mut(&link)?;
        known.standing = standing;
        known.is_introduced().then_some(link)
    }

    /// Counts what an offense costs; returns why the connection has to end, if it has to.
    pub(crate) fn punish(&mut self, link: LinkId, sentence: Sentence) -> Option<CloseCode> {
        let known = self.links.get_mut(&link)?;
        known.points = known.points.saturating_add(sentence.weight);
        let is_enough = known.points >= OFFENSE_POINTS_MAX;
        sentence.close.or(is_enough.then_some(CloseCode::Offense))
    }

    /// Returns the first connection whose time to introduce itself is over.
    pub(crate) fn overdue(&self, now: Now) -> Option<LinkId> {
        self.silent.first().filter(|(at, _)| *at <= now.instant).map(|(_, link)| *link)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Wakeup> {
        self.silent.first().map(|(at, _)| Wakeup { at: *at, reason: "hello" })
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        [
            self.links.occupancy("links"),
            Occupancy { name: "silent links", len: self.silent.len(), limit: PEERS_MAX },
            Occupancy { name: "members at the gate", len: self.members.len(), limit: MEMBERS_MAX },
        ]
    }
}

/// How we introduce ourselves on a connection.
pub(crate) fn own_hello(now: Now, config: &EngineConfig, link: &Link) -> Hello {
    // A clock and a local address recognise a node on whatever network it is.
    let is_member = link.is_member();
    Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        clock: is_member.then_some(now.unix),
        instance: is_member.then_some(config.instance),
        observed: Some(link.remote),
        listening: if is_member { config.listening.clone() } else { Vec::new() },
        limits: Limits {
            payload_bytes: PAYLOAD_BYTES_MAX as u32,
            messages: MESSAGES_MAX as u16,
            requests: REQUESTS_MAX as u16,
        },
    }
}

/// The part of an address that one owner is likely to have as a whole: 16 bits of IPv4, 32 of IPv6.
fn network_of(remote: SocketAddr) -> Vec<u8> {
    match remote.ip().to_canonical() {
        IpAddr::V4(ip) => ip.octets().into_iter().take(2).collect(),
        IpAddr::V6(ip) => ip.octets().into_iter().take(4).collect(),
    }
}
