//! The gate: a table of connections, who each peer is to us, and who has not introduced itself yet.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ensign_diversity::{AddressGroups, Candidate, PrefixTable, Regard, evict};
use ensign_primitives::{
    BoundedMap, Direction, Instant, LinkId, Now, Occupancy, PeerId, QueryId, Wakeup,
};
use ensign_ratelimit::LinkBudgets;
use ensign_signing::Standing;
use ensign_wire::{CloseCode, Hello};

use crate::{HELLO_TIMEOUT, OFFENSE_POINTS_MAX, Sentence, Strangers};

/// One connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// The node at its other end.
    pub peer: PeerId,
    /// Where that node speaks from.
    pub remote: SocketAddr,
    /// Who began it.
    pub direction: Direction,
    /// What the node is to us: a member once it has shown for whom it speaks.
    pub standing: Standing,
    /// How the node introduced itself: its roles, under which address it sees us, what it accepts.
    /// `None` until then.
    pub hello: Option<Hello>,
    /// Whether we want to be connected with it: a node of our groups that has not shown it yet, too.
    pub is_wanted: bool,
    /// What counts when places are short: since when it is up, and from where.
    pub place: Candidate,
    /// Until when it has to.
    hello_by: Instant,
    /// Until when it stays, unless we know or want the node by then.
    stays_until: Instant,
    points: u32,
    /// What it may still ask on this connection.
    pub(crate) budgets: LinkBudgets,
    /// Its last question; the next has a greater name.
    asked: Option<QueryId>,
    /// Whether it has asked us for a proof of work.
    pub is_priced: bool,
    /// A secret of this connection alone that both ends know.
    pub exporter: [u8; 32],
}

impl Link {
    /// Returns whether it has said hello.
    pub const fn is_introduced(&self) -> bool {
        self.hello.is_some()
    }

    /// Notes a question; `false` for one with a name that it has used, or left out.
    pub fn is_asked_anew(&mut self, query: QueryId) -> bool {
        let is_new = self.asked.is_none_or(|last| last < query);
        if is_new {
            self.asked = Some(query);
        }
        is_new
    }

    /// Whether it is a member, or a node that we want: what strangers may do counts for others.
    pub const fn is_close(&self) -> bool {
        self.is_member() || self.is_wanted
    }

    /// Returns whether it has shown that it is a member.
    pub const fn is_member(&self) -> bool {
        matches!(self.standing, Standing::Member)
    }
}

/// A connection that is to be entered.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Names it.
    pub link: LinkId,
    /// The node at its other end.
    pub peer: PeerId,
    /// Where that node speaks from.
    pub remote: SocketAddr,
    /// Who began it.
    pub direction: Direction,
    /// A secret of this connection alone that both ends know.
    pub exporter: [u8; 32],
    /// How long it takes there and back, if somebody has measured it.
    pub round_trip: Option<Duration>,
}

/// Every connection that is up: one for each peer, the newest.
#[derive(Debug)]
pub struct Gate {
    strangers: Strangers,
    prefixes: Arc<PrefixTable>,
    links: BoundedMap<LinkId, Link>,
    /// The connection of each peer.
    current: BTreeMap<PeerId, LinkId>,
    /// Those that have not introduced themselves, by when they have to.
    silent: BTreeSet<(Instant, LinkId)>,
    /// Those of nodes that we neither know nor want, by when they have to go.
    guests: BTreeSet<(Instant, LinkId)>,
    /// The peers that a child has called members on their present connection.
    members: BTreeSet<PeerId>,
    /// The peers that we want to be connected with, likewise.
    wanted: BTreeSet<PeerId>,
}

impl Gate {
    /// Makes a gate at which nobody is.
    pub fn new(strangers: Strangers) -> Self {
        Self {
            strangers,
            prefixes: Arc::default(),
            links: BoundedMap::new(strangers.places()),
            current: BTreeMap::new(),
            silent: BTreeSet::new(),
            guests: BTreeSet::new(),
            members: BTreeSet::new(),
            wanted: BTreeSet::new(),
        }
    }

    /// Returns every connection with its name.
    pub fn links(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(link, known)| (*link, known))
    }

    /// Returns what is known of a connection.
    pub fn get(&self, link: LinkId) -> Option<&Link> {
        self.links.get(&link)
    }

    /// As [`get`](Self::get), to note something of it.
    pub fn get_mut(&mut self, link: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&link)
    }

    /// Returns the connection of a peer.
    pub fn link_of(&self, peer: &PeerId) -> Option<LinkId> {
        self.current.get(peer).copied()
    }

    /// Returns what a peer is to us on its present connection.
    pub fn standing_of(&self, peer: &PeerId) -> Standing {
        if self.members.contains(peer) { Standing::Member } else { Standing::Stranger }
    }

    /// A stranger that nobody wants is a guest: whom we dial, we want.
    pub fn regard_for(&self, peer: &PeerId) -> Regard {
        let is_kept = self.members.contains(peer) || self.wanted.contains(peer);
        if is_kept { Regard::Kept } else { Regard::Guest }
    }

    /// Returns what counts for a connection that begins when places are short.
    pub fn place_for(&self, now: Now, arrival: &Arrival) -> Candidate {
        let Arrival { link, peer, remote, round_trip, .. } = arrival;
        let groups = AddressGroups::of(remote.ip(), &self.prefixes);
        let place = Candidate::new(*link, now.instant, groups, self.regard_for(peer));
        Candidate { round_trip: *round_trip, ..place }
    }

    /// Learns who announces addresses; who is here is counted by that too.
    pub fn know_prefixes(&mut self, prefixes: Arc<PrefixTable>) {
        self.links.iter_mut().for_each(|(_, known)| {
            known.place.groups = AddressGroups::of(known.remote.ip(), &prefixes);
        });
        self.prefixes = prefixes;
    }

    /// Returns the strangers that nobody wants, and where they are.
    pub fn guests(&self) -> impl Iterator<Item = (&Link, (LinkId, IpAddr))> {
        let guests = self.guests.iter().filter_map(|(_, at)| Some((*at, self.get(*at)?)));
        guests.map(|(at, guest)| (guest, (at, guest.remote.ip())))
    }

    /// Whether they hold all the places that they may have.
    pub fn is_crowded(&self) -> bool {
        self.guests.len() >= self.strangers.links_max
    }

    /// Whether a misdeed is held against a guest, the newcomer among them.
    pub fn is_any_penalized(&self, newcomer: &Candidate) -> bool {
        newcomer.score < 0 || self.guests().any(|(guest, _)| guest.place.score < 0)
    }

    /// Returns the connection that a newcomer drives out: when there are too many strangers, or when
    /// it is none and every place is taken. It may be the newcomer; see [`evict`].
    pub fn gives_way(&self, newcomer: &Candidate) -> Option<LinkId> {
        let is_full = match newcomer.regard {
            Regard::Guest => self.is_crowded(),
            Regard::Kept => self.links.is_full(),
        };
        is_full.then(|| evict(newcomer, self.guests().map(|(guest, _)| guest.place))).flatten()
    }

    /// Enters a connection; `false` when every place is taken.
    pub fn enter(&mut self, now: Now, arrival: Arrival, place: Candidate) -> bool {
        let Arrival { link, peer, remote, direction, exporter, .. } = arrival;
        let hello_by = now.instant.after(HELLO_TIMEOUT);
        let known = Link {
            peer,
            remote,
            direction,
            standing: self.standing_of(&peer),
            hello: None,
            is_wanted: false,
            place,
            hello_by,
            stays_until: now.instant.after(self.strangers.time),
            points: 0,
            budgets: LinkBudgets::default(),
            asked: None,
            is_priced: false,
            exporter,
        };
        let is_entered = self.links.insert(link, known).is_ok();
        if is_entered {
            self.current.insert(peer, link);
            self.silent.insert((hello_by, link));
            self.regard(&peer);
        }
        is_entered
    }

    /// A guest has paid: its stay begins anew.
    pub fn stays_on(&mut self, now: Now, link: LinkId, effort: u8) {
        let Some(known) = self.links.get_mut(&link) else { return };
        self.guests.remove(&(known.stays_until, link));
        known.place.effort = effort;
        known.stays_until = now.instant.after(self.strangers.time);
        self.guests.insert((known.stays_until, link));
    }

    /// Takes a connection out.
    pub fn remove(&mut self, link: LinkId) -> Option<Link> {
        let known = self.links.remove(&link)?;
        self.silent.remove(&(known.hello_by, link));
        self.guests.remove(&(known.stays_until, link));
        if self.link_of(&known.peer) == Some(link) {
            self.current.remove(&known.peer);
            self.members.remove(&known.peer);
        }
        Some(known)
    }

    /// Keeps how a peer introduced itself.
    pub fn introduce(&mut self, link: LinkId, hello: Hello) {
        if let Some(known) = self.links.get_mut(&link) {
            self.silent.remove(&(known.hello_by, link));
            known.hello = Some(hello);
        }
    }

    /// Notes what a peer is to us on its connection, which is returned if it has introduced itself there.
    pub fn set_standing(&mut self, peer: PeerId, standing: Standing) -> Option<LinkId> {
        let link = self.link_of(&peer)?;
        self.get(link)?.is_introduced().then_some(())?;
        match standing {
            Standing::Member => self.members.insert(peer),
            Standing::Stranger => self.members.remove(&peer),
        };
        self.regard(&peer)
    }

    /// Notes that we want to be connected with a peer.
    pub fn want(&mut self, peer: PeerId) {
        self.wanted.insert(peer);
        self.regard(&peer);
    }

    /// Notes that we want it no more.
    pub fn forget(&mut self, peer: &PeerId) {
        self.wanted.remove(peer);
        self.regard(peer);
    }

    /// Makes true to what a peer is now what is kept with its connection, which is returned.
    fn regard(&mut self, peer: &PeerId) -> Option<LinkId> {
        let (link, standing) = (self.link_of(peer)?, self.standing_of(peer));
        let (is_wanted, regard) = (self.wanted.contains(peer), self.regard_for(peer));
        let known = self.links.get_mut(&link)?;
        (known.standing, known.is_wanted, known.place.regard) = (standing, is_wanted, regard);
        let stay = (known.stays_until, link);
        match regard {
            Regard::Guest => self.guests.insert(stay),
            Regard::Kept => self.guests.remove(&stay),
        };
        Some(link)
    }

    /// Counts what an offense costs, with the score of its peer since; returns why the connection has to end,
    /// if it has to.
    pub fn punish(
        &mut self,
        link: LinkId,
        (sentence, score): (Sentence, i32),
    ) -> Option<CloseCode> {
        let known = self.links.get_mut(&link)?;
        known.place.score = score;
        known.points = known.points.saturating_add(sentence.weight);
        let is_enough = known.points >= OFFENSE_POINTS_MAX;
        sentence.close.or(is_enough.then_some(CloseCode::Offense))
    }

    /// Returns the first connection whose time to introduce itself is over.
    pub fn overdue(&self, now: Now) -> Option<LinkId> {
        first_due(&self.silent, now)
    }

    /// Returns the first stranger whose time is over.
    pub fn outstayed(&self, now: Now) -> Option<LinkId> {
        first_due(&self.guests, now)
    }

    /// Returns when somebody has to have said hello, or to go.
    pub fn poll_timeout(&self) -> Option<Wakeup> {
        let hello = self.silent.first().map(|(at, _)| Wakeup { at: *at, reason: "hello" });
        let stranger = self.guests.first().map(|(at, _)| Wakeup { at: *at, reason: "stranger" });
        hello.into_iter().chain(stranger).min()
    }

    /// Returns how full each collection is, with the constant that bounds it.
    pub fn occupancy(&self) -> [Occupancy; 5] {
        let of = |name, len, limit| Occupancy { name, len, limit };
        [
            self.links.occupancy("links"),
            of("silent links", self.silent.len(), self.strangers.places()),
            of("links of strangers", self.guests.len(), self.strangers.links_max),
            of("members at the gate", self.members.len(), self.strangers.places()),
            of("wanted at the gate", self.wanted.len(), ensign_peers::PEERS_MAX),
        ]
    }
}

fn first_due(links: &BTreeSet<(Instant, LinkId)>, now: Now) -> Option<LinkId> {
    links.first().filter(|(at, _)| *at <= now.instant).map(|(_, link)| *link)
}
