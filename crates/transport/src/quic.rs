//! quinn with its open defaults closed.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::hmac;
use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, TaggedHasher, sha256};
use quinn::{
    AsyncUdpSocket, ClientConfig, Endpoint, EndpointConfig, NoneTokenLog, NoneTokenStore, Runtime,
    ServerConfig, TokioRuntime, TransportConfig as QuicConfig, ValidationTokenConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use quinn_proto::{ConnectionIdGenerator, RandomConnectionIdGenerator};
use socket2::{Domain, Protocol, Type};

use crate::{
    BindError, DialError, TransportConfig,
    chance::{CONNECTION_ID_BYTES, Chance, SeededIds},
    socket::Socket,
    tls::{Found, Identity},
};

/// Most streams a peer may have open towards us before it is admitted.
///
/// One for the choice of the connection, one for the control lane, and one that may be opened and is
/// not read: a member does not know when it is admitted. Each stream that *may* be opened costs about
/// 70 bytes from the start (measured, quinn-proto 0.11).
pub(crate) const STRANGER_STREAMS_MAX: VarInt = VarInt::from_u32(3);

/// Most streams an admitted peer may have open towards us: two lanes, and two payloads.
///
/// QUIC acknowledges what it has buffered, read or not, so a sender goes on to its next payload while
/// we read none: only this number keeps unread payloads from filling the window of the connection.
pub(crate) const ADMITTED_STREAMS_MAX: VarInt = VarInt::from_u32(STREAMS_MAX);

const STREAMS_MAX: u32 = 4;

/// Most unread bytes of one connection before its peer is admitted.
const STRANGER_WINDOW: VarInt = VarInt::from_u32(64 * 1024);

/// Most unread bytes of one connection to an admitted peer.
const ADMITTED_WINDOW: VarInt = VarInt::from_u32(ADMITTED_WINDOW_BYTES);

const ADMITTED_WINDOW_BYTES: u32 = 1024 * 1024;

/// Most unread bytes of one stream. Guess: a payload of 1 MiB takes four round trips.
const STREAM_WINDOW: VarInt = VarInt::from_u32(STREAM_WINDOW_BYTES);

const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Most bytes written and not yet acknowledged per connection to a stranger.
const STRANGER_SEND_WINDOW: u64 = 16 * 1024;

/// Most bytes written and not yet acknowledged per connection to a peer that is none.
const SEND_WINDOW: u64 = 768 * 1024;

/// What is written and not acknowledged is at most one stream of each lane: a full one leaves the others
/// their share.
const _: () = assert!(3 * STREAM_WINDOW_BYTES as u64 <= SEND_WINDOW);

/// What is not read is in at most so many streams, which likewise leave each other their share.
const _: () = assert!(STREAMS_MAX * STREAM_WINDOW_BYTES <= ADMITTED_WINDOW_BYTES);
const _: () = assert!(SEND_WINDOW <= ADMITTED_WINDOW_BYTES as u64);

/// Most datagrams kept for a handshake that the accept loop has not looked at, in bytes.
const INCOMING_BYTES_MAX: u64 = 8 * 1024;

/// Most handshakes the accept loop has not looked at; further ones are refused by quinn.
const INCOMING_MAX: usize = 256;

/// First guess of the round trip: a lost first packet is repeated after 0.3 s instead of 1 s.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// What the kernel is asked to buffer of what we send; it may give less.
const SEND_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// The same of what comes; Linux gives at most `net.core.rmem_max`. Guess: in a flood of 100,000 datagrams a
/// second what comes while this process waits for a turn of 30 ms.
const RECEIVE_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Opens a UDP socket.
pub(crate) fn udp(listen: SocketAddr) -> Result<Arc<dyn AsyncUdpSocket>, BindError> {
    let socket = udp_socket(listen).and_then(|socket| TokioRuntime.wrap_udp_socket(socket));
    socket.map_err(|error| BindError::socket(listen, &error))
}

/// Starts quinn on a socket.
///
/// Stateless reset tokens derive from the node key and the connection id (RFC 9000 section 10.3.2),
/// so that a restarted node tells its peers at once that it no longer knows their connections. The
/// ids themselves are random.
pub(crate) fn endpoint(
    config: &TransportConfig,
    key: &NodeKey,
    identity: &Identity,
    socket: Arc<dyn AsyncUdpSocket>,
    chance: &Chance,
) -> Result<(Endpoint, Arc<Socket>), BindError> {
    let refused = |error: io::Error| BindError::socket(config.listen, &error);
    let socket = Arc::new(Socket::new(socket, config.handshakes.packets).map_err(refused)?);
    let reset_secret = secret("ensign/stateless-reset/v1", key, config.network);
    let mut endpoint =
        EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &reset_secret)));
    match chance {
        Chance::System => {
            endpoint.cid_generator(random_ids);
        }
        Chance::Simulated(seeded) => {
            endpoint.rng_seed(Some(seeded.draw()));
            let seeded = Arc::clone(seeded);
            endpoint.cid_generator(move || Box::new(SeededIds(Arc::clone(&seeded))));
        }
    }
    endpoint.supported_versions(vec![1]);
    let server = server(config, identity)?;
    let held = Arc::clone(&socket);
    Endpoint::new_with_abstract_socket(endpoint, Some(server), held, Arc::new(TokioRuntime))
        .map(|endpoint| (endpoint, socket))
        .map_err(refused)
}

/// Makes the configuration of one dial.
pub(crate) fn client(
    config: Arc<QuicConfig>,
    identity: &Identity,
    expected: PeerId,
    chance: &Chance,
) -> Result<(ClientConfig, Found), DialError> {
    let (tls, found) = identity.client(expected).map_err(|_| DialError::Quic { code: 0 })?;
    let tls = QuicClientConfig::try_from(tls).map_err(|_| DialError::Quic { code: 0 })?;
    let mut client = ClientConfig::new(Arc::new(tls));
    client.transport_config(config);
    client.token_store(Arc::new(NoneTokenStore));
    client.version(1);
    if let Chance::Simulated(seeded) = chance {
        let seeded = Arc::clone(seeded);
        client.initial_dst_cid_provider(Arc::new(move || seeded.initial_id()));
    }
    Ok((client, found))
}

/// Returns what each connection, dialled or accepted, allows its peer at first.
pub(crate) fn connection(config: &TransportConfig) -> QuicConfig {
    let mut quic = QuicConfig::default();
    quic.max_concurrent_bidi_streams(VarInt::from_u32(0));
    quic.max_concurrent_uni_streams(STRANGER_STREAMS_MAX);
    quic.stream_receive_window(STREAM_WINDOW);
    quic.receive_window(STRANGER_WINDOW);
    quic.send_window(STRANGER_SEND_WINDOW);
    quic.datagram_receive_buffer_size(None);
    quic.datagram_send_buffer_size(0);
    quic.max_idle_timeout(config.idle_timeout.try_into().ok());
    quic.keep_alive_interval(Some(config.keep_alive_interval));
    quic.initial_rtt(INITIAL_RTT);
    quic.mtu_discovery_config(None);
    quic.allow_spin(false);
    quic
}

/// Lets more bytes be on their way to a peer that is no stranger.
pub(crate) fn welcome(connection: &quinn::Connection) {
    connection.set_send_window(SEND_WINDOW);
}

/// Allows an admitted peer more streams and more unread bytes.
pub(crate) fn admit(connection: &quinn::Connection) {
    connection.set_max_concurrent_uni_streams(ADMITTED_STREAMS_MAX);
    connection.set_receive_window(ADMITTED_WINDOW);
}

fn server(config: &TransportConfig, identity: &Identity) -> Result<ServerConfig, BindError> {
    let tls = identity.server().map_err(|_| BindError::Tls)?;
    let tls = QuicServerConfig::try_from(tls).map_err(|_| BindError::Tls)?;
    let mut server = ServerConfig::with_crypto(Arc::new(tls));
    server.transport_config(Arc::new(connection(config)));
    // A router that gives a flow another port would cost its connection the idle timeout. What an
    // address answers for was counted at the handshake and stays there: moving frees no place and takes
    // none. QUIC proves a new path before more than three times the bytes that came on it leave.
    server.migration(true);
    server.max_incoming(INCOMING_MAX);
    server.incoming_buffer_size(INCOMING_BYTES_MAX);
    server.incoming_buffer_size_total(INCOMING_BYTES_MAX * INCOMING_MAX as u64);
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0).log(Arc::new(NoneTokenLog));
    server.validation_token_config(tokens);
    Ok(server)
}

fn udp_socket(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A smaller buffer costs speed under load, nothing else.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// Derives a secret that is the same after a restart, from a signature never shown to anybody.
fn secret(tag: &str, key: &NodeKey, network: Network) -> [u8; 32] {
    sha256(&key.sign(&TaggedHasher::new(tag, network).finish()).0)
}

/// Makes the ids by which the packets of connections reach us.
///
/// # Security
///
/// They stand in clear in every packet towards us, so nothing of ours may be in them: a
/// generator whose ids can be recognised after a restart, as quinn's hashed one does, shows the same
/// node to every observer, on whatever network it is.
pub(crate) fn random_ids() -> Box<dyn ConnectionIdGenerator> {
    Box::new(RandomConnectionIdGenerator::new(CONNECTION_ID_BYTES))
}
