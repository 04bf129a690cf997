//! The engine's events in the application's words.

use std::net::SocketAddr;

use ensign_engine::{overlay::OverlayConfig, peers::DialFailure};
use ensign_transport::{CloseCode, DialError, DisconnectReason};

/// Returns whether the other node took another connection of ours instead.
pub(crate) const fn is_duplicate(reason: &DisconnectReason) -> bool {
    matches!(reason, DisconnectReason::Closed { code: CloseCode::Duplicate })
}

/// Returns whether a connection ended because the other node stops: then nobody has lost it.
pub(crate) const fn has_stopped(reason: &DisconnectReason) -> bool {
    matches!(reason, DisconnectReason::Closed { code: CloseCode::Shutdown })
}

/// What a failed dial is to the machine that dials.
pub(crate) fn dial_failure(error: DialError) -> DialFailure {
    match error {
        DialError::Duplicate => DialFailure::Duplicate,
        DialError::WrongIdentity { expected, found } => {
            DialFailure::WrongIdentity { expected, found }
        }
        DialError::ForeignNetwork { network, version } => {
            DialFailure::ForeignNetwork { network, version }
        }
        DialError::TimedOut => DialFailure::TimedOut,
        DialError::Refused => DialFailure::Refused,
        DialError::Closed { code } => DialFailure::Closed { code },
        DialError::Tls { alert } => DialFailure::Tls { alert },
        DialError::Quic { code } => DialFailure::Quic { code },
        DialError::SameNode => DialFailure::SameNode,
        DialError::InvalidAddress => DialFailure::InvalidAddress,
        DialError::TransportClosed | _ => DialFailure::TransportClosed,
    }
}

/// A node whose owner does not say where it listens listens where its socket is.
pub(crate) fn listens(config: OverlayConfig, listening: &[SocketAddr]) -> OverlayConfig {
    if config.listening.is_empty() {
        return OverlayConfig { listening: listening.to_vec(), ..config };
    }
    config
}

/// Where we tell others that we listen: every interface is no address.
pub(crate) fn listening(address: SocketAddr) -> Vec<SocketAddr> {
    if address.ip().is_unspecified() { Vec::new() } else { vec![address] }
}
