//! Two honest members that sign with the victim, one request after the other, and how long each
//! request takes. They propose in turn, slowly enough for what a node takes of one creator.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use ensign_coordinator::{
    Consent, Coordinator, Event, Events, Group, Keys, PeerEvent, RequestEvent, SigningJob, Work,
};
use ensign_primitives::{GroupId, PeerId, RequestId};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    cores::{self, Side},
    home::Home,
    line::random,
    scene::pause,
};

/// A request that takes longer has failed, and is given up.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the two may take to find each other and the victim.
const START_TIMEOUT: Duration = Duration::from_secs(40);

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name, if it came to one.
    pub(crate) request: Option<RequestId>,
    /// When it was proposed.
    pub(crate) began: Instant,
    /// How long it took; `None` without a signature.
    pub(crate) took: Option<Duration>,
}

/// The two, in a thread of their own.
#[derive(Debug)]
pub(crate) struct Honest {
    entries: Arc<Mutex<Vec<Entry>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What one of the two is made from.
struct Seat {
    keys: Keys,
    folder: PathBuf,
    address: std::net::SocketAddr,
}

impl Honest {
    /// Starts both, to propose at this pace; returns once they are connected with the victim.
    ///
    /// # Errors
    ///
    /// Fails if they do not come up.
    pub(crate) fn start(
        homes: [&Home; 2],
        (victim, group): (PeerId, Group),
        below: &Path,
        pace: Duration,
    ) -> Result<Self> {
        let seat = |home: &Home| -> Result<Seat> {
            let folder = below.join(format!("store-{}", home.member.peer.short()));
            Ok(Seat { keys: home.keys()?, folder, address: home.address()? })
        };
        let [one, two] = homes;
        let seats = [seat(one)?, seat(two)?];
        let (entries, stop): (Arc<Mutex<_>>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
        let (noted, asked) = (Arc::clone(&entries), Arc::clone(&stop));
        let (ready, is_ready) = std_mpsc::channel();
        let thread = thread::spawn(move || {
            cores::keep_to(Side::Honest);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                match sit_down(seats, victim, group).await {
                    Ok(pair) => {
                        let _ = ready.send(Ok(()));
                        pair.sign(&noted, &asked, pace).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        });
        is_ready.recv_timeout(START_TIMEOUT).context("the honest pair does not connect")??;
        Ok(Self { entries, stop, thread: Some(thread) })
    }

    /// Returns what was proposed since `from` and before `to`.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| entry.began >= from && entry.began < to).copied().collect()
    }

    /// Lets the request that runs come to its end.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Pair {
    /// Who proposes next.
    next: Proposer,
    other: Proposer,
    group: GroupId,
}

struct Proposer {
    coordinator: Coordinator,
    events: mpsc::UnboundedReceiver<Event>,
}

/// Returns the pause from one proposal to the next that two creators can keep up for `time`: a node
/// takes 25 requests of a creator at once, and one more in two seconds. A fifth is left over.
pub(crate) fn pace(time: Duration) -> Duration {
    let each = 20.0 + 0.4 * time.as_secs_f64();
    time.div_f64(2.0 * each)
}

async fn sit_down(seats: [Seat; 2], victim: PeerId, group: Group) -> Result<Pair> {
    let [one, two] = seats;
    let (mut next, id) = start(one, &group).await?;
    let (mut other, _) = start(two, &group).await?;
    until_up(&mut next.events, victim).await?;
    until_up(&mut other.events, victim).await?;
    Ok(Pair { next, other, group: id })
}

async fn start(seat: Seat, group: &Group) -> Result<(Proposer, GroupId)> {
    let network = ensign_primitives::Network::Regtest;
    let builder =
        Coordinator::builder(network, seat.keys, seat.folder).new_keys().listen(seat.address);
    let (coordinator, events) = builder.start().await?;
    let (seen, received) = mpsc::unbounded_channel();
    tokio::spawn(read(coordinator.clone(), events, seen));
    let id = coordinator.group(group.clone()).await?.id;
    Ok((Proposer { coordinator, events: received }, id))
}

/// Approves what is asked, and hands every event on.
async fn read(coordinator: Coordinator, mut events: Events, seen: mpsc::UnboundedSender<Event>) {
    while let Some(event) = events.next().await {
        if let Event::Request(_, RequestEvent::Asked(approval)) = &event {
            // It may have ended meanwhile.
            let _ = coordinator.approve(approval.id, Consent::person(approval.digest)).await;
        }
        if seen.send(event).is_err() {
            return;
        }
    }
}

async fn until_up(events: &mut mpsc::UnboundedReceiver<Event>, victim: PeerId) -> Result<()> {
    loop {
        let event = events.recv().await.context("a coordinator has stopped")?;
        if matches!(event, Event::Peer(peer, PeerEvent::Up { .. }) if peer == victim) {
            return Ok(());
        }
    }
}

impl Pair {
    async fn sign(mut self, entries: &Mutex<Vec<Entry>>, stop: &AtomicBool, pace: Duration) {
        while !stop.load(Ordering::SeqCst) {
            let began = Instant::now();
            let (request, done) = self.next.sign_one(self.group).await;
            let entry = Entry { request, began, took: done.then(|| began.elapsed()) };
            entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
            std::mem::swap(&mut self.next, &mut self.other);
            pause(pace.saturating_sub(began.elapsed())).await;
        }
    }
}

impl Proposer {
    /// Signs one message; returns the request, and whether it ended with signatures.
    async fn sign_one(&mut self, group: GroupId) -> (Option<RequestId>, bool) {
        let Ok(message) = random() else { return (None, false) };
        let job = SigningJob::new(group, Work::Messages(vec![message]));
        let Ok(preview) = self.coordinator.preview(&job).await else { return (None, false) };
        let consent = Consent::person(preview.digest);
        let Ok(approval) = self.coordinator.propose(job, consent).await else {
            return (None, false);
        };
        let done = timeout(REQUEST_TIMEOUT, self.ended(approval.id)).await.unwrap_or(false);
        if !done {
            // It may have ended this moment.
            let _ = self.coordinator.cancel(approval.id).await;
        }
        (Some(approval.id), done)
    }

    /// Whether a request ended with signatures.
    async fn ended(&mut self, id: RequestId) -> bool {
        while let Some(event) = self.events.recv().await {
            if matches!(&event, Event::Request(request, RequestEvent::Done { .. }) if request.id == id)
            {
                return true;
            }
            if matches!(&event, Event::Request(request, RequestEvent::Failed { .. }) if request.id == id)
            {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_proposers_stay_below_what_a_node_takes_of_a_creator() {
        for seconds in [10.0, 35.0, 200.0] {
            let pace = pace(Duration::from_secs_f64(seconds)).as_secs_f64();
            let of_each = seconds / pace / 2.0;
            assert!(of_each <= 25.0 + seconds / 2.0, "{of_each} in {seconds} s");
            assert!(of_each >= 20.0, "{of_each} in {seconds} s");
        }
    }
}
