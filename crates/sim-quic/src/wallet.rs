//! One node of a simulation, and a user who approves everything.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use ensign_coordinator::{
    Approval, CommandError, Consent, Coordinator, Event, Events, KeyAge, Keys, Member,
    OpeningError, RequestEvent, SigningJob, StartError, Surroundings, WallClock,
};
use ensign_deadline::Timeouts;
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{Network, TaggedHasher, UnixTime};
use ensign_store::{MemoryStore, OpenError, Opening, Store};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{Machine, Net};

/// The chain of every run.
pub const NETWORK: Network = Network::Regtest;

/// The wall clock when a network begins: 2026-01-01 00:00 UTC.
pub const START: UnixTime = UnixTime::from_millis(1_767_225_600_000);

/// What a node told its application.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which node.
    pub number: u32,
    /// What it said.
    pub event: Event,
}

/// A running node with its user.
#[derive(Debug)]
pub struct Wallet {
    /// Its number.
    pub number: u32,
    /// What its owner holds.
    pub coordinator: Coordinator,
    /// What the other members of a group know about it.
    pub member: Member,
    /// Its wall clock.
    pub wall: WallClock,
    disk: Disk,
    starts: u64,
    user: JoinHandle<()>,
}

/// A node that has stopped, and its disk.
#[derive(Debug)]
pub struct Stopped {
    number: u32,
    disk: Disk,
    starts: u64,
    /// How far its wall clock is ahead when it starts.
    ahead: Duration,
}

/// Where a node keeps what must survive.
#[derive(Clone, Debug)]
enum Disk {
    /// In memory, without any fault.
    Memory(MemoryStore),
    /// On a machine whose disk fails on demand.
    Machine(Machine),
}

impl Disk {
    const fn latency(&self) -> Duration {
        match self {
            Self::Memory(_) => Duration::ZERO,
            Self::Machine(_) => DISK_LATENCY,
        }
    }

    fn open(&self, net: &Net, starts: u64) -> Result<(Box<dyn Store>, Opening), OpenError> {
        match self {
            Self::Memory(store) => Ok((Box::new(store.clone()), Opening::Continued)),
            Self::Machine(machine) => machine.open(net, starts),
        }
    }
}

impl Wallet {
    /// Starts the node `number` of a network; its keys follow from `seed`. Its user approves
    /// everything. What the node tells goes to `told` too.
    ///
    /// # Errors
    ///
    /// As [`Coordinator::dangerous_simulated`].
    pub async fn start(
        net: &Net,
        seed: u64,
        number: u32,
        told: mpsc::UnboundedSender<Told>,
    ) -> Result<Self, StartError> {
        Stopped::fresh(number).start(net, seed, told).await
    }

    /// As [`start`](Self::start), on a machine whose disk fails on demand.
    ///
    /// # Errors
    ///
    /// As [`Coordinator::dangerous_simulated`], and [`StartError::Store`] when the store does not
    /// open.
    pub async fn start_on(
        net: &Net,
        seed: u64,
        machine: &Machine,
        told: mpsc::UnboundedSender<Told>,
    ) -> Result<Self, StartError> {
        let disk = Disk::Machine(machine.clone());
        Stopped { disk, ..Stopped::fresh(machine.number()) }.start(net, seed, told).await
    }

    /// Whether the node has stopped by itself, so that port and store are free.
    pub fn has_ended(&self) -> bool {
        self.user.is_finished()
    }

    /// Leaves a node whose machine has lost power, or that has ended: nothing is said to anybody.
    pub fn abandon(self) -> Stopped {
        self.user.abort();
        Stopped { disk: self.disk, starts: self.starts, ..Stopped::fresh(self.number) }
    }

    /// Stops the node and waits until its address is free.
    pub async fn stop(self) -> Stopped {
        self.user.abort();
        self.coordinator.shutdown().await;
        Stopped { disk: self.disk, starts: self.starts, ..Stopped::fresh(self.number) }
    }
}

impl Stopped {
    /// Returns a node that never ran.
    pub fn fresh(number: u32) -> Self {
        let (disk, ahead) = (Disk::Memory(MemoryStore::new()), Duration::ZERO);
        Self { number, disk, starts: 0, ahead }
    }

    /// Has it start while its wall clock is ahead by so much.
    #[must_use]
    pub const fn ahead(mut self, by: Duration) -> Self {
        self.ahead = by;
        self
    }

    /// Starts the node again, with what its disk holds.
    ///
    /// # Errors
    ///
    /// As [`Coordinator::dangerous_simulated`].
    pub async fn start(
        self,
        net: &Net,
        seed: u64,
        told: mpsc::UnboundedSender<Told>,
    ) -> Result<Wallet, StartError> {
        let Self { number, disk, starts, ahead } = self;
        let opened = disk.open(net, starts);
        let opened = opened.map_err(|error| StartError::Store(OpeningError::Open(error)));
        let (store, found) = opened?;
        let keys = keys_at(seed, number, START.after(ahead));
        let address = address(number);
        let wall = WallClock::new(START.after(net.elapsed()).after(ahead));
        let member = Member {
            name: name(number),
            signer: keys.signer_key(),
            peer: keys.peer_id(),
            addresses: vec![address],
            delegation: None,
        };
        let surroundings = Surroundings {
            socket: net.attach(address),
            seed: derive(seed, "start", number, starts),
            wall: wall.clone(),
            store,
            found,
            keys: if starts == 0 { KeyAge::New } else { KeyAge::Used },
            disk_latency: disk.latency(),
            timeouts: Timeouts::default(),
        };
        let (coordinator, events) =
            Coordinator::dangerous_simulated(NETWORK, keys, surroundings).await?;
        let user = tokio::spawn(approve(number, coordinator.clone(), events, told));
        let starts = starts + 1;
        Ok(Wallet { number, coordinator, member, wall, disk, starts, user })
    }
}

/// How long a machine's disk takes to make a write durable; 4 to 8 ms were measured.
const DISK_LATENCY: Duration = Duration::from_millis(5);

/// Returns where a node listens: each has an address of its own.
pub fn address(number: u32) -> SocketAddr {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
    SocketAddr::from((Ipv4Addr::from(first.wrapping_add(number)), PORT))
}

const PORT: u16 = 7000;

/// Makes the keys of a node.
///
/// # Panics
///
/// When a hash is no secret key, which has never been seen: one in 2^128 is none.
pub fn keys(seed: u64, number: u32) -> Keys {
    keys_at(seed, number, START)
}

#[expect(clippy::expect_used, reason = "a hash is a secret key, but for one in 2^128")]
fn keys_at(seed: u64, number: u32, now: UnixTime) -> Keys {
    let node_key = NodeKey::from_secret_bytes(derive(seed, "node key", number, 0));
    let sec_key = SecKey::from_secret_bytes(derive(seed, "signer key", number, 0));
    let node_key = node_key.expect("a hash is a secret key");
    let sec_key = sec_key.expect("a hash is a secret key");
    Keys::new_at(now, NETWORK, node_key, sec_key).expect("a fresh delegation verifies")
}

/// Derives the bytes of one use from the seed of a run.
pub(crate) fn derive(seed: u64, use_of: &str, number: u32, times: u64) -> [u8; 32] {
    let hasher = TaggedHasher::new("ensign/sim-quic-seed/v1", NETWORK);
    hasher.u64(seed).u64(number.into()).u64(times).var_bytes(use_of.as_bytes()).finish()
}

/// What the others call a node.
fn name(number: u32) -> String {
    format!("node {number}")
}

/// Proposes for a user who says yes to everything.
pub(crate) async fn propose(
    coordinator: &Coordinator,
    job: SigningJob,
) -> Result<Approval, CommandError> {
    loop {
        let preview = coordinator.preview(&job).await?;
        let proposed = coordinator.propose(job.clone(), Consent::person(preview.digest)).await;
        // Another request may have come further with a coin meanwhile: its user looks again.
        if proposed.as_ref().err() != Some(&CommandError::Changed { request: None }) {
            return proposed;
        }
    }
}

async fn approve(
    number: u32,
    coordinator: Coordinator,
    mut events: Events,
    told: mpsc::UnboundedSender<Told>,
) {
    while let Some(event) = events.next().await {
        if let Event::Request(_, RequestEvent::Asked(approval)) = &event {
            // It may have ended meanwhile.
            let _ = coordinator.approve(approval.id, Consent::person(approval.digest)).await;
        }
        if told.send(Told { number, event }).is_err() {
            return;
        }
    }
}
