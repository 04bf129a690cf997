//! What is kept about those who did wrong, or did not answer, so that a stranger can check it.

use alloc::{boxed::Box, vec::Vec};

use ensign_equivocation::{Case, Charge, Evidence, SpeaksFor, Verdict};
use ensign_identity::DelegationProof;
use ensign_primitives::{PeerId, SignerIndex, sha256};
use ensign_wire::{Envelope, SigningRequest};
use serde::{Deserialize, Serialize};

use crate::{groups::Group, request::Request};

/// A case as it is kept: see [`Case::encode`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFile {
    /// Its name: the SHA-256 of its bytes.
    pub id: [u8; 32],
    /// What it is worth.
    pub kind: CaseKind,
    /// At most [`CASE_BYTES_MAX`](ensign_equivocation::CASE_BYTES_MAX).
    pub bytes: Vec<u8>,
}

/// What a case is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseKind {
    /// A node is convicted by its own signatures.
    Proof,
    /// Somebody says that signers did not answer.
    Claim,
}

impl CaseFile {
    fn of(case: &Case) -> Self {
        let bytes = case.encode();
        let kind = match &case.charge {
            Charge::Proof { .. } => CaseKind::Proof,
            Charge::Silence { .. } => CaseKind::Claim,
        };
        Self { id: sha256(&bytes), kind, bytes }
    }
}

impl CaseFile {
    /// Returns whether it convicts.
    pub(crate) fn is_proof(&self) -> bool {
        self.kind == CaseKind::Proof
    }

    /// A proof that was read from its bytes, whose hash is its name.
    pub(crate) const fn proof(id: [u8; 32], bytes: Vec<u8>) -> Self {
        Self { id, kind: CaseKind::Proof, bytes }
    }
}

/// Whom an attempt knows under a node's name.
#[derive(Debug)]
pub(crate) struct Testimony<'a> {
    /// What was to be signed.
    pub(crate) request: &'a SigningRequest,
    /// Which attempt at it.
    pub(crate) attempt: u16,
    /// Which signer the node stands for in the group.
    pub(crate) signer: SignerIndex,
    /// That the signer key lets the node speak; `None` when it never showed it to us.
    pub(crate) delegation: Option<DelegationProof>,
}

impl<'a> Testimony<'a> {
    /// - `of`: which attempt, and which node.
    pub(crate) fn of(
        request: &'a Request,
        group: &Group,
        (attempt, peer): (u16, &PeerId),
    ) -> Option<Self> {
        let signer = group.signer_of(peer)?;
        let of_creator = (request.creator() == *peer).then_some(request.signed().delegation);
        let delegation = request.session().delegation_of(signer).or(of_creator);
        Some(Self { request: &request.signed().request, attempt, signer, delegation })
    }
}

/// Returns a proof as a case that convicts, if it does.
pub(crate) fn of_proof(testimony: Testimony<'_>, evidence: &Evidence) -> Option<CaseFile> {
    let Testimony { request, attempt, signer, delegation } = testimony;
    let speaks_for = delegation.map(|delegation| SpeaksFor { signer, delegation });
    let charge = Charge::Proof { speaks_for, evidence: evidence.clone() };
    let case = Case { request: Box::new(request.clone()), attempt, charge };
    matches!(case.verify(), Ok(Verdict::Proven(_))).then(|| CaseFile::of(&case))
}

/// Returns that signers did not answer, or did not show what is behind a nonce set, as a claim of
/// whoever says so: us, or the signer that ended the attempt.
pub(crate) fn of_silence(
    request: &SigningRequest,
    attempt: u16,
    reports: Vec<Envelope>,
) -> Option<CaseFile> {
    let charge = Charge::Silence { reports };
    let case = Case { request: Box::new(request.clone()), attempt, charge };
    case.verify().is_ok().then(|| CaseFile::of(&case))
}
