//! What an event is to a reader that falls behind, and how much memory it takes.

use ensign_wire::SignedRequest;

use crate::{Approval, Event, Outcome};

/// Most events of progress, and most warnings, that wait for a reader. Guess: seconds of the busiest
/// node.
const EVENTS_KEPT_MAX: usize = 1_024;
/// Most decisions and endings that wait for a reader. Guess: those of eight thousand requests.
const DECISIONS_KEPT_MAX: usize = 16_384;
/// Most bytes of each class, by [`weight`].
const BYTES_KEPT_MAX: usize = 64 << 20;

/// What an event takes besides what is counted.
const EVENT_BYTES: usize = 512;
/// What one message of a request takes: digest and tweak.
const MESSAGE_BYTES: usize = 80;
/// What one signer's key takes.
const SIGNER_BYTES: usize = 64;
/// What one input or output takes in a summary.
const COIN_BYTES: usize = 256;
/// What a proof counts as. Guess: the statements of a large group about a hundred messages.
const PROOF_BYTES: usize = 1 << 20;

/// Which events give way to which: none to another class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// How far something is; the next event, or a look at the state, says it again.
    Progress,
    /// What is worth a line in a log.
    Notice,
    /// What somebody has to decide, and how it ended.
    Decision,
}

impl Class {
    pub(super) const fn of(event: &Event) -> Self {
        match event {
            Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::DialFailed { .. }
            | Event::Attempt { .. }
            | Event::Acknowledged { .. }
            | Event::Joined { .. }
            | Event::Revealed { .. }
            | Event::Confirmed { .. }
            | Event::Signed { .. }
            | Event::PeerDone { .. }
            | Event::Phase { .. }
            | Event::Waiting { .. }
            | Event::Unreachable { .. } => Self::Progress,
            Event::AttemptFailed { .. } | Event::Warning { .. } => Self::Notice,
            Event::Approval(_)
            | Event::Resumed(_)
            | Event::Recovered { .. }
            | Event::Failed { .. }
            | Event::Done { .. }
            | Event::Convicted { .. } => Self::Decision,
        }
    }

    /// Returns how many events, and how many bytes of them, may wait.
    pub(super) const fn limits(self) -> (usize, usize) {
        match self {
            Self::Progress | Self::Notice => (EVENTS_KEPT_MAX, BYTES_KEPT_MAX),
            Self::Decision => (DECISIONS_KEPT_MAX, BYTES_KEPT_MAX),
        }
    }

    /// Returns how many go when there is no room.
    pub(super) const fn dropped_at_once(self) -> usize {
        match self {
            Self::Progress | Self::Notice => EVENTS_KEPT_MAX / 16,
            Self::Decision => 1,
        }
    }
}

/// Returns about how many bytes an event takes, in whole what a peer can make large.
pub(super) fn weight(event: &Event) -> usize {
    let more = match event {
        Event::Approval(approval) => of_approval(approval),
        Event::Resumed(resumption) => of_approval(&resumption.approval),
        Event::Recovered { outcome, .. } | Event::Done { outcome, .. } => of_outcome(outcome),
        Event::Failed { evidence: Some(_), .. } | Event::Convicted { .. } => PROOF_BYTES,
        Event::Failed { problem, .. }
        | Event::AttemptFailed { problem, .. }
        | Event::Warning { problem, .. } => problem.what.len(),
        Event::DialFailed { reason, .. } => reason.len(),
        Event::Waiting { on: who, .. } | Event::Unreachable { who, .. } => who.len(),
        Event::PeerUp { .. }
        | Event::PeerDown { .. }
        | Event::Attempt { .. }
        | Event::Acknowledged { .. }
        | Event::Joined { .. }
        | Event::Revealed { .. }
        | Event::Confirmed { .. }
        | Event::Signed { .. }
        | Event::PeerDone { .. }
        | Event::Phase { .. } => 0,
    };
    EVENT_BYTES.saturating_add(more)
}

fn of_approval(approval: &Approval) -> usize {
    let coins = approval.summary.as_ref().map_or(0, |summary| {
        summary.inputs.len().saturating_add(summary.outputs.len()).saturating_mul(COIN_BYTES)
    });
    of_request(&approval.request).saturating_add(coins)
}

fn of_request(request: &SignedRequest) -> usize {
    let request = &request.request;
    let messages = request.messages.len().saturating_mul(MESSAGE_BYTES);
    let signers = request.signers.as_slice().len().saturating_mul(SIGNER_BYTES);
    messages.saturating_add(signers).saturating_add(request.purpose.len())
}

fn of_outcome(outcome: &Outcome) -> usize {
    let psbt = outcome.psbt.as_ref().map_or(0, |psbt| psbt.bytes().len());
    outcome.signatures.len().saturating_mul(64).saturating_add(psbt)
}
