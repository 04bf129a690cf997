//! Where the dialling of one peer stands.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::Instant;

/// The dialling of one peer.
#[derive(Debug, Default)]
pub(crate) struct Dialling {
    pub(crate) phase: Phase,
    /// What is left of the round, the next one last.
    rest: Vec<SocketAddr>,
    /// Rounds and connections in a row that came to nothing.
    pub(crate) failures: u32,
    /// How long to wait after this round.
    pub(crate) wait: Duration,
}

/// What happens next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: nobody wants it, it has no address, or it is connected.
    #[default]
    Rest,
    /// The answer to a dial.
    Answer(SocketAddr),
    /// The next round, at this moment.
    Round(Instant),
}

impl Dialling {
    /// Sets out to try these addresses in order.
    pub(crate) fn plan(&mut self, addresses: impl Iterator<Item = SocketAddr>) {
        self.rest = addresses.collect();
        self.rest.reverse();
    }

    /// Takes the next address of the round.
    pub(crate) fn next(&mut self) -> Option<SocketAddr> {
        self.rest.pop()
    }

    /// Lets go of the rest of the round.
    pub(crate) fn end_round(&mut self) {
        self.rest.clear();
    }

    /// How many addresses the round has left.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }
}
