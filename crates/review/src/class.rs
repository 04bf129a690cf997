//! What an event is to a reader that falls behind, and how much memory it takes.

use ensign_ledger::Outcome;
use ensign_psbt::Note;
use ensign_wire::SignedRequest;

use crate::{Approval, RequestEvent};

/// What one message of a request takes: digest and tweak.
const MESSAGE_BYTES: usize = 80;
/// What one signer's key takes.
const SIGNER_BYTES: usize = 64;
/// What one input or output takes in a summary.
const COIN_BYTES: usize = 256;
/// What one note takes.
const NOTE_BYTES: usize = 128;
/// What a proof counts as, in bytes. Guess: the statements of a large group about a hundred messages.
pub const PROOF_BYTES: usize = 1 << 20;

/// Which events give way to which: none to another class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// How far something is; the next event, or a look at the state, says it again.
    Progress,
    /// What is worth a line in a log.
    Notice,
    /// What somebody has to decide, and how it ended.
    Decision,
}

impl RequestEvent {
    /// Returns which events it gives way to: those of its own class.
    pub const fn class(&self) -> Class {
        match self {
            Self::Attempt { .. }
            | Self::Acknowledged { .. }
            | Self::Joined { .. }
            | Self::Revealed { .. }
            | Self::Confirmed { .. }
            | Self::Signed { .. }
            | Self::PeerDone { .. }
            | Self::Phase { .. }
            | Self::Waiting { .. }
            | Self::Wait(_)
            | Self::Unreachable { .. } => Class::Progress,
            Self::AttemptFailed { .. } | Self::Withdrawn => Class::Notice,
            Self::Asked(_)
            | Self::Proposed(_)
            | Self::Resumed(_)
            | Self::Recovered(_)
            | Self::Refused(_)
            | Self::Voided { .. }
            | Self::Failed { .. }
            | Self::Done { .. } => Class::Decision,
        }
    }

    /// Returns about how many bytes it takes besides its bare form: in whole what a peer can make large.
    /// The group is shared by all.
    pub fn weight(&self) -> usize {
        match self {
            Self::Asked(approval) | Self::Proposed(approval) | Self::Refused(approval) => {
                of_approval(approval)
            }
            Self::Resumed(resumption) => of_approval(&resumption.approval),
            Self::Recovered(outcome) | Self::Done { outcome } => of_outcome(outcome),
            Self::Voided { notes } => of_notes(notes),
            Self::Failed { evidence: Some(_), .. } => PROOF_BYTES,
            Self::Failed { problem, .. } | Self::AttemptFailed { problem } => problem.what.len(),
            Self::Waiting { on: who, .. } | Self::Unreachable { who } => who.len(),
            Self::Wait(wait) => 8 * wait.lacks.len(),
            Self::Withdrawn
            | Self::Attempt { .. }
            | Self::Acknowledged { .. }
            | Self::Joined { .. }
            | Self::Revealed { .. }
            | Self::Confirmed { .. }
            | Self::Signed { .. }
            | Self::PeerDone { .. }
            | Self::Phase { .. } => 0,
        }
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
