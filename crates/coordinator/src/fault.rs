//! Which failures of the ports are worth a word.

use ensign_review::problem;
use ensign_transport::DisconnectReason;

use crate::{Problem, SignerError};

/// Words why the signer did not sign.
pub(crate) fn of_signer(error: &SignerError) -> Problem {
    if *error == SignerError::Entropy {
        return problem::of_no_entropy();
    }
    problem::of_signer(error)
}

/// Words the end of a connection where it was the peer's fault, or kept something from it.
pub(crate) fn of_disconnect(reason: &DisconnectReason) -> Option<Problem> {
    if let DisconnectReason::LaneFull { .. } = reason {
        return Some(problem::of_slow_reader(reason));
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not its fault may grow")]
    let is_offense = match reason {
        DisconnectReason::Malformed(_)
        | DisconnectReason::StreamBroken { .. }
        | DisconnectReason::NotReading
        | DisconnectReason::NotAdmitted { .. }
        | DisconnectReason::TooManyFrames { .. }
        | DisconnectReason::UnknownLane { .. }
        | DisconnectReason::LaneTwice { .. }
        | DisconnectReason::LaneNeverOpened { .. }
        | DisconnectReason::WrongLane { .. }
        | DisconnectReason::NoStreams => true,
        DisconnectReason::Quic { code } => *code != 0,
        _ => false,
    };
    is_offense.then(|| problem::of_connection(reason))
}

#[cfg(test)]
mod tests {
    use ensign_wire::Lane;

    use super::*;

    #[test]
    fn regression_full_lane_ended_a_connection_and_nobody_was_told() {
        let full = DisconnectReason::LaneFull { lane: Lane::Signing, limit: 4 << 20 };
        let told = of_disconnect(&full).unwrap();
        assert_eq!(told.code, "E-PEER-005");
        assert!(told.what.contains(&full.to_string()), "{told:?}");
    }
}
