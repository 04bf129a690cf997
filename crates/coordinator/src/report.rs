//! The engine's events in the application's words.

use std::time::Duration;

use ensign_primitives::{Instant, RequestId};
use ensign_session::Event as SessionEvent;
use ensign_transport::{CloseCode, DisconnectReason};
use ensign_wire::Refusal;

use crate::{Event, Problem, problem};

/// Translates what a session reports; `None` for what the driver handles itself.
pub(crate) fn session_event(
    request: RequestId,
    event: &SessionEvent,
    now: Instant,
) -> Option<Event> {
    Some(match event {
        SessionEvent::Acknowledged(who) => Event::Acknowledged { request, who: *who },
        SessionEvent::Joined(who) => Event::Joined { request, who: *who },
        SessionEvent::Revealed(who) => Event::Revealed { request, who: *who },
        SessionEvent::Confirmed(who) => Event::Confirmed { request, who: *who },
        SessionEvent::Signed(who) => Event::Signed { request, who: *who },
        SessionEvent::PeerDone(who) => Event::PeerDone { request, who: *who },
        SessionEvent::Phase(phase) => Event::Phase { request, phase: *phase },
        SessionEvent::Waiting { on, since } => {
            Event::Waiting { request, on: on.clone(), since: now.since(*since) }
        }
        SessionEvent::Unreachable(who) => Event::Unreachable { request, who: who.clone() },
        SessionEvent::Refused { by, why: Refusal::NotDelegated, .. } => {
            let problem = Box::new(problem::of_refused_delegation(*by));
            Event::Warning { peer: None, problem }
        }
        SessionEvent::Refused { by, refused, why } => {
            let what = format!("a signer's node refused our {refused:?}: {why:?}");
            let problem = Problem { what, who: vec![*by], ..problem::refused() };
            Event::Warning { peer: None, problem: Box::new(problem) }
        }
        SessionEvent::Failed(failure) => {
            Event::AttemptFailed { request, problem: Box::new(problem::of_failure(failure)) }
        }
        SessionEvent::Done(_) => return None,
    })
}

/// Returns whether a connection ended because the other node stops: then nobody has lost it.
pub(crate) const fn has_stopped(reason: &DisconnectReason) -> bool {
    matches!(reason, DisconnectReason::Closed { code: CloseCode::Shutdown })
}

/// Words a dial that failed.
pub(crate) fn dial_failed(
    peer: ensign_primitives::PeerId,
    address: std::net::SocketAddr,
    error: &ensign_transport::DialError,
    retry_in: Duration,
) -> Event {
    Event::DialFailed { peer, reason: format!("{address}: {error}"), retry_in }
}
