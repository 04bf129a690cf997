//! The handle through which everything is asked for.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use ensign_diversity::PrefixTable;
use ensign_identity::NodeKey;
use ensign_primitives::{LinkId, PeerId};
use ensign_wire::Kind;
use quinn::AsyncUdpSocket;
use tokio::{sync::Notify, time::timeout};

use crate::{
    Arrivals, BindError, CloseCode, SendError, Traffic, TransportConfig,
    accept::accept,
    arrivals::channel,
    chance::Chance,
    dial::dial_once,
    dial_back::dial_back,
    latch::Latch,
    outbox::PushError,
    places::Places,
    quic,
    shared::{Links, Shared, locked},
    tls::Identity,
};

/// One node's connections. Clones share them; when the last clone is dropped they end at once.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    local_addr: SocketAddr,
}

impl Transport {
    /// Opens the socket and begins to accept connections, inside a tokio runtime.
    ///
    /// What happens comes out of [`Arrivals`], at most [`TransportConfig::event_queue_max`] events of
    /// each lane ahead of its reader.
    ///
    /// # Errors
    ///
    /// [`BindError::PortInUse`] when another process has the port, [`BindError::Socket`] when the
    /// system refuses otherwise.
    #[expect(clippy::unused_async, reason = "must be called inside a runtime, and says so")]
    pub async fn bind(
        config: TransportConfig,
        key: Arc<NodeKey>,
    ) -> Result<(Self, Arrivals), BindError> {
        let socket = quic::udp(config.listen)?;
        Self::start(config, key, socket, Chance::System)
    }

    /// Starts on a simulated network: on the caller's socket instead of a port, and with every
    /// random number below TLS drawn from `seed`.
    ///
    /// With tokio's clock paused and a single-threaded runtime, equal seeds and an equally
    /// behaving network give the same packets at the same times, except for the bytes that TLS
    /// encrypts. [`TransportConfig::listen`] is not used.
    ///
    /// # Security
    ///
    /// Never on a real network: whoever knows the seed foresees connection ids and which packet
    /// numbers are skipped, and can disturb connections without being on their path.
    ///
    /// # Errors
    ///
    /// [`BindError::Socket`] when the socket does not know its address.
    #[expect(clippy::unused_async, reason = "must be called inside a runtime, and says so")]
    pub async fn dangerous_simulated(
        config: TransportConfig,
        key: Arc<NodeKey>,
        socket: Arc<dyn AsyncUdpSocket>,
        seed: [u8; 32],
    ) -> Result<(Self, Arrivals), BindError> {
        let chance = Chance::simulated(config.network, seed);
        Self::start(config, key, socket, chance)
    }

    pub(crate) fn start(
        config: TransportConfig,
        key: Arc<NodeKey>,
        socket: Arc<dyn AsyncUdpSocket>,
        chance: Chance,
    ) -> Result<(Self, Arrivals), BindError> {
        let identity = Identity::new(Arc::clone(&key), config.network);
        let (endpoint, socket) = quic::endpoint(&config, &key, &identity, socket, &chance)?;
        let local_addr =
            endpoint.local_addr().map_err(|error| BindError::socket(config.listen, &error))?;
        let (events, arrivals) = channel(config.event_queue_max);
        let shared = Arc::new(Shared {
            us: key.peer_id(),
            quic: Arc::new(quic::connection(&config)),
            places: Arc::new(Places::new(&config, chance.clone())),
            links: Links::default().into(),
            next_link: 0.into(),
            dialling: BTreeSet::new().into(),
            expected: BTreeSet::new().into(),
            linked: Notify::new(),
            closed: Latch::default(),
            chance,
            config,
            endpoint,
            socket,
            identity,
            events,
        });
        tokio::spawn(accept(Arc::clone(&shared)));
        Ok((Self(Arc::new(Owner { shared, local_addr })), arrivals))
    }

    /// Returns how many callers are in their handshake.
    #[cfg(test)]
    pub(crate) fn handshaking(&self) -> usize {
        self.0.shared.places.handshaking()
    }

    /// Returns how many callers were refused since the start because too many came; see
    /// [`TransportConfig::handshakes`].
    pub fn refused(&self) -> u64 {
        self.0.shared.places.refused()
    }

    /// Returns how many first packets were dropped since the start, unread, because too many came.
    pub fn packets_dropped(&self) -> u64 {
        self.0.shared.socket.dropped()
    }

    /// Returns the address of the socket, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr
    }

    /// Dials `peer` once, for at most [`TransportConfig::handshake_timeout`].
    ///
    /// The answer is always an event: [`TransportEvent::Up`] with the new connection, or
    /// [`TransportEvent::DialFailed`], also when there is a connection already, when another dial of
    /// the peer is under way, or when the peer chose another connection: [`DialError::Duplicate`]. A
    /// peer that is dialled is no stranger on the connection that this makes.
    ///
    /// [`DialError::Duplicate`]: crate::DialError::Duplicate
    /// [`TransportEvent::Up`]: crate::TransportEvent::Up
    /// [`TransportEvent::DialFailed`]: crate::TransportEvent::DialFailed
    pub fn dial(&self, peer: PeerId, address: SocketAddr) {
        tokio::spawn(dial_once(Arc::clone(&self.0.shared), peer, address));
    }

    /// Dials `peer` once from a new socket and as another node, sends one frame and closes, for at most
    /// [`TransportConfig::handshake_timeout`] and what it takes to close. The connection is none of ours: nothing
    /// that comes over it is read. The answer is always a [`BackDialled`](crate::TransportEvent::BackDialled).
    ///
    /// - `entropy`: of the operating system; the key of that moment. With none (zeros) nobody is dialled.
    /// - `frame`: header and body of a [`Kind::DialBack`].
    ///
    /// On a [simulated](Self::dangerous_simulated) network nobody is reached so.
    ///
    /// # Security
    ///
    /// The caller says how often and to whom: each call costs a socket and a handshake here, and the address three
    /// datagrams of 1,200 bytes when nobody answers there.
    pub fn dial_back(&self, entropy: [u8; 32], at: (PeerId, SocketAddr), frame: Bytes) {
        tokio::spawn(dial_back(Arc::clone(&self.0.shared), entropy, at, frame));
    }

    /// Learns who announces which addresses, in place of what was known of that: who comes from now on is
    /// counted by provider and country too.
    pub fn know_prefixes(&self, prefixes: Arc<PrefixTable>) {
        self.0.shared.places.know_prefixes(prefixes);
    }

    /// Treats `peer` as no stranger, until [`forget`](Self::forget): it gets in however many
    /// strangers come from its address or are here, and may have queued what each lane takes.
    ///
    /// The transport remembers as many as it is told, about 100 bytes each: name only peers that the
    /// application's user chose.
    pub fn expect(&self, peer: PeerId) {
        let shared = &self.0.shared;
        locked(&shared.expected).insert(peer);
        if let Some(link) = shared.live(&peer) {
            link.welcome();
        }
    }

    /// Stops expecting `peer`. A connection that stands is kept.
    pub fn forget(&self, peer: PeerId) {
        locked(&self.0.shared.expected).remove(&peer);
    }

    /// Sends an encoded frame, or queues it when QUIC takes no more at the moment; never waits.
    ///
    /// The frame takes the lane of its kind ([`Kind::lane`]). Those of one lane arrive in order, bulk
    /// apart, and no lane waits for another. Signing and bulk are read only after the peer has admitted
    /// us. What is queued when the connection ends is lost: send it again after the next `Up`.
    ///
    /// - `frame`: header and body, as `ensign_wire::Frame::encode` gives them; `kind` as in it.
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`], or [`SendError::QueueFull`] when the peer reads the lane too slowly.
    /// A full signing lane ends the connection ([`DisconnectReason::LaneFull`]), so that both sides say
    /// again what is missing; what finds another lane full is dropped, which
    /// [`TransportEvent::Dropped`] counts. A stranger that reads too slowly is closed.
    ///
    /// [`DisconnectReason::LaneFull`]: crate::DisconnectReason::LaneFull
    /// [`TransportEvent::Dropped`]: crate::TransportEvent::Dropped
    pub fn send(&self, link: LinkId, kind: Kind, frame: Bytes) -> Result<(), SendError> {
        let shared = &self.0.shared;
        let held = locked(&shared.links).get(link).cloned();
        let held = held.ok_or(SendError::Gone { link })?;
        held.send(kind, frame).map_err(|error| match error {
            PushError::Closed => SendError::Gone { link },
            PushError::Full { limit } => SendError::QueueFull { link, lane: kind.lane(), limit },
        })
    }

    /// Returns how a connection fares; `None` once it is gone.
    pub fn traffic(&self, link: LinkId) -> Option<Traffic> {
        self.0.shared.running(link).map(|link| link.traffic())
    }

    /// Treats the peer as known from here to the end of the connection: more streams, more unread
    /// bytes, and what is for members only is read.
    ///
    /// Until then nothing behind the header of a frame for members ([`Kind::audience`]) is read, so
    /// that no stranger makes us hold one. After [`TransportConfig::admission_timeout`] the frame
    /// ends its sender's connection.
    pub fn admit(&self, link: LinkId) {
        if let Some(link) = self.0.shared.running(link) {
            link.admit();
        }
    }

    /// Closes a connection, once what is queued has arrived or
    /// [`TransportConfig::flush_timeout`] has passed.
    ///
    /// No frame of the peer comes out of [`Arrivals`] after this, also none that had arrived; `Down` does.
    pub fn disconnect(&self, link: LinkId, code: CloseCode) {
        if let Some(link) = self.0.shared.running(link) {
            link.close(code);
        }
    }

    /// Stops dialling and accepting, and closes every connection as
    /// [`disconnect`](Self::disconnect) does.
    ///
    /// Returns after at most twice [`TransportConfig::flush_timeout`], whether or not the events
    /// are read; the port is free then.
    pub async fn close(&self) {
        let shared = &self.0.shared;
        self.0.stop();
        let links: Vec<_> = locked(&shared.links).all().cloned().collect();
        links.iter().for_each(|link| link.close(CloseCode::Shutdown));
        let flushed = async {
            for link in &links {
                let _ = link.connection.closed().await;
            }
        };
        let _ = timeout(shared.config.flush_timeout, flushed).await;
        shared.endpoint.close(CloseCode::Shutdown.to_wire().into(), &[]);
        let _ = timeout(shared.config.flush_timeout, shared.endpoint.wait_idle()).await;
        shared.socket.close();
    }
}

impl Owner {
    /// No more dials, no more callers, no more waiting for a reader of events.
    fn stop(&self) {
        self.shared.closed.set();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop();
        self.shared.endpoint.close(CloseCode::Shutdown.to_wire().into(), &[]);
    }
}
