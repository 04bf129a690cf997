//! Between sessions and the world: a session's outputs become the engine's.

use ensign_primitives::{
    Now, PeerId, RequestId, SessionId, SignerIndex, StateMachine, TaggedHasher,
};
use ensign_session::{Entropy, Output as SessionOutput, Record as SessionRecord, Session};
use ensign_wire::{Kind, PubNonceBytes};

use crate::{Engine, Event, Offense, Output, Record};

impl Engine {
    /// Lets one session do one thing, then carries out what it asks.
    pub(crate) fn with_session(&mut self, now: Now, id: RequestId, act: impl FnOnce(&mut Session)) {
        if let Some(request) = self.requests.get_mut(&id) {
            act(&mut request.session);
        }
        self.drain_session(now, id);
    }

    pub(crate) fn drain_session(&mut self, now: Now, id: RequestId) {
        loop {
            let Some(request) = self.requests.get_mut(&id) else { return };
            let Some(output) = request.session.poll_output() else { return };
            let (session, attempt) = (request.session.id(), request.attempt);
            self.on_session_output(now, (id, attempt, session), output);
        }
    }

    fn on_session_output(
        &mut self,
        now: Now,
        (id, attempt, session): (RequestId, u16, SessionId),
        output: SessionOutput,
    ) {
        match output {
            SessionOutput::Send { to, kind, frame } => {
                let Some(peer) = self.node_of(id, to) else { return };
                if kind == Kind::SessionAnnounce {
                    self.send_payload(id, peer);
                }
                if self.is_up(&peer) {
                    self.outputs.push_back(Output::Send { peer, kind, frame });
                }
            }
            SessionOutput::NeedEntropy { nonces } => {
                self.outputs.push_back(Output::NeedEntropy { session, nonces });
            }
            SessionOutput::Persist { token, record } => {
                let record = match record {
                    SessionRecord::Joined { .. } => Record::Joined { request: id, attempt },
                    SessionRecord::Burned { .. } => Record::Burned { request: id, attempt },
                    SessionRecord::Finished { signatures, .. } => Record::Finished {
                        request: id,
                        signatures: signatures
                            .into_iter()
                            .map(ensign_identity::Signature)
                            .collect(),
                    },
                };
                let engine_token = self.persist(record);
                self.persisting.insert(engine_token, (session, token));
            }
            SessionOutput::NoncesSeen { signer, nonces } => {
                self.check_reuse(now, id, session, signer, &nonces);
            }
            SessionOutput::Event(event) => self.on_session_event(now, id, attempt, event),
            SessionOutput::Offense { peer, offense } => {
                self.offense(peer, Offense::Session(offense));
            }
        }
    }

    fn on_session_event(
        &mut self,
        now: Now,
        request: RequestId,
        attempt: u16,
        event: ensign_session::Event,
    ) {
        let ended = match &event {
            ensign_session::Event::Done(_) => {
                self.on_finished(request);
                None
            }
            ensign_session::Event::Failed(failure) => Some(failure.clone()),
            ensign_session::Event::Acknowledged(_)
            | ensign_session::Event::Joined(_)
            | ensign_session::Event::Revealed(_)
            | ensign_session::Event::Confirmed(_)
            | ensign_session::Event::Signed(_)
            | ensign_session::Event::PeerDone(_)
            | ensign_session::Event::Phase(_)
            | ensign_session::Event::Waiting { .. }
            | ensign_session::Event::Unreachable(_)
            | ensign_session::Event::Refused { .. } => None,
        };
        self.event(Event::Session { request, attempt, event });
        if let Some(failure) = ended {
            self.on_failure(now, request, &failure);
        }
    }

    /// A nonce that two sessions have seen ends the one that saw it second.
    fn check_reuse(
        &mut self,
        now: Now,
        id: RequestId,
        session: SessionId,
        signer: SignerIndex,
        nonces: &[PubNonceBytes],
    ) {
        let network = self.config.network;
        let reused = nonces.iter().any(|nonce| {
            let hash = TaggedHasher::new("ensign/nonce-seen/v1", network).bytes(&nonce.0).finish();
            self.nonces.observe(hash, session).is_some()
        });
        if reused && let Some(request) = self.requests.get_mut(&id) {
            request.session.nonce_reused(now, signer);
        }
    }

    pub(crate) fn on_entropy(&mut self, now: Now, session: SessionId, entropy: Entropy) {
        let Some((id, attempt)) = self.sessions.get(&session).copied() else { return };
        if self.requests.get(&id).is_some_and(|request| request.attempt == attempt) {
            let input = ensign_session::Input::Entropy(entropy);
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    pub(crate) fn on_persisted(&mut self, now: Now, token: u64) {
        let Some((session, token)) = self.persisting.remove(&token) else { return };
        let Some((id, attempt)) = self.sessions.get(&session).copied() else { return };
        if self.requests.get(&id).is_some_and(|request| request.attempt == attempt) {
            let input = ensign_session::Input::Persisted { token };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Tells every session of a member's that it is back.
    pub(crate) fn reconnect_sessions(&mut self, now: Now, peer: PeerId) {
        let ids: alloc::vec::Vec<RequestId> = self.requests.iter().map(|(id, _)| *id).collect();
        for id in ids {
            let Some(signer) = self.signer_of(id, &peer) else { continue };
            let input = ensign_session::Input::Connected { signer };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    pub(crate) fn persist(&mut self, record: Record) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.outputs.push_back(Output::Persist { token, record });
        token
    }

    fn node_of(&self, id: RequestId, signer: SignerIndex) -> Option<PeerId> {
        let request = self.requests.get(&id)?;
        self.groups.get(&request.group)?.peers.get(signer.as_usize()).copied()
    }

    fn signer_of(&self, id: RequestId, peer: &PeerId) -> Option<SignerIndex> {
        let request = self.requests.get(&id)?;
        let group = self.groups.get(&request.group)?;
        let position = group.peers.iter().position(|member| member == peer)?;
        SignerIndex::from_usize(position)
    }
}
