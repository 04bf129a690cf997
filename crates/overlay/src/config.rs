//! Every number of this crate, and what a node sets.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{Network, PeerId};
use ensign_reach::{Announce, ReachConfig};
use ensign_wire::{POSITION_BITS, RecordRules, Role, Scope};

/// Links to strangers that are kept for the next question, beside those of the address book. Guess: two walks'
/// worth, at some kilobytes each.
pub const WARM_LINKS_MAX: usize = 128;

/// Dials under way at once; a question beyond it is not asked. Guess: all that eight walks ask at once.
pub const DIALS_MAX: usize = 64;

/// How long a link is waited for that is there or comes, by what a dial says that was not made. Guess: a handshake
/// and a greeting over a bad line.
pub const LINK_COMES_WITHIN: Duration = Duration::from_secs(10);

/// First nodes that a node is given. Guess: more than a user or a few seeds name.
pub const FIRST_NODES_MAX: usize = 64;

/// First nodes that are asked at a time.
pub const FIRST_AT_ONCE: usize = 2;

/// First nodes that a start asks, as many as there are, however many contacts the earlier of them lead to: they may be
/// their own. Design: a node that joins hears of others from four sources.
pub const FIRST_ASKED_MIN: usize = 4;

/// How long a node that knows nobody waits before it asks first nodes again; twice as long each time up to
/// [`FIRST_WAIT_MAX`].
pub const FIRST_WAIT: Duration = Duration::from_secs(2);

/// See [`FIRST_WAIT`]. Guess: a network that is down is not hammered, and found again within minutes.
pub const FIRST_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// Contacts below which first nodes are asked. Guess: a bucket of the table half full.
pub const FEW_CONTACTS: usize = 8;

/// How long a node that we want may be away before it is looked for. Guess: longer than a restart and a round
/// of dials take.
pub const LOOK_AFTER: Duration = Duration::from_secs(10);

/// How long after one search the next begins, twice as long each time up to [`LOOK_WAIT_MAX`].
pub const LOOK_WAIT: Duration = Duration::from_secs(30);

/// See [`LOOK_WAIT`]. Guess: as often as records are issued anew.
pub const LOOK_WAIT_MAX: Duration = Duration::from_secs(20 * 60);

/// Nodes that are looked for at a time, so that walks are left for others. Guess.
pub const LOOKS_AT_ONCE: usize = 4;

/// Walks by which one node is looked for: its node record, and around midnight the sealed records of two days.
pub const WALKS_PER_LOOK: usize = 3;

/// Members that are away and for whom we publish where we are. Guess: the members of some groups; the rest of what
/// we may publish ([`OWN_RECORDS_MAX`](ensign_dht::OWN_RECORDS_MAX)) is our own record and our user's.
pub const PAIRS_MAX: usize = 48;

/// Sealed records that are handed out at a time: the others wait. Guess: an eighth of what one node asks within a
/// second, so that many members who are away are no burst.
pub const PAIRS_AT_ONCE: usize = 2;

/// Over how long sealed records are spread after [`PUBLISH_DELAY`], so that nothing ties those of one node together by
/// the moment in which they were signed. Together less than [`LOOK_AFTER`]: who looks then finds.
pub const PAIR_SPREAD: Duration = Duration::from_secs(7);

/// The same of those that are issued anew. Less than what [`FRESH`](ensign_dht::FRESH) leaves beside
/// [`REPUBLISH_INTERVAL`](ensign_dht::REPUBLISH_INTERVAL).
pub const PAIR_RENEW_SPREAD: Duration = Duration::from_secs(90);

/// Most nodes that we want and that are looked for when they are away: the members of 64 groups of 256, and others.
pub const WANTED_MAX: usize = 16_384 + 1024;

/// How long a node record of ours holds. Guess: whoever is away for six hours is looked for anew.
pub const OWN_RECORD_LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// After the first contacts, how long until our record is published: a node that joins looks around first. Guess:
/// ten round trips over bad lines.
pub const PUBLISH_DELAY: Duration = Duration::from_secs(2);

/// How long after the first time it is published again, by when a node that joined together with many others knows
/// its neighbours. Guess.
pub const PUBLISH_AGAIN: Duration = Duration::from_secs(30);

/// After how long a record that could not be issued is tried again. Guess.
pub const ISSUE_RETRY: Duration = Duration::from_secs(10);

/// How often in a row, while nobody is heard. Guess.
pub const ISSUE_TRIES: u8 = 8;

/// How old what was seen of the network's size may be to count after a restart. Guess: a laptop sleeps over night; in
/// a week a network may grow by more than an estimate forgives.
pub const LOOKS_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How often nodes of the address book are given to the hash table as roots of its walks. Guess.
pub const ROOTS_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// What a node of the open network sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayConfig {
    /// Whose network.
    pub network: Network,
    /// How many zero bits a position costs; all nodes of a network agree.
    pub bits: u8,
    /// Which addresses may stand in node records.
    pub scope: Scope,
    /// What the node does.
    pub role: Role,
    /// Where its user says that it is reached: announced as it is.
    pub addresses: Vec<SocketAddr>,
    /// Where it listens: an address of each interface, with the port.
    pub listening: Vec<SocketAddr>,
    /// What is announced where its user names nothing; `None` for what was dialled back, and in a network of local
    /// addresses for where it listens. A light node announces nothing. Without any address a node asks, and neither
    /// stores nor introduces.
    pub announce: Option<Announce>,
    /// Connections that the address book keeps, from 1 to [`OUTBOUND_MAX`](ensign_book::OUTBOUND_MAX).
    pub outbound: usize,
    /// Whom our user trusts, and where they are: each has a connection of its own.
    pub trusted: Vec<(PeerId, Vec<SocketAddr>)>,
    /// Whom to ask first, and where they are; of more than [`FIRST_NODES_MAX`] the first are taken.
    pub first: Vec<(PeerId, Vec<SocketAddr>)>,
}

impl OverlayConfig {
    /// Takes the numbers of the open network; nobody is known.
    pub fn new(network: Network, role: Role) -> Self {
        let outbound = match role {
            Role::Signer | Role::Bootstrap => ensign_book::OUTBOUND_MAX,
            Role::Light => OUTBOUND_OF_LIGHT,
        };
        let (addresses, listening) = (Vec::new(), Vec::new());
        let (trusted, first) = (Vec::new(), Vec::new());
        let (bits, scope, announce) = (POSITION_BITS, Scope::Global, None);
        Self {
            network,
            bits,
            scope,
            role,
            addresses,
            listening,
            announce,
            outbound,
            trusted,
            first,
        }
    }

    pub(crate) const fn rules(&self) -> RecordRules {
        RecordRules { network: self.network, bits: self.bits, scope: self.scope }
    }

    pub(crate) fn reach(&self) -> ReachConfig {
        let by_scope = match self.scope {
            Scope::Global => Announce::Tested,
            Scope::Local => Announce::Listening,
        };
        let announce = match self.role {
            Role::Signer | Role::Bootstrap => self.announce.unwrap_or(by_scope),
            Role::Light => Announce::Nothing,
        };
        let (given, listening) = (self.addresses.clone(), self.listening.clone());
        ReachConfig { scope: self.scope, given, listening, announce }
    }
}

/// Connections that the address book of a light node keeps. Guess: enough that no three neighbours decide what it sees.
pub const OUTBOUND_OF_LIGHT: usize = 6;
