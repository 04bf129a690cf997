//! Ends a session when it holds everybody's partial signatures, and brings that session's signature
//! to one victim in the next attempt, while the others make another.

use std::collections::{BTreeMap, BTreeSet};

use ensign_engine::{Input, Output, signing::FAILED_ATTEMPTS_MAX};
use ensign_identity::Signature;
use ensign_musig::{KeyAggCtx, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::{PeerId, RequestId, SessionId};
use ensign_wire::{
    AbortReason, Body, Envelope, KeyTweak, Kind, SessionAbort, SignatureFinalized, SigningRequest,
};

use super::{Act, Adversary, Seat, envelope_heard, envelope_in, nonces::shown_in};
use crate::NETWORK;

pub(super) const ACT: Act = Act {
    name: "late-abort",
    about: "aborts when it has everybody's partial signatures and keeps the signature; in the next \
            attempt it signs with all but one, who gets the old signature (member)",
    make: || Box::new(LateAbort::default()),
};

#[derive(Debug, Default)]
struct LateAbort {
    requests: BTreeMap<RequestId, SigningRequest>,
    sessions: BTreeMap<SessionId, RequestId>,
    views: BTreeMap<SessionId, View>,
    /// The signatures that only it has.
    loot: BTreeMap<RequestId, Vec<Signature>>,
    /// Sessions it has ended.
    ended: BTreeSet<SessionId>,
}

/// What everybody has shown in a session.
#[derive(Debug, Default)]
struct View {
    nonces: BTreeMap<PeerId, Vec<[u8; 66]>>,
    partials: BTreeMap<PeerId, Vec<[u8; 32]>>,
}

impl Adversary for LateAbort {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        let Some((_, envelope)) = envelope_heard(&input) else { return Some(input) };
        self.note(&envelope);
        if envelope.body().kind() != Kind::PartialSigShare {
            return Some(input);
        }
        let session = envelope.session();
        if self.ended.contains(&session) {
            return None;
        }
        if let Some(loot) = self.loot_of(session) {
            self.bring(seat, session, envelope.sender(), loot);
            return Some(input);
        }
        self.try_to_end(seat, session);
        // Its engine must not know what it has: it would tell.
        None
    }

    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        let Some(envelope) = envelope_in(&output) else { return Some(output) };
        self.note(&envelope);
        let Some((to, envelope)) = seat.own_words(&output) else { return Some(output) };
        let (session, kind) = (envelope.session(), envelope.body().kind());
        let is_last = matches!(
            kind,
            Kind::PartialSigShare | Kind::PartialSigsComplete | Kind::SignatureFinalized
        );
        if !is_last || !seat.victims().contains(&to) {
            return Some(output);
        }
        if self.loot_of(session).is_some() && !self.ended.contains(&session) {
            return (Some(to) != chosen(seat)).then_some(output);
        }
        self.try_to_end(seat, session);
        None
    }
}

/// Who gets the old signature.
fn chosen(seat: &Seat) -> Option<PeerId> {
    seat.victims().first().copied()
}

impl LateAbort {
    fn note(&mut self, envelope: &Envelope) {
        if let Body::SessionAnnounce(announce) = envelope.body() {
            let request = &announce.request.request;
            let id = request.id();
            if self.requests.insert(id, request.clone()).is_none() {
                let session = |attempt| SigningRequest::session_id(id, NETWORK, attempt);
                self.sessions
                    .extend((1..=FAILED_ATTEMPTS_MAX).map(|attempt| (session(attempt), id)));
            }
        }
        let view = self.views.entry(envelope.session()).or_default();
        if let Some(shown) = shown_in(envelope.body()) {
            let nonces = shown.nonces.iter().map(|nonce| nonce.0).collect();
            view.nonces.insert(envelope.sender(), nonces);
        } else if let Body::PartialSigShare(share) = envelope.body() {
            view.partials.insert(envelope.sender(), share.partials.clone());
        }
    }

    fn loot_of(&self, session: SessionId) -> Option<Vec<Signature>> {
        self.loot.get(self.sessions.get(&session)?).cloned()
    }

    /// Ends the session once it can make the signature alone.
    fn try_to_end(&mut self, seat: &mut Seat, session: SessionId) {
        let Some(id) = self.sessions.get(&session).copied() else { return };
        let signatures = self.requests.get(&id).zip(self.views.get(&session));
        let signatures = signatures.and_then(|(request, view)| view.add_up(&seat.group, request));
        let Some(signatures) = signatures else { return };
        self.loot.insert(id, signatures);
        self.ended.insert(session);
        let abort = SessionAbort { reason: AbortReason::Internal, culprit: None };
        for victim in seat.victims() {
            seat.state(victim, session, u64::MAX / 2, Body::SessionAbort(abort));
        }
    }

    /// Brings the old signature to its victim, when that one has signed again.
    fn bring(
        &self,
        seat: &mut Seat,
        session: SessionId,
        signed: PeerId,
        signatures: Vec<Signature>,
    ) {
        if Some(signed) == chosen(seat) && !self.ended.contains(&session) {
            let body = Body::SignatureFinalized(SignatureFinalized { signatures });
            seat.state(signed, session, u64::MAX / 2, body);
        }
    }
}

impl View {
    /// The signatures, when everything is there and true.
    fn add_up(&self, group: &[PeerId], request: &SigningRequest) -> Option<Vec<Signature>> {
        let keys: Vec<_> =
            request.signers.as_slice().iter().map(|key| *key.as_public_key()).collect();
        let plain = KeyAggCtx::new(&keys).ok()?;
        let mut signatures = Vec::new();
        for (at, message) in request.messages.iter().enumerate() {
            let ctx = match message.tweak {
                KeyTweak::None => plain.clone(),
                KeyTweak::Taproot { path, merkle_root } => {
                    plain.derive(&path).ok()?.taproot(merkle_root.as_ref()).ok()?
                }
            };
            let nonce = |peer| PubNonce::from_bytes(self.nonces.get(peer)?.get(at)?).ok();
            let partial = |peer| PartialSig::from_bytes(self.partials.get(peer)?.get(at)?).ok();
            let nonces = group.iter().map(nonce).collect::<Option<Vec<_>>>()?;
            let partials = group.iter().map(partial).collect::<Option<Vec<_>>>()?;
            let signing = SigningCtx::new(&ctx, nonces, message.digest).ok()?;
            signatures.push(Signature(signing.partial_sig_agg(&partials).ok()?));
        }
        Some(signatures)
    }
}
