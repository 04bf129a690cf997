//! What each offense costs: the only match over offenses that decides anything.

use ensign_overlay::{Offense as Overlay, book::Offense as Book};
use ensign_pow::Refusal;
use ensign_reputation::Mark;
use ensign_session::Offense as Session;
use ensign_signing::Offense as Signing;
use ensign_wire::{CloseCode, RequestError};

use crate::{OFFENSE_POINTS_MAX, Offense};

/// What an offense costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Points; [`OFFENSE_POINTS_MAX`](crate::OFFENSE_POINTS_MAX) of them end the connection.
    pub weight: u32,
    /// Why the connection ends at once; `None` while only points count.
    pub close: Option<CloseCode>,
    /// What the points are counted for.
    pub scope: Scope,
}

/// What points are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The connection: on the next one they count from zero. A member is slowed, never locked out.
    Connection,
    /// The connection, and the node's score besides, whatever connection it comes over next.
    Identity,
}

/// Returns what an offense is to a node's score.
pub fn mark(offense: &Offense) -> Option<Mark> {
    if let Offense::Signing(Signing::Session(Session::Proven(evidence))) = offense {
        return Some(Mark::Proof(evidence.misdeed()));
    }
    (sentence(offense).scope == Scope::Identity).then_some(Mark::Offense)
}

/// Decides what an offense costs.
pub const fn sentence(offense: &Offense) -> Sentence {
    match offense {
        Offense::NoHello { .. } | Offense::HelloTimeout => ends(CloseCode::Silent),
        Offense::Version { .. } => ends(CloseCode::Incompatible),
        Offense::Decode(_) | Offense::SecondHello => {
            Sentence { scope: Scope::Identity, ..ends(CloseCode::Offense) }
        }
        Offense::TooManyPings
        | Offense::NeverAsked { .. }
        | Offense::AskedTwice { .. }
        | Offense::Formation(_)
        | Offense::PricedTwice
        | Offense::Stranger { .. } => identity(5),
        // Its own limits may be others than ours; a flood is over after twenty.
        Offense::TooManyQuestions { .. } | Offense::Overlay(Overlay::Book(Book::AskedTooOften)) => {
            points(1)
        }
        Offense::Overlay(_) => identity(5),
        Offense::Proof(refusal) => refused(refusal),
        // Whoever asks too much is slowed: what is beyond its budget costs less than a handshake.
        Offense::OverBudget { .. } | Offense::Signing(Signing::NoRoom) => points(0),
        // What another clock would accept: as with a message that is too old.
        Offense::Signing(
            Signing::InvalidRequest(RequestError::Delegation(error))
            | Signing::NotDelegated(error)
            | Signing::Session(Session::NotDelegated(error)),
        ) if error.is_of_time() => points(1),
        // A wrong clock is nobody's malice, but each such message costs us work and a report.
        Offense::Signing(
            Signing::RequestTime { .. }
            | Signing::Session(Session::Replay(_) | Session::TooManyAcks { .. }),
        ) => points(1),
        // Mostly its user has formed a group that ours has not yet.
        Offense::Signing(Signing::UnknownGroup { .. }) => points(5),
        Offense::Signing(
            Signing::InvalidRequest(_)
            | Signing::InvalidAnnounce { .. }
            | Signing::Unsignable(_)
            | Signing::WrongPayload { .. }
            | Signing::NotDelegated(_)
            | Signing::TwoDelegations { .. }
            | Signing::ConsentsDiffer { .. }
            | Signing::FalseEvidence
            | Signing::Session(
                Session::Unlisted { .. }
                | Session::BadSignature { .. }
                | Session::WrongSpeaker { .. }
                | Session::NotDelegated(_)
                | Session::WrongRound0
                | Session::WrongCount { .. }
                | Session::FalseSignature,
            ),
        ) => identity(5),
        // The signer stays reachable for other sessions; its group decides what to do with proof.
        Offense::Signing(Signing::ProvenAgain | Signing::Session(Session::Proven(_))) => {
            identity(10)
        }
    }
}

const fn refused(proof: &Refusal) -> Sentence {
    match proof {
        Refusal::NotAsked
        | Refusal::Version { .. }
        | Refusal::Spent
        | Refusal::TooFewBits { .. } => identity(5),
        // A puzzle took too long.
        Refusal::Expired { .. } | Refusal::Future { .. } => points(1),
    }
}

const fn points(weight: u32) -> Sentence {
    Sentence { weight, close: None, scope: Scope::Connection }
}

const fn identity(weight: u32) -> Sentence {
    Sentence { weight, close: None, scope: Scope::Identity }
}

const fn ends(reason: CloseCode) -> Sentence {
    Sentence { weight: OFFENSE_POINTS_MAX, close: Some(reason), scope: Scope::Connection }
}
