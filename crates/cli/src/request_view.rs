//! What is kept, as it travels between a node and a second terminal, and as it is printed.

use ensign_coordinator::{Audit, KeptCase, Records, RequestEntry, RequestState};
use ensign_primitives::{GroupId, RequestId, SignerIndex};
use ensign_wire::{AbortReason, Payload};
use serde::{Deserialize, Serialize};

use crate::args::mode_name;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::narrator::phase_name;
use crate::output::unix_micros;
use crate::store::ledger_failure;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestView {
    /// Its id in hex.
    pub(crate) request: String,
    /// Its group's id in hex.
    pub(crate) group: String,
    /// `undecided`, `open`, `signed`, `closed`, `missed` or `expired`.
    pub(crate) state: String,
    /// Why it is closed.
    pub(crate) reason: Option<String>,
    /// What is asked; `None` where only the end is remembered.
    pub(crate) asked: Option<Asked>,
    /// The attempts that we joined.
    pub(crate) attempts: Vec<AttemptView>,
    /// How far the attempt is, in a node that runs.
    pub(crate) phase: Option<String>,
    /// Whom it waits for, by position.
    pub(crate) waiting_on: Vec<u16>,
    /// When it ended.
    pub(crate) ended_ms: Option<u64>,
    /// Whether its result was written out.
    pub(crate) received: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) creator: u16,
    pub(crate) purpose: String,
    pub(crate) mode: String,
    pub(crate) messages: usize,
    pub(crate) amount_sat: u64,
    pub(crate) blind: bool,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: u64,
}

/// One attempt that we joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptView {
    pub(crate) attempt: u16,
    pub(crate) burned: bool,
    pub(crate) partials_kept: bool,
}

impl RequestView {
    /// Takes what a node remembers.
    pub(crate) fn new(entry: &RequestEntry) -> Self {
        let now = ensign_primitives::UnixTime::from_millis(unix_micros() / 1000);
        let (state, reason) = match entry.state_at(now) {
            RequestState::Undecided => ("undecided", None),
            RequestState::Open => ("open", None),
            RequestState::Signed { .. } => ("signed", None),
            RequestState::Missed => ("missed", None),
            RequestState::Expired => ("expired", None),
            RequestState::Closed(reason) => ("closed", Some(reason_name(reason).to_owned())),
        };
        let asked = entry.request.as_ref().map(|signed| {
            let request = &signed.request;
            Asked {
                creator: request.creator.0,
                purpose: request.purpose.clone(),
                mode: mode_name(request.mode).to_owned(),
                messages: request.messages.len(),
                amount_sat: request.amount,
                blind: request.payload == Payload::Blind,
                created_ms: request.created.as_millis(),
                expires_ms: request.expires.as_millis(),
            }
        });
        let attempt = |attempt: &ensign_coordinator::AttemptEntry| AttemptView {
            attempt: attempt.number,
            burned: attempt.burned,
            partials_kept: attempt.partials_kept,
        };
        let live = entry.live.as_ref();
        Self {
            request: entry.id.to_string(),
            group: entry.group.to_string(),
            state: state.to_owned(),
            reason,
            asked,
            attempts: entry.attempts.iter().map(attempt).collect(),
            phase: live.map(|live| phase_name(live.phase).to_owned()),
            waiting_on: live.map_or_else(Vec::new, |live| {
                live.waiting_on.iter().map(|signer| signer.0).collect()
            }),
            ended_ms: entry.ended.map(|ended| ended.as_millis()),
            received: entry.state == RequestState::Signed { received: true },
        }
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "signed" | "closed" | "missed" | "expired")
    }

    /// Returns its name and its group's.
    ///
    /// # Errors
    ///
    /// [`code::CONTROL`] when a node said something that is no name.
    pub(crate) fn names(&self) -> Result<(RequestId, GroupId)> {
        let bytes = |text: &str| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(text, &mut bytes)
                .map_err(|_| Failure::new(&code::CONTROL, "the running node gave no id"))?;
            Ok(bytes)
        };
        let (request, group) = (bytes(&self.request)?, bytes(&self.group)?);
        Ok((RequestId::from_bytes(request), GroupId::from_bytes(group)))
    }

    /// Returns the names of those it waits for.
    pub(crate) fn waiting(&self, group: Option<&SignerGroup>) -> Vec<String> {
        self.waiting_on.iter().map(|who| name(group, *who)).collect()
    }
}

/// Returns how a signer is called.
pub(crate) fn name(group: Option<&SignerGroup>, who: u16) -> String {
    let who = SignerIndex(who);
    group.map_or_else(|| format!("signer {who}"), |group| group.name_of(who))
}

const fn reason_name(reason: AbortReason) -> &'static str {
    match reason {
        AbortReason::Declined => "a signer declined",
        AbortReason::PayloadMismatch => "the PSBT is not what was asked",
        AbortReason::Expired => "its time was over",
        AbortReason::Timeout => "a signer did not answer",
        AbortReason::Equivocation => "a signer said two different things",
        AbortReason::WrongCommitment => "a signer broke its commitment",
        AbortReason::InvalidNonce => "a signer showed invalid nonces",
        AbortReason::WrongPartialSig => "a signer's partial signature was false",
        AbortReason::ViewsDiffer => "signers saw different nonces",
        AbortReason::Internal => "a node could not go on",
        AbortReason::Cancelled => "given up",
    }
}

/// What a request gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultView {
    /// In hex, one per message.
    pub(crate) signatures: Vec<String>,
    /// The signed PSBT in base64.
    pub(crate) psbt: Option<String>,
    /// The transaction in hex.
    pub(crate) transaction: Option<String>,
    /// Its id.
    pub(crate) txid: Option<String>,
}

impl ResultView {
    /// Reads the result of a request.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NO_RESULT`], or what keeps it from being read.
    pub(crate) fn read(
        records: Records<'_>,
        id: &RequestId,
        groups: &[SignerGroup],
    ) -> Result<Self> {
        let none = || {
            let what = format!("request {} has no signatures", id.short());
            Failure::new(&code::REQUEST_NO_RESULT, what)
        };
        let entries = records.requests().map_err(|error| ledger_failure(&error))?;
        let entry = entries.iter().find(|entry| entry.id == *id).ok_or_else(none)?;
        let group = groups.iter().find(|group| group.id() == entry.group).ok_or_else(none)?;
        let outcome = records.outcome(id, &group.keys).map_err(|error| ledger_failure(&error))?;
        let outcome = outcome.ok_or_else(none)?;
        let tx = outcome.psbt.as_ref().map(|psbt| psbt.extract_tx());
        Ok(Self {
            signatures: outcome.signatures.iter().map(hex::encode).collect(),
            psbt: outcome.psbt.as_ref().map(|psbt| psbt.base64()),
            transaction: tx.as_ref().map(|tx| hex::encode(&tx.bytes)),
            txid: tx.map(|tx| tx.txid.to_string()),
        })
    }
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CaseView {
    /// SHA-256 of the file, in hex.
    pub(crate) id: String,
    /// When it was kept.
    pub(crate) kept_ms: u64,
    /// The file, in hex.
    pub(crate) file: String,
}

impl CaseView {
    /// Reads all that is kept.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn read(records: Records<'_>) -> Result<Vec<Self>> {
        let view = |KeptCase { id, kept, bytes }: KeptCase| Self {
            id: hex::encode(id),
            kept_ms: kept.as_millis(),
            file: hex::encode(bytes),
        };
        let cases = records.cases().map_err(|error| ledger_failure(&error))?;
        Ok(cases.into_iter().map(view).collect())
    }
}

/// The audit of the nonces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditView {
    pub(crate) requests: usize,
    pub(crate) joined: usize,
    pub(crate) burned: usize,
    pub(crate) partials: usize,
    pub(crate) violations: Vec<ViolationView>,
}

/// A mark that should not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ViolationView {
    pub(crate) request: String,
    pub(crate) attempt: u16,
    pub(crate) what: String,
}

impl AuditView {
    /// Audits the marks.
    ///
    /// # Errors
    ///
    /// What keeps them from being read.
    pub(crate) fn read(records: Records<'_>) -> Result<Self> {
        let audit = records.audit().map_err(|error| ledger_failure(&error))?;
        let Audit { requests, joined, burned, partials, violations } = audit;
        let view = |violation: ensign_coordinator::Violation| ViolationView {
            request: violation.request.to_string(),
            attempt: violation.attempt,
            what: violation.fault.what().to_owned(),
        };
        let violations = violations.into_iter().map(view).collect();
        Ok(Self { requests, joined, burned, partials, violations })
    }
}
