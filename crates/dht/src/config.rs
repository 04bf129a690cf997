//! Every number of this crate. "Measured" means a simulation of 10,000 nodes under active Sybils that know
//! everything, which `docs/protocol/dht.md` describes.

use core::time::Duration;

use ensign_ratelimit::{Allowance, STRANGER_DHT};
use ensign_wire::{NODES_PER_REPLY_MAX, RecordRules, Role};

/// Places of a bucket, and nodes of an answer. Maymounkov and Mazières: k = 20.
pub const K: usize = NODES_PER_REPLY_MAX;
/// Places of a bucket's replacement cache. Guess: half of a bucket may die at once.
pub const SPARE_MAX: usize = 10;
/// Most contacts of one group of addresses (/24, /48, provider) in a bucket, and in the table. discv5.
pub const GROUP_PER_BUCKET_MAX: usize = 2;
/// See [`GROUP_PER_BUCKET_MAX`].
pub const GROUP_PER_TABLE_MAX: usize = 10;
/// Buckets, one for each number of leading bits that a contact shares with us.
pub const BUCKETS_MAX: usize = 256;
/// After how long a silent contact of a full bucket is asked whether it is there. mainline: 15 min.
pub const STALE_AFTER: Duration = Duration::from_secs(15 * 60);
/// After how many questions in a row without an answer a contact counts as gone, if others answer.
pub const FAILURES_MAX: u8 = 2;

/// Cells of the further known contacts, by the first four bits of their position.
pub const ROOT_CELLS: usize = 16;
/// Contacts of a cell: 512 in all (measured: with 500 two in three hostile nodes are survived).
pub const ROOTS_PER_CELL: usize = 32;
/// Of one network in all cells. Measured.
pub const ROOTS_PER_NETWORK: usize = 2;

/// Questions of a walk under way. Measured.
pub const ALPHA: usize = 4;
/// After how long a question lets another be asked; its answer still counts. Measured.
pub const SOFT_TIMEOUT: Duration = Duration::from_millis(300);
/// After how long nobody waits for an answer. Measured; mainline too.
pub const HARD_TIMEOUT: Duration = Duration::from_secs(2);
/// Questions of a walk that looks for a record. Measured.
pub const FETCH_BUDGET: u16 = 64;
/// The same when it is thorough or finds the neighbourhood too dense. Measured.
pub const THOROUGH_BUDGET: u16 = 128;
/// Questions of a walk that stores. Measured.
pub const STORE_BUDGET: u16 = 40;
/// How many own contacts a walk that stores asks before anything is stored. Measured: without, the first
/// hostile answers choose where it is stored.
pub const STORE_EXPLORE: u16 = 12;
/// The same of a walk that looks for a record. Measured.
pub const FETCH_EXPLORE: u16 = 3;
/// Every eighth question of a walk is for the key itself, the rest for points of its region. Measured.
pub const KEY_EVERY: u16 = 8;
/// Every fourth question is one that leads elsewhere: the way out of a captured pool. Measured.
pub const STONE_EVERY: u16 = 4;
/// Questions to one network in one walk. Measured.
pub const ASKED_PER_NETWORK: u8 = 2;
/// Questions of a walk that only looks who is near a point. Measured: 21 in the mean.
pub const NEAREST_BUDGET: u16 = 32;
/// Roots of that walk, which take turns. S/Kademlia: d = 8.
pub const NEAREST_ROOTS: u16 = 8;
/// After how many questions it may end. Measured.
pub const NEAREST_MIN: u16 = 16;
/// Candidates of one walk: all contacts, and what all its answers can name.
pub const POOL_MAX: usize = 8 * 1024;
/// Walks at a time. Guess: a person's, the refreshes of a start and what is published.
pub const WALKS_MAX: usize = 64;
/// Refreshes at a time; others wait.
pub const REFRESHES_AT_ONCE: usize = 2;
/// Questions under way of all walks.
pub const QUESTIONS_MAX: usize = 2048;
/// Questions of walks and probes that one node is asked; beyond it others are. Guess: with [`PULLS_ASKED`] a little
/// less than the 120 a minute that a node reads, so that nobody makes us ask more than we are answered.
pub const QUESTIONS_ASKED: Allowance = Allowance { burst: 72, per_minute: 72 };
/// Records that one neighbour is asked for, whatever it says that it has; others have them too. Guess: see
/// [`QUESTIONS_ASKED`]; a region of 256 nodes issues some twenty records a minute.
pub const PULLS_ASKED: Allowance = Allowance { burst: 40, per_minute: 40 };
const _: () = assert!(QUESTIONS_ASKED.burst + PULLS_ASKED.burst < STRANGER_DHT.burst);
const _: () =
    assert!(QUESTIONS_ASKED.per_minute + PULLS_ASKED.per_minute < STRANGER_DHT.per_minute);
/// Links that are known.
pub const LINKS_MAX: usize = 4096;

/// Nodes of a region. Measured.
pub const REGION_NODES: u64 = 256;
/// Below so many nodes a quarter of all is the region. Measured.
pub const SMALL_NETWORK: u64 = 1024;
/// Estimates of the number of nodes that are kept. mainline: 7 % off after 16.
pub const ESTIMATES_KEPT: usize = 16;
/// Within which time an estimate moves by at most a factor of two. Measured.
pub const ESTIMATE_CLAMP: Duration = Duration::from_secs(60 * 60);
/// Number of neighbours, and a hundredth of the least that `distance * nodes` is in one of 2,000
/// honest neighbourhoods (gamma distribution of as many neighbours, 0.0005).
pub const DENSITY: [(usize, u64); 4] = [(8, 177), (16, 599), (20, 845), (32, 1658)];
/// Questions after which a walk has seen who is near its key. Measured: 21.
pub const DENSITY_SEEN: u16 = 21;

/// Neighbours that are told of a record. Measured.
pub const HANDS: usize = 8;
/// How long what neighbours are told is gathered. Measured.
pub const HAVE_INTERVAL: Duration = Duration::from_secs(5);
/// Neighbours for whom something is gathered. Guess: more than a region has.
pub const NEIGHBOURS_MAX: usize = 512;
/// Versions of one publisher's records that are handed on within a minute. Measured.
pub const VERSIONS_PER_MINUTE: u8 = 4;
/// Publishers that are counted within a minute: of node records, and of others.
pub const PUBLISHERS_COUNTED: usize = 4096;
/// Records that are pulled at a time.
pub const PULLS_MAX: usize = 256;

/// Bytes of all stored records. Measured: 256 copies of a record of 0.6 kB are 154 kB.
pub const SHELF_BYTES_MAX: usize = 256 * 1024;
/// Records that are stored: none is smaller than 128 bytes.
pub const SHELF_RECORDS_MAX: usize = SHELF_BYTES_MAX / 128;
/// Bytes of records that cost their publisher no work, once the shelf is full: half of it, so that whoever makes keys
/// without end washes out no node record, each of which a proof of work stands behind.
pub const FREE_BYTES_MAX: usize = SHELF_BYTES_MAX / 2;
/// Live records of one publisher that are stored. Measured.
pub const RECORDS_PER_PUBLISHER: usize = 8;
/// How old a record may be to be the newest: one issue interval and two minutes. Measured.
pub const FRESH: Duration = Duration::from_secs(22 * 60);
/// After how long a record is issued anew. Measured.
pub const REPUBLISH_INTERVAL: Duration = Duration::from_secs(20 * 60);
/// Records that we publish. Guess: our own and one for each of some contacts.
pub const OWN_RECORDS_MAX: usize = 64;
/// Holders in as many networks that a thorough fetch waits for. Measured.
pub const HOLDERS: usize = 3;

/// Random points that are looked at when a node joins, after its own. Measured.
pub const JOIN_REFRESHES: usize = 12;
/// How long contacts are gathered before a node that joins looks around. Guess.
pub const JOIN_DELAY: Duration = Duration::from_millis(200);
/// After how long a node that has fewer than [`K`] contacts looks around again; twice as long each time, at most
/// [`REFRESH_INTERVAL`]. Without, whoever joins together with many others stays alone (simulated: one in seven).
pub const JOIN_RETRY: Duration = Duration::from_secs(1);
/// Between two looks at a random point. Guess: sixteen, the estimate's memory, are 80 minutes.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Every so many refreshes it is our own neighbourhood: once an hour. Kademlia.
pub const OWN_REFRESH_EVERY: u64 = 12;
/// How often our record goes with a question over one link. Guess: 200 bytes a minute.
pub const INTRODUCE_INTERVAL: Duration = Duration::from_secs(60);
/// Nodes that ask us and are asked back at a time, of one network [`GROUP_PER_BUCKET_MAX`]. Measured: with 16 a first node
/// of 200 that begin together sends each of them 13.1 kB, not 12.
pub const PROBES_MAX: usize = 8;

/// Walks whose hops are kept.
pub const TRACES_KEPT: usize = 4;
/// Verified records that are remembered. Guess: all of a table, a shelf and what walks bring in a minute.
pub const SEALS_REMEMBERED: usize = 2048;

/// How a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhtConfig {
    /// What node records have to stand up to.
    pub rules: RecordRules,
    /// What we do: a light node asks, and neither answers nor stores.
    pub role: Role,
    /// Nodes of a region, [`REGION_NODES`].
    pub region_nodes: u64,
    /// Neighbours that are told of a record, [`HANDS`].
    pub hands: usize,
    /// How often the node looks around of itself, [`REFRESH_INTERVAL`]; `None` for only when it is
    /// [told to](crate::Dht::refresh).
    pub refresh_interval: Option<Duration>,
}

impl DhtConfig {
    /// Takes the numbers of this crate.
    pub const fn new(rules: RecordRules, role: Role) -> Self {
        let refresh_interval = Some(REFRESH_INTERVAL);
        Self { rules, role, region_nodes: REGION_NODES, hands: HANDS, refresh_interval }
    }

    pub(crate) fn serves(&self) -> bool {
        self.role != Role::Light
    }
}
