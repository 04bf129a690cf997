//! What the machine is made from, and its limits.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use ensign_deadline::Timeouts;
use ensign_identity::{DelegationProof, NodeKey, SignerKey};
use ensign_primitives::{GroupId, Network, PeerId, SIGNERS_MAX};
use ensign_ratelimit::{Allowances, BROUGHT_ALLOWED, REQUESTS_ALLOWED};
use ensign_wire::{GroupKeys, Message, Mode, TxType};

/// Most groups a node belongs to. Guess: a person has a handful, a treasury a few dozen.
pub const GROUPS_MAX: usize = 64;
/// Most connected nodes; whoever counts connections keeps no more. Guess: every member of two groups of 256,
/// 64 strangers beside them, and as many whose end was not yet reported.
pub const PEERS_MAX: usize = 640;
/// Most connected nodes where strangers have more places than most nodes give them: of a bootstrap node. As
/// [`PEERS_MAX`], and 768 strangers more.
pub const PEERS_LIMIT: usize = PEERS_MAX + 768;
/// Default of [`SigningConfig::requests_max`]. Specification: 100 sessions.
pub const REQUESTS_MAX: usize = ensign_ratelimit::OPEN_SESSIONS;
/// Most that [`SigningConfig::requests_max`] may be.
pub const REQUESTS_LIMIT: usize = ensign_ratelimit::OPEN_SESSIONS_MAX;
const _: () = assert!(REQUESTS_LIMIT <= ensign_session::OPEN_SESSIONS_MAX, "one attempt for each");
/// Most open requests of one other creator. Guess: more than a person reviews at once, and several
/// members must flood us together before nobody else gets in.
pub const REQUESTS_PER_CREATOR_MAX: usize = 25;
/// Most ended requests, decided by our user, of which whatever a member says is answered with their
/// end; of older ones only an announcement is. Signatures are read from the store. Guess: a day of
/// a busy group, in half a megabyte.
pub const ENDINGS_REMEMBERED: usize = 1024;
/// As [`ENDINGS_REMEMBERED`], of requests that ended before our user decided. Guess: a burst of each
/// member of a small group.
pub const UNDECIDED_ENDINGS_REMEMBERED: usize = 128;
/// Most session names that are known: every attempt at each request that is open or whose ending is
/// remembered.
pub const SESSIONS_MAX: usize =
    (REQUESTS_LIMIT + ENDINGS_REMEMBERED + UNDECIDED_ENDINGS_REMEMBERED) * ATTEMPTS_MAX as usize;
/// Most members of all groups together.
pub const MEMBERS_MAX: usize = GROUPS_MAX * SIGNERS_MAX;
/// How often one member is told how one request ended. Guess: a few restarts and lost answers.
pub const ANSWERS_PER_MEMBER_MAX: u8 = 16;
/// Most attempts at one request that fail after all have joined. Specification of its users: five, then a
/// person decides.
pub const FAILED_ATTEMPTS_MAX: u16 = 5;
/// Most attempts at one request, those included that dissolved before all had joined. Guess: a day of members
/// that come and go.
///
/// Any member of the group can use them up by opening attempts; it could as well decline, because
/// all must sign. What each may open in an hour is bounded ([`OPENED_ALLOWED`](crate::OPENED_ALLOWED)).
pub const ATTEMPTS_MAX: u16 = 64;
/// How many attempts ahead of the present one are known by the names of their sessions; an announcement is
/// understood however far ahead it is. Guess: more than one member may open in an hour.
pub const ATTEMPTS_AHEAD: u16 = 8;
/// Pause before the next attempt, times the number of those that have failed. Guess: enough for a node to
/// come back, short enough to be waited for.
pub const ATTEMPT_PAUSE: Duration = Duration::from_secs(5);
/// How long the others are asked after a restart how the last attempt ended. The longest pause
/// between two dials of a transport: whoever runs is connected by then. Not longer, because nobody can
/// propose anew what still counts as open.
pub const ENDING_WAIT: Duration = Duration::from_secs(30);
/// Longest time that a note waits for a record to be written with. Guess: what a crash may lose of
/// requests that nobody had decided about.
pub const NOTE_PAUSE: Duration = Duration::from_secs(5);
/// Most envelopes kept for a member that speaks of a session we do not have yet: one session's
/// worth of statements, twice. With the limits of the wire, about 1 MiB for a member.
pub const EARLY_ENVELOPES_MAX: usize = 16;
/// Most payloads kept for a member before their announcements; together at most
/// [`PAYLOAD_BYTES_MAX`](ensign_wire::PAYLOAD_BYTES_MAX) bytes. As many as a creator may propose at once:
/// only their bytes push each other off.
pub const EARLY_PAYLOADS_MAX: usize = 25;
const _: () =
    assert!(EARLY_PAYLOADS_MAX as u64 == REQUESTS_ALLOWED.burst, "proposals made at once");
/// Most payloads of a member that are remembered by name after others pushed them off: as many as it may
/// bring requests at once.
pub const PUSHED_OFF_MAX: usize = 50;
const _: () = assert!(PUSHED_OFF_MAX as u64 == BROUGHT_ALLOWED.burst, "requests brought at once");
/// Most refused announcements that are remembered, so that each sender is told once. Guess: a few
/// for each member of a few groups.
pub const REFUSALS_REMEMBERED: usize = 256;
/// How many refusals by others are reported for one request. Guess: two for each of sixteen.
pub const REFUSALS_REPORTED_MAX: u8 = 32;
/// What the machine is made from.
#[derive(Clone, Debug)]
pub struct SigningConfig {
    /// The chain it works on.
    pub network: Network,
    /// How long each wait of a session may take.
    pub timeouts: Timeouts,
    /// What every member may ask of us.
    pub allowances: Allowances,
    /// Most open requests: 1 to [`REQUESTS_LIMIT`]; whatever is beyond counts as that.
    pub requests_max: usize,
}

/// Who a node is. The node key is shared with its driver; the secret signer key is nowhere in here.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Its identity.
    pub node_key: Arc<NodeKey>,
    /// The key that messages are signed with.
    pub signer: SignerKey,
    /// That the signer key lets the node speak.
    pub delegation: DelegationProof,
}

/// Who signs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// The keys, in aggregation order, all different.
    pub keys: GroupKeys,
    /// The node of each key, in the same order, all different.
    pub peers: Vec<PeerId>,
}

/// What our user asks a group to sign.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Who shall sign.
    pub group: GroupId,
    /// What.
    pub messages: Vec<Message>,
    /// What the messages were computed from.
    pub source: Source,
    /// One line for the others.
    pub purpose: String,
    /// What kind of transaction it is.
    pub tx_type: TxType,
    /// How much is spent, in satoshi.
    pub amount: u64,
    /// How long the request stays open.
    pub lifetime: Duration,
    /// How the session runs.
    pub mode: Mode,
}

/// What the messages of a [`Proposal`] were computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing: bare messages.
    Bare,
    /// A PSBT.
    Psbt(Vec<u8>),
    /// The group and the nonce of the request: a drill.
    Drill,
}

impl From<Option<Vec<u8>>> for Source {
    fn from(psbt: Option<Vec<u8>>) -> Self {
        psbt.map_or(Self::Bare, Self::Psbt)
    }
}
