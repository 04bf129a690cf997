//! What all tasks of one transport hold in common.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ensign_primitives::{LinkId, PeerId};
use ensign_wire::Kind;
use quinn::Endpoint;
use tokio::sync::Notify;

use crate::{
    TransportConfig, TransportEvent, arrivals::Arriving, chance::Chance, latch::Latch, link::Link,
    places::Places, socket::Socket, tls::Identity,
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) us: PeerId,
    pub(crate) config: TransportConfig,
    pub(crate) endpoint: Endpoint,
    pub(crate) socket: Arc<Socket>,
    pub(crate) identity: Identity,
    /// What every connection allows its peer at first.
    pub(crate) quic: Arc<quinn::TransportConfig>,
    pub(crate) places: Arc<Places>,
    /// Connections in use, until their `Down` is reported.
    pub(crate) links: Mutex<Links>,
    /// The name of the next connection.
    pub(crate) next_link: AtomicU64,
    /// Tells those who wait for a connection that there is a new one.
    pub(crate) linked: Notify,
    /// Peers that are no strangers; as many as the owner names.
    pub(crate) expected: Mutex<BTreeSet<PeerId>>,
    /// Peers that are being dialled.
    pub(crate) dialling: Mutex<BTreeSet<PeerId>>,
    pub(crate) events: Arriving,
    pub(crate) closed: Latch,
    pub(crate) chance: Chance,
}

/// The one connection to each peer, by either name.
#[derive(Debug, Default)]
pub(crate) struct Links {
    by_peer: BTreeMap<PeerId, Arc<Link>>,
    by_id: BTreeMap<LinkId, Arc<Link>>,
}

impl Links {
    pub(crate) fn of(&self, peer: &PeerId) -> Option<&Arc<Link>> {
        self.by_peer.get(peer)
    }

    pub(crate) fn get(&self, link: LinkId) -> Option<&Arc<Link>> {
        self.by_id.get(&link)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.by_peer.values()
    }

    pub(crate) fn insert(&mut self, link: &Arc<Link>) {
        self.by_peer.insert(link.peer, Arc::clone(link));
        self.by_id.insert(link.id, Arc::clone(link));
    }

    fn remove(&mut self, link: &Link) {
        if self.by_id.remove(&link.id).is_some() {
            self.by_peer.remove(&link.peer);
        }
    }
}

impl Shared {
    /// Reports what is no frame, waiting for room; `None` when nobody listens any more.
    pub(crate) async fn emit(&self, event: TransportEvent) -> Option<()> {
        self.events.change(event, &self.closed).await
    }

    /// Reports a frame, likewise.
    pub(crate) async fn deliver(&self, link: &Arc<Link>, kind: Kind, body: Vec<u8>) -> Option<()> {
        let event = TransportEvent::Frame { link: link.id, kind, body };
        self.events.frame((link, kind.lane()), event, &self.closed).await
    }

    /// Returns a connection, unless it is ending.
    pub(crate) fn running(&self, link: LinkId) -> Option<Arc<Link>> {
        locked(&self.links).get(link).filter(|link| !link.is_over()).cloned()
    }

    /// Returns the connection to `peer`, unless it is ending.
    pub(crate) fn live(&self, peer: &PeerId) -> Option<Arc<Link>> {
        locked(&self.links).of(peer).filter(|link| !link.is_over()).cloned()
    }

    /// Tells whether the owner expects the peer.
    pub(crate) fn expects(&self, peer: &PeerId) -> bool {
        locked(&self.expected).contains(peer)
    }

    /// Whoever comes from where a member was connected has a part of its own of what strangers share.
    pub(crate) fn know(&self, peer: PeerId, remote: SocketAddr) {
        self.places.know(peer, remote.ip());
        self.socket.know(peer, remote);
    }

    /// Waits until there is a connection to `peer`.
    pub(crate) async fn until_live(&self, peer: &PeerId) {
        loop {
            let mut linked = pin!(self.linked.notified());
            linked.as_mut().enable();
            if self.live(peer).is_some() {
                return;
            }
            linked.await;
        }
    }

    /// Frees the peer's place, unless another connection has it.
    pub(crate) fn remove(&self, link: &Link) {
        locked(&self.links).remove(link);
    }

    /// Gives a connection its name.
    pub(crate) fn name_link(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_set()
    }
}

/// Locks; what a panicked thread left behind is still a valid map.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
