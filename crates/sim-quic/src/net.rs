//! The network: packets under way, links that are cut, nodes that listen.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ensign_transport::AsyncUdpSocket;
use quinn::udp::EcnCodepoint;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    Fate, Links, Packet, Trace,
    socket::{Inbox, Socket},
};

/// A network in memory. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Net(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    origin: Instant,
    state: Mutex<State>,
    /// Tells the carrier that a packet is due earlier than what it waits for.
    earlier: Notify,
}

#[derive(Debug)]
struct State {
    links: Links,
    rng: ChaCha8Rng,
    inboxes: BTreeMap<SocketAddr, Arc<Inbox>>,
    /// By the microsecond of arrival, then by order of sending.
    under_way: BTreeMap<(u64, u64), (SocketAddr, Datagram)>,
    sent: u64,
    cut: BTreeSet<(SocketAddr, SocketAddr)>,
    trace: Trace,
}

/// A packet as its receiver sees it.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) ecn: Option<EcnCodepoint>,
}

impl Net {
    /// Makes a network without nodes and begins to carry packets, inside a runtime whose time is
    /// paused.
    pub fn new(links: Links, seed: [u8; 32]) -> Self {
        let state = State {
            links,
            rng: ChaCha8Rng::from_seed(seed),
            inboxes: BTreeMap::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            cut: BTreeSet::new(),
            trace: Trace::default(),
        };
        let (origin, state) = (Instant::now(), Mutex::new(state));
        let shared = Arc::new(Shared { origin, state, earlier: Notify::new() });
        tokio::spawn(carry(Arc::clone(&shared)));
        Self(shared)
    }

    /// Gives a node its socket. One that is attached to the same address takes the place of the
    /// earlier one, which sends nothing any more.
    pub fn attach(&self, address: SocketAddr) -> Arc<dyn AsyncUdpSocket> {
        let inbox = Arc::<Inbox>::default();
        self.state().inboxes.insert(address, Arc::clone(&inbox));
        Arc::new(Socket::new(self.clone(), address, inbox))
    }

    /// Takes a socket's place away, unless another has taken it already.
    pub(crate) fn detach(&self, address: SocketAddr, inbox: &Arc<Inbox>) {
        let mut state = self.state();
        if state.inboxes.get(&address).is_some_and(|held| Arc::ptr_eq(held, inbox)) {
            state.inboxes.remove(&address);
        }
    }

    /// Takes a node off the network at once, as when its machine loses power: from now on its socket
    /// neither sends nor receives. What is under way from it still arrives.
    pub fn unplug(&self, address: SocketAddr) {
        self.state().inboxes.remove(&address);
    }

    /// Whether a socket is the one that its address has.
    pub(crate) fn is_plugged(&self, address: SocketAddr, inbox: &Arc<Inbox>) -> bool {
        self.state().inboxes.get(&address).is_some_and(|held| Arc::ptr_eq(held, inbox))
    }

    /// Loses whatever two nodes send each other from now on. What is under way still arrives.
    pub fn cut(&self, one: SocketAddr, other: SocketAddr) {
        self.state().cut.insert(pair(one, other));
    }

    /// Undoes [`cut`](Self::cut).
    pub fn mend(&self, one: SocketAddr, other: SocketAddr) {
        self.state().cut.remove(&pair(one, other));
    }

    /// Changes how every link behaves from now on.
    pub fn set_links(&self, links: Links) {
        self.state().links = links;
    }

    /// Returns how long the network has been there, in its own time.
    pub fn elapsed(&self) -> Duration {
        self.0.origin.elapsed()
    }

    /// Returns what was sent so far.
    pub fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    pub(crate) fn send(&self, to: SocketAddr, datagram: Datagram) {
        let now = micros(self.elapsed());
        let mut state = self.state();
        let earliest = state.under_way.keys().next().copied();
        state.send(now, to, datagram);
        if state.under_way.keys().next().copied() != earliest {
            self.0.earlier.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, now: u64, to: SocketAddr, datagram: Datagram) {
        let (from, bytes) = (datagram.from, datagram.bytes.len());
        let arrivals = self.links.arrivals(&mut self.rng);
        let fate = match arrivals {
            _ if self.cut.contains(&pair(from, to)) => Fate::Cut,
            [None, _] => Fate::Lost,
            [Some(_), None] => Fate::Carried,
            [Some(_), Some(_)] => Fate::Doubled,
        };
        self.trace.note(Packet { at_micros: now, from, to, bytes, fate });
        if fate == Fate::Cut {
            return;
        }
        for latency in arrivals.into_iter().flatten() {
            self.sent += 1;
            let due = now.saturating_add(micros(latency));
            self.under_way.insert((due, self.sent), (to, datagram.clone()));
        }
    }

    /// Hands over what is due; returns when the next packet is.
    fn deliver(&mut self, now: u64) -> Option<u64> {
        while let Some(first) = self.under_way.first_entry() {
            let (due, _) = *first.key();
            if due > now {
                return Some(due);
            }
            let (to, datagram) = first.remove();
            // Nobody listens: the packet is gone, as on a real network.
            if let Some(inbox) = self.inboxes.get(&to) {
                inbox.put(datagram);
            }
        }
        None
    }
}

/// Delivers packets when they are due.
async fn carry(shared: Arc<Shared>) {
    let net = Net(shared);
    loop {
        let next = net.state().deliver(micros(net.elapsed()));
        let next = next.map(|due| net.0.origin + Duration::from_micros(due));
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = net.0.earlier.notified() => {}
            () = due => {}
        }
    }
}

fn pair(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    (one.min(other), one.max(other))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
