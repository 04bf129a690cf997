//! Attacks by anybody who can reach the victim.

mod cids;
mod handshakes;
mod hold;
mod initials;
mod limits;
mod partial;
mod ping;
mod relay;
mod slots;
mod sources;
pub(crate) use cids::cids;
pub(crate) use handshakes::handshakes;
pub(crate) use hold::hold;
pub(crate) use initials::initials;
pub(crate) use limits::limits;
pub(crate) use partial::partial;
pub(crate) use ping::{frames, ping, pong};
pub(crate) use slots::slots;
pub(crate) use sources::sources;

use std::time::Instant;

use anyhow::Result;
use tokio::{task::JoinSet, time::timeout_at};

use crate::line::{Caller, Door, Ears, Line, stranger};

/// Connections from one address: as many strangers as a node keeps by default, whoever they are, and as
/// many handshakes as it lets one address have.
const PER_ADDRESS: usize = 64;
/// The last number of the first address; the ones before are the honest nodes' and the member's.
const FIRST_ADDRESS: u8 = 10;

/// Introduced connections of strangers, each with a name of its own.
#[derive(Default)]
struct Crowd {
    lines: Vec<Line>,
    /// Kept, because their sockets carry the lines.
    callers: Vec<Caller>,
    /// How many were not let in.
    refused: usize,
}

impl Crowd {
    /// Connects `count` strangers, from as many addresses as that takes at the same time, until
    /// `deadline`.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses a socket.
    async fn gather(door: &Door, count: usize, ears: Ears, deadline: Instant) -> Result<Self> {
        let mut groups = JoinSet::new();
        for (number, from) in (FIRST_ADDRESS..).zip((0..count).step_by(PER_ADDRESS)) {
            let caller = Caller::bind(door, number)?;
            let count = PER_ADDRESS.min(count - from);
            groups.spawn(Self::of_address(*door, caller, count, (ears, deadline)));
        }
        let mut crowd = Self::default();
        while let Some(Ok(group)) = groups.join_next().await {
            crowd.lines.extend(group.lines);
            crowd.callers.extend(group.callers);
            crowd.refused += group.refused;
        }
        Ok(crowd)
    }

    async fn of_address(
        door: Door,
        caller: Caller,
        count: usize,
        (ears, deadline): (Ears, Instant),
    ) -> Self {
        let mut group = Self::default();
        for _ in 0..count {
            let Ok(key) = stranger(&door) else { break };
            let called = timeout_at(deadline.into(), caller.call(&door, &key, ears)).await;
            match called {
                Ok(Ok(line)) => group.lines.push(line),
                Ok(Err(_)) => group.refused += 1,
                Err(_) => break,
            }
        }
        group.callers.push(caller);
        group
    }

    /// Returns how many are still connected.
    fn standing(&self) -> usize {
        self.lines.iter().filter(|line| line.connection.close_reason().is_none()).count()
    }
}
