//! New requests of other signers: checked, acknowledged, shown to our user.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};

use ensign_primitives::{GroupId, Now, PeerId, RequestId, SignerIndex, StateMachine};
use ensign_replay::{MESSAGE_AGE_MAX, check_fresh};
use ensign_wire::{
    Body, Envelope, Frame, Kind, Refusal, SessionAnnounce, SigningRequest, ValidationError,
};

use crate::{
    ATTEMPTS_MAX, CommandError, Engine, Event, Offense, REQUESTS_PER_CREATOR_MAX, Review,
    requests::first_seq,
};

impl Engine {
    pub(crate) fn on_announce(
        &mut self,
        now: Now,
        from: PeerId,
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) {
        let signed = &announce.request;
        let id = signed.request.id();
        if self.ended.contains(&id) {
            return;
        }
        let (network, attempt) = (self.config.network, announce.attempt);
        if SigningRequest::session_id(id, network, attempt) != envelope.session() {
            // No refusal: it would be a word of ours in a session of somebody else's choice.
            return self.offense(from, Offense::InvalidAnnounce { request: id });
        }
        let group = signed.request.signers.group_id(network);
        if let Err((offense, why)) = self.check_announce(now, from, (id, group), envelope, announce)
        {
            self.refuse(now, from, (envelope, &signed.request), why);
            return self.offense(from, offense);
        }
        let refused = (envelope, &announce.request.request);
        let signed = Arc::new(signed.clone());
        let payload = self.take_early_payload(from, id, &signed);
        match self.open_request(now, group, signed, payload, announce.attempt) {
            Ok(id) => self.welcome(now, id, envelope),
            Err(CommandError::Setup(error)) => {
                self.refuse(now, from, refused, Refusal::InvalidRequest);
                self.offense(from, Offense::Unsignable(error));
            }
            Err(_) => {
                self.refuse(now, from, refused, Refusal::Busy);
                self.offense(from, Offense::NoRoom);
            }
        }
    }

    /// Checks an announcement of a request we have not seen, from cheap to dear.
    fn check_announce(
        &self,
        now: Now,
        from: PeerId,
        (id, group): (RequestId, GroupId),
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) -> Result<(), (Offense, Refusal)> {
        let request = &announce.request.request;
        let unknown = (Offense::UnknownGroup { group }, Refusal::UnknownGroup);
        let Some(known) = self.groups.get(&group) else { return Err(unknown) };
        let creator = known.peers.get(request.creator.as_usize());
        let are_members = [from, envelope.sender()].iter().all(|peer| known.peers.contains(peer));
        if !are_members || creator != Some(&announce.request.peer) {
            return Err(unknown);
        }
        let latest = now.unix.after(MESSAGE_AGE_MAX);
        if request.expires <= now.unix
            || request.created > latest
            || check_fresh(now.unix, envelope.sent_at()).is_err()
        {
            return Err((Offense::RequestTime { request: id }, Refusal::ClockSkew));
        }
        let invalid = (Offense::InvalidAnnounce { request: id }, Refusal::InvalidRequest);
        if announce.attempt > ATTEMPTS_MAX || self.requests.contains_key(&id) {
            return Err(invalid);
        }
        if self.open_requests_of(&announce.request.peer) >= REQUESTS_PER_CREATOR_MAX {
            return Err((Offense::NoRoom, Refusal::Busy));
        }
        if !envelope.verify() {
            return Err(invalid);
        }
        announce
            .request
            .verify(now.unix)
            .map_err(|error| (Offense::InvalidRequest(error), Refusal::InvalidRequest))?;
        Ok(())
    }

    fn open_requests_of(&self, creator: &PeerId) -> usize {
        let of_creator =
            self.requests.iter().filter(|(_, request)| request.signed.peer == *creator);
        of_creator.filter(|(_, request)| !request.settled).count()
    }

    /// Acknowledges a new request, takes what overtook its announcement, and asks our user.
    fn welcome(&mut self, now: Now, id: RequestId, envelope: &Envelope) {
        self.with_session(now, id, |session| session.opened_by(envelope));
        if self.requests.get(&id).is_some_and(|request| !request.misses_payload()) {
            self.acknowledge(now, id, envelope.sender());
        }
        self.feed_early(now, id);
        self.ask_user(id);
    }

    /// Tells a member's node that the request is here, whole, and waits for our user.
    pub(crate) fn acknowledge(&mut self, now: Now, id: RequestId, peer: PeerId) {
        if let Some(signer) = self.signer_of(id, &peer) {
            self.with_session(now, id, |session| session.acknowledge(now, signer));
        }
    }

    pub(crate) fn ask_user(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        if request.misses_payload() || request.consented || request.settled {
            return;
        }
        self.event(Event::Review(Review {
            id,
            group: request.group,
            request: Arc::clone(&request.signed),
            payload: request.payload.clone(),
        }));
    }

    pub(crate) fn feed_early(&mut self, now: Now, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let session = request.session.id();
        let mut early: Vec<(PeerId, Box<Envelope>)> = Vec::new();
        for (peer, known) in self.peers.iter_mut() {
            let (ours, rest): (VecDeque<_>, _) =
                known.early.drain(..).partition(|envelope| envelope.session() == session);
            known.early = rest;
            early.extend(ours.into_iter().map(|envelope| (*peer, envelope)));
        }
        for (from, envelope) in early {
            let input = ensign_session::Input::Envelope { from, envelope };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Tells a sender once why its announcement was refused, so that its user can know.
    fn refuse(
        &mut self,
        now: Now,
        peer: PeerId,
        (refused, request): (&Envelope, &SigningRequest),
        why: Refusal,
    ) {
        let session = refused.session();
        if self.refused.contains(session.as_bytes()) {
            return;
        }
        self.refused.remember(*session.as_bytes());
        let body = Body::ValidationError(ValidationError { refused: Kind::SessionAnnounce, why });
        let network = self.config.network;
        // Below whatever our machine of this session will say, should there be one later.
        let seq = first_seq(now, request).saturating_sub(1);
        let envelope = Envelope::sign(&self.keys.node_key, network, session, seq, now.unix, body);
        if let Ok(envelope) = envelope {
            self.send(peer, &Frame::Envelope(Box::new(envelope)));
        }
    }
}

impl Engine {
    pub(crate) fn signer_of(&self, id: RequestId, peer: &PeerId) -> Option<SignerIndex> {
        let request = self.requests.get(&id)?;
        let group = self.groups.get(&request.group)?;
        let position = group.peers.iter().position(|member| member == peer)?;
        SignerIndex::from_usize(position)
    }
}
