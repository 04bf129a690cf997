//! How a node that signs introduces itself to whoever connects.

use core::net::SocketAddr;

use ensign_primitives::MESSAGES_MAX;
use ensign_wire::{Hello, Limits, PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, Roles};

/// Returns what a node says first on every connection. It tells a stranger nothing of groups.
///
/// - `observed`: where the node sees its peer.
/// - `requests`: most that it keeps open.
pub const fn own_hello(observed: SocketAddr, requests: usize) -> Hello {
    Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: Some(observed),
        limits: Limits {
            payload_bytes: PAYLOAD_BYTES_MAX as u32,
            messages: MESSAGES_MAX as u16,
            requests: requests as u16,
        },
    }
}
