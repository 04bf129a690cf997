//! A thousand strangers, each of whom says as much as it may.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use ensign_primitives::QueryId;
use ensign_wire::Frame;
use tokio::task::JoinSet;

use super::{FIRST_ADDRESS, PER_ADDRESS};
use crate::{
    figures::Findings,
    line::{Caller, Door, Ears, stranger},
    scene::{Scene, pause},
};

/// How many they are.
const STRANGERS: usize = 1000;
/// How long each waits between two frames. Guess: about what a node answers.
const FRAME_PAUSE: Duration = Duration::from_millis(200);
/// How long one waits that was refused or cut off.
const REDIAL_PAUSE: Duration = Duration::from_millis(500);

/// Lets them talk for as long as a phase takes.
///
/// # Errors
///
/// Fails if the system refuses a socket.
pub(crate) async fn limits(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, deadline) = (scene.door(), scene.deadline());
    let mut crowd = JoinSet::new();
    for (number, _) in (FIRST_ADDRESS..).zip((0..STRANGERS).step_by(PER_ADDRESS)) {
        let caller = Arc::new(Caller::bind(&door, number)?);
        for _ in 0..PER_ADDRESS {
            crowd.spawn(talk(door, Arc::clone(&caller), deadline));
        }
    }
    let (mut frames, mut places) = (0, 0);
    while let Some(Ok((said, had))) = crowd.join_next().await {
        frames += said;
        places += had;
    }
    let mut findings = Findings::default();
    findings.note("frames", frames as f64);
    findings.note("connections", f64::from(places));
    Ok(findings)
}

/// Returns how many frames it said, on how many connections.
async fn talk(door: Door, caller: Arc<Caller>, deadline: Instant) -> (u64, u32) {
    let (mut frames, mut connections) = (0, 0);
    while Instant::now() < deadline {
        let Ok(key) = stranger(&door) else { break };
        if let Ok(mut line) = caller.call(&door, &key, Ears::Open).await {
            connections += 1;
            line.ignore();
            while Instant::now() < deadline
                && line.connection.close_reason().is_none()
                && line.say(&Frame::Ping(QueryId(frames)).encode()).await.is_ok()
            {
                frames += 1;
                pause(FRAME_PAUSE).await;
            }
        }
        pause(REDIAL_PAUSE).await;
    }
    (frames, connections)
}
