//! What is left to nodes that are no members and that we do not want: by node, by address, by network,
//! and in all.

use core::net::IpAddr;

use ensign_diversity::{host, network};
use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::{Family, Kind, Role};

use crate::{Allowance, Charge, Gcra, Keyed, Level, PINGS_ALLOWED, tokens_of_stranger};

/// What strangers may ask of us. A setting; each number of the default is a constant of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrangerLimits {
    /// Announcements of one node.
    pub announcements: Allowance,
    /// Commitments and nonces of one node.
    pub nonces: Allowance,
    /// Partial signatures of one node.
    pub partials: Allowance,
    /// Other frames of one node about signing.
    pub others: Allowance,
    /// Questions of one node, and answers.
    pub pings: Allowance,
    /// Frames of one node about groups that form.
    pub formation: Allowance,
    /// Questions of one node in the open network: its frames of that family that are no answers.
    pub dht: Allowance,
    /// Bytes of those.
    pub dht_bytes: Allowance,
    /// Answers of one node there. Beyond this nobody reads them, and nobody is blamed.
    pub dht_answers: Allowance,
    /// Bytes of one node, of whatever kind; answers in the open network apart.
    pub bytes: Allowance,
    /// Compute tokens of one node.
    pub work: Allowance,
    /// Compute tokens of all strangers at one address, or in one IPv6 /64.
    pub work_of_address: Allowance,
    /// Compute tokens of all strangers in one /24, or IPv6 /48.
    pub work_of_network: Allowance,
    /// Compute tokens of all strangers together: what is left of the core is the members'.
    pub work_in_all: Allowance,
    /// Compute tokens of one node's first words, which are kept from those who ask for more: they are heard
    /// although the shares above are used up.
    pub first: Allowance,
    /// The same of all strangers at one address, or in one IPv6 /64.
    pub first_of_address: Allowance,
    /// The same of all strangers in one /24, or IPv6 /48.
    pub first_of_network: Allowance,
    /// The same of all strangers together.
    pub first_in_all: Allowance,
    /// Compute tokens of all strangers that have paid for their place: they share them with nobody else.
    pub paid_in_all: Allowance,
}

/// Default of [`StrangerLimits::announcements`]. Specification.
pub const STRANGER_ANNOUNCEMENTS: Allowance = Allowance { burst: 5, per_minute: 5 };
/// Default of [`StrangerLimits::nonces`]. Specification.
pub const STRANGER_NONCES: Allowance = Allowance { burst: 20, per_minute: 20 };
/// Default of [`StrangerLimits::partials`]. Specification.
pub const STRANGER_PARTIALS: Allowance = Allowance { burst: 20, per_minute: 20 };
/// Default of [`StrangerLimits::others`]. Specification.
pub const STRANGER_OTHERS: Allowance = Allowance { burst: 10, per_minute: 10 };
/// Default of [`StrangerLimits::formation`]. Guess: an invited node says a handful before it is wanted.
pub const STRANGER_FORMATION: Allowance = Allowance { burst: 128, per_minute: 128 };
/// Default of [`StrangerLimits::dht`]. Design: 120 a minute. A walk asks each node once; a node that joins asks
/// its first one some forty times.
pub const STRANGER_DHT: Allowance = Allowance { burst: 120, per_minute: 120 };
/// Default of [`StrangerLimits::dht_bytes`]. Design: 256 KiB a minute; 120 of the largest questions have less.
pub const STRANGER_DHT_BYTES: Allowance = Allowance { burst: 256 * 1024, per_minute: 256 * 1024 };
/// Default of [`StrangerLimits::dht_answers`]. Guess: twice what a node with our limits answers of ours, because a
/// bad line brings a minute's at once. An answer that was not asked for is an offense, and four of them end the
/// connection, so that this bounds no flood.
pub const STRANGER_DHT_ANSWERS: Allowance = Allowance { burst: 240, per_minute: 240 };
/// Default of [`StrangerLimits::bytes`]. Specification: 1 MiB a minute.
pub const STRANGER_BYTES: Allowance = Allowance { burst: 1024 * 1024, per_minute: 1024 * 1024 };
/// Default of [`StrangerLimits::work`]. Guess: everything above once.
pub const STRANGER_WORK: Allowance = Allowance { burst: 256, per_minute: 300 };
/// Default of [`StrangerLimits::work_of_address`]. Guess: sixty-four honest nodes behind one address say
/// their first eight words at once.
pub const STRANGER_WORK_OF_ADDRESS: Allowance = Allowance { burst: 512, per_minute: 1200 };
/// Default of [`StrangerLimits::work_of_network`]. Guess: twice an address's.
pub const STRANGER_WORK_OF_NETWORK: Allowance = Allowance { burst: 1024, per_minute: 2400 };
/// Default of [`StrangerLimits::work_in_all`]. Guess: a tenth of a second of a core at once, and five
/// hundredths of one.
pub const STRANGER_WORK_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 60_000 };
/// Default of [`StrangerLimits::first`]. Guess: a delegation, a seat that is said again for half a minute,
/// and a question.
pub const STRANGER_FIRST: Allowance = Allowance { burst: 8, per_minute: 8 };
/// Default of [`StrangerLimits::first_of_address`]. Guess: sixty-four nodes behind one address at once, and
/// more than one a second that is new there.
pub const STRANGER_FIRST_OF_ADDRESS: Allowance = Allowance { burst: 512, per_minute: 600 };
/// Default of [`StrangerLimits::first_of_network`]. Guess: twice an address's.
pub const STRANGER_FIRST_OF_NETWORK: Allowance = Allowance { burst: 1024, per_minute: 1200 };
/// Default of [`StrangerLimits::first_in_all`]. Guess: a hundredth of a core.
pub const STRANGER_FIRST_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 12_000 };
/// Default of [`StrangerLimits::paid_in_all`]. Guess: what all may ask who fit beside each other.
pub const STRANGER_PAID_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 20_000 };

impl Default for StrangerLimits {
    fn default() -> Self {
        Self {
            announcements: STRANGER_ANNOUNCEMENTS,
            nonces: STRANGER_NONCES,
            partials: STRANGER_PARTIALS,
            others: STRANGER_OTHERS,
            pings: PINGS_ALLOWED,
            formation: STRANGER_FORMATION,
            dht: STRANGER_DHT,
            dht_bytes: STRANGER_DHT_BYTES,
            dht_answers: STRANGER_DHT_ANSWERS,
            bytes: STRANGER_BYTES,
            work: STRANGER_WORK,
            work_of_address: STRANGER_WORK_OF_ADDRESS,
            work_of_network: STRANGER_WORK_OF_NETWORK,
            work_in_all: STRANGER_WORK_IN_ALL,
            first: STRANGER_FIRST,
            first_of_address: STRANGER_FIRST_OF_ADDRESS,
            first_of_network: STRANGER_FIRST_OF_NETWORK,
            first_in_all: STRANGER_FIRST_IN_ALL,
            paid_in_all: STRANGER_PAID_IN_ALL,
        }
    }
}

/// [`StrangerLimits::work_in_all`] of a bootstrap node. Guess: a thousand nodes that join at once ask forty
/// questions each, and as many a minute; 3.3 s of a core at once, and half of one.
pub const BOOTSTRAP_WORK_IN_ALL: Allowance = Allowance { burst: 65_536, per_minute: 600_000 };
/// [`StrangerLimits::work_of_network`] of a bootstrap node. Guess: a university's nodes, a sixteenth of all.
pub const BOOTSTRAP_WORK_OF_NETWORK: Allowance = Allowance { burst: 4096, per_minute: 9600 };
/// [`StrangerLimits::work_of_address`] of a bootstrap node. Guess: half a network's.
pub const BOOTSTRAP_WORK_OF_ADDRESS: Allowance = Allowance { burst: 2048, per_minute: 4800 };

/// [`StrangerLimits::work_in_all`] of a light node, which others have no reason to ask. Guess: a tenth of a second of
/// a core at once, and a hundredth of one.
pub const LIGHT_WORK_IN_ALL: Allowance = Allowance { burst: 2048, per_minute: 12_000 };
/// [`StrangerLimits::dht`] of a light node. Guess: whether it is there, and what it does not know, a few times.
pub const LIGHT_DHT: Allowance = Allowance { burst: 30, per_minute: 30 };
/// [`StrangerLimits::dht_bytes`] of a light node: its questions, the largest.
pub const LIGHT_DHT_BYTES: Allowance = Allowance { burst: 64 * 1024, per_minute: 64 * 1024 };

impl StrangerLimits {
    /// Returns the default of a node that has this role in the open network.
    pub fn of_role(role: Role) -> Self {
        let all = Self::default();
        match role {
            Role::Signer => all,
            Role::Bootstrap => Self {
                work_of_address: BOOTSTRAP_WORK_OF_ADDRESS,
                work_of_network: BOOTSTRAP_WORK_OF_NETWORK,
                work_in_all: BOOTSTRAP_WORK_IN_ALL,
                ..all
            },
            Role::Light => Self {
                dht: LIGHT_DHT,
                dht_bytes: LIGHT_DHT_BYTES,
                work_in_all: LIGHT_WORK_IN_ALL,
                ..all
            },
        }
    }
}

/// Most strangers whose budgets are remembered. Guess: far more than are connected in a minute.
pub const STRANGERS_REMEMBERED: usize = 8 * 1024;
/// Most of their addresses.
pub const ADDRESSES_REMEMBERED: usize = 24 * 1024;
/// Most of their networks.
pub const NETWORKS_REMEMBERED: usize = 8 * 1024;

/// Whose share of a budget was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// The node's own: it asks more than it may.
    Peer,
    /// The node's own in the open network: it asks more than is answered there.
    Questions,
    /// The node's own: it answers more than we can have asked.
    Answers,
    /// Its address's, by whomever.
    Address,
    /// Its network's, by whomever.
    Network,
    /// What all strangers have together.
    Everyone,
}

impl Share {
    /// Says whose share was used up.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "it asks more than a stranger may",
            Self::Questions => "it asks more of the open network than a stranger may",
            Self::Answers => "it answers more than we can have asked",
            Self::Address => "strangers at its address ask more than they may together",
            Self::Network => "strangers in its network ask more than they may together",
            Self::Everyone => "strangers ask more than all may together",
        }
    }
}

/// More than is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Of whose share.
    pub share: Share,
    /// What that share is.
    pub allowance: Allowance,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The node.
    pub peer: PeerId,
    /// Where it speaks from.
    pub ip: IpAddr,
    /// Whether it has proved work for its place.
    pub has_paid: bool,
}

/// What every stranger has left.
///
/// Beyond a node's own, a frame is paid from the first of these that has enough: what all share who have paid,
/// if it has; what is shared by address, network and all; what is kept for first words. Only the second
/// of them is [tightened](Level) under load: nobody is blamed for what it cannot know.
#[derive(Debug)]
pub struct StrangerBudgets {
    limits: StrangerLimits,
    level: Level,
    peers: Keyed<PeerId, BUDGETS>,
    addresses: Keyed<IpAddr, SHARES>,
    networks: Keyed<IpAddr, SHARES>,
    all: [Gcra; SHARES],
    paid: Gcra,
}

/// A node's budgets, by their place: one for each class of frames, then bytes, work and first words.
const BUDGETS: usize = 12;
const DHT: usize = 6;
const DHT_BYTES: usize = 7;
const DHT_ANSWERS: usize = 8;
const BYTES: usize = 9;
const WORK: usize = 10;
const FIRST_OF_PEER: usize = 11;

/// What is shared of an address, a network and all: what anybody draws from, and what is kept.
const SHARES: usize = 2;
const MORE: usize = 0;
const FIRST: usize = 1;

impl StrangerBudgets {
    /// Makes full ones.
    pub fn new(limits: StrangerLimits) -> Self {
        Self {
            limits,
            level: Level::default(),
            peers: Keyed::new(STRANGERS_REMEMBERED),
            addresses: Keyed::new(ADDRESSES_REMEMBERED),
            networks: Keyed::new(NETWORKS_REMEMBERED),
            all: [Gcra::FULL; SHARES],
            paid: Gcra::FULL,
        }
    }

    /// Returns how far what is shared is tightened.
    pub const fn level(&self) -> &Level {
        &self.level
    }

    /// As [`level`](Self::level), to tell what was measured, and what others worked.
    pub const fn level_mut(&mut self) -> &mut Level {
        &mut self.level
    }

    /// Takes what a frame costs: from its sender's own first, so that who is beyond that takes nothing
    /// from what others share with it.
    ///
    /// - `bytes`: of the frame's body.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] with the first share that has too little left.
    pub fn take(
        &mut self,
        now: Instant,
        asker: Asker,
        (kind, bytes): (Kind, usize),
    ) -> Result<(), Exceeded> {
        let limits = self.limits;
        if is_answer(kind) {
            return self.take_open(now, asker.peer, (kind, bytes));
        }
        let work = tokens_of_stranger(kind, bytes);
        let own = [charge(BYTES, limits.bytes, bytes as u64), charge(WORK, limits.work, work)];
        let of_class = limits.class(kind).map(|(budget, allowance)| charge(budget, allowance, 1));
        let charges = of_class.into_iter().chain(limits.open(kind, bytes)).chain(own);
        self.peers.charge(now, asker.peer, charges).map_err(exceeded)?;
        if work == 0 || (asker.has_paid && self.paid.take(now, limits.paid_in_all, work)) {
            self.level.count_stranger(work);
            return Ok(());
        }
        let tightened = |it| self.level.tightened(now, it);
        let more = [limits.work_of_address, limits.work_of_network, limits.work_in_all];
        let more = more.map(tightened);
        let kept = [limits.first_of_address, limits.first_of_network, limits.first_in_all];
        let taken = self.take_shared(now, asker.ip, (MORE, more), work).or_else(|exceeded| {
            let first = charge(FIRST_OF_PEER, limits.first, work);
            let is_first = self.peers.has(now, &asker.peer, first)
                && self.take_shared(now, asker.ip, (FIRST, kept), work).is_ok()
                && self.peers.charge(now, asker.peer, [first]).is_ok();
            is_first.then_some(()).ok_or(exceeded)
        });
        match taken {
            Ok(()) => self.level.count_stranger(work),
            Err(Exceeded { share: Share::Everyone, .. }) => self.level.want_more(now),
            // One address or network that wants more than its share says nothing of all.
            Err(_) => {}
        }
        taken
    }

    /// Takes what a frame costs of the open network from what its sender has there, and nothing else: of a node that
    /// we have dialled, and of every answer, because how much comes of either is ours to say.
    ///
    /// - `bytes`: of the frame's body.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] with [`Share::Questions`] or [`Share::Answers`].
    pub fn take_open(
        &mut self,
        now: Instant,
        peer: PeerId,
        (kind, bytes): (Kind, usize),
    ) -> Result<(), Exceeded> {
        let charges = self.limits.open(kind, bytes);
        self.peers.charge(now, peer, charges).map_err(exceeded)?;
        self.level.count_stranger(tokens_of_stranger(kind, bytes));
        Ok(())
    }

    /// Returns when a node has all of its own again, which may be past.
    pub fn own_full_at(&self, peer: &PeerId) -> Instant {
        self.peers.full_at(peer)
    }

    /// Takes it from an address, its network and all, or nothing.
    fn take_shared(
        &mut self,
        now: Instant,
        ip: IpAddr,
        (budget, [of_address, of_network, in_all]): (usize, [Allowance; 3]),
        amount: u64,
    ) -> Result<(), Exceeded> {
        let (host, network) = (host(ip), network(ip));
        let charge = |allowance| Charge { budget, allowance, amount };
        let Some(all) = self.all.get_mut(budget) else {
            return Err(Exceeded { share: Share::Everyone, allowance: in_all });
        };
        let shares = [
            (Share::Address, of_address, self.addresses.has(now, &host, charge(of_address))),
            (Share::Network, of_network, self.networks.has(now, &network, charge(of_network))),
            (Share::Everyone, in_all, all.affords(now, in_all, amount)),
        ];
        if let Some((share, allowance, _)) = shares.into_iter().find(|(.., is_there)| !is_there) {
            return Err(Exceeded { share, allowance });
        }
        // All of it is there, as was seen.
        all.take(now, in_all, amount);
        let _ = self.addresses.charge(now, host, [charge(of_address)]);
        let _ = self.networks.charge(now, network, [charge(of_network)]);
        Ok(())
    }

    /// Returns when a stranger has all of its own again, and all that it shares with its address and network,
    /// which may be past.
    pub fn full_at(&self, peer: &PeerId, ip: IpAddr) -> Instant {
        let shared = self.addresses.full_at(&host(ip)).max(self.networks.full_at(&network(ip)));
        self.peers.full_at(peer).max(shared)
    }

    /// Returns how full each table is.
    pub fn occupancy(&self) -> [Occupancy; 3] {
        [
            self.peers.occupancy("budgets of strangers"),
            self.addresses.occupancy("budgets of addresses"),
            self.networks.occupancy("budgets of networks"),
        ]
    }

    /// The most bytes that all of it takes.
    pub const BYTES_MAX: usize = Keyed::<PeerId, BUDGETS>::bytes(STRANGERS_REMEMBERED)
        + Keyed::<IpAddr, SHARES>::bytes(ADDRESSES_REMEMBERED)
        + Keyed::<IpAddr, SHARES>::bytes(NETWORKS_REMEMBERED);
}

impl StrangerLimits {
    /// The budget of a kind's class, with its place.
    const fn class(&self, kind: Kind) -> Option<(usize, Allowance)> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else goes by its family")]
        Some(match kind {
            Kind::Hello => return None,
            Kind::SessionAnnounce => (0, self.announcements),
            Kind::SessionJoin | Kind::NonceShare => (1, self.nonces),
            Kind::PartialSigShare => (2, self.partials),
            _ => match kind.family() {
                // What there is of the open network has budgets beside these.
                Family::Dht => return None,
                Family::Connection => (4, self.pings),
                Family::Formation => (5, self.formation),
                Family::Signing | Family::Gossip | Family::Discovery => (3, self.others),
            },
        })
    }

    /// What a frame of the open network takes of its sender's own there; nothing of others.
    fn open(&self, kind: Kind, bytes: usize) -> impl Iterator<Item = Charge> + use<> {
        let charges = match (kind.family() == Family::Dht, is_answer(kind)) {
            (false, _) => [None, None],
            (true, true) => [Some(charge(DHT_ANSWERS, self.dht_answers, 1)), None],
            (true, false) => [
                Some(charge(DHT, self.dht, 1)),
                Some(charge(DHT_BYTES, self.dht_bytes, bytes as u64)),
            ],
        };
        charges.into_iter().flatten()
    }
}

/// Whether a kind answers what is asked in the open network.
const fn is_answer(kind: Kind) -> bool {
    matches!(kind, Kind::DhtReply | Kind::PeersTold | Kind::DialBackTold)
}

const fn charge(budget: usize, allowance: Allowance, amount: u64) -> Charge {
    Charge { budget, allowance, amount }
}

/// Whose share a node's own budget is.
const fn exceeded(refused: Charge) -> Exceeded {
    let share = match refused.budget {
        DHT | DHT_BYTES => Share::Questions,
        DHT_ANSWERS => Share::Answers,
        _ => Share::Peer,
    };
    Exceeded { share, allowance: refused.allowance }
}
