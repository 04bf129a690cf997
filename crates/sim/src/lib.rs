//! Thousands of production engines in one deterministic process.
//!
//! A [`Simulation`] runs a [`Plan`]: nodes, groups, links and faults that follow from a [`Scenario`]
//! and a seed. Each node is a production [`Engine`](ensign_engine::Engine), driven only through the
//! contract of [`StateMachine`](ensign_primitives::StateMachine); the kernel plays transport, disk,
//! clocks, entropy and person. Real wire bytes travel on every hop.
//!
//! Invariants:
//!
//! - One seed, one run: virtual time, seeded generators, ordered collections. The digest does not
//!   depend on the number of threads, because events are ordered by time, cause and the cause's
//!   own count, and no packet is faster than the shortest latency.
//! - A restarted node has what its disk had acknowledged, and a part of what it had not.
//! - What is observed is complete: checkers and reports see every frame, record and event.
//!
//! Absent on purpose: a model of the engine, a clock, a socket; what a [`Report`] looks like on a page.

pub mod adversary;
pub mod check;
pub mod report;
pub use report::Report;
pub mod scenario;
pub use scenario::Scenario;
mod cast;
pub use cast::{Cast, Group, NETWORK, NodeIndex, Person, START};
mod plan;
pub use plan::{BOUNDARIES_MAX, Intent, Plan};
mod seen;
pub use seen::{Observer, Seen, Sight};
mod run;
pub use run::{Options, Progress, run};
mod simulation;
pub use simulation::Simulation;
mod nat;
pub use nat::Nat;
mod random;
pub use random::Random;

mod actor;
mod clock;
mod event;
mod host;
mod link;
mod paths;
mod shard;
mod tally;
mod trace;
mod witness;

#[cfg(test)]
mod tests;
