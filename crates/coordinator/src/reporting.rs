//! What the engine reports becomes events for the application.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ensign_engine::{
    Event as Hall, Input, Offense, peers,
    reputation::Word,
    signing::{self, Event as Engine, Standing},
};
use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex, StateMachine as _, UnixTime};
use ensign_review::{Report, acquaintance, is_banned, note_banned, opener, problem, session_event};
use ensign_session::{Event as SessionEvent, Finished};
use ensign_solving::Worked;
use ensign_transport::DisconnectReason;
use tokio::sync::oneshot;

use crate::{
    Busy, CommandError, Event, GroupInfo, PeerEvent, PeerInfo, Problem, Records, RequestEvent,
    Wait, Whose,
    command::{Reply, Walk},
    driver::Driver,
    net::Ended,
    report,
};

impl Driver {
    /// Tells what the engine reports.
    pub(crate) fn on_event(&mut self, event: Hall) {
        match event {
            Hall::Signing(event) => self.on_signing_event(event),
            Hall::Overlay(event) => {
                if !self.walks.told(&self.engine, &event) {
                    self.emit(Event::Network(Box::new(event)));
                }
            }
            Hall::Formation(event) => self.emit(Event::Formation(Box::new(event))),
            Hall::Offense { peer, offense, held_back, .. } => {
                self.on_offense(peer, &offense, held_back);
            }
            Hall::Peers(peers::Event::DialFailed { peer, address, why, retry_in }) => {
                let reason = format!("{address}: {why}");
                self.links.missed(peer, &reason);
                self.emit(Event::Peer(peer, PeerEvent::DialFailed { reason, retry_in }));
            }
            Hall::Paying(paying) => {
                let (peer, busy) = Busy::of(&paying);
                self.emit(Event::Busy(peer, busy));
            }
            Hall::Dropped { peer, lane, frames } => {
                let what = format_args!("{frames} frames were dropped, its {lane:?} lane is full");
                self.warn_of(peer, problem::of_slow_reader(&what));
            }
        }
    }

    /// Takes our user's word about a node. A ban changes what its groups' requests wait for, whether or not it is
    /// connected.
    pub(crate) fn say(
        &mut self,
        peer: PeerId,
        word: Option<Word>,
    ) -> Result<Option<Word>, CommandError> {
        if peer == self.node && word.is_some() {
            return Err(CommandError::OwnNode);
        }
        let (now, before) = (self.clock.now(), self.engine.reputation().word(&peer));
        self.engine.say(now, peer, word).map_err(CommandError::Words)?;
        let is_changed = (before == Some(Word::Banned)) != (word == Some(Word::Banned));
        let waiting = if is_changed { self.reviewer.open_with(&peer) } else { Vec::new() };
        for request in waiting {
            if let Some(wait) = self.engine.signing().wait(&request, now) {
                self.tell_wait(request, Box::new(wait));
            }
        }
        Ok(before)
    }

    pub(crate) fn begin_walk(
        &mut self,
        walk: Walk,
        reply: oneshot::Sender<Ended>,
        done: Reply<()>,
    ) {
        let begun = (walk.0)(&mut self.engine, self.clock.now()).ok_or(CommandError::Closed);
        let begun = begun.and_then(|it| it.map_err(CommandError::Network));
        drop(done.send(begun.map(|query| self.walks.wait(query, reply))));
    }

    pub(crate) fn ping(
        &mut self,
        (peer, address): (PeerId, SocketAddr),
        reply: oneshot::Sender<Option<Duration>>,
        done: Reply<()>,
    ) {
        let now = self.clock.now();
        let begun = self.engine.outside(now, |it| it.ping(now, peer, address));
        let begun =
            begun.ok_or(CommandError::Closed).and_then(|it| it.map_err(CommandError::Network));
        drop(done.send(begun.map(|()| self.walks.wait_for(peer, reply))));
    }

    pub(crate) fn peers(&self, now: UnixTime) -> Vec<PeerInfo> {
        let groups = self.reviewer.groups().values().map(|group| &group.info);
        let lacks = |peer: &PeerId, group: &GroupId| self.engine.signing().lacks(peer, group);
        let addresses = |peer: &PeerId| self.engine.peers().addresses(peer).collect();
        let mut peers = self.links.peers(now, groups, (addresses, lacks));
        peers.iter_mut().for_each(|it| it.is_banned = is_banned(&self.engine, &it.peer));
        peers
    }

    pub(crate) fn tell_lacking(&mut self, id: RequestId, reply: Reply<Vec<SignerIndex>>) {
        if let Some(matter) = self.reviewer.matter(&id) {
            return drop(reply.send(Ok(matter.lacking())));
        }
        self.storage.read(move |store| {
            let is_signed = Records::new(store).is_signed(&id).map_err(CommandError::Store);
            let unknown = CommandError::UnknownRequest { request: id };
            drop(reply.send(is_signed.and_then(|is| is.then(Vec::new).ok_or(unknown))));
        });
    }

    fn tell_wait(&mut self, request: RequestId, mut wait: Box<Wait>) {
        if let Some(matter) = self.reviewer.matter(&request) {
            note_banned(&self.engine, &mut wait, &matter.reference().group);
        }
        self.reviewer.tell(request, RequestEvent::Wait(wait));
    }

    /// Hands on what comes of the work that a node asks of us.
    pub(crate) fn on_worked(&mut self, worked: Worked) {
        match worked {
            Worked::Found(job, proof) => {
                self.solving.stop(job);
                self.working.stop(job);
                let proof = Some(proof);
                self.engine.handle_input(self.clock.now(), Input::Solved { job, proof });
            }
            Worked::Goes { peer, bits, tried, spent } if peer == self.node => {
                self.emit(Event::Working { bits, tried, spent });
            }
            Worked::Goes { peer, bits, tried, spent } => {
                self.emit(Event::Busy(peer, Busy::Proving { bits, tried, spent }));
            }
        }
    }

    fn on_signing_event(&mut self, event: Engine) {
        match event {
            Engine::PeerUp { .. }
            | Engine::PeerDown { .. }
            | Engine::GroupUnknown { .. }
            | Engine::GroupKnown { .. }
            | Engine::GroupMissing { .. }
            | Engine::NotShown { .. }
            | Engine::NodeChanged { .. }
            | Engine::OwnKeyElsewhere { .. }
            | Engine::PeerCopied { .. } => self.on_acquaintance(event),
            Engine::Review(review) => self.review(review),
            Engine::Void(review) => self.tell_void(review),
            Engine::Attempt { request, attempt, opened_by } => {
                self.signer.held.forget(&request);
                let opened_by = opened_by.map(opener);
                self.reviewer.tell(request, RequestEvent::Attempt { attempt, opened_by });
            }
            Engine::Session { request, event: SessionEvent::Done(finished), .. } => {
                self.on_finished(request, &finished);
            }
            Engine::Session { request, event, .. } => {
                if let SessionEvent::Failed(_) = &event {
                    self.signer.held.forget(&request);
                }
                let now = self.clock.now().instant;
                match session_event(&event, now) {
                    Some(Report::Request(event)) => self.reviewer.tell(request, event),
                    Some(Report::Warning(problem)) => self.emit_warning(None, problem),
                    Some(Report::GroupUnknown(by)) => self.tell_unknown(&request, by),
                    None => {}
                }
            }
            Engine::Closed { request, attempt, failure: it } => {
                self.on_closed(request, (*it, attempt))
            }
            Engine::ConsentDurable { request } => self.callers.began(&request),
            Engine::Waiting { request, wait } => self.tell_wait(request, wait),
            Engine::Withdrawn { request } => self.reviewer.tell(request, RequestEvent::Withdrawn),
            Engine::EndDurable { request } => self.callers.ended(&request),
            Engine::Convicted { peer, evidence, case } => {
                self.emit(Event::Convicted { peer, evidence, case });
            }
            Engine::Delegated(proof) => self.on_delegated(proof),
            Engine::NotDelegated(why) => self.on_not_delegated(why),
            // Each is taken up, or asked about, by a command that says so itself.
            Engine::NotResumed { .. } => {}
            Engine::Everybody { request } => self.callers.may_leave(&request),
        }
    }

    fn on_closed(&mut self, request: RequestId, ended: (ensign_session::Failure, u16)) {
        self.signer.held.forget(&request);
        self.callers.may_leave(&request);
        let (now, why) = (self.clock.now().unix, self.given_up.remove(&request));
        self.reviewer.on_closed(now, request, ended, why);
        self.load_next();
    }

    fn on_offense(&mut self, peer: PeerId, offense: &Offense, held_back: u64) {
        if let Offense::Signing(signing::Offense::UnknownGroup { group }) = offense {
            self.emit(Event::Peer(peer, PeerEvent::GroupMissing { group: *group }));
            if held_back == 0 {
                return;
            }
        }
        self.emit_warning(Some(peer), problem::of_offense(offense).after(held_back));
    }

    fn on_finished(&mut self, request: RequestId, finished: &Finished) {
        self.reviewer.on_done(self.clock.now().unix, request, finished);
        self.load_next();
    }

    /// Tells what the engine found out about another node; anything else is nothing to it.
    fn on_acquaintance(&mut self, event: Engine) {
        if let Some((peer, event)) = acquaintance(&event) {
            return self.emit(Event::Peer(peer, event));
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "its caller tells all else")]
        match event {
            Engine::PeerUp { peer, clock_offset_millis } => {
                self.links.introduced(&peer, clock_offset_millis);
                self.emit(Event::Peer(peer, PeerEvent::Up { clock_offset_millis }));
            }
            Engine::PeerDown { peer } => {
                let has_stopped = self.links.has_stopped(&peer);
                let is_banned = is_banned(&self.engine, &peer);
                self.emit(Event::Peer(peer, PeerEvent::Down { is_banned, has_stopped }));
            }
            Engine::GroupUnknown { peer, group } => {
                self.emit_group(peer, &group, |group| PeerEvent::GroupUnknown { group });
            }
            Engine::GroupKnown { peer, group } => {
                self.emit_group(peer, &group, |group| PeerEvent::GroupKnown { group });
            }
            _ => {}
        }
    }

    /// Tells when nodes drop our connections for others that we did not make: a second process has our
    /// identity.
    pub(crate) fn look_for_a_copy(&mut self, peer: PeerId, reason: &DisconnectReason) {
        let is_duplicate = report::is_duplicate(reason) && self.engine.signing().is_member(&peer);
        let (instance, now) = (self.engine.signing().instance_of(&peer), self.clock.now().instant);
        if is_duplicate && self.links.pushed_off.see(peer, instance, now) {
            self.emit(Event::Peer(peer, PeerEvent::Copied { whose: Whose::Ours }));
        }
    }

    /// Tells of a group of ours what another node knows of it.
    fn emit_group(
        &self,
        peer: PeerId,
        group: &GroupId,
        event: impl FnOnce(Arc<GroupInfo>) -> PeerEvent,
    ) {
        if let Some(joined) = self.reviewer.groups().get(group) {
            self.emit(Event::Peer(peer, event(Arc::clone(&joined.info))));
        }
    }

    /// Tells that a signer's node does not have a request's group.
    pub(crate) fn tell_unknown(&self, request: &RequestId, by: SignerIndex) {
        let group =
            self.reviewer.matter(request).map(|matter| Arc::clone(&matter.reference().group));
        let member = group.as_ref().and_then(|group| group.members.get(by.as_usize()));
        if let (Some(group), Some(peer)) = (&group, member.map(|member| member.peer)) {
            let group = Arc::clone(group);
            self.emit(Event::Peer(peer, PeerEvent::GroupUnknown { group }));
        }
    }

    /// Says again which members do not have a group, now that something is asked of them.
    pub(crate) fn remind_of_unknown(&self, group: &Arc<GroupInfo>) {
        for member in
            group.members.iter().filter(|it| self.engine.signing().lacks(&it.peer, &group.id))
        {
            let group = Arc::clone(group);
            self.emit(Event::Peer(member.peer, PeerEvent::GroupUnknown { group }));
        }
    }

    pub(crate) fn emit(&self, event: Event) {
        self.events.send(event);
    }

    /// Warns of what a peer's connection met, at a bounded rate: it cannot wash away what the
    /// application waits for.
    pub(crate) fn warn_of(&mut self, peer: PeerId, problem: Problem) {
        let is_member = self.engine.signing().is_member(&peer);
        let standing = if is_member { Standing::Member } else { Standing::Stranger };
        if let Some(held_back) = self.links.warnings.admit(self.clock.now().instant, standing) {
            self.emit_warning(Some(peer), problem.after(held_back));
        }
    }

    pub(crate) fn emit_warning(&self, peer: Option<PeerId>, problem: Problem) {
        self.emit(Event::Warning { peer, problem: Box::new(problem) });
    }
}
