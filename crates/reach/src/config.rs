//! Every number of this crate, and what a node sets.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use ensign_ratelimit::Allowance;
use ensign_wire::Scope;

use crate::Announce;

/// Areas whose word counts, of each family of addresses, the latest. Guess: the outbound connections of a node that has
/// just joined; with a new one each two minutes a change of address has a majority within ten.
pub const OBSERVERS_COUNTED: usize = 8;

/// Areas that must name an address before it is tested. Two: one observer alone decides nothing.
pub const OBSERVERS_MIN: usize = 2;

/// Areas from which a dial back must have come before an address that only others name is announced. Two: one liar can
/// come through the hole of its own connection.
pub const DIAL_BACKS_MIN: usize = 2;

/// The same of an address of our own interfaces, or that our user names.
pub const DIAL_BACKS_MIN_OWN: usize = 1;

/// Nodes that dial in vain before an address counts as not reached. Guess: one liar, and one whose own network is bad.
pub const FAILURES_MAX: usize = 3;

/// The same when nobody else can be asked, of an address that was reached before.
pub const FAILURES_MIN: usize = 2;

/// Areas that are asked in one round. Guess: twice what is needed, and two that are busy.
pub const ASKED_MAX: usize = 6;

/// How long an answer is waited for: the dial takes 5 s at most.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a round waits for somebody who can be asked. Guess: a node that joins has its connections by then.
pub const ROUND_TIME: Duration = Duration::from_secs(60);

/// After how long an address that is reached is tested anew. Guess: as often as outbound connections change.
pub const RETEST_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// After how long one that is not, twice as long each time up to [`RETRY_MAX`]. Guess: somebody sits at a router.
pub const RETRY: Duration = Duration::from_secs(2 * 60);

/// See [`RETRY`]. Guess.
pub const RETRY_MAX: Duration = Duration::from_secs(60 * 60);

/// Addresses that are tested. Guess: two interfaces and two families, with two ports each.
pub const CANDIDATES_MAX: usize = 8;

/// Nodes that may be asked, one of an area; of more the first stay. Guess: enough for ten rounds.
pub const HELPERS_MAX: usize = 64;

/// Connections that are made anew when an address that was reached is not any more: one more than say where we are.
pub const REFRESHED: usize = OBSERVERS_MIN + 1;

/// Questions that have ended and may still be answered. Guess: one round.
pub const LATE_MAX: usize = 8;

/// Dials for others at a time. Guess: four of 5 s are fewer than one a second.
pub const FAVOURS_MAX: usize = 4;

/// How long one is waited for; the driver gives up long before.
pub const FAVOUR_TIMEOUT: Duration = Duration::from_secs(20);

/// Least port that is dialled for others: below, services listen that are not ours.
pub const FAVOUR_PORT_MIN: u16 = 1024;

/// How often one node is dialled back. Guess: each of its addresses in a round.
pub const FAVOURS_OF_NODE: Allowance = Allowance { burst: 4, per_minute: 1 };

/// How often nodes of one area are.
pub const FAVOURS_OF_AREA: Allowance = Allowance { burst: 8, per_minute: 2 };

/// How often anybody is. Each costs a handshake, and three datagrams of 1,200 bytes when nobody answers.
pub const FAVOURS_IN_ALL: Allowance = Allowance { burst: 32, per_minute: 30 };

/// Askers, and areas, that are remembered; who was silent longest is forgotten first.
pub const FAVOURS_REMEMBERED: usize = 1024;

/// What a node sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReachConfig {
    /// Which addresses may stand in node records.
    pub scope: Scope,
    /// Where our user says that it is reached.
    pub given: Vec<SocketAddr>,
    /// Where it listens: an address of each interface, with the port.
    pub listening: Vec<SocketAddr>,
    /// What is announced besides.
    pub announce: Announce,
}
