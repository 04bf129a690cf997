//! What is kept about those who did wrong, or did not answer.

use ensign_engine::{Engine, signing::Testimony};
use ensign_equivocation::{Case, Charge, Evidence, SpeaksFor, Verdict};
use ensign_identity::NodeKey;
use ensign_ledger::Entry;
use ensign_primitives::{Network, PeerId, RequestId, UnixTime, sha256};
use ensign_session::Failure;
use ensign_store::Place;
use ensign_wire::{Body, Envelope, SessionAbort, SigningRequest};

/// Returns a proof as a case that a stranger can check.
pub(crate) fn of_proof(engine: &Engine, peer: &PeerId, evidence: &Evidence) -> Option<Case> {
    let session = evidence.statements().first()?.session();
    let Testimony { request, attempt, signer, delegation } =
        engine.signing().testimony(&session, peer)?;
    let speaks_for = delegation.map(|delegation| SpeaksFor { signer, delegation });
    let charge = Charge::Proof { speaks_for, evidence: evidence.clone() };
    let case = Case { request: Box::new(request.request.clone()), attempt, charge };
    matches!(case.verify(), Ok(Verdict::Proven(_))).then_some(case)
}

/// An attempt that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) request: RequestId,
    pub(crate) attempt: u16,
    pub(crate) failure: &'a Failure,
}

/// Who reports, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reporter<'a> {
    pub(crate) node_key: &'a NodeKey,
    pub(crate) network: Network,
    pub(crate) now: UnixTime,
}

/// Returns that signers did not answer, or did not show what is behind a nonce set, as a claim of
/// whoever says so: us, or the signer that ended the attempt.
pub(crate) fn of_silence(engine: &Engine, us: Reporter<'_>, ended: Ended<'_>) -> Option<Case> {
    let Ended { request: id, attempt, failure } = ended;
    if !failure.reason.is_claim() {
        return None;
    }
    let request = Box::new(engine.signing().request(&id)?.request.clone());
    let reports = match failure.by {
        Some(_) => engine.signing().ended_by(&id).cloned().into_iter().collect(),
        None => own_reports(us, ended),
    };
    let case = Case { request, attempt, charge: Charge::Silence { reports } };
    case.verify().is_ok().then_some(case)
}

fn own_reports(us: Reporter<'_>, Ended { request, attempt, failure }: Ended<'_>) -> Vec<Envelope> {
    let session = SigningRequest::session_id(request, us.network, attempt);
    let report = |(seq, culprit)| {
        let abort = SessionAbort { reason: failure.reason, culprit: Some(culprit) };
        let body = Body::SessionAbort(abort);
        Envelope::sign(us.node_key, us.network, session, seq, us.now, body).ok()
    };
    (1..).zip(failure.culprits.iter().copied()).filter_map(report).collect()
}

/// Returns a case as it is kept, and its name.
pub(crate) fn entry(case: &Case) -> ([u8; 32], Entry) {
    let bytes = case.encode();
    let id = sha256(&bytes);
    let place = match &case.charge {
        Charge::Proof { .. } => Place::evidence(&id),
        Charge::Silence { .. } => Place::claim(&id),
    };
    (id, Entry { place, value: Some(bytes) })
}
