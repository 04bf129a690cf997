//! What is kept: results, evidence, the audit of the nonces.

use ensign_coordinator::{Audit, KeptCase, Outcome, Violation};
use serde::{Deserialize, Serialize};

/// What a request gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultView {
    /// One for each message.
    pub signatures: Vec<String>,
    /// The signed PSBT in base64.
    pub psbt: Option<String>,
    /// The transaction in hex.
    pub transaction: Option<String>,
    /// Its id.
    pub txid: Option<String>,
    /// The key that bare messages are signed under, x-only.
    pub key: String,
}

impl ResultView {
    /// Takes what a request gave.
    pub fn new(outcome: &Outcome, group: &ensign_psbt::Group) -> Self {
        let key = group.aggregate_key().x_only_public_key().0.to_byte_array();
        let tx = outcome.psbt.as_ref().map(ensign_psbt::SignedPsbt::extract_tx);
        Self {
            signatures: outcome.signatures.iter().map(hex::encode).collect(),
            psbt: outcome.psbt.as_ref().map(ensign_psbt::SignedPsbt::base64),
            transaction: tx.as_ref().map(|tx| hex::encode(&tx.bytes)),
            txid: tx.map(|tx| tx.txid.to_string()),
            key: hex::encode(key),
        }
    }
}

/// A piece of evidence; `GET /v1/evidence/{id}` gives the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseView {
    /// SHA-256 of the file.
    pub id: String,
    /// When it was kept.
    pub kept_ms: u64,
    /// How large the file is.
    pub bytes: usize,
}

impl CaseView {
    /// Takes a kept case.
    pub fn new(case: &KeptCase) -> Self {
        let KeptCase { id, kept, bytes } = case;
        Self { id: hex::encode(id), kept_ms: kept.as_millis(), bytes: bytes.len() }
    }
}

/// The audit of the nonces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Requests with an attempt that we joined.
    pub requests: usize,
    /// Attempts that we joined.
    pub joined: usize,
    /// Attempts whose nonces count as used.
    pub burned: usize,
    /// Attempts whose partial signatures are kept.
    pub partials: usize,
    /// Marks that should not be there.
    pub violations: Vec<ViolationView>,
}

/// A mark that should not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationView {
    /// The request's id.
    pub request: String,
    /// Which attempt, from 1.
    pub attempt: u16,
    /// What is wrong.
    pub what: String,
}

impl AuditView {
    /// Takes an audit.
    pub fn new(audit: Audit) -> Self {
        let Audit { requests, joined, burned, partials, violations } = audit;
        let view = |violation: Violation| ViolationView {
            request: violation.request.to_string(),
            attempt: violation.attempt,
            what: violation.fault.what().to_owned(),
        };
        let violations = violations.into_iter().map(view).collect();
        Self { requests, joined, burned, partials, violations }
    }
}
