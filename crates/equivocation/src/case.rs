//! Evidence with everything a stranger needs: what was to be signed, by whom, and who speaks for
//! whom.

mod decode;
mod encode;

use alloc::{boxed::Box, vec::Vec};

use ensign_identity::{Delegation, DelegationProof, SignerKey};
use ensign_primitives::{GroupId, PeerId, RequestId, SessionId, SignerIndex};
use ensign_wire::{Body, DecodeError, Envelope, Kind, SigningRequest};

use crate::{Culprit, Evidence, EvidenceError};

/// The first line of a file: what it is, and in which version.
const MAGIC: &[u8] = b"ensign-evidence-3\n";
/// Those of files whose statements are of earlier protocol versions, which this one does not read.
const EARLIER_MAGICS: [&[u8]; 2] = [b"ensign-evidence-1\n", b"ensign-evidence-2\n"];
/// The part of [`MAGIC`] that every version begins with.
const MAGIC_OF_ANY_VERSION: &[u8] = b"ensign-evidence-";

/// Most bytes of a file: the nonces of the largest group for the most messages, and the rest.
pub const CASE_BYTES_MAX: usize = 20 << 20;

/// Most reports of one silence. Guess: one for each signer of the largest group.
pub const REPORTS_MAX: usize = 256;

/// One finding about one attempt at one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What was to be signed; names every signer key of the group.
    pub request: Box<SigningRequest>,
    /// Which attempt at it, from 1.
    pub attempt: u16,
    /// What is said about whom.
    pub charge: Charge,
}

/// What a case says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// A node is convicted by its own signatures.
    Proof {
        /// For which signer the node speaks; `None` when it never showed that it may.
        speaks_for: Option<SpeaksFor>,
        /// Its statements.
        evidence: Evidence,
    },
    /// Signers did not answer. A claim: whoever reports it may be wrong, or may lie.
    Silence {
        /// What each reporter said and signed: a [`Body::SessionAbort`] that names whom it waited
        /// for in vain, or whom it asked in vain for what stands behind a nonce set. 1 to
        /// [`REPORTS_MAX`]; a file has them in the order of their digests, each once.
        reports: Vec<Envelope>,
    },
}

/// That a signer key lets a node speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeaksFor {
    /// The signer's position in the request's key order.
    pub signer: SignerIndex,
    /// The signer key's signature.
    pub delegation: DelegationProof,
}

/// What a case adds up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody but the holder of the key can have made this.
    Proven(Conviction),
    /// Somebody says so.
    Claimed(Claim),
}

/// Who is convicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conviction {
    /// The node whose signatures convict it.
    pub peer: PeerId,
    /// The signer whose key lets the node speak: position and key. `None` when the case does not
    /// show it; then only the node is convicted.
    pub signer: Option<(SignerIndex, SignerKey)>,
    /// The attempt it happened in.
    pub session: SessionId,
    /// The request.
    pub request: RequestId,
    /// The signers who were to sign.
    pub group: GroupId,
}

/// What is claimed about whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Each reporter's node and whom it names, in the order of the file; every report is signed.
    pub reports: Vec<(PeerId, SignerIndex)>,
    /// The attempt it is about.
    pub session: SessionId,
    /// The request.
    pub request: RequestId,
    /// The signers who were to sign.
    pub group: GroupId,
}

/// Why a case convicts nobody and claims nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The statements do not convict.
    #[error("{0}")]
    Evidence(EvidenceError),
    /// The statements are about another request or attempt than the case.
    #[error("the statements are about another session than the one of this request and attempt")]
    OtherSession,
    /// The signer key does not let the node speak, or is none of the group's.
    #[error("signer {signer} does not let this node speak")]
    NotDelegated {
        /// The position that the case names.
        signer: SignerIndex,
    },
    /// There is no such attempt: they are numbered from 1.
    #[error("attempt 0, the first one is 1")]
    Attempt,
    /// A report is not signed by its sender, or is no report of silence.
    #[error("report {index} is not signed by its sender, or reports no silence")]
    Report {
        /// Which one, from 0.
        index: usize,
    },
}

/// Why bytes are no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseDecodeError {
    /// The first line is another one.
    #[error("the file does not begin as an evidence file does")]
    NotACase,
    /// A file of version 1, whose statements are of protocol version 1.
    #[error("the file has version 1, which only earlier versions of this program read")]
    Earlier,
    /// A later version.
    #[error("the file has a version that this program does not know")]
    Version,
    /// More bytes than any case has.
    #[error("{seen} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What there is.
        seen: usize,
    },
    /// The checksum over the content is another one: bytes were changed or lost.
    #[error("the checksum is wrong: bytes were changed or lost")]
    Checksum,
    /// The bytes end too early, go on too long, or a field has no such value.
    #[error("the bytes do not add up at offset {offset}")]
    Malformed {
        /// Where.
        offset: usize,
    },
    /// The request cannot be read.
    #[error("the request at offset {offset}: {error}")]
    Request {
        /// Where it begins.
        offset: usize,
        /// Why.
        error: DecodeError,
    },
    /// A statement cannot be read.
    #[error("the statement at offset {offset}: {error}")]
    Statement {
        /// Where it begins.
        offset: usize,
        /// Why.
        error: DecodeError,
    },
    /// A statement is not above the one before it: they stand in the order of their digests, each
    /// once.
    #[error("the statement at offset {offset} is out of order")]
    Order {
        /// Where it begins.
        offset: usize,
    },
    /// A statement is of a kind that no evidence needs.
    #[error("the statement at offset {offset} is a {kind:?}")]
    Kind {
        /// Where it begins.
        offset: usize,
        /// What it is.
        kind: Kind,
    },
}

impl Case {
    /// Returns the name of the attempt.
    pub fn session(&self) -> SessionId {
        SigningRequest::session_id(self.request.id(), self.request.network, self.attempt)
    }

    /// Checks the case from nothing but itself.
    ///
    /// Cost: as [`Evidence::verify`] and one more signature check; for silence one signature check
    /// per report.
    ///
    /// # Errors
    ///
    /// [`CaseError`]; then nobody may be blamed and nothing is even claimed.
    pub fn verify(&self) -> Result<Verdict, CaseError> {
        if self.attempt == 0 {
            return Err(CaseError::Attempt);
        }
        match &self.charge {
            Charge::Proof { speaks_for, evidence } => {
                self.convict(*speaks_for, evidence).map(Verdict::Proven)
            }
            Charge::Silence { reports } => self.claim(reports).map(Verdict::Claimed),
        }
    }

    fn convict(
        &self,
        speaks_for: Option<SpeaksFor>,
        evidence: &Evidence,
    ) -> Result<Conviction, CaseError> {
        let Culprit { peer, session } = evidence.verify().map_err(CaseError::Evidence)?;
        let network = self.request.network;
        let are_here = evidence.statements().iter().all(|statement| statement.network() == network);
        if session != self.session() || !are_here {
            return Err(CaseError::OtherSession);
        }
        let signer = speaks_for.map(|speaks_for| self.signer(peer, speaks_for)).transpose()?;
        let request = self.request.id();
        let group = self.request.signers.group_id(network);
        Ok(Conviction { peer, signer, session, request, group })
    }

    fn signer(
        &self,
        peer: PeerId,
        SpeaksFor { signer, delegation }: SpeaksFor,
    ) -> Result<(SignerIndex, SignerKey), CaseError> {
        let not_delegated = CaseError::NotDelegated { signer };
        let Some(key) = self.request.signers.get(signer) else { return Err(not_delegated) };
        Delegation::verify_signature(*key, peer, self.request.network, delegation)
            .map(|_| (signer, *key))
            .map_err(|_| not_delegated)
    }

    fn claim(&self, reports: &[Envelope]) -> Result<Claim, CaseError> {
        let session = self.session();
        let network = self.request.network;
        let read = |(index, report): (usize, &Envelope)| {
            let accused = accused(report).filter(|accused| {
                self.request.signers.get(*accused).is_some() && report.network() == network
            });
            let accused = accused.ok_or(CaseError::Report { index })?;
            if report.session() != session {
                return Err(CaseError::OtherSession);
            }
            if !report.verify() {
                return Err(CaseError::Report { index });
            }
            Ok((report.sender(), accused))
        };
        let reports = reports.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        if reports.is_empty() {
            return Err(CaseError::Report { index: 0 });
        }
        let (request, group) = (self.request.id(), self.request.signers.group_id(network));
        Ok(Claim { reports, session, request, group })
    }
}

/// Whom a report of silence names.
fn accused(report: &Envelope) -> Option<SignerIndex> {
    let Body::SessionAbort(abort) = report.body() else { return None };
    abort.reason.is_claim().then_some(abort.culprit)?
}
