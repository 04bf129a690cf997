//! Handshakes one after the other, from several addresses.

use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use super::FIRST_ADDRESS;
use crate::{
    figures::{Figure, Findings},
    line::{Caller, Door, Ears, stranger},
    scene::Scene,
};

/// Addresses that dial at the same time.
const ADDRESSES: u8 = 16;
/// Dials of each at a time: one that is not answered waits for seconds.
const AT_A_TIME: usize = 8;

/// Connects and leaves, for as long as a phase takes.
///
/// # Errors
///
/// Fails if the system refuses a socket.
pub(crate) async fn handshakes(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, deadline) = (scene.door(), scene.deadline());
    let began = Instant::now();
    let mut dials = JoinSet::new();
    for number in 0..ADDRESSES {
        for _ in 0..AT_A_TIME {
            dials.spawn(dial(door, Caller::bind(&door, FIRST_ADDRESS + number)?, deadline));
        }
    }
    let (mut done, mut failed) = (0, 0);
    while let Some(Ok((stood, refused))) = dials.join_next().await {
        done += stood;
        failed += refused;
    }
    let mut findings = Findings::default();
    let tried = f64::from(done + failed);
    findings.set(Figure::PerSecond, tried / began.elapsed().as_secs_f64().max(1e-3));
    findings.note("handshakes", f64::from(done));
    findings.note("refused", f64::from(failed));
    Ok(findings)
}

/// Connects and leaves until `deadline`; returns how often that went well, and how often not.
pub(super) async fn dial(door: Door, caller: Caller, deadline: Instant) -> (u32, u32) {
    let (mut done, mut failed) = (0, 0);
    while Instant::now() < deadline {
        let Ok(key) = stranger(&door) else { break };
        match caller.call(&door, &key, Ears::Open).await {
            Ok(line) => {
                line.connection.close(0_u32.into(), &[]);
                done += 1;
            }
            Err(_) => failed += 1,
        }
    }
    (done, failed)
}
