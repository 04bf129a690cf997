//! A GossipSub router: what somebody publishes under a topic reaches all who want that topic.
//!
//! [`Gossip`] keeps a *mesh* of some links for each topic, sends what is new over it, names it to others, asks for
//! what it lacks, and keeps a score of each peer. What a message means it does not know: it asks whoever runs it
//! ([`Output::Validate`]) and forwards nothing before the answer.
//!
//! Invariants:
//!
//! - Nothing is forwarded, named or handed out that was not accepted by the layer above.
//! - A message is asked about, forwarded and counted once, however often it comes.
//! - Of a mesh at least [`MESH_OUTBOUND_MIN`] places are for links that we dialled, and [`EAGER_LINKS`] links bring
//!   messages; all others name them.
//! - What a peer can grow has a bound, shown by [`Gossip::occupancy`]; what does not fit is dropped and counted.
//! - Whether somebody is too quiet is judged by the rate that was seen, never by a rate that was set.
//! - A router that hears nothing comes to rest.
//!
//! Sources: Vyzovitis and others, `GossipSub` (arXiv 2007.02754), and the specification of libp2p, versions 1.1 (scores,
//! back-off, `mesh_outbound_min`) and 1.2 (IDONTWANT); CHOKE and UNCHOKE after episub. `docs/protocol/gossip.md` says where this
//! deviates and why.
//!
//! Absent on purpose: peer exchange at PRUNE (the address book does that), signatures of messages (the layer
//! above knows what it publishes), connections, clocks.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod event;
pub use event::{CommandError, Event, Input, Output, Verdict};
mod offense;
pub use offense::Offense;
mod config;
pub use config::*;
mod gossip;
pub use gossip::{Explicit, Gossip, TopicView};
mod link;
mod memory;
mod mesh;
mod meshes;
mod outbox;
mod peers;
mod pulls;
pub use outbox::Class;
mod score;

#[cfg(test)]
mod tests;
