//! What two clocks that differ do.

use std::time::Duration;

use ensign_engine::Offense;
use ensign_identity::DelegationError;
use ensign_primitives::{SignerIndex, UnixTime};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_signing as signing;
use ensign_wire::RequestError;

use super::{CLOCK, UNDELEGATED};
use crate::Problem;

/// Words a message that is too old, or from the future.
pub(super) fn of_clocks(sent_at: UnixTime, now: UnixTime) -> Problem {
    let (apart, most) = (apart(now.abs_diff(sent_at)), MESSAGE_AGE_MAX.as_secs() / 60);
    let side = if sent_at > now { "ahead of" } else { "behind" };
    let what =
        format!("its message is {apart} {side} our clock, more than {most} min: not accepted");
    CLOCK.problem(what, Vec::new())
}

/// Says how far two times are apart, in one unit.
fn apart(apart: Duration) -> String {
    match apart.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// Words a delegation that was made, or is read, by a wrong clock; nothing for one that is false.
pub(super) fn of_delegation(offense: &Offense) -> Option<Problem> {
    let Offense::Signing(
        signing::Offense::Session(ensign_session::Offense::NotDelegated(error))
        | signing::Offense::InvalidRequest(RequestError::Delegation(error)),
    ) = offense
    else {
        return None;
    };
    let or_ours = "its clock was wrong when it was made, or ours is wrong now";
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no matter of time")]
    let what = match error {
        DelegationError::Expired { expires, now } => {
            let ago = apart(now.since(*expires));
            format!("its delegation ended {ago} ago by our clock: {or_ours}")
        }
        DelegationError::TooLong { expires, now } => {
            let days = expires.since(*now).as_secs() / 86_400;
            format!("its delegation runs for {days} days more by our clock: {or_ours}")
        }
        DelegationError::Ahead { number, now } => {
            let ahead = apart(UnixTime::from_millis(number.saturating_mul(1000)).since(*now));
            format!("its delegation was made {ahead} ahead of our clock: {or_ours}")
        }
        _ => return None,
    };
    Some(UNDELEGATED.problem(what, Vec::new()))
}

/// Words that a signer's node does not accept our delegation.
pub fn of_refused_delegation(by: SignerIndex) -> Problem {
    let what = "a signer's node says that our delegation does not hold by its clock; a new one is \
                made as soon as ours says so too";
    UNDELEGATED.problem(what.into(), vec![by])
}

#[cfg(test)]
mod tests {
    use ensign_replay::ReplayError;

    use super::{super::of_offense, *};

    #[test]
    fn message_of_a_wrong_clock_is_no_offense_but_a_clock_to_set() {
        let (sent_at, now) = (UnixTime::from_millis(0), UnixTime::from_millis(30 * 86_400_000));
        let stale = ensign_session::Offense::Replay(ReplayError::Stale { sent_at, now });
        let problem = of_offense(&Offense::Signing(signing::Offense::Session(stale)));
        assert_eq!(problem.code, "E-PEER-003");
        assert!(problem.what.contains("30 days behind our clock"), "{problem:?}");
        assert_eq!(
            [
                apart(Duration::from_secs(90)),
                apart(Duration::from_secs(600)),
                apart(Duration::from_secs(7200))
            ],
            ["90 s", "10 min", "2 h"]
        );
    }

    #[test]
    fn delegation_of_a_wrong_clock_is_no_attack_but_a_clock_to_set() {
        let at = |days: u64| UnixTime::from_millis(days * 86_400_000);
        let of_signing = |offense| of_offense(&Offense::Signing(offense));
        let told = |error| {
            let offense = ensign_session::Offense::NotDelegated(error);
            of_signing(signing::Offense::Session(offense))
        };
        let ended = told(DelegationError::Expired { expires: at(3), now: at(20) });
        assert_eq!(ended.code, "E-PEER-004");
        assert!(ended.what.contains("ended 17 days ago by our clock"), "{ended:?}");
        let error = DelegationError::TooLong { expires: at(800), now: at(20) };
        let far = of_signing(signing::Offense::InvalidRequest(RequestError::Delegation(error)));
        assert!(far.what.contains("runs for 780 days more by our clock"), "{far:?}");
        let peer = ensign_primitives::PeerId::from_bytes([0xff; 32]);
        assert_eq!(told(DelegationError::NoNode { peer }).code, "E-PEER-001");
    }
}
