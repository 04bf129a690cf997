//! Requests that a hostile member makes of its own, and ends as it likes.

use std::{collections::BTreeMap, time::Duration};

use ensign_engine::{Input, signing::FAILED_ATTEMPTS_MAX};
use ensign_primitives::{PeerId, RequestId, SessionId, UnixTime, sha256};
use ensign_wire::{
    AbortReason, Body, KeyTweak, Message, Mode, Payload, Scheme, SessionAbort, SessionAnnounce,
    SignedRequest, SigningRequest, TxType,
};

use super::{Seat, envelope_heard};
use crate::NETWORK;

/// How long its requests stay open: longer than any run that it is in.
const LIFETIME: Duration = Duration::from_secs(3600);

/// What it has asked for, and how far it has counted.
#[derive(Debug, Default)]
pub(super) struct OwnRequests {
    sessions: BTreeMap<SessionId, RequestId>,
    last_seq: u64,
}

/// A join that came for one of its requests.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) by: PeerId,
    pub(super) request: RequestId,
    pub(super) session: SessionId,
}

/// Makes a request that is in order: of one number and one moment always the same.
pub(super) fn make(
    seat: &Seat,
    number: u64,
    created: UnixTime,
    payload: Payload,
) -> Option<SignedRequest> {
    let number = number.to_be_bytes();
    let name = sha256(&[number.as_slice(), &seat.node.0.to_be_bytes()].concat());
    let request = SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: seat.signers.clone()?,
        messages: vec![Message { digest: name, tweak: KeyTweak::None }],
        payload,
        purpose: "to be thrown away".to_owned(),
        tx_type: TxType::Spend,
        amount: 1,
        creator: seat.index_of(seat.peer())?,
        created,
        expires: created.after(LIFETIME),
        mode: Mode::Committed,
        nonce: name.first_chunk().copied()?,
    };
    SignedRequest::sign(request, &seat.keys.node_key, seat.keys.delegation).ok()
}

impl OwnRequests {
    /// Announces an attempt at a request to everybody outside its coalition.
    pub(super) fn announce(&mut self, seat: &mut Seat, request: &SignedRequest, attempt: u16) {
        let id = request.request.id();
        let session = |attempt| SigningRequest::session_id(id, NETWORK, attempt);
        self.sessions.extend((1..=FAILED_ATTEMPTS_MAX).map(|attempt| (session(attempt), id)));
        let announce = SessionAnnounce { attempt, request: request.clone() };
        self.tell(seat, session(attempt), &Body::SessionAnnounce(Box::new(announce)));
    }

    /// Ends one of its requests.
    pub(super) fn cancel(&mut self, seat: &mut Seat, session: SessionId) {
        let abort = SessionAbort { reason: AbortReason::Cancelled, culprit: None };
        self.tell(seat, session, &Body::SessionAbort(abort));
    }

    /// Announces a request and ends it in the same breath.
    pub(super) fn announce_and_cancel(&mut self, seat: &mut Seat, request: &SignedRequest) {
        self.announce(seat, request, 1);
        let session = SigningRequest::session_id(request.request.id(), NETWORK, 1);
        self.cancel(seat, session);
    }

    /// Says something under a number above all that it has used, before a restart too.
    pub(super) fn tell(&mut self, seat: &mut Seat, session: SessionId, body: &Body) {
        self.last_seq = self.last_seq.saturating_add(1).max(seat.now.unix.as_millis());
        for victim in seat.victims() {
            seat.state(victim, session, self.last_seq, body.clone());
        }
    }

    /// Whether something that came is about a request of its own: its engine knows of none.
    pub(super) fn concerns(&self, input: &Input) -> bool {
        envelope_heard(input)
            .is_some_and(|(_, envelope)| self.sessions.contains_key(&envelope.session()))
    }

    /// Reads a join for one of its requests.
    pub(super) fn joined(&self, input: &Input) -> Option<Joined> {
        let (_, envelope) = envelope_heard(input)?;
        let session = envelope.session();
        let request = *self.sessions.get(&session)?;
        let Body::SessionJoin(_) = envelope.body() else { return None };
        Some(Joined { by: envelope.sender(), request, session })
    }
}
