//! What one attack may use: the stage, its time, and how much of everything.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::time::{Instant as TokioInstant, sleep_until};

use crate::{line::Door, member::Member, process::Usage, stage::Stage};

/// How much of everything an attack does at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amounts {
    /// Connections of strangers.
    pub(crate) connections: usize,
    /// Requests that wash others out of memories.
    pub(crate) requests: u64,
    /// Payloads, in megabytes.
    pub(crate) megabytes: u64,
    /// First packets a second; 0 for as many as can be sent.
    pub(crate) rate: u64,
}

/// One attack's surroundings.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) stage: &'a mut Stage,
    pub(crate) amounts: Amounts,
    time: Duration,
    deadline: Instant,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(stage: &'a mut Stage, amounts: Amounts, time: Duration) -> Self {
        Self { stage, amounts, time, deadline: Instant::now() + time }
    }

    pub(crate) const fn door(&self) -> Door {
        self.stage.door
    }

    /// Returns the node and a member of its group.
    ///
    /// # Errors
    ///
    /// Fails without the keys of one.
    pub(crate) fn member(&self) -> Result<(Door, &Member)> {
        Ok((self.door(), self.stage.member.as_ref().context("no keys of a member")?))
    }

    /// Has the attack begin only now: what came before was preparation.
    pub(crate) fn begin_now(&mut self) {
        self.deadline = Instant::now() + self.time;
    }

    /// When the attack ends.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns how much time is left, at most `most`.
    pub(crate) fn left(&self, most: Duration) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).min(most)
    }

    /// Returns what the victim has used, where its process is known.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.stage.process.as_ref().map(crate::process::Process::usage)
    }

    /// Returns how many calls that write make one flush; one where that is not known.
    pub(crate) fn writes_per_flush(&self) -> f64 {
        self.stage.own.as_ref().map_or(1.0, |own| own.writes_per_flush)
    }
}

/// Waits for a while.
pub(crate) async fn pause(time: Duration) {
    sleep_until(TokioInstant::now() + time).await;
}
