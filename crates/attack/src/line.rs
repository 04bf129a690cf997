//! Connections to the node under attack that keep to no rules: raw QUIC with a valid identity.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, UnixTime};
use ensign_wire::{Frame, Header, Hello, Lane, Limits, PROTOCOL_VERSION, Roles};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::{sync::mpsc, time::timeout};

use crate::tls;

/// How long a connection may take to stand.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The last number of the address that asks who a node is.
const FINDING: u8 = 9;
/// How often a fresh key is drawn until it is below the node's, which then waits for our choice. Guess:
/// one in 256 names is below a name that begins with a zero byte.
const DRAWS_MAX: usize = 4096;
/// Most frames that wait to be looked at; a reader that falls behind stops reading.
const HEARD_MAX: usize = 4096;

/// The node under attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its name.
    pub(crate) peer: PeerId,
    /// Its network.
    pub(crate) network: Network,
}

/// Where a socket of ours begins to reach a node: at this address of loopback if the node is there.
pub(crate) fn local(door: &Door, from: impl Into<Ipv4Addr>) -> SocketAddr {
    let ip: IpAddr = match door.address {
        SocketAddr::V4(address) if address.ip().is_loopback() => IpAddr::V4(from.into()),
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

impl Door {
    /// Finds out who listens at an address, and on which network: whoever connects learns it.
    ///
    /// # Errors
    ///
    /// Fails if nobody answers who speaks the protocol.
    pub(crate) async fn find(address: SocketAddr) -> Result<Self> {
        let key = Arc::new(NodeKey::from_secret_bytes(random()?)?);
        for network in Network::ALL {
            let door = Self { address, peer: PeerId::from_bytes([0xff; 32]), network };
            let dial = Caller::bind(&door, FINDING)?;
            let dial = async { dial.handshake(&door, &key, Ears::Open).await };
            let Ok(Ok(connection)) = timeout(CALL_TIMEOUT, dial).await else { continue };
            let identity = connection.peer_identity();
            let keys = identity.and_then(|keys| keys.downcast::<Vec<CertificateDer<'_>>>().ok());
            let name = keys.as_ref().and_then(|keys| keys.first()?.last_chunk::<32>().copied());
            connection.close(VarInt::from_u32(0), &[]);
            if let Some(name) = name {
                return Ok(Self { peer: PeerId::from_bytes(name), ..door });
            }
        }
        bail!("no node of this version answers at {address}")
    }
}

/// What is done with what the node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ears {
    /// It is read and dropped.
    Open,
    /// It is never read, and one byte is the most that may arrive.
    Shut,
}

/// A socket of the attacker's.
#[derive(Debug)]
pub(crate) struct Caller(Endpoint);

/// One connection, introduced, with the streams that frames go on.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) connection: Connection,
    /// The control lane.
    stream: SendStream,
    /// The signing lane; a stranger never has one.
    signing: Option<SendStream>,
    /// The stream by which the node chose the connection, where it was the node's to choose.
    pub(crate) first: Option<RecvStream>,
}

impl Caller {
    /// Opens a socket on `127.0.0.number` for a node on loopback, inside a runtime.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses the address; Linux has all of 127.0.0.0/8.
    pub(crate) fn bind(door: &Door, number: u8) -> Result<Self> {
        Self::bind_from(door, Ipv4Addr::new(127, 0, 0, number))
    }

    /// Opens a socket on an address of loopback where the node is there, else on any.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub(crate) fn bind_from(door: &Door, from: Ipv4Addr) -> Result<Self> {
        let local = local(door, from);
        Ok(Self(Endpoint::client(local).with_context(|| format!("no socket on {local}"))?))
    }

    /// Connects and introduces itself as the node of `key`.
    ///
    /// # Errors
    ///
    /// Fails if the node refuses, or does not answer within a few seconds.
    pub(crate) async fn call(&self, door: &Door, key: &Arc<NodeKey>, ears: Ears) -> Result<Line> {
        timeout(CALL_TIMEOUT, self.connect(door, key, ears))
            .await
            .context("no connection in time")?
    }

    async fn connect(&self, door: &Door, key: &Arc<NodeKey>, ears: Ears) -> Result<Line> {
        let connection = self.handshake(door, key, ears).await?;
        // The lower name chooses the connection, by opening a stream.
        let is_ours = key.peer_id() < door.peer;
        let first = if is_ours { None } else { Some(connection.accept_uni().await?) };
        let mut stream = open(&connection, Lane::Control).await?;
        stream.write_all(&hello()).await?;
        Ok(Line { connection, stream, signing: None, first })
    }

    /// Does the handshake and nothing else.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub(crate) async fn handshake(
        &self,
        door: &Door,
        key: &Arc<NodeKey>,
        ears: Ears,
    ) -> Result<Connection> {
        let mut config = ClientConfig::new(Arc::new(tls::client(key, door.network)?));
        config.transport_config(Arc::new(manners(ears)));
        Ok(self.0.connect_with(config, door.address, "ensign")?.await?)
    }
}

fn manners(ears: Ears) -> TransportConfig {
    let mut config = TransportConfig::default();
    config.max_concurrent_uni_streams(VarInt::from_u32(64));
    config.keep_alive_interval(Some(Duration::from_secs(5)));
    config.mtu_discovery_config(None);
    if ears == Ears::Shut {
        config.receive_window(VarInt::from_u32(1));
        config.stream_receive_window(VarInt::from_u32(1));
    }
    config
}

impl Line {
    /// Writes frames in the lane of the first of them; bulk has a stream of its own.
    ///
    /// # Errors
    ///
    /// Fails if the connection is gone.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> Result<()> {
        match Header::decode(bytes)?.map_or(Lane::Control, |header| header.kind.lane()) {
            Lane::Control => self.stream.write_all(bytes).await?,
            Lane::Signing => self.open_signing().await?.write_all(bytes).await?,
            Lane::Bulk => {
                let mut stream = open(&self.connection, Lane::Bulk).await?;
                stream.write_all(bytes).await?;
                stream.finish()?;
            }
        }
        Ok(())
    }

    /// Opens the signing lane, as a node expects of whom it knows.
    ///
    /// # Errors
    ///
    /// Fails if the connection is gone.
    pub(crate) async fn open_signing(&mut self) -> Result<&mut SendStream> {
        let stream = match self.signing.take() {
            Some(stream) => stream,
            None => open(&self.connection, Lane::Signing).await?,
        };
        Ok(self.signing.insert(stream))
    }

    /// Says no more, and waits a while until everything has arrived.
    pub(crate) async fn leave(mut self, patience: Duration) {
        for stream in [Some(&mut self.stream), self.signing.as_mut()].into_iter().flatten() {
            if stream.finish().is_ok() {
                let _ = timeout(patience, stream.stopped()).await;
            }
        }
    }

    /// Reads and drops everything, in a task of its own, until the connection ends.
    pub(crate) fn ignore(&mut self) {
        let (connection, mut next) = (self.connection.clone(), self.first.take());
        tokio::spawn(async move {
            loop {
                let stream = match next.take() {
                    Some(stream) => stream,
                    None => match connection.accept_uni().await {
                        Ok(stream) => stream,
                        Err(_) => return,
                    },
                };
                tokio::spawn(drain(stream));
            }
        });
    }

    /// Reads frames in tasks of their own; they come out of the receiver until the connection ends.
    pub(crate) fn listen(&mut self, network: Network) -> mpsc::Receiver<Frame> {
        let (heard, receiver) = mpsc::channel(HEARD_MAX);
        let (connection, mut next) = (self.connection.clone(), self.first.take());
        tokio::spawn(async move {
            loop {
                let stream = match next.take() {
                    Some(stream) => stream,
                    None => match connection.accept_uni().await {
                        Ok(stream) => stream,
                        Err(_) => return,
                    },
                };
                tokio::spawn(read_frames(stream, network, heard.clone()));
            }
        });
        receiver
    }
}

impl Drop for Line {
    /// Tells the node at once: tasks that read still hold the connection.
    fn drop(&mut self) {
        self.connection.close(VarInt::from_u32(0), &[]);
    }
}

/// Opens a stream of a lane.
///
/// # Errors
///
/// Fails if the connection is gone.
pub(crate) async fn open(connection: &Connection, lane: Lane) -> Result<SendStream> {
    let mut stream = connection.open_uni().await?;
    stream.write_all(&[lane_id(lane)]).await?;
    Ok(stream)
}

/// Returns the first byte of a stream of a lane.
const fn lane_id(lane: Lane) -> u8 {
    match lane {
        Lane::Signing => 1,
        Lane::Control => 2,
        Lane::Bulk => 3,
    }
}

async fn drain(mut stream: RecvStream) {
    while let Ok(Some(_)) = stream.read_chunk(64 * 1024, false).await {}
}

async fn read_frames(mut stream: RecvStream, network: Network, heard: mpsc::Sender<Frame>) {
    // The lane; the frames say the rest.
    let Ok(Some(_)) = stream.read(&mut [0]).await else { return };
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = stream.read_chunk(64 * 1024, true).await {
        bytes.extend_from_slice(&chunk.bytes);
        while let Ok(Some(frame)) = take_frame(&mut bytes, network) {
            if heard.send(frame).await.is_err() {
                return;
            }
        }
    }
}

/// Takes one whole frame off the front; `None` when more bytes are needed.
fn take_frame(bytes: &mut Vec<u8>, network: Network) -> Result<Option<Frame>> {
    let Some(header) = Header::decode(bytes)? else { return Ok(None) };
    let end = header.header_len + header.body_len;
    let Some(body) = bytes.get(header.header_len..end) else { return Ok(None) };
    let frame = Frame::decode(header.kind, body, network)?;
    bytes.drain(..end);
    Ok(Some(frame))
}

/// Returns the introduction of a signer.
fn hello() -> Vec<u8> {
    let limits = Limits { payload_bytes: 1 << 20, messages: 1024, requests: 100 };
    Frame::Hello(Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: None,
        limits,
    })
    .encode()
}

/// Returns the wall clock.
pub(crate) fn unix_now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Draws bytes of the operating system.
///
/// # Errors
///
/// Fails if the system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        bail!("no entropy");
    }
    Ok(bytes)
}

/// Draws the key of a stranger whose name is below the node's, so that it chooses the connection.
///
/// # Errors
///
/// Fails if the node's name leaves hardly any below it.
pub(crate) fn stranger(door: &Door) -> Result<Arc<NodeKey>> {
    for _ in 0..DRAWS_MAX {
        let key = NodeKey::from_secret_bytes(random()?);
        if let Some(key) = key.ok().filter(|key| key.peer_id() < door.peer) {
            return Ok(Arc::new(key));
        }
    }
    bail!("no name below that of node {}", door.peer)
}
