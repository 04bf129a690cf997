//! Strangers of every network take the places, and dial again as soon as they lose one.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, Ordering},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::task::JoinSet;

use super::hold::move_in;
use crate::{
    figures::{Figure, Findings},
    line::{Caller, Door, Ears, stranger},
    scene::{Scene, pause},
};

/// How often a member comes, each time from another address: its own network, then one that strangers
/// use too.
const MEMBERS: u8 = 10;
/// How long the strangers stand before the first member comes.
const SETTLED: Duration = Duration::from_secs(2);
/// How long a stranger waits that was refused or cut off.
const REDIAL_PAUSE: Duration = Duration::from_millis(50);
/// How long a stranger waits to be spoken to: without that it has no place.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a stranger that comes later tries.
const TRIES: u32 = 20;

/// What the strangers had, all together.
#[derive(Debug, Default)]
struct Places {
    standing: AtomicU32,
    let_in: AtomicU32,
    most: Mutex<u32>,
}

/// Takes the places, then lets members come, then a stranger more.
///
/// # Errors
///
/// Fails without the keys of a member, or if the system refuses a socket.
pub(crate) async fn slots(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, deadline) = (scene.door(), scene.deadline());
    let places = Arc::new(Places::default());
    let mut crowd = JoinSet::new();
    for number in 0..scene.amounts.connections {
        let [.., high, low] = (number as u32).to_be_bytes();
        let caller = Caller::bind_from(&door, Ipv4Addr::new(127, 2 + high, low, 1))?;
        crowd.spawn(stand(door, caller, deadline, Arc::clone(&places)));
    }
    pause(scene.left(SETTLED)).await;
    let mut findings = Findings::default();
    for number in 0..MEMBERS {
        for from in [Ipv4Addr::new(127, 200, number, 1), Ipv4Addr::new(127, 2, number, 9)] {
            let seconds = move_in(scene, from).await?;
            findings.set(Figure::SecondsToConnect, seconds);
        }
    }
    findings.set(Figure::StrangersIn, f64::from(u8::from(one_more(&door).await?)));
    findings.note("places had", f64::from(places.let_in.load(Ordering::Relaxed)));
    findings.note("standing at the end", f64::from(places.standing.load(Ordering::Relaxed)));
    let most = places.most.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    findings.note("standing at most", f64::from(*most));
    crowd.abort_all();
    Ok(findings)
}

/// Keeps a place, and dials again whenever it is gone.
async fn stand(door: Door, caller: Caller, deadline: Instant, places: Arc<Places>) {
    while Instant::now() < deadline {
        let Ok(key) = stranger(&door) else { return };
        if let Ok(mut line) = caller.call(&door, &key, Ears::Open).await {
            let mut heard = line.listen(door.network);
            if tokio::time::timeout(PATIENCE, heard.recv()).await.is_ok_and(|it| it.is_some()) {
                places.let_in.fetch_add(1, Ordering::Relaxed);
                let standing = places.standing.fetch_add(1, Ordering::Relaxed) + 1;
                if let Ok(mut most) = places.most.lock() {
                    *most = (*most).max(standing);
                }
                while heard.recv().await.is_some() {}
                line.connection.closed().await;
                places.standing.fetch_sub(1, Ordering::Relaxed);
            }
        }
        pause(REDIAL_PAUSE).await;
    }
}

/// Whether a stranger from a network that nobody used gets a place.
async fn one_more(door: &Door) -> Result<bool> {
    let caller = Caller::bind_from(door, Ipv4Addr::new(127, 202, 1, 1))?;
    for _ in 0..TRIES {
        if let Ok(mut line) = caller.call(door, &stranger(door)?, Ears::Open).await {
            let mut heard = line.listen(door.network);
            if tokio::time::timeout(PATIENCE, heard.recv()).await.is_ok_and(|it| it.is_some()) {
                return Ok(true);
            }
        }
        pause(REDIAL_PAUSE).await;
    }
    Ok(false)
}
