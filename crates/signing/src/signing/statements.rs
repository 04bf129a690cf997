//! What other nodes say: their groups, statements about sessions, new requests, payloads.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use ensign_primitives::{GroupId, Now, PeerId, RequestId, SignerIndex, StateMachine};
use ensign_replay::check_fresh;
use ensign_session::{Input as SessionInput, Offense as SessionOffense};
use ensign_wire::{
    Body, Envelope, Frame, Groups, Kind, Refusal, SessionAnnounce, SigningRequest, ValidationError,
    Welcome,
};

use super::{Signing, around};
use crate::{
    CommandError, Ending, Event, Known, Message, Offense, Opening, Output,
    admission::{Announced, Held, Refused},
    clocks::offset_millis,
    course::first_seq,
    ended::{Answer, End, Question, Share, asks},
    muster::Around,
    request::{NewRequest, Request, is_payload},
    requests::Attempt,
    shared::Difference,
};

impl Signing {
    pub(super) fn on_up(&mut self, now: Now, peer: PeerId) {
        if self.is_up(&peer) {
            self.on_down(now, peer);
        }
        // Whoever counts connections lets no more in than have a place here.
        if self.peers.insert(peer, 0).is_err() {
            return;
        }
        self.shared.up(peer);
        self.shelf.up(peer);
        self.membership.up(peer);
        if self.is_member(&peer) {
            self.membership.introduce(now, peer);
            self.hear_membership();
        }
    }

    pub(super) fn on_down(&mut self, now: Now, peer: PeerId) {
        if self.peers.remove(&peer).is_some() && self.membership.has_welcomed(&peer) {
            self.event(Event::PeerDown { peer });
        }
        self.membership.down(&peer);
        self.shared.down(&peer);
        self.shelf.down(&peer);
        self.resends.down(&peer);
        self.notices.down(&peer);
        let groups = self.groups.shared_with(&peer);
        self.muster.parted(around!(self, now), &peer);
        for group in groups {
            self.requests.forget_sent(&group, &peer);
            self.consider_all(now, &group);
        }
    }

    pub(super) fn on_message(&mut self, now: Now, peer: PeerId, message: Message) {
        if !self.is_up(&peer) {
            return;
        }
        let has_shown = self.membership.has_shown(&peer);
        match message {
            Message::Delegation(said) => {
                self.membership.on_delegation(now, (peer, said), &mut self.groups);
                self.hear_membership();
            }
            // Before a node has shown for whom it speaks, it says nothing that counts.
            Message::Welcome(_)
            | Message::Groups(_)
            | Message::Payload { .. }
            | Message::Consent(_)
            | Message::LinkReport(_)
            | Message::Evidence(_)
            | Message::EvidenceSeen(_)
            | Message::Statement(_)
                if !has_shown => {}
            Message::Welcome(welcome) => self.on_welcome(now, peer, &welcome),
            Message::Groups(groups) => self.on_groups(now, peer, groups),
            Message::Payload { request, bytes } => self.on_payload(now, peer, request, bytes),
            Message::EvidenceSeen(name) => self.notices.on_seen(peer, &name),
            Message::Evidence(bytes) => {
                let around = (self.own_peer(), &self.groups);
                self.outputs.extend(self.notices.hear(now, (peer, bytes), around));
            }
            Message::Statement(envelope) => self.on_envelope(now, peer, envelope),
            Message::Consent(consent) => {
                let changed = self.muster.on_consent(around!(self, now), peer, consent);
                self.hear_muster();
                changed.into_iter().for_each(|request| self.consider(now, request));
            }
            Message::LinkReport(report) => {
                let changed = self.muster.on_report(around!(self, now), peer, report);
                self.hear_muster();
                changed.into_iter().for_each(|group| self.consider_all(now, &group));
            }
        }
    }

    fn on_welcome(&mut self, now: Now, peer: PeerId, welcome: &Welcome) {
        if !self.membership.welcomed(&peer) {
            return;
        }
        let clock_offset_millis = offset_millis(now.unix, welcome.clock);
        if let Some(known) = self.peers.get_mut(&peer) {
            *known = clock_offset_millis;
        }
        self.event(Event::PeerUp { peer, clock_offset_millis });
        if self.instances.see(peer, welcome.instance, now.instant) {
            self.event(Event::PeerCopied { peer });
        }
    }

    /// Takes a member's list: of our groups, those in which it has shown that it speaks for one.
    fn on_groups(&mut self, now: Now, peer: PeerId, mut groups: Groups) {
        groups.shared.retain(|id| {
            self.groups.get(id).is_none() || self.membership.speaks_in(&self.groups, &peer, id)
        });
        let new = self.shared.hear(now, &peer, groups.shared);
        for group in self.membership.shared_with(&self.groups, &peer) {
            if new.contains(&group) {
                if self.shared.finds(peer, group) {
                    self.event(Event::GroupKnown { peer, group });
                }
                self.reconnect_sessions(now, &peer, &group);
            }
        }
        self.tell_proofs_to(now, peer);
    }

    /// Compares both lists again after ours has changed: says ours, and tells differences once they
    /// stand.
    pub(super) fn groups_changed(&mut self, peer: PeerId) {
        if self.membership.has_shown(&peer) {
            self.shared.ours_changed(&peer);
            self.membership.say_groups(&self.groups, peer);
            self.hear_membership();
        }
    }

    /// Tells the differences that have stood long enough.
    pub(super) fn compare_groups(&mut self, now: Now) {
        for peer in self.shared.due(now) {
            let ours = self.membership.shared_with(&self.groups, &peer);
            for difference in self.shared.differences(now, peer, &ours) {
                self.event(match difference {
                    Difference::Lacking(group) => Event::GroupUnknown { peer, group },
                    Difference::Missing(group) => Event::GroupMissing { peer, group },
                });
            }
        }
    }

    /// Takes a member that speaks in a session of a group for one that has it.
    fn speaks_for(&mut self, now: Now, peer: PeerId, group: GroupId) {
        if self.membership.speaks_in(&self.groups, &peer, &group)
            && !self.shared.has_group(&peer, &group)
        {
            self.shared.speaks_for(&peer, group);
            self.muster.met(around!(self, now), peer, group);
            self.hear_muster();
        }
    }

    /// Routes an envelope: to its session, to a new attempt, to a new request, to the memory of
    /// what has ended, or to the shelf.
    fn on_envelope(&mut self, now: Now, from: PeerId, envelope: Box<Envelope>) {
        let named = self.requests.attempt(&envelope.session());
        match named.or_else(|| self.requests.far_ahead(&envelope)) {
            Some(attempt) if self.requests.is_open(&attempt.request) => {
                self.on_known(now, from, attempt, envelope);
            }
            Some(Attempt { request, .. }) => self.answer_ended(now, from, request, envelope),
            None => {
                if matches!(envelope.body(), Body::SessionAnnounce(_)) {
                    self.on_announce(now, from, envelope);
                } else {
                    self.shelf.keep_envelope(from, envelope);
                }
            }
        }
    }

    fn on_known(&mut self, now: Now, from: PeerId, attempt: Attempt, envelope: Box<Envelope>) {
        let Attempt { request: id, number } = attempt;
        let Some(group) = self.requests.get(&id).map(Request::group) else { return };
        self.speaks_for(now, from, group);
        let Some(request) = self.requests.get(&id) else { return };
        if number != request.attempt() && request.is_settled() {
            // Whoever has our signatures counts us as done: they must be durable.
            if !request.is_persisting() {
                self.answer_ended(now, from, id, envelope);
            }
            return;
        }
        if number > request.attempt() && !request.is_expired(now) {
            match self.opens_attempt(now, from, request, &envelope) {
                // It costs fresh nonces and a flush, and leaves what the present attempt has reached. Each
                // attempt that is left out counts: there are so many and no more.
                Ok(true)
                    if self.muster.may_open(now, envelope.sender(), number - request.attempt()) =>
                {
                    self.follow(now, attempt, &envelope);
                }
                Ok(_) => {}
                Err(offense) => return self.offense(from, Offense::Session(offense)),
            }
        }
        let current = self.requests.get(&id).is_some_and(|it| it.attempt() == number);
        if current {
            let input = SessionInput::Envelope { from, envelope };
            self.with_session(now, id, |session| session.handle_input(now, input));
        }
    }

    /// Goes into a later attempt, in which another signer's node already is.
    fn follow(&mut self, now: Now, attempt: Attempt, said: &Envelope) {
        let (id, sender) = (attempt.request, said.sender());
        let opened_by = self.opening(id, &sender);
        self.start_attempt(now, attempt, opened_by);
        if !matches!(said.body(), Body::SessionAnnounce(_)) {
            // Its join may have been said before it was connected. An announcement is acknowledged
            // anyhow.
            self.acknowledge(now, id, sender);
        }
    }

    /// Says who began a later attempt: the node that was seen to restart in the present one, whoever
    /// brings the news; else whoever speaks there first.
    fn opening(&self, id: RequestId, sender: &PeerId) -> Option<Opening> {
        let request = self.requests.get(&id)?;
        let group = self.groups.get(&request.group())?;
        let since = request.course().since();
        let restarted = |peer: &&PeerId| self.instances.has_restarted_since(peer, since);
        let restarted =
            Some(sender).filter(restarted).or_else(|| group.peers().iter().find(restarted));
        let who = group.signer_of(restarted.unwrap_or(sender))?;
        Some(Opening { who, has_restarted: restarted.is_some() })
    }

    /// Whether a signer's node really is in a later attempt: it came back from a restart, or its
    /// wait was over before ours. Whatever it says there shows it, because what it said first may
    /// be lost.
    fn opens_attempt(
        &self,
        now: Now,
        from: PeerId,
        request: &Request,
        envelope: &Envelope,
    ) -> Result<bool, SessionOffense> {
        let sender = envelope.sender();
        let Some(group) = self.groups.get(&request.group()) else { return Ok(false) };
        if matches!(envelope.body(), Body::ValidationError(_)) || !group.has(&from) {
            return Ok(false);
        }
        if !group.has(&sender) {
            let is_own_word = from == sender;
            return if is_own_word { Err(SessionOffense::Unlisted { sender }) } else { Ok(false) };
        }
        if !self.muster.might_open(now, sender) {
            return Ok(false);
        }
        check_fresh(now.unix, envelope.sent_at()).map_err(SessionOffense::Replay)?;
        if !envelope.verify() {
            return Err(SessionOffense::BadSignature { sender });
        }
        Ok(sender != self.keys.node_key.peer_id())
    }

    fn on_announce(&mut self, now: Now, from: PeerId, envelope: Box<Envelope>) {
        let Body::SessionAnnounce(announce) = envelope.body() else { return };
        let announced = self.announced(from, &envelope, announce);
        let id = announced.id;
        if self.requests.ended().contains(&id) {
            return;
        }
        let session = SigningRequest::session_id(id, self.config.network, announce.attempt);
        if session != envelope.session() {
            // No refusal: it would be a word of ours in a session of somebody else's choice.
            return self.offense(from, Offense::InvalidAnnounce { request: id });
        }
        let checked = self.check_announce(now, announced);
        let paid = checked.and_then(|()| self.admission.pay_for_bringing(now, from, id));
        match paid {
            Ok(()) => self.recall(id, from, envelope),
            Err(refused) => self.refuse(now, announced, refused),
        }
    }

    fn announced<'a>(
        &self,
        from: PeerId,
        envelope: &'a Envelope,
        announce: &'a SessionAnnounce,
    ) -> Announced<'a> {
        let request = &announce.request.request;
        let group = request.signers.group_id(self.config.network);
        Announced { from, id: request.id(), group, envelope, announce }
    }

    fn check_announce(&mut self, now: Now, announced: Announced<'_>) -> Result<(), Refused> {
        let (groups, requests, horizons) = (&self.groups, &self.requests, &self.horizons);
        self.admission.check(now, announced, Held { groups, requests, horizons })
    }

    /// Opens a request of which the store knows nothing.
    fn open_announced(
        &mut self,
        now: Now,
        from: PeerId,
        envelope: &Envelope,
        announce: &SessionAnnounce,
    ) {
        let announced = self.announced(from, envelope, announce);
        let checked = self.check_announce(now, announced);
        let verified = checked.and_then(|()| self.admission.verify(now, announced));
        let opened = verified.and_then(|()| self.open_verified(now, announced));
        match opened {
            Ok(id) => {
                self.speaks_for(now, from, announced.group);
                self.welcome(now, id, envelope);
                self.refuse_payload(now, from, id);
            }
            Err(refused) => self.refuse(now, announced, refused),
        }
    }

    fn open_verified(&mut self, now: Now, announced: Announced<'_>) -> Result<RequestId, Refused> {
        let Announced { group, announce, .. } = announced;
        let signed = Arc::new(announce.request.clone());
        let payload = self.take_early_payload(announced);
        let new = NewRequest { group, signed, payload, attempt: announce.attempt };
        self.open_request(now, new).map_err(|error| {
            if let CommandError::Setup(error) = error {
                Refused { offense: Offense::Unsignable(error), why: Refusal::InvalidRequest }
            } else {
                Refused::NO_ROOM
            }
        })
    }

    /// Acknowledges a new request, takes what overtook its announcement, and asks our user.
    fn welcome(&mut self, now: Now, id: RequestId, envelope: &Envelope) {
        self.with_session(now, id, |session| session.opened_by(envelope));
        if self.requests.get(&id).is_some_and(|request| !request.misses_payload()) {
            self.acknowledge(now, id, envelope.sender());
        }
        self.feed_early(now, id);
        self.ask_user(now, id);
        self.consider(now, id);
    }

    /// Tells a member's node that the request is here, whole, and waits for our user.
    fn acknowledge(&mut self, now: Now, id: RequestId, peer: PeerId) {
        if let Some(signer) = self.signer_of(id, &peer) {
            self.with_session(now, id, |session| session.acknowledge(now, signer));
        }
    }

    /// Reports a refused announcement, and tells its sender once why, so that its user can know.
    fn refuse(&mut self, now: Now, announced: Announced<'_>, Refused { offense, why }: Refused) {
        let Announced { from: peer, envelope, announce, .. } = announced;
        let session = envelope.session();
        if self.admission.tells_why(now, peer, &session) {
            let refused = Kind::SessionAnnounce;
            let body = Body::ValidationError(ValidationError { refused, why });
            // Below whatever our machine of this session will say, should there be one later.
            let seq = first_seq(now, &announce.request.request).saturating_sub(1);
            self.say(now, peer, Answer { session, seq, body });
        }
        self.offense(peer, offense);
    }

    /// Says something in a session that has no machine here.
    fn say(&mut self, now: Now, to: PeerId, Answer { session, seq, body }: Answer) {
        let network = self.config.network;
        let said = Envelope::sign(&self.keys.node_key, network, session, seq, now.unix, body);
        if let Ok(envelope) = said {
            self.send(to, &Frame::Envelope(Box::new(envelope)));
        }
    }

    /// Asks the store about a request; the statement waits for the answer.
    fn recall(&mut self, request: RequestId, from: PeerId, envelope: Box<Envelope>) {
        if self.admission.recall(request, from, envelope) {
            self.outputs.push_back(Output::Recall { request });
        }
    }

    /// Goes on with what waited: a request that never was is opened, of any other the end is told.
    pub(super) fn on_recalled(&mut self, now: Now, request: RequestId, known: Known) {
        let waiting = self.admission.recalled(&request);
        match known {
            Known::Begun => {}
            Known::Over { group, ending } => {
                // Whoever digs out old requests pushes none out that we hold.
                if !self.requests.ended().contains(&request) {
                    self.requests.end(request, (group, End::of(&ending)), Share::Undecided);
                }
                for (from, envelope) in waiting {
                    self.tell_ended(now, Question { request, from, envelope: &envelope }, &ending);
                }
            }
            Known::Nothing => {
                for (from, envelope) in waiting {
                    match (self.requests.get(&request).map(Request::is_settled), envelope.body()) {
                        // Asked again, a store that does not know an end that we hold would be asked for ever.
                        (Some(true), _) => {}
                        (Some(false), _) => self.on_envelope(now, from, envelope),
                        (None, Body::SessionAnnounce(announce)) => {
                            self.open_announced(now, from, &envelope, announce);
                        }
                        (None, _) => {}
                    }
                }
            }
        }
    }

    /// Tells a member that still works on a request how it ended; signatures are read from the
    /// store first.
    fn answer_ended(
        &mut self,
        now: Now,
        from: PeerId,
        request: RequestId,
        envelope: Box<Envelope>,
    ) {
        let question = Question { request, from, envelope: &envelope };
        match self.requests.ended().end_of(&request) {
            Some(end @ End::Signed) if asks(envelope.body(), end) => {
                let members = self.requests.ended().members_of(&request, &self.groups);
                if self.requests.ended().may_answer(&from, &question, &members) {
                    self.recall(request, from, envelope);
                }
            }
            Some(End::Closed(reason)) => self.tell_ended(now, question, &Ending::Closed(reason)),
            Some(End::Signed) | None => {}
        }
    }

    fn tell_ended(&mut self, now: Now, question: Question<'_>, ending: &Ending) {
        let members = self.requests.ended().members_of(&question.request, &self.groups);
        let answer = self.requests.ended_mut().answer(now, &question, &members, ending);
        if let Some(answer) = answer {
            self.say(now, question.from, answer);
        }
    }

    fn on_payload(&mut self, now: Now, from: PeerId, id: RequestId, bytes: Vec<u8>) {
        let Some(request) = self.requests.get(&id) else {
            if !self.requests.ended().contains(&id) {
                self.shelf.keep_payload(from, id, bytes);
            }
            return;
        };
        if request.is_settled() || !request.misses_payload() {
            return;
        }
        if !is_payload(&request.signed().request, &bytes) {
            return self.offense(from, Offense::WrongPayload { request: id });
        }
        self.requests.with(&id, |request| request.fill(bytes.into()));
        self.acknowledge(now, id, from);
        self.ask_user(now, id);
    }

    fn take_early_payload(&mut self, announced: Announced<'_>) -> Option<Arc<[u8]>> {
        let Announced { from, id, announce, .. } = announced;
        let bytes = self.shelf.take_payload(&from, id)?;
        if !is_payload(&announce.request.request, &bytes) {
            self.offense(from, Offense::WrongPayload { request: id });
            return None;
        }
        Some(bytes.into())
    }

    /// Tells who brought a request that its payload found no room ahead of it.
    fn refuse_payload(&mut self, now: Now, from: PeerId, id: RequestId) {
        let is_missing = self.requests.get(&id).is_some_and(Request::misses_payload);
        if self.shelf.take_pushed_off(&from, id) && is_missing {
            let Some(signer) = self.signer_of(id, &from) else { return };
            let why = (Kind::Payload, Refusal::Busy);
            self.with_session(now, id, |session| session.refuse(now, signer, why));
        }
    }

    /// Sends a payload once more, at its turn, that found no room.
    pub(super) fn on_payload_refused(&mut self, now: Now, id: RequestId, by: SignerIndex) {
        let Some(peer) = self.node_of(id, by) else { return };
        if self.requests.with(&id, |request| request.refused(peer)) == Some(true) {
            self.resends.begin(now, peer);
        }
    }
}
