//! What a statement must fulfil before it may fill its slot, whatever was said before.

use ensign_identity::DelegationProof;
use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{Body, Envelope, Kind, NonceShare, Round0, SessionJoin};

use crate::{Offense, attempt::Attempt};

/// Returns what is wrong with a statement of `sender`'s, if anything is. One that fails is dropped, so
/// that its sender can still say the right thing.
///
/// - `known`: what the caller has verified of who speaks for it.
pub(crate) fn malformed(
    now: Now,
    attempt: &Attempt,
    (sender, known): (SignerIndex, Option<DelegationProof>),
    envelope: &Envelope,
) -> Option<Offense> {
    let expected = attempt.messages().len();
    let kind = envelope.body().kind();
    match envelope.body() {
        Body::SessionJoin(join) => {
            wrong_round0(attempt, join).or_else(|| undelegated(now, attempt, (sender, known), join))
        }
        Body::NonceShare(share) if attempt.is_fast() => {
            Some(Offense::WrongCount { kind, expected: 0, seen: share.nonces.len() })
        }
        Body::NonceShare(NonceShare { nonces, .. }) if nonces.len() != expected => {
            Some(Offense::WrongCount { kind, expected, seen: nonces.len() })
        }
        Body::PartialSigShare(share) if share.partials.len() != expected => {
            Some(Offense::WrongCount { kind, expected, seen: share.partials.len() })
        }
        Body::SessionAnnounce(_)
        | Body::SessionReady(_)
        | Body::NonceShare(_)
        | Body::NonceAck(_)
        | Body::NoncesComplete(_)
        | Body::PartialSigShare(_)
        | Body::PartialSigAck(_)
        | Body::PartialSigsComplete(_)
        | Body::SignatureFinalized(_)
        | Body::SessionAbort(_)
        | Body::ValidationError(_) => None,
    }
}

fn wrong_round0(attempt: &Attempt, join: &SessionJoin) -> Option<Offense> {
    let expected = attempt.messages().len();
    match &join.round0 {
        Round0::Reveal(nonces) if attempt.is_fast() && nonces.len() != expected => {
            let kind = Kind::SessionJoin;
            Some(Offense::WrongCount { kind, expected, seen: nonces.len() })
        }
        Round0::Reveal(_) if !attempt.is_fast() => Some(Offense::WrongRound0),
        Round0::Commit(_) if attempt.is_fast() => Some(Offense::WrongRound0),
        Round0::Reveal(_) | Round0::Commit(_) => None,
    }
}

fn undelegated(
    now: Now,
    attempt: &Attempt,
    (sender, known): (SignerIndex, Option<DelegationProof>),
    join: &SessionJoin,
) -> Option<Offense> {
    let (key, peer) = (attempt.key_of(sender)?, attempt.peer_of(sender)?);
    let delegation = join.delegation;
    let checked = if known == Some(delegation) {
        delegation.terms().check(now.unix)
    } else {
        attempt.check_delegation(now, (key, peer), delegation)
    };
    checked.err().map(Offense::NotDelegated)
}
