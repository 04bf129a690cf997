//! What is demanded of one machine, whatever the others do.

use std::collections::BTreeMap;

use ensign_musig::{KeyAggCtx, verify_schnorr};
use ensign_primitives::PeerId;
use ensign_session::{Event, Failure, Finished, Offense, Record};
use ensign_wire::{Body, Envelope, KeyTweak, Kind, SigningRequest, Slot};

use super::group::{FORGER, peer};

/// What a machine has said and reported.
#[derive(Default)]
pub(crate) struct Ledger {
    joined: bool,
    burned: bool,
    written: bool,
    said: BTreeMap<Slot, Body>,
    failed: bool,
    pub(crate) finished: Option<Finished>,
}

impl Ledger {
    pub(crate) fn note_durable(&mut self, record: &Record) {
        match record {
            Record::Joined { .. } => self.joined = true,
            Record::Burned { .. } => self.burned = true,
            Record::Partials { .. } => self.written = true,
            Record::Finished { .. } => {}
        }
    }

    /// No partial signature is made before the nonces are burned.
    pub(crate) fn check_may_sign(&self) {
        assert!(self.burned, "signed before the burn");
    }

    /// Nothing but an answer leaves before the join is durable, no partial signature before its
    /// record is, and no slot is filled twice.
    pub(crate) fn check_said(&mut self, own: PeerId, envelope: &Envelope) {
        if envelope.sender() != own {
            return;
        }
        let body = envelope.body();
        // The signatures of an earlier end may come before the join; they bind nobody.
        let early = [
            Kind::SessionAnnounce,
            Kind::SessionReady,
            Kind::SessionAbort,
            Kind::PartialSigAck,
            Kind::PartialSigsComplete,
            Kind::SignatureFinalized,
        ];
        assert!(self.joined || early.contains(&body.kind()), "{body:?} before the join");
        let sent = body.kind() == Kind::PartialSigShare;
        assert!(self.written || !sent, "a partial signature leaves before its record");
        if let Some(slot) = body.slot() {
            let first = self.said.entry(slot).or_insert_with(|| body.clone());
            assert_eq!(first, body, "an honest signer contradicts itself");
        }
    }

    /// A session fails and finishes at most once, and a signature outranks a failure.
    pub(crate) fn check_event(
        &mut self,
        event: &Event,
        request: &SigningRequest,
        group: &KeyAggCtx,
    ) {
        if let Event::Failed(failure) = event {
            assert!(!self.failed && self.finished.is_none(), "a second end: {failure:?}");
            self.failed = true;
            check_failure(failure);
        }
        if let Event::Done(finished) = event {
            assert!(self.finished.is_none(), "finished twice");
            check_signatures(finished, request, group);
            self.finished = Some(finished.as_ref().clone());
        }
    }
}

fn check_failure(failure: &Failure) {
    if let Some(evidence) = &failure.evidence {
        let culprit = evidence.verify().expect("a proof that does not hold");
        assert_eq!(culprit.peer, peer(FORGER), "an honest signer is convicted");
        assert_eq!(failure.culprits, [super::group::signer(FORGER)]);
    }
    assert!(failure.by.is_none() || failure.culprits.is_empty(), "blame by hearsay");
}

/// Only the forger may be proven guilty; the honest may at most seem late or out of order.
pub(crate) fn check_offense(accused: PeerId, offense: &Offense) {
    if let Offense::Proven(evidence) = offense {
        assert_eq!(evidence.verify().map(|culprit| culprit.peer), Ok(peer(FORGER)));
    }
    let late = matches!(offense, Offense::Replay(_));
    assert!(late || accused == peer(FORGER), "{offense:?} laid on an honest signer");
}

fn check_signatures(finished: &Finished, request: &SigningRequest, group: &KeyAggCtx) {
    assert_eq!(finished.signatures.len(), request.messages.len());
    for (signature, message) in finished.signatures.iter().zip(&request.messages) {
        let ctx = match message.tweak {
            KeyTweak::None => group.clone(),
            KeyTweak::Taproot { path, merkle_root } => group
                .derive(&path)
                .and_then(|child| child.taproot(merkle_root.as_ref()))
                .expect("a tweak that the session took"),
        };
        assert!(verify_schnorr(&ctx.agg_key(), &message.digest, signature), "a false signature");
    }
}
