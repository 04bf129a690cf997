//! Pings without end, by strangers who read the answers or do not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use ensign_identity::{DelegationProof, Signature};
use ensign_primitives::{PeerId, QueryId};
use ensign_wire::{Frame, Introduced};
use tokio::{task::JoinSet, time::timeout_at};

use super::Crowd;
use crate::{
    figures::Findings,
    line::{Caller, Door, Ears, Line, random, stranger, unix_now},
    scene::{Scene, pause},
};

/// Connections of the flood whose pongs are read: as many as one address may have, nearly.
const FLOODERS: usize = 60;
/// How long a made-up delegation would hold.
const DELEGATED: Duration = Duration::from_secs(3600);
/// How long who is refused waits before it calls again.
const BETWEEN_CALLS: Duration = Duration::from_millis(20);
/// Pings in one write.
const BURST: usize = 2048;

/// Never reads a pong.
///
/// # Errors
///
/// Fails if nobody is let in.
pub(crate) async fn pong(scene: &mut Scene<'_>) -> Result<Findings> {
    flood(scene, scene.amounts.connections, (Ears::Shut, pings)).await
}

/// Reads every pong.
///
/// # Errors
///
/// Fails if nobody is let in.
pub(crate) async fn ping(scene: &mut Scene<'_>) -> Result<Findings> {
    flood(scene, scene.amounts.connections.min(FLOODERS), (Ears::Open, pings)).await
}

/// Says every frame that a stranger may: pings, and that it speaks for somebody.
///
/// # Errors
///
/// Fails if nobody is let in.
pub(crate) async fn frames(scene: &mut Scene<'_>) -> Result<Findings> {
    flood(scene, scene.amounts.connections.min(FLOODERS), (Ears::Open, mixed)).await
}

/// Makes the frames of one write; the first ping has this number.
type Burst = fn(u64) -> Vec<u8>;

async fn flood(scene: &Scene<'_>, count: usize, how: (Ears, Burst)) -> Result<Findings> {
    let (ears, _) = how;
    let door = scene.door();
    // A third of the time for gathering: the first ones wait.
    let gathering = Instant::now() + scene.left(Duration::MAX) / 3;
    let Crowd { lines, callers, refused } = Crowd::gather(&door, count, ears, gathering).await?;
    let connections = lines.len();
    let caller = Arc::new(Caller::bind(&door, super::FIRST_ADDRESS + 9)?);
    let deadline = scene.deadline();
    let mut floods = JoinSet::new();
    for line in lines {
        let caller = Arc::clone(&caller);
        floods.spawn(flood_on(door, line, caller, (how, deadline)));
    }
    let (mut pings, mut cut_off) = (0, 0);
    while let Some(Ok((said, lost))) = floods.join_next().await {
        pings += said;
        cut_off += lost;
    }
    drop(callers);
    let mut findings = Findings::default();
    findings.note("connections", connections as f64);
    findings.note("not let in", refused as f64);
    findings.note("pings", pings as f64);
    findings.note("cut off", f64::from(cut_off));
    Ok(findings)
}

/// Pings that nobody on the connection has said before.
fn pings(first: u64) -> Vec<u8> {
    (first..first + BURST as u64).flat_map(|number| Frame::Ping(QueryId(number)).encode()).collect()
}

/// The same, and now and then a delegation by a key that nobody knows.
fn mixed(first: u64) -> Vec<u8> {
    let mut burst = pings(first);
    if let (Ok(hint), Ok(peer), Ok(signature)) = (random(), random(), random::<64>()) {
        let proof = DelegationProof {
            number: first,
            expires: unix_now().after(DELEGATED),
            signature: Signature(signature),
        };
        let peer = PeerId::from_bytes(peer);
        burst.extend(Frame::Delegation(Introduced { hint, peer, proof }).encode());
    }
    burst
}

/// Floods until the end; who is cut off comes again under another name, and from one address. Returns how many pings were
/// said, and how often it was cut off.
async fn flood_on(
    door: Door,
    mut line: Line,
    caller: Arc<Caller>,
    ((ears, burst), deadline): ((Ears, Burst), Instant),
) -> (u64, u32) {
    let (mut pings, mut cut_off) = (0, 0);
    let until = deadline.into();
    while Instant::now() < deadline {
        if ears == Ears::Open {
            line.ignore();
        }
        while let Ok(Ok(())) = timeout_at(until, line.say(&burst(pings))).await {
            pings += BURST as u64;
        }
        if Instant::now() >= deadline {
            break;
        }
        cut_off += 1;
        let again = timeout_at(until, call_until_let_in(door, &caller, ears));
        let Ok(Some(next)) = again.await else { break };
        line = next;
    }
    (pings, cut_off)
}

/// Calls under one fresh name after the other: who is refused tries again.
async fn call_until_let_in(door: Door, caller: &Caller, ears: Ears) -> Option<Line> {
    loop {
        let key = stranger(&door).ok()?;
        if let Ok(line) = caller.call(&door, &key, ears).await {
            return Some(line);
        }
        pause(BETWEEN_CALLS).await;
    }
}
