//! Strangers in every place, and members that moved who want in.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ensign_identity::NodeKey;
use ensign_transport::{Transport, TransportConfig, TransportEvent};
use ensign_wire::Kind;
use tokio::{sync::oneshot, time::timeout};

use super::{Crowd, FIRST_ADDRESS};
use crate::{
    cores::{self, Side},
    figures::{Figure, Findings},
    line::{Caller, Door, Ears, Line, stranger},
    scene::{Scene, pause},
};

/// Connections that ask to be kept: eight times the strangers that a node keeps by default.
const PLACES: usize = 512;
/// How long a member tries. Guess: longer than anybody waits.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long the crowd stands before the first member comes.
const SETTLED: Duration = Duration::from_millis(500);
/// The last number of the address that dials whenever it is refused, and how long it waits then.
const REFILLING: u8 = 99;
const REDIAL_PAUSE: Duration = Duration::from_millis(20);
/// Where a member comes from that moved: an address of its own, and one that strangers share.
const PLACES_TO_BE: [(&str, u8); 2] =
    [("seconds, own address", 200), ("seconds, behind strangers' address", FIRST_ADDRESS)];

/// Takes the places, then lets a member come from two addresses, one after the other.
///
/// # Errors
///
/// Fails without the keys of a member.
pub(crate) async fn hold(scene: &mut Scene<'_>) -> Result<Findings> {
    let door = scene.door();
    let gathering = Instant::now() + scene.left(PATIENCE);
    let count = scene.amounts.connections.min(PLACES);
    let mut crowd = Crowd::gather(&door, count, Ears::Open, gathering).await?;
    crowd.lines.iter_mut().for_each(Line::ignore);
    pause(SETTLED).await;
    let refilling = tokio::spawn(refill(door, Caller::bind(&door, REFILLING)?, scene.deadline()));
    let mut findings = Findings::default();
    findings.note("let in", crowd.lines.len() as f64);
    findings.note("standing before members come", crowd.standing() as f64);
    for (name, number) in PLACES_TO_BE {
        let seconds = move_in(scene, Ipv4Addr::new(127, 0, 0, number)).await?;
        findings.note(name, seconds);
        findings.set(Figure::SecondsToConnect, seconds);
    }
    refilling.abort();
    findings.note("standing at the end", crowd.standing() as f64);
    findings.note("sockets", crowd.callers.len() as f64);
    Ok(findings)
}

/// Takes every place that becomes free, also for a moment.
async fn refill(door: Door, caller: Caller, deadline: Instant) {
    let mut lines: Vec<Line> = Vec::new();
    while Instant::now() < deadline {
        lines.retain(|line| line.connection.close_reason().is_none());
        let Ok(key) = stranger(&door) else { return };
        match caller.call(&door, &key, Ears::Open).await {
            Ok(mut line) => {
                line.ignore();
                lines.push(line);
            }
            Err(_) => pause(REDIAL_PAUSE).await,
        }
    }
}

/// Returns how many seconds a member takes to be introduced that comes from an address of loopback.
///
/// It has a thread of its own, on the honest side: what keeps the attacker busy is not its business.
///
/// # Errors
///
/// Fails without the keys of a member, or if its transport does not start.
pub(super) async fn move_in(scene: &Scene<'_>, from: Ipv4Addr) -> Result<f64> {
    let (door, member) = scene.member()?;
    let (key, (tell, told)) = (Arc::clone(&member.key), oneshot::channel());
    thread::spawn(move || {
        cores::keep_to(Side::Honest);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let came = runtime.map_err(Into::into).and_then(|it| it.block_on(come(door, key, from)));
        // Whoever asked may have given up.
        let _ = tell.send(came);
    });
    told.await.context("the thread of the member is gone")?
}

/// Dials with the transport that honest nodes have, until the victim speaks.
async fn come(door: Door, key: Arc<NodeKey>, from: Ipv4Addr) -> Result<f64> {
    let listen = SocketAddr::new(from.into(), 0);
    let config = TransportConfig::new(listen, door.network);
    let (transport, mut events) = Transport::bind(config, key).await?;
    let began = Instant::now();
    transport.dial(door.peer, door.address);
    let introduced = async {
        loop {
            match events.recv().await {
                // The victim speaks: we have a place, and our engine would be served.
                Some(TransportEvent::Frame { kind: Kind::Hello, .. }) => return Ok(()),
                Some(TransportEvent::DialFailed { .. } | TransportEvent::Down { .. }) => {
                    transport.dial(door.peer, door.address);
                }
                Some(_) => {}
                None => bail!("the transport has stopped"),
            }
        }
    };
    let seconds = match timeout(PATIENCE, introduced).await {
        Ok(found) => found.map(|()| began.elapsed().as_secs_f64())?,
        Err(_) => f64::INFINITY,
    };
    transport.close().await;
    Ok(seconds)
}
