//! No nonce is used for two challenges.
//!
//! A challenge follows from the session, which fixes keys and messages, and from the nonce set that a
//! partial signature names. So: each public nonce that a node ever shows belongs to one place of one
//! session, a session has one set of its nonces, and one partial signature for one nonce set. A
//! restart changes nothing about that, and the journal says the same: partial signatures are made once
//! for an attempt.

use std::collections::{BTreeMap, BTreeSet};

use ensign_engine::signing::Record;
use ensign_primitives::{RequestId, SessionId};
use ensign_wire::{Body, Envelope, PartialSigShare, PubNonceBytes, Round0};

use super::{Cast, Checker, NodeIndex, Seen, Sight};

#[derive(Debug, Default)]
pub(super) struct NonceReuse {
    places: BTreeMap<[u8; 66], (NodeIndex, SessionId, usize)>,
    shown: BTreeMap<(NodeIndex, SessionId), Vec<PubNonceBytes>>,
    signed: BTreeMap<(NodeIndex, SessionId), PartialSigShare>,
    made: BTreeSet<(NodeIndex, RequestId, u16)>,
}

impl Checker for NonceReuse {
    fn name(&self) -> &'static str {
        "no nonce for two challenges"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, own: Option<&Envelope>) -> Result<(), String> {
        if let Seen::Persist { record } = &sight.what
            && let Record::Partials { request, attempt, .. } = record.as_ref()
            && !self.made.insert((sight.node, *request, *attempt))
        {
            let node = sight.node;
            return Err(format!("node {node} signs attempt {attempt} at request {request} twice"));
        }
        let Some(envelope) = own else { return Ok(()) };
        let (node, session) = (sight.node, envelope.session());
        if let Body::PartialSigShare(share) = envelope.body() {
            return self.on_partials(node, session, share);
        }
        if let Body::NonceShare(share) = envelope.body() {
            return self.on_nonces(node, session, &share.nonces);
        }
        if let Body::SessionJoin(join) = envelope.body()
            && let Round0::Reveal(nonces) = &join.round0
        {
            return self.on_nonces(node, session, nonces);
        }
        Ok(())
    }
}

impl NonceReuse {
    fn on_nonces(
        &mut self,
        node: NodeIndex,
        session: SessionId,
        nonces: &[PubNonceBytes],
    ) -> Result<(), String> {
        if let Some(shown) = self.shown.get(&(node, session)) {
            if shown == nonces {
                return Ok(());
            }
            return Err(format!("node {node} shows other nonces in session {}", session.short()));
        }
        self.shown.insert((node, session), nonces.to_vec());
        for (at, nonce) in nonces.iter().enumerate() {
            let place = (node, session, at);
            let first = *self.places.entry(nonce.0).or_insert(place);
            if first != place {
                let (other, elsewhere, there) = first;
                return Err(format!(
                    "node {node} shows for message {at} of session {} the nonce that node {other} \
                     showed for message {there} of session {}",
                    session.short(),
                    elsewhere.short(),
                ));
            }
        }
        Ok(())
    }

    fn on_partials(
        &mut self,
        node: NodeIndex,
        session: SessionId,
        share: &PartialSigShare,
    ) -> Result<(), String> {
        let first = self.signed.entry((node, session)).or_insert_with(|| share.clone());
        if first == share {
            return Ok(());
        }
        let what =
            if first.nonces == share.nonces { "differently" } else { "for another nonce set" };
        Err(format!("node {node} signs a second time, {what}, in session {}", session.short()))
    }
}
