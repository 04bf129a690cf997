//! Handshakes from two hundred addresses, while a member dials from one that nobody knows.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{handshakes::dial, hold::move_in};
use crate::{
    figures::{Figure, Findings},
    line::Caller,
    scene::{Scene, pause},
};

/// Addresses that dial at the same time, each in a network of its own.
const ADDRESSES: u8 = 200;
/// How often the member dials, from another address each time.
const MEMBERS: u8 = 100;
/// What a member may wait, as the bar has it.
const SOON: f64 = 1.0;
/// How long the flood goes on before the first member comes.
const SETTLED: Duration = Duration::from_secs(1);
/// Pause from one member to the next. Guess: less than anybody's own.
const MEMBER_PAUSE: Duration = Duration::from_millis(50);

/// Dials from everywhere until the member has dialled a hundred times.
///
/// # Errors
///
/// Fails without the keys of a member, or if the system refuses a socket.
pub(crate) async fn sources(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, deadline) = (scene.door(), scene.deadline());
    let mut dials = JoinSet::new();
    for number in 0..ADDRESSES {
        let caller = Caller::bind_from(&door, Ipv4Addr::new(127, 1, number, 1))?;
        dials.spawn(dial(door, caller, deadline));
    }
    pause(SETTLED).await;
    let mut findings = Findings::default();
    let (mut in_time, mut tried) = (0, 0);
    for number in 0..MEMBERS {
        if scene.left(Duration::MAX).is_zero() {
            break;
        }
        tried += 1;
        let seconds = move_in(scene, Ipv4Addr::new(127, 200, number, 1)).await?;
        in_time += u32::from(seconds <= SOON);
        findings.set(Figure::SecondsToConnect, seconds);
        pause(MEMBER_PAUSE).await;
    }
    dials.abort_all();
    let (mut done, mut failed) = (0, 0);
    while let Some(joined) = dials.join_next().await {
        let (stood, refused) = joined.unwrap_or_default();
        done += stood;
        failed += refused;
    }
    findings.set(Figure::MembersIn, f64::from(in_time));
    findings.note("members that dialled", f64::from(tried));
    findings.note("handshakes of those that ended", f64::from(done));
    findings.note("refused of those that ended", f64::from(failed));
    Ok(findings)
}
