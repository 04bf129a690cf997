//! How a node that signs introduces itself to whoever connects.

use core::net::SocketAddr;

use ensign_primitives::MESSAGES_MAX;
use ensign_wire::{Hello, Limits, PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, Roles};

use crate::REQUESTS_MAX;

/// Returns what a node says first on every connection. It tells a stranger nothing of groups.
///
/// - `observed`: where the node sees its peer.
pub const fn own_hello(observed: SocketAddr) -> Hello {
    Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: Some(observed),
        limits: Limits {
            payload_bytes: PAYLOAD_BYTES_MAX as u32,
            messages: MESSAGES_MAX as u16,
            requests: REQUESTS_MAX as u16,
        },
    }
}
