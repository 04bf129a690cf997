//! Makes the victim forget that it holds signatures which another member still lacks.

use std::time::Duration;

use anyhow::Result;
use ensign_primitives::SessionId;
use ensign_wire::{Body, Mode, PartialSigAck};

use super::{
    Insider,
    churn::{Small, findings},
    requests::{Flood, Until},
};
use crate::{
    figures::{Figure, Findings},
    scene::Scene,
};

/// Requests that push an ending out of a memory of 128.
const REQUESTS: u64 = 260;
/// How many are open at a time: below what one creator may have.
const WINDOW: usize = 20;
/// How long the signatures are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Signs with the victim, washes, and asks for the signatures.
///
/// # Errors
///
/// Fails if the two come to no signature, or the victim does not let the member in.
pub(crate) async fn silence(scene: &mut Scene<'_>) -> Result<Findings> {
    let session = scene.stage.sign_once().await?;
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let before = answers(&mut insider, session).await?;
    let flood = Flood { count: REQUESTS, window: WINDOW, until: Until::Acknowledged };
    let tally = flood.run(&mut insider, &mut Small(Mode::Committed)).await?;
    let mut insider = Insider::new(member, door, scene.deadline() + PATIENCE).await?;
    let after = answers(&mut insider, session).await?;
    let mut findings = findings(&tally, insider.connections);
    findings.note("answered before", f64::from(u8::from(before)));
    if before {
        findings.set(Figure::Withheld, if after { 0.0 } else { 1.0 });
    }
    Ok(findings)
}

/// Asks as who holds nothing; whether the final signatures come.
async fn answers(insider: &mut Insider<'_>, session: SessionId) -> Result<bool> {
    let ask = Body::PartialSigAck(PartialSigAck::default());
    let frame = insider.member.state(session, ask)?;
    insider.say(&frame).await?;
    let is_final = |body: &Body| matches!(body, Body::SignatureFinalized(_));
    Ok(insider.hear_in(session, PATIENCE, is_final).await.is_some())
}
