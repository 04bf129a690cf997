//! Every number of this crate. "v1.1" and "v1.2" are the specifications of GossipSub, "measured" means the simulation that
//! `docs/protocol/gossip.md` describes.

use core::time::Duration;

/// Links of a mesh that a node aims for. Ethereum's consensus layer: D = 8.
pub const MESH_N: usize = 8;
/// Below so many it takes more. Ethereum's consensus layer: 6.
pub const MESH_N_LOW: usize = 6;
/// Above so many it gives some up; topics of no more peers are meshed fully. v1.1: 12.
pub const MESH_N_HIGH: usize = 12;
/// Places of a mesh that links which others dialled do not get. v1.1: at most half of D; 3 of 8.
pub const MESH_OUTBOUND_MIN: usize = 3;
/// Links of too large a mesh that stay for their score; the rest are drawn. v1.1: 4 of 6.
pub const MESH_SCORED: usize = 5;
/// Links of a mesh that bring messages, of all others their names come. Measured: about 2.5 copies.
pub const EAGER_LINKS: usize = 3;
/// Peers outside the mesh that are told of a message: at once, and again with each heartbeat. v1.1: 6.
pub const GOSSIP_LAZY: usize = 6;
/// Between two heartbeats. Ethereum's consensus layer: 700 ms.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(700);
/// Heartbeats for which a message can be asked for. Ethereum's consensus layer: 6.
pub const HISTORY_LENGTH: usize = 6;
/// Of these the latest, of which names are told. v1.1: 3.
pub const HISTORY_GOSSIP: usize = 3;
/// From which size on a message is worth an IDONTWANT. libp2p: 1,000 bytes.
pub const IDONTWANT_BYTES_MIN: usize = 1024;

/// How long the name of a message is remembered. v1.1: 2 min.
pub const SEEN_RETENTION: Duration = Duration::from_secs(120);
/// Names that are remembered; the oldest give way. Guess: 68 messages a second for [`SEEN_RETENTION`].
pub const SEEN_MAX: usize = 8192;
/// Messages that are held, to be asked for; the oldest give way. Guess: 240 a second.
pub const HELD_MAX: usize = 1024;
/// Their bytes. Guess: 1,024 adverts of 0.6 kB, and some.
pub const HELD_BYTES_MAX: usize = 1024 * 1024;
/// Messages about which the layer above is asked at a time; others are dropped and come again by name. Guess.
pub const VALIDATING_MAX: usize = 256;
/// How long its answer is waited for. Guess: a lookup in the hash table, twice.
pub const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Topics that we want or publish under. Guess: more than the protocol has.
pub const TOPICS_MAX: usize = 16;
/// Topics of one peer that are kept. As many as a frame tells.
pub const TOPICS_PER_PEER_MAX: usize = ensign_wire::GOSSIP_TOPICS_MAX;
/// Changes of its topics that a peer may tell between two heartbeats. Guess: all of them left and joined.
pub const TOPIC_CHANGES_MAX: usize = 2 * TOPICS_PER_PEER_MAX;
/// Links that take part. Guess: as many as a node has places for, at most.
pub const LINKS_MAX: usize = 512;
/// Peers that are always served and never judged. Guess: a person's own nodes and friends.
pub const EXPLICIT_MAX: usize = 32;

/// How long whoever was put out of a mesh stays out. v1.1: 1 min.
pub const PRUNE_BACKOFF: Duration = Duration::from_secs(60);
/// The same when we leave a topic. v1.1: 10 s.
pub const UNSUBSCRIBE_BACKOFF: Duration = Duration::from_secs(10);
/// What a peer may ask us for at most: as much as a frame says.
pub const BACKOFF_MAX: Duration =
    Duration::from_secs(ensign_wire::GOSSIP_BACKOFF_SECONDS_MAX as u64);
/// How much later than told we graft again, so that clocks need not agree. v1.1: one heartbeat.
pub const BACKOFF_SLACK: Duration = HEARTBEAT_INTERVAL;
/// A GRAFT so soon after a PRUNE counts twice. v1.1: 10 s.
pub const GRAFT_FLOOD: Duration = Duration::from_secs(10);
/// Back-offs that are kept; the one that ends first gives way. Guess: each link in two topics.
pub const BACKOFFS_MAX: usize = 2 * LINKS_MAX;
/// Every so many heartbeats a mesh whose median score is poor takes better links. v1.1: 1 min.
pub const OPPORTUNISTIC_GRAFT_TICKS: u64 = 85;
/// How many it takes then. v1.1: 2.
pub const OPPORTUNISTIC_GRAFT_PEERS: usize = 2;
/// Links that bring nothing and give way to ones that do, in a heartbeat. Guess: with 1 a mesh full of
/// silent peers takes 9 heartbeats.
pub const SILENT_REPLACED: usize = 2;
/// How long links for a topic that we only publish under are kept. v1.1: 1 min.
pub const FANOUT_RETENTION: Duration = Duration::from_secs(60);

/// Until when something that is published has left, or an event says that it has not.
pub const PUBLISH_WITHIN: Duration = Duration::from_secs(1);
/// How long after joining a mesh that has few links counts as ready. One heartbeat: then who is there has been grafted.
pub const READY_WITHIN: Duration = HEARTBEAT_INTERVAL;
/// Messages of ours that wait for links. Guess.
pub const PUBLISHING_MAX: usize = 64;

/// Messages by which a link is measured before it is choked. Guess: a second at four a second.
pub const SAMPLES_MIN: u16 = 4;
/// Messages after which a link's lateness forgets: each counts for so small a part. Guess: of 8 too much
/// is chance.
pub const SAMPLES_KEPT: u16 = 32;
/// Every so many heartbeats the latest link of a mesh gives way to a sooner one outside. Measured: a minute is enough
/// at four messages a second.
pub const SWAP_TICKS: u64 = 3;
/// How often a peer outside the mesh has to have had a message before the mesh, to take a place. Guess: once is chance.
pub const EARLY_MIN: u32 = 2;
/// How late a link counts at most, and when it brought nothing. Guess: with more, a link that is often first is worth
/// less than one that is never late.
pub const LATENESS_MAX: Duration = Duration::from_millis(150);
/// The same when we had told the peer before: then it has nothing to tell us. Guess: half.
pub const LATENESS_TOLD: Duration = Duration::from_millis(75);
/// After how long links are measured by a message: nobody brings it any more. Guess: eight links of 50 ms.
pub const MEASURED_AFTER: Duration = Duration::from_millis(400);
/// How much sooner a link has to be than one that brings messages, to take its part. Guess: less than a link's
/// own time, so that links do not take turns.
pub const LATENESS_MARGIN: Duration = Duration::from_millis(5);
/// How long an eager link is waited for after a lazy one has named a message. Measured: with 60 ms one message in six is
/// asked for that comes anyway.
pub const PULL_DELAY: Duration = Duration::from_millis(90);
/// How long whoever was asked is waited for before another is asked. Two links of 50 ms, and some.
pub const PULL_RETRY: Duration = Duration::from_millis(150);
/// After how long a message that nobody brought is a broken promise of whoever named it. v1.1: 3 s.
pub const PROMISE_TIMEOUT: Duration = Duration::from_secs(3);
/// Messages that are known by name only. Guess: what 64 peers may name.
pub const PULLS_MAX: usize = 4096;
/// Of these, that one peer was the first to name. A frame's worth.
pub const PULLS_PER_PEER: usize = ensign_wire::GOSSIP_IDS_MAX;
/// Peers that are remembered to have a message. Guess: a mesh and some.
pub const ANNOUNCERS_MAX: usize = 16;

/// Names that a peer may tell between two heartbeats; others go unread. v1.1: 5,000; messages here are few.
pub const IHAVE_IDS_MAX: usize = 512;
/// Messages that a peer may ask for between two heartbeats. As many as it is told.
pub const IWANT_IDS_MAX: usize = 512;
/// How often one message is sent to one peer that asks. v1.1: 3.
pub const RETRANSMISSIONS_MAX: u8 = 3;
/// Messages that a peer says it does not want, which are kept for [`HISTORY_GOSSIP`] heartbeats. Guess.
pub const UNWANTED_MAX: usize = 256;

/// Bytes on their way to a peer before more are kept back here. Guess: 10 Mbit/s at 25 ms.
pub const FLIGHT_BYTES: usize = 32 * 1024;
/// Frames of mesh and topics that wait for a peer. Guess: several of each topic.
pub const CONTROL_QUEUE_MAX: usize = 128;
/// Bytes of our own messages that wait for a peer. Guess.
pub const OWN_QUEUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of others' messages that wait for a peer. Guess.
pub const FORWARD_QUEUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of names that wait for a peer. Guess.
pub const NAMES_QUEUE_BYTES_MAX: usize = 16 * 1024;

/// A point, in the unit of scores.
pub const POINT: i64 = 1000;
/// Below this score nothing is told to a peer, and what it names is not read. Here: one invalid message and a
/// half.
pub const GOSSIP_THRESHOLD: i64 = -15 * POINT;
/// Below this our own messages do not go to it. As v1.1, between the others.
pub const PUBLISH_THRESHOLD: i64 = -25 * POINT;
/// Below this nothing of it is read. Here: two invalid messages are -40.
pub const GRAYLIST_THRESHOLD: i64 = -35 * POINT;
/// A mesh whose median score is below takes better links. Guess: a fifth of what first deliveries are worth.
pub const OPPORTUNISTIC_GRAFT_THRESHOLD: i64 = POINT;
/// P1: for each minute in the mesh, up to [`TIME_IN_MESH_MINUTES_MAX`]. v1.1 keeps it small: who waits earns little.
pub const TIME_IN_MESH_WEIGHT: i64 = POINT / 100;
/// See [`TIME_IN_MESH_WEIGHT`]. v1.1: an hour.
pub const TIME_IN_MESH_MINUTES_MAX: u64 = 60;
/// P2: for all of a topic's messages brought first; a part of it for a part. Guess: half of one invalid message.
pub const FIRST_DELIVERIES_WEIGHT: i64 = 5 * POINT;
/// P3: for a link of a mesh that brings none of a topic's messages; with the square of what lacks. As one invalid
/// message.
pub const MESH_DELIVERIES_WEIGHT: i64 = -10 * POINT;
/// The share of a topic's messages, in thousandths, below which a link brings too few. Guess: honest links of a mesh
/// bring or name a fifth and more before we tell them; the slowest a tenth.
pub const MESH_DELIVERIES_SHARE: u64 = 50;
/// Messages, as counted with [`DELIVERIES_HALF_LIFE`], below which a topic is too quiet to judge. Of 40 messages
/// whoever brings a fifth brings none in one of 7,500 cases.
pub const QUIET_MESSAGES: u64 = 40;
/// How long a link is in the mesh before it is judged. v1.1: some heartbeats; here until a count has filled.
pub const MESH_DELIVERIES_ACTIVATION: Duration = Duration::from_secs(30);
/// P3b: what stays of P3 when the link leaves the mesh. v1.1: as P3.
pub const MESH_FAILURE_WEIGHT: i64 = -10 * POINT;
/// P4: for one invalid message; with the square of their number. v1.1: the heaviest.
pub const INVALID_WEIGHT: i64 = -10 * POINT;
/// P5: most that the layer above may add or take.
pub const APP_SCORE_MAX: i64 = 40 * POINT;
/// P6: for each peer of one network above [`COLOCATED_MAX`], squared. Guess: five are as bad as two invalid messages.
pub const COLOCATION_WEIGHT: i64 = -5 * POINT;
/// Peers of one network (/24, /48) that count as chance. As in a bucket of the hash table.
pub const COLOCATED_MAX: usize = 2;
/// P7: for each breach of the protocol above [`BREACHES_ALLOWED`], squared. Guess.
pub const BEHAVIOUR_WEIGHT: i64 = -POINT;
/// Breaches that count as chance: clocks, frames that crossed, a message that expired. Guess; v1.1: 6.
pub const BREACHES_ALLOWED: u64 = 4;
/// After how many heartbeats half of a count of deliveries is forgotten. 2 min: as names.
pub const DELIVERIES_HALF_LIFE: u32 = 171;
/// The same of breaches: 5 min. Guess.
pub const BREACHES_HALF_LIFE: u32 = 428;
/// The same of invalid messages and failures: 20 min. Guess; v1.1: up to an hour.
pub const INVALID_HALF_LIFE: u32 = 1714;
/// How long a bad score outlives its link. v1.1: so that nobody gets rid of it by coming back.
pub const SCORE_RETENTION: Duration = Duration::from_secs(3600);
/// Scores of peers that are gone. The least bad gives way.
pub const SCORES_RETAINED_MAX: usize = 1024;

/// How a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipConfig {
    /// On which network: part of every message's name.
    pub network: ensign_primitives::Network,
    /// Whether our own messages go to all peers of a topic; else to its mesh, or some that are drawn.
    pub flood_publish: bool,
    /// Links of a mesh that bring messages, [`EAGER_LINKS`]; all with [`MESH_N_HIGH`].
    pub eager_links: usize,
}

impl GossipConfig {
    /// Takes the numbers of this crate.
    pub const fn new(network: ensign_primitives::Network) -> Self {
        Self { network, flood_publish: true, eager_links: EAGER_LINKS }
    }
}

const _: () = {
    assert!(MESH_OUTBOUND_MIN < MESH_N_LOW && MESH_OUTBOUND_MIN <= MESH_N / 2);
    assert!(MESH_N_LOW < MESH_N && MESH_N < MESH_N_HIGH);
    assert!(HISTORY_GOSSIP < HISTORY_LENGTH && EAGER_LINKS < MESH_N_LOW);
    assert!(GRAYLIST_THRESHOLD < PUBLISH_THRESHOLD && PUBLISH_THRESHOLD < GOSSIP_THRESHOLD);
};
