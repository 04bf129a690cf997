//! How much anybody may ask of a node, and who pays when it is too much.
//!
//! Everything is a budget that fills up again with time: [`Gcra`], one number each. Budgets belong to
//! nodes, so that dialling again buys nothing, or to addresses, while no node has shown itself.
//!
//! Invariants:
//!
//! - No clock: time comes in as an argument. A clock that jumps back costs a burst at most.
//! - Bounded: [`Keyed`] holds so many entries and no more, from however many sources. What goes first is
//!   what has filled up again, and is as if it had never been.
//! - Fair: a flood takes from the peer's own, then from its address's, its network's and the strangers'
//!   common part, never from a member's; whoever is beyond its own takes nothing from what is shared.
//! - Whoever asks little comes before whoever asks much: an address's first [few](HANDSHAKES_FEW)
//!   handshakes have a share of their own, and a stranger's first words.
//!
//! Sources: GCRA is the generic cell rate algorithm of ITU-T I.371; `governor` computes the same and is
//! the judge of a property test. The numbers for strangers are the specification's.
//!
//! Absent on purpose: what an excess costs its sender (`ensign-engine`), who is a member, and what is
//! counted of a session (`ensign-signing`).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod gcra;
pub use gcra::{Allowance, Gcra};
mod keyed;
pub use keyed::{Charge, Keyed};
mod allowances;
pub use allowances::{
    ANNOUNCED_BYTES_ALLOWED, Allowances, BROUGHT_ALLOWED, MESSAGES_ALLOWED, PAYLOAD_BYTES_ALLOWED,
    REFUSALS_ALLOWED, REQUESTS_ALLOWED, REQUESTS_PER_MINUTE_MAX, WORK_ALLOWED,
};
mod members;
pub use members::{
    DELEGATIONS_ALLOWED, FORMATION_ALLOWED, LISTS_ALLOWED, LinkBudgets, MemberBudgets,
    PINGS_ALLOWED,
};
mod level;
pub use level::{
    BUSY_PERCENT, DEMAND, LATE, LEVEL_MAX, LOAD_PERIOD, Level, Load, Meter, REST,
    STRANGERS_PERCENT, STRANGERS_TOKENS, TIGHTENINGS_KEPT, Tightening,
};
mod strangers;
pub use strangers::{
    ADDRESSES_REMEMBERED, Asker, BOOTSTRAP_WORK_IN_ALL, BOOTSTRAP_WORK_OF_ADDRESS,
    BOOTSTRAP_WORK_OF_NETWORK, Exceeded, LIGHT_DHT, LIGHT_DHT_BYTES, LIGHT_WORK_IN_ALL,
    NETWORKS_REMEMBERED, STRANGER_ANNOUNCEMENTS, STRANGER_BYTES, STRANGER_DHT,
    STRANGER_DHT_ANSWERS, STRANGER_DHT_BYTES, STRANGER_FIRST, STRANGER_FIRST_IN_ALL,
    STRANGER_FIRST_OF_ADDRESS, STRANGER_FIRST_OF_NETWORK, STRANGER_FORMATION, STRANGER_NONCES,
    STRANGER_OTHERS, STRANGER_PAID_IN_ALL, STRANGER_PARTIALS, STRANGER_WORK, STRANGER_WORK_IN_ALL,
    STRANGER_WORK_OF_ADDRESS, STRANGER_WORK_OF_NETWORK, STRANGERS_REMEMBERED, Share,
    StrangerBudgets, StrangerLimits,
};
mod hosts;
pub use hosts::{HOSTS_KNOWN_MAX, HOSTS_OF_MEMBER_MAX, Hosts};
mod first_packets;
pub use first_packets::{
    FIRST_PACKETS_FEW, FIRST_PACKETS_FEW_IN_ALL, FIRST_PACKETS_FEW_OF_BLOCK,
    FIRST_PACKETS_FEW_OF_SITE, FIRST_PACKETS_IN_ALL, FIRST_PACKETS_KNOWN,
    FIRST_PACKETS_KNOWN_IN_ALL, FIRST_PACKETS_OF_ADDRESS, FIRST_PACKETS_OF_BLOCK,
    FIRST_PACKETS_OF_NETWORK, FIRST_PACKETS_PASSING, FirstPacketLimits, FirstPackets, PASSING_MAX,
    SENDER_BLOCKS_REMEMBERED, SENDER_NETWORKS_REMEMBERED, SENDERS_REMEMBERED,
};
mod handshakes;
pub use handshakes::{
    Admission, BOOTSTRAP_HANDSHAKES_FEW_IN_ALL, CALLER_BLOCKS_REMEMBERED,
    CALLER_NETWORKS_REMEMBERED, CALLERS_REMEMBERED, HANDSHAKES_FEW, HANDSHAKES_FEW_IN_ALL,
    HANDSHAKES_FEW_OF_BLOCK, HANDSHAKES_FEW_OF_SITE, HANDSHAKES_IN_ALL, HANDSHAKES_KNOWN,
    HANDSHAKES_OF_ADDRESS, HANDSHAKES_OF_NETWORK, HANDSHAKES_UNPROVEN, HandshakeLimits, Handshakes,
};
mod limits;
pub use limits::{Limits, OPEN_SESSIONS, OPEN_SESSIONS_MAX, OutOfRange, Part, Setting};
mod work;
pub use work::{
    AGGREGATE_NONCES_TOKENS, AGGREGATE_SIGNATURES_TOKENS, VERIFY_TOKENS, tokens, tokens_of_stranger,
};

/// The most bytes that all budgets of one node take, however many sources there are; those of so many
/// members included.
pub const fn bytes_max(members_max: usize) -> usize {
    MemberBudgets::bytes(members_max)
        + StrangerBudgets::BYTES_MAX
        + Handshakes::BYTES_MAX
        + FirstPackets::BYTES_MAX
}

#[cfg(test)]
mod tests;
