//! Requests that are cancelled once the victim's automatic approval has joined them.

use std::time::{Duration, Instant};

use anyhow::Result;
use ensign_wire::Mode;

use super::{
    Insider,
    requests::{Flood, Source, Tally, Until},
};
use crate::{
    figures::{Figure, Findings},
    member::Asked,
    scene::{Scene, pause},
};

/// How many are open at a time: below what one creator may have.
const WINDOW: usize = 20;

/// How long nobody asks for anything, before what requests cost is counted.
const IDLE: Duration = Duration::from_secs(2);
const FLOOD: Flood = Flood { count: u64::MAX, window: WINDOW, until: Until::Joined };

/// Small requests for one bare message each.
#[derive(Debug)]
pub(super) struct Small(pub(super) Mode);

impl Source for Small {
    fn next(&mut self, insider: &Insider<'_>) -> Result<(Asked, Option<Vec<u8>>)> {
        Ok((insider.member.ask(self.0)?, None))
    }
}

/// Announces, waits for the join, cancels, for as long as a phase takes.
///
/// # Errors
///
/// Fails if the victim does not let the member in.
pub(crate) async fn churn(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let tally = FLOOD.run(&mut insider, &mut Small(Mode::Committed)).await?;
    Ok(findings(&tally, insider.connections))
}

/// The same while nobody else asks for anything; the store's writes are all for it.
///
/// # Errors
///
/// As [`churn`].
pub(crate) async fn count_flushes(scene: &mut Scene<'_>, findings: &mut Findings) -> Result<()> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let Some(idle) = scene.usage() else { return Ok(()) };
    pause(IDLE).await;
    let Some(before) = scene.usage() else { return Ok(()) };
    let began = Instant::now();
    let tally = FLOOD.run(&mut insider, &mut Small(Mode::Committed)).await?;
    let Some(after) = scene.usage() else { return Ok(()) };
    // What the store writes by itself is no request's.
    let idle = before.writes.saturating_sub(idle.writes) as f64 / IDLE.as_secs_f64();
    let all = after.writes.saturating_sub(before.writes) as f64;
    let writes = (all - idle * began.elapsed().as_secs_f64()).max(0.0);
    let flushes = writes / scene.writes_per_flush();
    findings.set(Figure::FlushesPerRequest, flushes / tally.taken.max(1) as f64);
    findings.note("alone: announced", tally.announced as f64);
    findings.note("alone: taken", tally.taken as f64);
    findings.note("alone: store writes", writes);
    findings.note("alone: writes in a flush", scene.writes_per_flush());
    let disk = after.disk_bytes.saturating_sub(before.disk_bytes) as f64;
    findings.note("alone: disk bytes for each hostile byte", disk / tally.bytes.max(1) as f64);
    Ok(())
}

/// What every flood of requests tells.
pub(super) fn findings(tally: &Tally, connections: u64) -> Findings {
    let mut findings = Findings::default();
    findings.note("announced", tally.announced as f64);
    findings.note("taken", tally.taken as f64);
    findings.note("joined", tally.joined as f64);
    findings.note("refused", tally.refused as f64);
    findings.note("connections", connections as f64);
    findings
}
