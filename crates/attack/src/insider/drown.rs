//! Everything that a member can say without being asked, at full rate: proposals, their ends, payloads
//! for nothing, and statements in sessions that nobody has announced.

use std::time::{Duration, Instant};

use anyhow::Result;
use ensign_primitives::{RequestId, SessionId};
use ensign_wire::{Body, Frame, Mode, PartialSigAck, SessionReady, SignerSet};

use super::Insider;
use crate::{figures::Findings, line::random, member::Member, scene::Scene};

/// Bytes of a payload that no request speaks of.
const PAYLOAD_BYTES: usize = 64 * 1024;

/// What was said.
#[derive(Debug, Default)]
struct Tally {
    proposals: u64,
    cancels: u64,
    payloads: u64,
    early: u64,
}

/// Says all of it in turn, for as long as a phase takes.
///
/// # Errors
///
/// Fails if the victim does not let the member in.
pub(crate) async fn drown(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let (began, mut tally) = (Instant::now(), Tally::default());
    let mut last = None;
    while !insider.is_over() {
        // Whoever is let in no more has had the victim's answer.
        if round(&mut insider, &mut tally, &mut last).await.is_err() {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64().max(1e-3);
    let mut findings = Findings::default();
    for (name, count) in [
        ("proposals", tally.proposals),
        ("cancels", tally.cancels),
        ("payloads", tally.payloads),
        ("early statements", tally.early),
    ] {
        findings.note(name, count as f64);
    }
    let all = tally.proposals + tally.cancels + tally.payloads + tally.early;
    findings.note("frames a second", all as f64 / seconds);
    findings.note("connections", insider.connections as f64);
    insider.leave().await;
    Ok(findings)
}

/// A proposal, the end of the one before, a payload, and two early statements.
async fn round(
    insider: &mut Insider<'_>,
    tally: &mut Tally,
    last: &mut Option<SessionId>,
) -> Result<()> {
    let member = insider.member;
    let asked = member.ask(Mode::Committed)?;
    insider.say(&member.announce(&asked, 1)?).await?;
    tally.proposals += 1;
    if let Some(session) = last.replace(asked.session) {
        insider.say(&member.cancel(session)?).await?;
        tally.cancels += 1;
    }
    let request = RequestId::from_bytes(random()?);
    let bytes = vec![7; PAYLOAD_BYTES];
    // One that is not taken is the victim's answer.
    let _ = insider.hand_over(&Frame::Payload { request, bytes }.encode()).await;
    tally.payloads += 1;
    for frame in early(member)? {
        insider.say(&frame).await?;
        tally.early += 1;
    }
    while insider.hear(Duration::ZERO).await.is_some() {}
    Ok(())
}

/// Statements in sessions that nobody has announced.
fn early(member: &Member) -> Result<[Vec<u8>; 3]> {
    let unknown = || Ok::<_, anyhow::Error>(SessionId::from_bytes(random()?));
    let ready = SessionReady { joined: SignerSet::default() };
    Ok([
        member.join(unknown()?)?,
        member.state(unknown()?, Body::SessionReady(ready))?,
        member.state(unknown()?, Body::PartialSigAck(PartialSigAck::default()))?,
    ])
}
