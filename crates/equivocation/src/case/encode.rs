//! A case as bytes; `docs/protocol/evidence.md` describes each.

use alloc::{boxed::Box, vec::Vec};

use ensign_primitives::sha256;
use ensign_wire::{Envelope, Frame};

use super::{Case, Charge, MAGIC, SpeaksFor};
use crate::Evidence;

/// What a file is about; the byte after the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Conflict,
    WrongCommitment,
    InvalidNonce,
    WrongPartialSig,
    Silence,
    SignedOtherwise,
}

impl Tag {
    pub(super) const ALL: [Self; 6] = [
        Self::Conflict,
        Self::WrongCommitment,
        Self::InvalidNonce,
        Self::WrongPartialSig,
        Self::Silence,
        Self::SignedOtherwise,
    ];

    const fn of(charge: &Charge) -> Self {
        match charge {
            Charge::Silence { .. } => Self::Silence,
            Charge::Proof { evidence, .. } => match evidence {
                Evidence::Conflict { .. } => Self::Conflict,
                Evidence::WrongCommitment { .. } => Self::WrongCommitment,
                Evidence::InvalidNonce { .. } => Self::InvalidNonce,
                Evidence::WrongPartialSig { .. } => Self::WrongPartialSig,
                Evidence::SignedOtherwise { .. } => Self::SignedOtherwise,
            },
        }
    }
}

impl Case {
    /// Encodes the case as a file.
    ///
    /// The request, attempt, key and delegation of the evidence are the case's own: the file has
    /// each once. What has no order of its own stands in the order of its digests, so that equal
    /// findings have equal files.
    pub fn encode(&self) -> Vec<u8> {
        let mut content = Vec::new();
        content.push(self.request.network.id());
        content.push(Tag::of(&self.charge) as u8);
        content.extend_from_slice(&self.attempt.to_le_bytes());
        put(&mut content, &self.request.encode());
        match &self.charge {
            Charge::Proof { speaks_for, evidence } => {
                put_speaks_for(&mut content, *speaks_for);
                put_evidence(&mut content, evidence);
            }
            Charge::Silence { reports } => {
                let mut reports: Vec<_> = reports.iter().collect();
                reports.sort_by_key(|report| *report.digest());
                reports.dedup();
                content.extend_from_slice(&(reports.len() as u16).to_le_bytes());
                for report in reports {
                    put_statement(&mut content, report);
                }
            }
        }
        [MAGIC, &sha256(&content), &content].concat()
    }
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    to.extend_from_slice(bytes);
}

fn put_speaks_for(to: &mut Vec<u8>, speaks_for: Option<SpeaksFor>) {
    let Some(SpeaksFor { signer, delegation }) = speaks_for else { return to.push(0) };
    to.push(1);
    to.extend_from_slice(&signer.0.to_le_bytes());
    to.extend_from_slice(&delegation.number.to_le_bytes());
    to.extend_from_slice(&delegation.expires.as_millis().to_le_bytes());
    to.extend_from_slice(&delegation.signature.0);
}

fn put_evidence(to: &mut Vec<u8>, evidence: &Evidence) {
    let mut statements = evidence.statements();
    if let Evidence::Conflict { .. } = evidence {
        statements.sort_by_key(|statement| *statement.digest());
    }
    for statement in statements {
        put_statement(to, statement);
    }
    if let Evidence::WrongPartialSig { nonces, .. } = evidence {
        for nonce in nonces.iter().flatten() {
            to.extend_from_slice(&nonce.0);
        }
    }
}

fn put_statement(to: &mut Vec<u8>, envelope: &Envelope) {
    put(to, &Frame::Envelope(Box::new(envelope.clone())).encode());
}
