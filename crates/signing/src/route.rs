//! Between sessions and the world: a session's outputs become the engine's.

use alloc::vec::Vec;

use ensign_identity::Signature;
use ensign_primitives::{
    GroupId, Now, PeerId, RequestId, SessionId, SignerIndex, StateMachine, TaggedHasher,
};
use ensign_session::{
    Input as SessionInput, Output as SessionOutput, Record as SessionRecord, Session,
};
use ensign_wire::{Kind, PubNonceBytes};

use crate::{
    Event, NOTE_PAUSE, Offense, Output, REFUSALS_REPORTED_MAX, Record, SignerAnswer,
    SignerQuestion, Signing,
    ended::{End, Share},
};

impl Signing {
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
            let Some(output) = request.session.poll_output() else { break };
            let (session, attempt) = (request.session.id(), request.attempt);
            self.on_session_output(now, (id, attempt, session), output);
        }
        self.drop_if_over(id);
    }

    fn on_session_output(
        &mut self,
        now: Now,
        (id, attempt, session): (RequestId, u16, SessionId),
        output: SessionOutput,
    ) {
        match output {
            SessionOutput::Send { to, kind, frame } => {
                let Some(peer) = self.addressee(id, to) else { return };
                if kind == Kind::SessionAnnounce {
                    self.send_payload(id, peer);
                }
                if self.is_up(&peer) {
                    self.outputs.push_back(Output::Send { peer, kind, frame });
                }
            }
            SessionOutput::NeedNonces(order) => {
                let payload = self.requests.get(&id).and_then(|request| request.payload.clone());
                self.ask_signer(SignerQuestion::Nonces { order, payload });
            }
            SessionOutput::NeedPartials { session, nonces } => {
                self.ask_signer(SignerQuestion::Partials { session, nonces });
            }
            SessionOutput::ForgetNonces { session } => {
                self.ask_signer(SignerQuestion::Forget { session });
            }
            SessionOutput::Persist { token, record } => {
                let record = match record {
                    SessionRecord::Joined { said, .. } => {
                        Record::Joined { request: id, attempt, said }
                    }
                    SessionRecord::Burned { .. } => Record::Burned { request: id, attempt },
                    SessionRecord::Partials { nonces, partials, .. } => {
                        Record::Partials { request: id, attempt, nonces, partials }
                    }
                    SessionRecord::Finished { signatures, .. } => {
                        let Some(group) = self.requests.get(&id).map(|request| request.group)
                        else {
                            return;
                        };
                        let signatures: Vec<_> = signatures.into_iter().map(Signature).collect();
                        self.settle(now, id, (group, End::Signed), Share::Decided);
                        Record::Finished { request: id, group, signatures }
                    }
                };
                let engine_token = self.persist(record);
                if let Some(request) = self.requests.get_mut(&id) {
                    request.persisting = Some((engine_token, token));
                }
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
        match &event {
            ensign_session::Event::Failed(failure) => {
                return self.on_failure(now, request, failure.clone());
            }
            ensign_session::Event::Joined(signer) => self.note_joined(request, *signer),
            ensign_session::Event::Refused { .. } if !self.reports_refusal(request) => return,
            ensign_session::Event::Done(_)
            | ensign_session::Event::Acknowledged(_)
            | ensign_session::Event::Revealed(_)
            | ensign_session::Event::Confirmed(_)
            | ensign_session::Event::Signed(_)
            | ensign_session::Event::PeerDone(_)
            | ensign_session::Event::Phase(_)
            | ensign_session::Event::Waiting { .. }
            | ensign_session::Event::Unreachable(_)
            | ensign_session::Event::Refused { .. } => {}
        }
        self.event(Event::Session { request, attempt, event });
    }

    fn note_joined(&mut self, id: RequestId, signer: SignerIndex) {
        let Some(peer) = self.node_of(id, signer) else { return };
        if let Some(request) = self.requests.get_mut(&id) {
            request.joined.insert(peer);
        }
    }

    fn reports_refusal(&mut self, id: RequestId) -> bool {
        let Some(request) = self.requests.get_mut(&id) else { return false };
        request.refusals_reported = request.refusals_reported.saturating_add(1);
        request.refusals_reported <= REFUSALS_REPORTED_MAX
    }

    /// A nonce that one signer has shown in two sessions ends the one that saw it second. Another
    /// signer's nonce played back convicts nobody: only its owner can be hurt by it, and it is not.
    fn check_reuse(
        &mut self,
        now: Now,
        id: RequestId,
        session: SessionId,
        signer: SignerIndex,
        nonces: &[PubNonceBytes],
    ) {
        let network = self.config.network;
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Some(key) = request.signed.request.signers.get(signer) else { return };
        let owner = TaggedHasher::new("ensign/nonce-seen/v1", network).bytes(&key.to_bytes());
        let reused = nonces.iter().any(|nonce| {
            let hash = owner.clone().bytes(&nonce.0).finish();
            self.nonces.observe(hash, session).is_some()
        });
        if reused {
            request.session.nonce_reused(now, signer);
        }
    }

    fn ask_signer(&mut self, question: SignerQuestion) {
        self.outputs.push_back(Output::Signer(question));
    }

    /// Hands what the signer answered to the attempt that asked. One that has ended meanwhile has had
    /// its nonces forgotten.
    pub(crate) fn on_signer(&mut self, now: Now, answer: SignerAnswer) {
        let (session, answer) = match answer {
            SignerAnswer::Nonces { session, result: Ok(nonces) } => {
                (session, SessionInput::Nonces(nonces))
            }
            SignerAnswer::Nonces { session, result: Err(why) } => {
                (session, SessionInput::NoNonces(why))
            }
            SignerAnswer::Partials { session, result: Ok(partials) } => {
                (session, SessionInput::Partials(partials))
            }
            SignerAnswer::Partials { session, result: Err(why) } => {
                (session, SessionInput::NoPartials(why))
            }
        };
        if let Some(id) = self.current(session) {
            self.with_session(now, id, |session| session.handle_input(now, answer));
        }
    }

    /// Returns the request whose current attempt this is.
    fn current(&self, session: SessionId) -> Option<RequestId> {
        let (id, attempt) = self.sessions.get(&session).copied()?;
        self.requests.get(&id).filter(|request| request.attempt == attempt).map(|_| id)
    }

    pub(crate) fn on_persisted(&mut self, now: Now, token: u64) {
        // A request that its user has stopped meanwhile stays unheard of.
        let proposed = self.requests.iter_mut().find_map(|(id, request)| {
            let consent = &mut request.unannounced;
            consent
                .take_if(|consent| *consent == token && request.settled_at.is_none())
                .map(|_| *id)
        });
        if let Some(id) = proposed {
            self.with_session(now, id, |session| session.announce(now));
            let joined = self.join(now, id);
            debug_assert!(joined.is_ok(), "a proposal joins its first attempt: {joined:?}");
            return;
        }
        let asked = self.requests.iter_mut().find_map(|(id, request)| {
            let (_, of_session) = request.persisting.take_if(|(asked, _)| *asked == token)?;
            Some((*id, of_session))
        });
        if let Some((id, token)) = asked {
            let input = ensign_session::Input::Persisted { token };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Tells every session of a group's that a member is back and has the group.
    pub(crate) fn reconnect_sessions(&mut self, now: Now, peer: PeerId, group: &GroupId) {
        let of_group = self.requests.iter().filter(|(_, request)| request.group == *group);
        let ids: Vec<RequestId> = of_group.map(|(id, _)| *id).collect();
        for id in ids {
            let Some(signer) = self.signer_of(id, &peer) else { continue };
            let input = ensign_session::Input::Connected { signer };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Has a record written down with the next one.
    pub(crate) fn note(&mut self, record: Record) {
        self.outputs.push_back(Output::Note(record));
    }

    /// Notes how far time has come, if that is worth a word.
    pub(crate) fn note_horizon(&mut self) {
        let (noted, horizon) = (self.noted, self.horizon);
        if horizon.newest > noted.newest || horizon.latest.since(noted.latest) >= NOTE_PAUSE {
            self.noted = horizon;
            self.note(Record::Horizon(horizon));
        }
    }

    pub(crate) fn persist(&mut self, record: Record) -> u64 {
        self.note_horizon();
        let token = self.next_token;
        self.next_token += 1;
        self.outputs.push_back(Output::Persist { token, record });
        token
    }

    /// Returns whose node hears what a session says to a signer: nobody's before our own request is
    /// durable, and none that has not said that it has the group.
    fn addressee(&self, id: RequestId, signer: SignerIndex) -> Option<PeerId> {
        let request = self.requests.get(&id)?;
        let (group, is_secret) = (request.group, request.unannounced.is_some());
        let peer = self.node_of(id, signer)?;
        (!is_secret && self.has_group(&peer, &group)).then_some(peer)
    }

    fn node_of(&self, id: RequestId, signer: SignerIndex) -> Option<PeerId> {
        let request = self.requests.get(&id)?;
        self.groups.get(&request.group)?.peers.get(signer.as_usize()).copied()
    }
}
