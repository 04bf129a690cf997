//! New requests of other signers: checked, acknowledged, shown to our user.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};

use ensign_primitives::{GroupId, Now, PeerId, RequestId, SignerIndex, StateMachine};
use ensign_replay::{MESSAGE_AGE_MAX, check_fresh};
use ensign_wire::{
    Body, Envelope, Frame, Kind, Refusal, SessionAnnounce, SigningRequest, ValidationError,
};

use crate::{
    ATTEMPTS_MAX, Asked, CommandError, Event, Offense, REQUESTS_PER_CREATOR_MAX, Review, Signing,
    budget::Good, requests::first_seq,
};

impl Signing {
    /// Asks our user again about a request of another signer's that was undecided before a restart.
    /// Its creator need not be there: whoever is in a later attempt, or knows its end, says so when
    /// it connects.
    ///
    /// The caller knows that no attempt at it was joined: our user never consented.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when its group is unknown, it is open already or over, or there is no room.
    pub fn reopen(&mut self, now: Now, asked: Asked) -> Result<RequestId, CommandError> {
        let Asked { request: signed, payload } = asked;
        let (id, request) = (signed.request.id(), &signed.request);
        let group = request.signers.group_id(self.config.network);
        let known = self.groups.get(&group).ok_or(CommandError::UnknownGroup { group })?;
        let is_its_creators = known.peers.get(request.creator.as_usize()) == Some(&signed.peer);
        let is_over = self.horizon.is_over(now.unix, request)
            || self.undecided.excludes(&signed.peer, &id, request.created);
        if is_over || !is_its_creators {
            return Err(CommandError::HasEnded { request: id });
        }
        self.open_request(now, group, Arc::new(signed), payload.map(Arc::from), 1)?;
        self.ask_user(id);
        Ok(id)
    }

    pub(crate) fn on_announce(&mut self, now: Now, from: PeerId, envelope: Box<Envelope>) {
        let Body::SessionAnnounce(announce) = envelope.body() else { return };
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
        let checked = self.check_announce(now, from, (id, group), &envelope);
        if let Err((offense, why)) = checked.and_then(|()| self.pay_for_bringing(now, from, id)) {
            self.refuse(now, from, (&envelope, &signed.request), why);
            return self.offense(from, offense);
        }
        self.recall(id, from, envelope);
    }

    /// Whoever brings a request pays for the look into the store and for the curve work.
    fn pay_for_bringing(
        &mut self,
        now: Now,
        from: PeerId,
        id: RequestId,
    ) -> Result<(), (Offense, Refusal)> {
        if self.recalls.contains(&id) {
            return Ok(());
        }
        let has_room = !self.recalls.is_full();
        let paid = has_room && self.budgets.spend(now.instant, from, Good::Brought, 1);
        if paid { Ok(()) } else { Err((Offense::NoRoom, Refusal::Busy)) }
    }

    /// Opens a request of which the store knows nothing.
    pub(crate) fn open_announced(
        &mut self,
        now: Now,
        from: PeerId,
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) {
        let signed = &announce.request;
        let (id, network) = (signed.request.id(), self.config.network);
        let group = signed.request.signers.group_id(network);
        let refused = (envelope, &announce.request.request);
        let checked = self.check_announce(now, from, (id, group), envelope);
        let verified = checked.and_then(|()| self.verify_announce(now, envelope, announce));
        if let Err((offense, why)) = verified {
            self.refuse(now, from, refused, why);
            return self.offense(from, offense);
        }
        let signed = Arc::new(signed.clone());
        let payload = self.take_early_payload(from, id, &signed);
        match self.open_request(now, group, signed, payload, announce.attempt) {
            Ok(id) => {
                self.speaks_for(from, group);
                self.welcome(now, id, envelope);
            }
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

    /// Checks an announcement of a request that we do not hold, as far as that is cheap.
    fn check_announce(
        &mut self,
        now: Now,
        from: PeerId,
        (id, group): (RequestId, GroupId),
        envelope: &Envelope,
    ) -> Result<(), (Offense, Refusal)> {
        let Body::SessionAnnounce(announce) = envelope.body() else { return Ok(()) };
        let (request, peer) = (&announce.request.request, announce.request.peer);
        let unknown = (Offense::UnknownGroup { group }, Refusal::UnknownGroup);
        let Some(known) = self.groups.get(&group) else { return Err(unknown) };
        if [from, envelope.sender()].iter().any(|peer| !known.peers.contains(peer)) {
            return Err(unknown);
        }
        let invalid = (Offense::InvalidAnnounce { request: id }, Refusal::InvalidRequest);
        if known.peers.get(request.creator.as_usize()) != Some(&peer) {
            return Err(invalid);
        }
        if self.horizon.is_over(now.unix, request)
            || request.created > now.unix.after(MESSAGE_AGE_MAX)
            || check_fresh(now.unix, envelope.sent_at()).is_err()
            || self.undecided.excludes(&peer, &id, request.created)
        {
            return Err((Offense::RequestTime { request: id }, Refusal::ClockSkew));
        }
        if announce.attempt > ATTEMPTS_MAX || self.requests.contains_key(&id) {
            return Err(invalid);
        }
        let (at, messages) = (now.instant, request.messages.len() as u64);
        if self.open_requests_of(&peer) >= REQUESTS_PER_CREATOR_MAX
            || !self.budgets.affords(at, peer, Good::Requests, 1)
            || !self.budgets.affords(at, peer, Good::Messages, messages)
        {
            return Err((Offense::NoRoom, Refusal::Busy));
        }
        Ok(())
    }

    /// Checks the signatures of an announcement. Only then its creator pays: nobody else can use up
    /// what it may ask.
    fn verify_announce(
        &mut self,
        now: Now,
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) -> Result<(), (Offense, Refusal)> {
        let (signed, id) = (&announce.request, announce.request.request.id());
        if !envelope.verify() {
            return Err((Offense::InvalidAnnounce { request: id }, Refusal::InvalidRequest));
        }
        signed
            .verify(now.unix)
            .map_err(|error| (Offense::InvalidRequest(error), Refusal::InvalidRequest))?;
        let messages = signed.request.messages.len() as u64;
        let goods = [(Good::Requests, 1), (Good::Messages, messages)];
        let paid =
            goods.map(|(good, amount)| self.budgets.spend(now.instant, signed.peer, good, amount));
        if paid == [true; 2] { Ok(()) } else { Err((Offense::NoRoom, Refusal::Busy)) }
    }

    fn open_requests_of(&self, creator: &PeerId) -> usize {
        let of_creator =
            self.requests.iter().filter(|(_, request)| request.signed.peer == *creator);
        of_creator.filter(|(_, request)| !request.is_settled()).count()
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
        if request.misses_payload() || request.consented || request.is_settled() {
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
        if self.refused.contains(session.as_bytes())
            || !self.budgets.spend(now.instant, peer, Good::Refusals, 1)
        {
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

impl Signing {
    pub(crate) fn signer_of(&self, id: RequestId, peer: &PeerId) -> Option<SignerIndex> {
        let request = self.requests.get(&id)?;
        let group = self.groups.get(&request.group)?;
        let position = group.peers.iter().position(|member| member == peer)?;
        SignerIndex::from_usize(position)
    }
}
