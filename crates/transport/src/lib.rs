//! QUIC connections whose TLS keys are the node keys, carrying frames.
//!
//! A [`Transport`] owns one UDP socket. It accepts connections, dials peers by identity, and moves
//! frames: kind and body, undecoded. Everything that
//! happens comes out of one bounded channel as a [`TransportEvent`].
//!
//! Invariants:
//!
//! - A connection that is reported has an identity proven both ways: TLS 1.3 with raw public keys
//!   ([RFC 7250]), where the key *is* the node key and the handshake signature is BIP340. There is
//!   no X.509, no resumption, no 0-RTT.
//! - Network and protocol version are the ALPN name, so foreign networks never connect.
//! - Between two nodes at most one connection is reported at a time; the lower [`PeerId`] chooses
//!   it before either side sends a frame, so no frame is lost on the one that goes.
//! - Every connection has a name, a [`LinkId`]: what is meant for one that is gone never reaches the next.
//! - `Up` and `Down` alternate per peer, and the frames of a connection come between its two.
//! - What a peer can make us hold has a named limit in [`TransportConfig`] or its module: streams,
//!   windows, partial frames, queued answers, handshakes, links.
//! - Peers that the owner [expects](Transport::expect) get in however many strangers are here or
//!   come, from whatever address. Of a stranger nothing is read but greetings and pings.
//! - [`Transport::send`] never waits: a full queue is an error. Reading stops while the event
//!   channel is full, which stops the sender through QUIC's flow control.
//!
//! `docs/protocol/transport.md` says the same for a second implementation. Absent on purpose: what
//! frames mean, `Hello` and its timeout, whom to dial, who may stay (`ensign-engine`).
//!
//! [`LinkId`]: ensign_primitives::LinkId
//! [`PeerId`]: ensign_primitives::PeerId
//! [RFC 7250]: <https://www.rfc-editor.org/rfc/rfc7250>

mod config;
pub use config::{
    ADMISSION_TIMEOUT, BOOTSTRAP_LINKS_MAX, BOOTSTRAP_STRANGER_QUEUE_BYTES_MAX,
    BULK_EVENT_QUEUE_MAX, BULK_QUEUE_BYTES_MAX, CONNECTIONS_MAX, CONTROL_QUEUE_BYTES_MAX,
    EVENT_QUEUE_MAX, FLUSH_TIMEOUT, HANDSHAKE_GRACE, HANDSHAKE_TIMEOUT,
    HANDSHAKES_BEFORE_RETRY_MAX, HANDSHAKES_KEPT_MAX, HANDSHAKES_MAX, HANDSHAKES_PER_IP_MAX,
    IDLE_TIMEOUT, KEEP_ALIVE_INTERVAL, LINKS_MAX, OPEN_STRANGER_FRAMES_MAX,
    OPEN_STRANGER_QUEUE_BYTES_MAX, REQUESTS_SAID_AGAIN_MAX, SIGNING_QUEUE_BYTES_MAX,
    STRANGER_FRAMES_MAX, STRANGER_QUEUE_BYTES_MAX, TransportConfig, signing_queue_bytes,
};
mod event;
pub use ensign_wire::CloseCode;
pub use event::{DisconnectReason, TransportEvent};
mod traffic;
pub use traffic::Traffic;
mod error;
pub use error::{BindError, DialError, SendError};
mod arrivals;
pub use arrivals::Arrivals;
mod transport;
pub use quinn::AsyncUdpSocket;
pub use transport::Transport;

mod accept;
mod chance;
mod dial;
mod dial_back;
mod inbox;
mod lane;
mod latch;
mod link;
mod outbox;
mod places;
mod quic;
mod settle;
mod shared;
mod socket;
mod tls;

#[cfg(test)]
mod tests;
