//! What a session reports, in our user's words.

use ensign_primitives::{Instant, SignerIndex};
use ensign_session::Event as SessionEvent;
use ensign_signing::Opening;
use ensign_wire::Refusal;

use crate::{Because, Opener, Problem, RequestEvent, problem};

/// What a session reports, for our user.
#[derive(Debug)]
pub enum Report {
    /// Of its request.
    Request(RequestEvent),
    /// Worth a line in a log.
    Warning(Problem),
    /// This signer's node does not have the request's group.
    GroupUnknown(SignerIndex),
}

/// Translates what a session reports; `None` for its signatures, which [`on_done`](crate::Reviewer::on_done) takes.
pub fn session_event(event: &SessionEvent, now: Instant) -> Option<Report> {
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
pub const fn opener(opening: Opening) -> Opener {
    let because = if opening.has_restarted { Because::Restarted } else { Because::WaitOver };
    Opener { who: opening.who, because }
}
