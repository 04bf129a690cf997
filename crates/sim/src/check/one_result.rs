//! Honest parties never hold different results of one session, and none joins one twice.
//!
//! Also: a request has no more different results than attempts in which every honest signer signed.
//! Without any such attempt there is none: it would be forged.
//!
//! One exception, and why. A hostile signer can keep the signature of an attempt that the others gave
//! up, and hand it to one of them in a later attempt that goes through for the rest. Both are
//! signatures of the request that everybody consented to, and refusing the older one would let a
//! hostile signer keep an honest one from any result. So results of one session may differ where
//! somebody is hostile, within the bound above.

use std::collections::{BTreeMap, BTreeSet};

use ensign_engine::signing::{ATTEMPTS_MAX, Event, Record};
use ensign_primitives::{RequestId, SessionId};
use ensign_session::Event as SessionEvent;
use ensign_wire::{Body, Envelope, SessionJoin, SigningRequest};

use super::{Cast, Checker, NETWORK, NodeIndex, Seen, Sight, journal::Journals};

/// One signature for each message.
type Signatures = Vec<[u8; 64]>;

#[derive(Debug)]
pub(super) struct OneResult {
    joined: Journals<(RequestId, u16)>,
    joins: BTreeMap<(NodeIndex, SessionId), SessionJoin>,
    /// Who has signed in each session.
    signed: BTreeMap<SessionId, BTreeSet<NodeIndex>>,
    /// The first result of each session, and whose.
    results: BTreeMap<(RequestId, u16), (NodeIndex, Signatures)>,
    different: BTreeMap<RequestId, BTreeSet<Signatures>>,
}

impl Default for OneResult {
    fn default() -> Self {
        Self {
            joined: Journals::new(joined),
            joins: BTreeMap::new(),
            signed: BTreeMap::new(),
            results: BTreeMap::new(),
            different: BTreeMap::new(),
        }
    }
}

fn joined(record: &Record) -> Option<(RequestId, u16)> {
    let Record::Joined { request, attempt, .. } = record else { return None };
    Some((*request, *attempt))
}

impl Checker for OneResult {
    fn name(&self) -> &'static str {
        "one result for a session, one join"
    }

    fn check(&mut self, cast: &Cast, sight: &Sight, own: Option<&Envelope>) -> Result<(), String> {
        let node = sight.node;
        if let Seen::Persist { record } = &sight.what
            && let Some((request, attempt)) = joined(record)
            && self.joined.is_known(node, &(request, attempt))
        {
            return Err(format!("node {node} joins attempt {attempt} at request {request} twice"));
        }
        self.joined.follow(sight);
        if let Some(envelope) = own {
            return self.on_words(node, envelope);
        }
        if let Seen::Event(Event::Session { request, attempt, event: SessionEvent::Done(done) }) =
            &sight.what
        {
            return self.on_result(cast, node, (*request, *attempt), &done.signatures);
        }
        Ok(())
    }
}

impl OneResult {
    fn on_words(&mut self, node: NodeIndex, envelope: &Envelope) -> Result<(), String> {
        let session = envelope.session();
        if let Body::PartialSigShare(_) = envelope.body() {
            self.signed.entry(session).or_default().insert(node);
        }
        if let Body::SessionJoin(join) = envelope.body() {
            let first = self.joins.entry((node, session)).or_insert_with(|| join.clone());
            if first != join {
                return Err(format!("node {node} joins session {} differently", session.short()));
            }
        }
        Ok(())
    }

    fn on_result(
        &mut self,
        cast: &Cast,
        node: NodeIndex,
        (request, attempt): (RequestId, u16),
        signatures: &Signatures,
    ) -> Result<(), String> {
        let members = cast.group_of(node).map(|group| group.members.as_slice()).unwrap_or_default();
        let honest = members.iter().copied().filter(|member| cast.is_honest(*member));
        let honest: BTreeSet<NodeIndex> = honest.collect();
        let first = self.results.entry((request, attempt));
        let (other, first) = first.or_insert_with(|| (node, signatures.clone()));
        if first != signatures && honest.len() == members.len() {
            return Err(format!(
                "nodes {other} and {node} hold different results of attempt {attempt} at request \
                 {request}"
            ));
        }
        let different = self.different.entry(request).or_default();
        if !different.insert(signatures.clone()) {
            return Ok(());
        }
        let count = different.len();
        let attempts = (1..=ATTEMPTS_MAX)
            .filter_map(|it| self.signed.get(&SigningRequest::session_id(request, NETWORK, it)))
            // Whoever holds the result may have signed with nobody left to tell.
            .filter(|signed| honest.iter().all(|it| *it == node || signed.contains(it)))
            .count();
        if count > attempts {
            return Err(format!(
                "node {node} holds result {count} of request {request}, and all honest signers have \
                 signed in {attempts} attempts only"
            ));
        }
        Ok(())
    }
}
