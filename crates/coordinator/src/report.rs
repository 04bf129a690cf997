//! The engine's events in the application's words.

use std::net::SocketAddr;

use ensign_engine::CloseReason;
use ensign_transport::{CloseCode, DisconnectReason};

/// Returns whether the other node took another connection of ours instead.
pub(crate) const fn is_duplicate(reason: &DisconnectReason) -> bool {
    matches!(reason, DisconnectReason::Closed { code: CloseCode::Duplicate })
}

/// Returns whether a connection ended because the other node stops: then nobody has lost it.
pub(crate) const fn has_stopped(reason: &DisconnectReason) -> bool {
    matches!(reason, DisconnectReason::Closed { code: CloseCode::Shutdown })
}

/// Where we tell others that we listen: every interface is no address.
pub(crate) fn listening(address: SocketAddr) -> Vec<SocketAddr> {
    if address.ip().is_unspecified() { Vec::new() } else { vec![address] }
}

/// Words for a peer why its connection is closed.
pub(crate) const fn close_code(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::NoHello => CloseCode::Silent,
        CloseReason::Version => CloseCode::Incompatible,
        CloseReason::Misbehaved => CloseCode::Offense,
        CloseReason::Full | CloseReason::Unwanted => CloseCode::Unwanted,
        CloseReason::Replaced => CloseCode::Duplicate,
    }
}
