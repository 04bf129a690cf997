//! The engine's events in the application's words.

use std::net::SocketAddr;

use ensign_engine::{CloseReason, peers::DialFailure, signing::Opening};
use ensign_primitives::{Instant, SignerIndex};
use ensign_session::Event as SessionEvent;
use ensign_transport::{CloseCode, DialError, DisconnectReason};
use ensign_wire::Refusal;

use ensign_review::problem;

use crate::{Because, Opener, Problem, RequestEvent};

/// What a session reports, for the application.
pub(crate) enum Report {
    /// Of its request.
    Request(RequestEvent),
    /// Worth a line in a log.
    Warning(Problem),
    /// This signer's node does not have the request's group.
    GroupUnknown(SignerIndex),
}

/// Translates what a session reports; `None` for what the driver handles itself.
pub(crate) fn session_event(event: &SessionEvent, now: Instant) -> Option<Report> {
    Some(Report::Request(match event {
        SessionEvent::Acknowledged(who) => RequestEvent::Acknowledged { who: *who },
        SessionEvent::Joined(who) => RequestEvent::Joined { who: *who },
        SessionEvent::Revealed(who) => RequestEvent::Revealed { who: *who },
        SessionEvent::Confirmed(who) => RequestEvent::Confirmed { who: *who },
        SessionEvent::Signed(who) => RequestEvent::Signed { who: *who },
        SessionEvent::PeerDone(who) => RequestEvent::PeerDone { who: *who },
        SessionEvent::Phase(phase) => RequestEvent::Phase { phase: *phase },
        SessionEvent::Waiting { on, since } => {
            RequestEvent::Waiting { on: on.clone(), since: now.since(*since) }
        }
        SessionEvent::Unreachable(who) => RequestEvent::Unreachable { who: who.clone() },
        SessionEvent::Refused { by, why: Refusal::NotDelegated, .. } => {
            return Some(Report::Warning(problem::of_refused_delegation(*by)));
        }
        SessionEvent::Refused { by, why: Refusal::UnknownGroup, .. } => {
            return Some(Report::GroupUnknown(*by));
        }
        SessionEvent::Refused { by, refused, why } => {
            let what = format!("a signer's node refused our {refused:?}: {why:?}");
            return Some(Report::Warning(Problem { what, who: vec![*by], ..problem::refused() }));
        }
        SessionEvent::Failed(failure) => {
            RequestEvent::AttemptFailed { problem: Box::new(problem::of_failure(failure)) }
        }
        SessionEvent::Done(_) => return None,
    }))
}

/// Says who began an attempt, and why.
pub(crate) const fn opener(opening: Opening) -> Opener {
    let because = if opening.has_restarted { Because::Restarted } else { Because::WaitOver };
    Opener { who: opening.who, because }
}

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
