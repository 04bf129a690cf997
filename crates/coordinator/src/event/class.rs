//! What an event is to a reader that falls behind, and how much memory it takes.

use ensign_psbt::Note;
use ensign_wire::SignedRequest;

use crate::{Approval, Event, Outcome, PeerEvent, RequestEvent};

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
/// What one note takes.
const NOTE_BYTES: usize = 128;
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
            Event::Peer(
                _,
                PeerEvent::Up { .. } | PeerEvent::Down { .. } | PeerEvent::DialFailed { .. },
            ) => Self::Progress,
            Event::Peer(..) => Self::Notice,
            Event::Request(_, event) => Self::of_request(event),
            Event::Warning { .. } => Self::Notice,
            Event::Convicted { .. } => Self::Decision,
        }
    }

    const fn of_request(event: &RequestEvent) -> Self {
        match event {
            RequestEvent::Attempt { .. }
            | RequestEvent::Acknowledged { .. }
            | RequestEvent::Joined { .. }
            | RequestEvent::Revealed { .. }
            | RequestEvent::Confirmed { .. }
            | RequestEvent::Signed { .. }
            | RequestEvent::PeerDone { .. }
            | RequestEvent::Phase { .. }
            | RequestEvent::Waiting { .. }
            | RequestEvent::Unreachable { .. } => Self::Progress,
            RequestEvent::AttemptFailed { .. } => Self::Notice,
            RequestEvent::Asked(_)
            | RequestEvent::Proposed(_)
            | RequestEvent::Resumed(_)
            | RequestEvent::Recovered(_)
            | RequestEvent::Refused(_)
            | RequestEvent::Voided { .. }
            | RequestEvent::Failed { .. }
            | RequestEvent::Done { .. } => Self::Decision,
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

/// Returns about how many bytes an event takes, in whole what a peer can make large. The group is
/// shared by all.
pub(super) fn weight(event: &Event) -> usize {
    let more = match event {
        Event::Peer(_, PeerEvent::DialFailed { reason, .. }) => reason.len(),
        Event::Peer(..) => 0,
        Event::Request(_, event) => of_request_event(event),
        Event::Warning { problem, .. } => problem.what.len(),
        Event::Convicted { .. } => PROOF_BYTES,
    };
    EVENT_BYTES.saturating_add(more)
}

fn of_request_event(event: &RequestEvent) -> usize {
    match event {
        RequestEvent::Asked(approval)
        | RequestEvent::Proposed(approval)
        | RequestEvent::Refused(approval) => of_approval(approval),
        RequestEvent::Resumed(resumption) => of_approval(&resumption.approval),
        RequestEvent::Recovered(outcome) | RequestEvent::Done { outcome } => of_outcome(outcome),
        RequestEvent::Voided { notes } => of_notes(notes),
        RequestEvent::Failed { evidence: Some(_), .. } => PROOF_BYTES,
        RequestEvent::Failed { problem, .. } | RequestEvent::AttemptFailed { problem } => {
            problem.what.len()
        }
        RequestEvent::Waiting { on: who, .. } | RequestEvent::Unreachable { who } => who.len(),
        RequestEvent::Attempt { .. }
        | RequestEvent::Acknowledged { .. }
        | RequestEvent::Joined { .. }
        | RequestEvent::Revealed { .. }
        | RequestEvent::Confirmed { .. }
        | RequestEvent::Signed { .. }
        | RequestEvent::PeerDone { .. }
        | RequestEvent::Phase { .. } => 0,
    }
}

const fn of_notes(notes: &[Note]) -> usize {
    notes.len().saturating_mul(NOTE_BYTES)
}

fn of_approval(approval: &Approval) -> usize {
    let coins = approval.summary.as_ref().map_or(0, |summary| {
        summary.inputs.len().saturating_add(summary.outputs.len()).saturating_mul(COIN_BYTES)
    });
    let notes = of_notes(&approval.notes);
    of_request(&approval.request).saturating_add(coins).saturating_add(notes)
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
