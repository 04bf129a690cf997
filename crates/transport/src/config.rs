//! Numbers of a transport: limits, timeouts, queue sizes.

use std::{net::SocketAddr, time::Duration};

use ensign_primitives::Network;
use ensign_ratelimit::HandshakeLimits;
use ensign_wire::{HEADER_BYTES_MAX, Kind, Lane, Role};

use crate::outbox::FRAME_OVERHEAD;

/// What a transport needs to know to start.
///
/// [`TransportConfig::new`] fills in the constants of this crate; each field can be changed.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The network; peers of another one never connect.
    pub network: Network,
    /// Most callers at once whose handshake is not done, or of whom nobody is told yet; beyond it one goes
    /// from where [most come from](ensign_diversity::most_crowded), or the caller while none of these
    /// has had [`HANDSHAKE_GRACE`].
    pub handshakes_max: usize,
    /// Most of them at once from one IPv4 address or one IPv6 /64, and of a wider group as many times that as
    /// is its [share](ensign_diversity::Group::share); beyond it one of them goes, or the caller.
    pub handshakes_per_ip_max: usize,
    /// Most connections at once with peers whose identity is proven; beyond it callers that are not
    /// expected are refused.
    pub links_max: usize,
    /// How many handshakes callers may begin, by address, by network and in all.
    pub handshakes: HandshakeLimits,
    /// Unfinished handshakes above which a caller must first prove its address (QUIC Retry).
    pub handshakes_before_retry_max: usize,
    /// How long a handshake may take, the choice between simultaneous connections included.
    pub handshake_timeout: Duration,
    /// How long a frame for members waits for the admission of its sender, whose end it is then.
    pub admission_timeout: Duration,
    /// How long a peer may be silent on the QUIC level before the connection is given up.
    pub idle_timeout: Duration,
    /// How often a quiet connection is kept alive.
    pub keep_alive_interval: Duration,
    /// How long queued frames may take to arrive when a connection is closed by us.
    pub flush_timeout: Duration,
    /// Most bytes of signing frames queued for one peer beyond what QUIC itself holds, what a frame
    /// costs beyond its bytes included; the connection ends when more is queued.
    pub signing_queue_bytes_max: usize,
    /// The same of control frames; further ones are dropped.
    pub control_queue_bytes_max: usize,
    /// The same of bulk.
    pub bulk_queue_bytes_max: usize,
    /// The same of all lanes for a stranger, whose end it is when more is queued.
    pub stranger_queue_bytes_max: usize,
    /// Most frames of a stranger on one connection, whose end it is when it sends more.
    pub stranger_frames_max: u32,
    /// Most events of each lane waiting for the receiver, of bulk at most [`BULK_EVENT_QUEUE_MAX`];
    /// above it reading of that lane stops.
    pub event_queue_max: usize,
}

impl TransportConfig {
    /// Takes the two fields that have no default.
    pub const fn new(listen: SocketAddr, network: Network) -> Self {
        Self {
            listen,
            network,
            handshakes_max: HANDSHAKES_MAX,
            handshakes_per_ip_max: HANDSHAKES_PER_IP_MAX,
            links_max: LINKS_MAX,
            handshakes: HandshakeLimits::DEFAULT,
            handshakes_before_retry_max: HANDSHAKES_BEFORE_RETRY_MAX,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            admission_timeout: ADMISSION_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            keep_alive_interval: KEEP_ALIVE_INTERVAL,
            flush_timeout: FLUSH_TIMEOUT,
            signing_queue_bytes_max: SIGNING_QUEUE_BYTES_MAX,
            control_queue_bytes_max: CONTROL_QUEUE_BYTES_MAX,
            bulk_queue_bytes_max: BULK_QUEUE_BYTES_MAX,
            stranger_queue_bytes_max: STRANGER_QUEUE_BYTES_MAX,
            stranger_frames_max: STRANGER_FRAMES_MAX,
            event_queue_max: EVENT_QUEUE_MAX,
        }
    }

    /// Gives strangers what neighbours in the open network need, who are strangers, of a node that has this role there.
    #[must_use]
    pub const fn open(mut self, role: Role) -> Self {
        self.stranger_queue_bytes_max = OPEN_STRANGER_QUEUE_BYTES_MAX;
        if matches!(role, Role::Bootstrap) {
            self.stranger_queue_bytes_max = BOOTSTRAP_STRANGER_QUEUE_BYTES_MAX;
            self.links_max = BOOTSTRAP_LINKS_MAX;
        }
        self.stranger_frames_max = OPEN_STRANGER_FRAMES_MAX;
        self
    }
}

/// Most connections at once with the defaults, but for expected peers beyond [`LINKS_MAX`].
///
/// A handshake has a place besides the links, so that it never waits for one of these. About 40 MiB
/// when all are idle.
pub const CONNECTIONS_MAX: usize = HANDSHAKES_MAX + HANDSHAKES_KEPT_MAX + LINKS_MAX;

/// Most handshakes besides of addresses where a peer that is expected was connected, at most 8 of each and 16 of
/// each network.
///
/// Guess: most of a large group comes back from where it was while all other places are taken.
pub const HANDSHAKES_KEPT_MAX: usize = 64;

/// Default of [`TransportConfig::handshakes_max`].
///
/// Guess: all members of a group of 256 come back at once.
pub const HANDSHAKES_MAX: usize = 256;

/// Default of [`TransportConfig::handshakes_per_ip_max`].
///
/// Guess: a household or a test machine runs fewer nodes; an attacker needs four addresses in two
/// networks to take every place.
pub const HANDSHAKES_PER_IP_MAX: usize = 64;

/// How long a handshake is safe from giving way to another one.
///
/// Guess: a round trip around the world and a slow machine. With the limits above one address can
/// make us begin 128 handshakes a second and all addresses 512, a quarter of a core's time.
pub const HANDSHAKE_GRACE: Duration = Duration::from_millis(500);

/// Default of [`TransportConfig::links_max`].
///
/// More than its owner keeps, who decides who stays: what it closes is here until it is flushed. Guess:
/// most of what begins in the second that takes, while the owner keeps 640.
pub const LINKS_MAX: usize = 1024;

/// [`TransportConfig::links_max`] of a bootstrap node. As [`LINKS_MAX`], while its owner keeps 1,408; some 62 MiB
/// when all are idle.
pub const BOOTSTRAP_LINKS_MAX: usize = 1792;

/// Default of [`TransportConfig::admission_timeout`].
///
/// Guess: a little longer than an engine waits for a greeting, so that who says none is told so.
pub const ADMISSION_TIMEOUT: Duration = Duration::from_secs(12);

/// Default of [`TransportConfig::handshakes_before_retry_max`].
///
/// Guess: 32 handshakes in flight saturate two cores (3,000 a second), so more means load.
pub const HANDSHAKES_BEFORE_RETRY_MAX: usize = 32;

/// Default of [`TransportConfig::handshake_timeout`].
///
/// Guess: four lost flights at an initial retransmission of 0.3 s that doubles.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Default of [`TransportConfig::idle_timeout`]: the 30 s that RFC 9308 section 3.2 recommends.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Default of [`TransportConfig::keep_alive_interval`].
///
/// Guess: two may be lost within [`IDLE_TIMEOUT`], and NAT mappings of 15 s or more stay open.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Default of [`TransportConfig::flush_timeout`].
///
/// Guess: three round trips around the world.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Default of [`TransportConfig::signing_queue_bytes_max`].
///
/// Whatever a node says itself of [`REQUESTS_SAID_AGAIN_MAX`] requests: with less the lane is full when
/// all is said again after a reconnect, and on the connection after that.
pub const SIGNING_QUEUE_BYTES_MAX: usize = signing_queue_bytes(REQUESTS_SAID_AGAIN_MAX);

/// Returns what [`TransportConfig::signing_queue_bytes_max`] has to be where so many requests are open.
pub const fn signing_queue_bytes(requests: usize) -> usize {
    requests * said_of_request()
}

/// Most requests of which everything is said to one peer at once; whoever sends holds no more open.
///
/// Specification: 100 sessions.
pub const REQUESTS_SAID_AGAIN_MAX: usize = 100;

/// Returns the most bytes that one node's statements about one request take in the queue: one of each kind.
const fn said_of_request() -> usize {
    let (mut kinds, mut bytes) = (Kind::ALL.as_slice(), 0);
    while let [kind, rest @ ..] = kinds {
        if matches!(kind.lane(), Lane::Signing) {
            bytes += FRAME_OVERHEAD + HEADER_BYTES_MAX + kind.limit();
        }
        kinds = rest;
    }
    bytes
}

/// Default of [`TransportConfig::control_queue_bytes_max`].
///
/// Guess: a greeting, the names of all groups and a thousand small questions.
pub const CONTROL_QUEUE_BYTES_MAX: usize = 256 * 1024;

/// Default of [`TransportConfig::bulk_queue_bytes_max`].
///
/// Guess: three payloads of the largest size.
pub const BULK_QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most frames of bulk waiting for the receiver, which bounds the memory they take: 16 MiB.
///
/// Guess: what a receiver takes at once; the rest waits at its senders.
pub const BULK_EVENT_QUEUE_MAX: usize = 16;

/// Default of [`TransportConfig::stranger_frames_max`]: what is beyond is not worth the way to the engine.
///
/// Guess: a greeting, and twice the pings that are answered in half a minute.
pub const STRANGER_FRAMES_MAX: u32 = 160;

/// Default of [`TransportConfig::stranger_queue_bytes_max`].
///
/// Guess: a greeting and 16 answers to pings take a quarter of it.
pub const STRANGER_QUEUE_BYTES_MAX: usize = 16 * 1024;

/// [`TransportConfig::stranger_queue_bytes_max`] of a node that takes part in the open network. Guess: the answers
/// to a question of each of 64 walks at once, of 4 kB each; 64 MiB if 256 strangers do not read theirs.
pub const OPEN_STRANGER_QUEUE_BYTES_MAX: usize = 256 * 1024;

/// [`TransportConfig::stranger_queue_bytes_max`] of a bootstrap node: 64 MiB too if 1,024 strangers do not read.
/// Guess: twice what a node that joins asks before it has an answer, two walks of four questions each.
pub const BOOTSTRAP_STRANGER_QUEUE_BYTES_MAX: usize = 64 * 1024;

/// [`TransportConfig::stranger_frames_max`] of such a node, at which a neighbour stays for an hour: 120 questions
/// and 240 answers a minute. Who is faster is stopped by its budgets long before.
pub const OPEN_STRANGER_FRAMES_MAX: u32 = 60 * (120 + 240);

/// Default of [`TransportConfig::event_queue_max`].
///
/// Bounds what waits for the engine in each lane: 256 frames of at most 1 KiB from strangers, of at
/// most 78 KiB from admitted peers.
pub const EVENT_QUEUE_MAX: usize = 256;
