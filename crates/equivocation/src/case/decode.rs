//! Bytes back to a case: bounded, total, one encoding per case.

use alloc::{boxed::Box, vec::Vec};

use ensign_identity::{DelegationProof, Signature};
use ensign_primitives::{Network, SignerIndex, UnixTime, sha256};
use ensign_wire::{Envelope, Frame, PubNonceBytes, SigningRequest};

use super::encode::Tag;
use super::{
    CASE_BYTES_MAX, Case, CaseDecodeError, Charge, EARLIER_MAGICS, MAGIC, MAGIC_OF_ANY_VERSION,
    REPORTS_MAX, SpeaksFor,
};
use crate::Evidence;

const CHECKSUM_BYTES: usize = 32;

impl Case {
    /// Reads a file; nothing is verified yet.
    ///
    /// # Errors
    ///
    /// [`CaseDecodeError`] says what is damaged, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, CaseDecodeError> {
        if bytes.len() > CASE_BYTES_MAX {
            let (limit, seen) = (CASE_BYTES_MAX, bytes.len());
            return Err(CaseDecodeError::TooLarge { limit, seen });
        }
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(if EARLIER_MAGICS.iter().any(|magic| bytes.starts_with(magic)) {
                CaseDecodeError::Earlier
            } else if bytes.starts_with(MAGIC_OF_ANY_VERSION) {
                CaseDecodeError::Version
            } else {
                CaseDecodeError::NotACase
            });
        };
        let checked = rest.split_at_checked(CHECKSUM_BYTES);
        let content = checked.filter(|(sum, content)| *sum == sha256(content));
        let (_, content) = content.ok_or(CaseDecodeError::Checksum)?;
        let mut reader = Reader { bytes: content, at: 0 };
        let case = reader.case()?;
        if reader.at != content.len() {
            return Err(reader.malformed());
        }
        Ok(case)
    }
}

/// Content being read, and how far.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn case(&mut self) -> Result<Case, CaseDecodeError> {
        let network = self.one_of(&Network::ALL)?;
        let tag = self.one_of(&Tag::ALL)?;
        let offset = self.offset();
        let attempt = u16::from_le_bytes(self.array()?);
        if attempt == 0 {
            return Err(CaseDecodeError::Malformed { offset });
        }
        let offset = self.offset();
        let request = SigningRequest::decode(self.sized()?)
            .map_err(|error| CaseDecodeError::Request { offset, error })?;
        if request.network != network {
            return Err(CaseDecodeError::Malformed { offset: MAGIC.len() + CHECKSUM_BYTES });
        }
        let request = Box::new(request);
        let charge = match tag {
            Tag::Silence => Charge::Silence { reports: self.reports(network)? },
            proof @ (Tag::Conflict
            | Tag::WrongCommitment
            | Tag::InvalidNonce
            | Tag::WrongPartialSig
            | Tag::SignedOtherwise) => {
                let speaks_for = self.speaks_for()?;
                let evidence = self.evidence(proof, &request, attempt, speaks_for)?;
                Charge::Proof { speaks_for, evidence }
            }
        };
        Ok(Case { request, attempt, charge })
    }

    fn reports(&mut self, network: Network) -> Result<Vec<Envelope>, CaseDecodeError> {
        let count = usize::from(u16::from_le_bytes(self.array()?));
        if !(1..=REPORTS_MAX).contains(&count) {
            return Err(self.malformed());
        }
        let mut reports: Vec<Envelope> = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = self.offset();
            let report = *self.statement(network)?;
            if reports.last().is_some_and(|last| last.digest() >= report.digest()) {
                return Err(CaseDecodeError::Order { offset });
            }
            reports.push(report);
        }
        Ok(reports)
    }

    fn speaks_for(&mut self) -> Result<Option<SpeaksFor>, CaseDecodeError> {
        match self.array()? {
            [0] => Ok(None),
            [1] => {
                let signer = SignerIndex(u16::from_le_bytes(self.array()?));
                let number = u64::from_le_bytes(self.array()?);
                let expires = UnixTime::from_millis(u64::from_le_bytes(self.array()?));
                let signature = Signature(self.array()?);
                let delegation = DelegationProof { number, expires, signature };
                Ok(Some(SpeaksFor { signer, delegation }))
            }
            _ => Err(self.malformed()),
        }
    }

    fn evidence(
        &mut self,
        tag: Tag,
        request: &SigningRequest,
        attempt: u16,
        speaks_for: Option<SpeaksFor>,
    ) -> Result<Evidence, CaseDecodeError> {
        let network = request.network;
        match tag {
            Tag::Conflict => {
                let first = self.statement(network)?;
                let offset = self.offset();
                let second = self.statement(network)?;
                if first.digest() >= second.digest() {
                    return Err(CaseDecodeError::Order { offset });
                }
                Ok(Evidence::Conflict { first, second })
            }
            Tag::WrongCommitment => {
                let key = speaks_for.and_then(|speaks| request.signers.get(speaks.signer));
                let key = *key.ok_or_else(|| self.malformed())?;
                let (join, share) = (self.statement(network)?, self.statement(network)?);
                Ok(Evidence::WrongCommitment { key, join, share })
            }
            Tag::InvalidNonce => Ok(Evidence::InvalidNonce { envelope: self.statement(network)? }),
            Tag::WrongPartialSig => {
                let delegation = speaks_for.ok_or_else(|| self.malformed())?.delegation;
                let partial = self.statement(network)?;
                let nonces = self.nonces(request.signers.len(), request.messages.len())?;
                let request = Box::new(request.clone());
                Ok(Evidence::WrongPartialSig { request, attempt, delegation, nonces, partial })
            }
            Tag::SignedOtherwise => {
                let (confirmed, partial) = (self.statement(network)?, self.statement(network)?);
                Ok(Evidence::SignedOtherwise { confirmed, partial })
            }
            Tag::Silence => Err(self.malformed()),
        }
    }

    fn nonces(
        &mut self,
        signers: usize,
        messages: usize,
    ) -> Result<Vec<Vec<PubNonceBytes>>, CaseDecodeError> {
        let one = |reader: &mut Self| reader.array().map(PubNonceBytes);
        (0..signers).map(|_| (0..messages).map(|_| one(self)).collect()).collect()
    }

    fn statement(&mut self, network: Network) -> Result<Box<Envelope>, CaseDecodeError> {
        let offset = self.offset();
        let frame = Frame::decode_whole(self.sized()?, network);
        match frame.map_err(|error| CaseDecodeError::Statement { offset, error })? {
            Frame::Envelope(envelope) => Ok(envelope),
            other @ (Frame::Hello(_)
            | Frame::Ping(_)
            | Frame::Pong(_)
            | Frame::Price(_)
            | Frame::Proof(_)
            | Frame::Payload { .. }
            | Frame::Groups(_)
            | Frame::Delegation(_)
            | Frame::Welcome(_)
            | Frame::Evidence(_)
            | Frame::EvidenceSeen(_)
            | Frame::Consent(_)
            | Frame::LinkReport(_)
            | Frame::Formation(_)
            | Frame::Dht(_)
            | Frame::Peers(_)
            | Frame::Reach(_)
            | Frame::Gossip(_)) => Err(CaseDecodeError::Kind { offset, kind: other.kind() }),
        }
    }

    fn sized(&mut self) -> Result<&'a [u8], CaseDecodeError> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        self.take(length)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CaseDecodeError> {
        let malformed = self.malformed();
        self.take(N)?.try_into().map_err(|_| malformed)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Result<T, CaseDecodeError> {
        let malformed = self.malformed();
        let [id] = self.array()?;
        all.get(usize::from(id)).copied().ok_or(malformed)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CaseDecodeError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.malformed())?;
        self.at += count;
        Ok(taken)
    }

    const fn offset(&self) -> usize {
        MAGIC.len() + CHECKSUM_BYTES + self.at
    }

    const fn malformed(&self) -> CaseDecodeError {
        CaseDecodeError::Malformed { offset: self.offset() }
    }
}
