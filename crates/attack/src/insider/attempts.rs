//! Opens one attempt after the other, each of which costs the victim nonces and a record.

use std::time::Duration;

use anyhow::Result;
use ensign_wire::{Body, Mode};

use super::Insider;
use crate::{
    figures::{Figure, Findings},
    scene::Scene,
};

/// Most attempts that are tried at one request: more than there may be.
const ATTEMPTS: u16 = 80;
/// How long a join is waited for.
const PATIENCE: Duration = Duration::from_millis(250);
/// Attempts in a row without a join after which the request is spent.
const SPENT: u16 = 8;

/// Opens attempts at request after request.
///
/// # Errors
///
/// Fails if the victim does not let the member in.
pub(crate) async fn attempts(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let (mut requests, mut joins) = (0_u32, 0_u32);
    let mut findings = Findings::default();
    while !insider.is_over() {
        let joined = open_all(&mut insider).await?;
        findings.set(Figure::AttemptsJoined, f64::from(joined));
        joins += joined;
        requests += 1;
    }
    findings.note("requests", f64::from(requests));
    findings.note("joined", f64::from(joins));
    findings.note("connections", insider.connections as f64);
    Ok(findings)
}

/// Opens every attempt at one request; returns how many the victim joined.
async fn open_all(insider: &mut Insider<'_>) -> Result<u32> {
    let member = insider.member;
    let asked = member.ask(Mode::Committed)?;
    let (mut joined, mut in_vain, mut last) = (0, 0, 1);
    for attempt in 1..=ATTEMPTS {
        if insider.is_over() || in_vain >= SPENT {
            break;
        }
        last = attempt;
        let session = member.session(&asked, attempt);
        insider.say(&member.announce(&asked, attempt)?).await?;
        let is_join = |body: &Body| matches!(body, Body::SessionJoin(_));
        match insider.hear_in(session, PATIENCE, is_join).await {
            Some(_) => (joined, in_vain) = (joined + 1, 0),
            None => in_vain += 1,
        }
    }
    for attempt in 1..=last {
        insider.say(&member.cancel(member.session(&asked, attempt))?).await?;
    }
    Ok(joined)
}
