//! What is kept about those who did wrong, or did not answer.

use ensign_engine::Testimony;
use ensign_equivocation::{Case, Charge, Evidence, SpeaksFor, Verdict};
use ensign_primitives::{PeerId, RequestId, sha256};
use ensign_session::Failure;
use ensign_store::Place;
use ensign_wire::{Body, Envelope, SessionAbort, SigningRequest};

use crate::{driver::Driver, ledger::Entry};

impl Driver {
    /// Keeps a proof as a file that a stranger can check; returns its name.
    pub(crate) fn keep_proof(&mut self, peer: &PeerId, evidence: &Evidence) -> Option<[u8; 32]> {
        let session = evidence.statements().first()?.session();
        let Testimony { request, attempt, signer, delegation } =
            self.engine.testimony(&session, peer)?;
        let speaks_for = delegation.map(|delegation| SpeaksFor { signer, delegation });
        let charge = Charge::Proof { speaks_for, evidence: evidence.clone() };
        let case = Case { request: Box::new(request.request.clone()), attempt, charge };
        matches!(case.verify(), Ok(Verdict::Proven(_))).then(|| self.keep_case(&case))
    }

    /// Keeps that signers did not answer, or did not show what is behind a nonce set, as a claim of whoever says so: us, or the signer that
    /// ended the attempt.
    pub(crate) fn keep_silence(&mut self, id: RequestId, attempt: u16, failure: &Failure) {
        if !failure.reason.is_claim() {
            return;
        }
        let Some(signed) = self.engine.request(&id).cloned() else { return };
        let reports = match failure.by {
            Some(_) => self.engine.ended_by(&id).cloned().into_iter().collect(),
            None => self.own_reports(id, attempt, failure),
        };
        let request = Box::new(signed.request.clone());
        let case = Case { request, attempt, charge: Charge::Silence { reports } };
        if case.verify().is_ok() {
            self.keep_case(&case);
        }
    }

    fn own_reports(&self, id: RequestId, attempt: u16, failure: &Failure) -> Vec<Envelope> {
        let session = SigningRequest::session_id(id, self.network, attempt);
        let now = self.clock.now().unix;
        let report = |(seq, culprit)| {
            let body =
                Body::SessionAbort(SessionAbort { reason: failure.reason, culprit: Some(culprit) });
            Envelope::sign(&self.node_key, self.network, session, seq, now, body).ok()
        };
        (1..).zip(failure.culprits.iter().copied()).filter_map(report).collect()
    }

    fn keep_case(&mut self, case: &Case) -> [u8; 32] {
        let bytes = case.encode();
        let id = sha256(&bytes);
        let place = match &case.charge {
            Charge::Proof { .. } => Place::evidence(&id),
            Charge::Silence { .. } => Place::claim(&id),
        };
        self.storage.keep(self.clock.now().unix, Entry { place, value: Some(bytes) });
        id
    }
}
