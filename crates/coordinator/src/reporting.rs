//! What the engine reports becomes events for the application.

use std::sync::Arc;

use ensign_engine::{
    Event as Hall, Offense, peers,
    signing::{self, Event as Engine},
};
use ensign_equivocation::Case;
use ensign_ledger::{HowEnded, Signed};
use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex};
use ensign_psbt::SignedPsbt;
use ensign_review::{coin_of, problem};
use ensign_session::{Event as SessionEvent, Failure, Finished, Offense as SessionOffense};
use ensign_transport::DisconnectReason;

use crate::{
    Event, GroupInfo, Outcome, PeerEvent, Problem, RequestEvent, Risk, Whose,
    cases::{self, Ended, Reporter},
    driver::Driver,
    report::{self, Report},
    warnings::About,
};

impl Driver {
    /// Tells what the engine reports.
    pub(crate) fn on_event(&mut self, event: Hall) {
        match event {
            Hall::Signing(event) => self.on_signing_event(event),
            Hall::Offense { peer, offense, .. } => self.on_offense(peer, offense),
            Hall::Peers(peers::Event::DialFailed { peer, address, why, retry_in }) => {
                let reason = format!("{address}: {why}");
                self.links.missed(peer, &reason);
                self.emit(Event::Peer(peer, PeerEvent::DialFailed { reason, retry_in }));
            }
            // What did not leave is asked for again.
            Hall::Dropped { .. } => {}
        }
    }

    fn on_signing_event(&mut self, event: Engine) {
        match event {
            Engine::PeerUp { peer, clock_offset_millis } => {
                self.links.introduced(&peer, clock_offset_millis);
                self.emit(Event::Peer(peer, PeerEvent::Up { clock_offset_millis }));
            }
            Engine::PeerDown { peer } => {
                let has_stopped = self.links.has_stopped(&peer);
                self.emit(Event::Peer(peer, PeerEvent::Down { has_stopped }));
            }
            Engine::GroupUnknown { .. }
            | Engine::GroupKnown { .. }
            | Engine::GroupMissing { .. }
            | Engine::PeerCopied { .. } => self.on_acquaintance(event),
            Engine::Review(review) => self.review(review),
            Engine::Attempt { request, attempt } => {
                self.held.forget(&request);
                let opened_by = self.engine.signing().opened_by(&request);
                let opened_by = opened_by.map(report::opener);
                self.emit_request(request, RequestEvent::Attempt { attempt, opened_by });
            }
            Engine::Session { request, event: SessionEvent::Done(finished), .. } => {
                self.on_done(request, &finished);
            }
            Engine::Session { request, attempt, event } => {
                if let SessionEvent::Failed(failure) = &event {
                    self.held.forget(&request);
                    self.keep_silence(request, attempt, failure);
                }
                let now = self.clock.now().instant;
                match report::session_event(&event, now) {
                    Some(Report::Request(event)) => self.emit_request(request, event),
                    Some(Report::Warning(problem)) => self.emit_warning(None, problem),
                    Some(Report::GroupUnknown(by)) => self.tell_unknown(&request, by),
                    None => {}
                }
            }
            Engine::Closed { request, attempt, failure } => {
                self.held.forget(&request);
                self.keep_silence(request, attempt, &failure);
                let given_up = self.given_up.remove(&request);
                let how = HowEnded::new(&failure, given_up.as_ref().map(|it| it.code), attempt);
                self.outlines.end(&request, how, self.clock.now().unix);
                let problem = given_up.unwrap_or_else(|| problem::of_end(&failure, attempt));
                if self.docket.get(&request).is_none() && problem.risk != Risk::None {
                    // Nobody was asked about it, but what it tried is worth knowing.
                    self.warn(None, problem.clone());
                }
                let (problem, evidence) = (Box::new(problem), failure.evidence.map(Box::new));
                self.emit_request(request, RequestEvent::Failed { problem, evidence });
                self.ask_anew(&request);
                self.load_next();
            }
            // Each is taken up, or asked about, by a command that says so itself.
            Engine::NotResumed { .. } => {}
        }
    }

    fn on_offense(&mut self, peer: PeerId, offense: Offense) {
        if let Offense::Signing(signing::Offense::UnknownGroup { group }) = offense {
            return self.tell_missing(peer, group);
        }
        self.warn(Some(peer), problem::of_offense(&offense));
        if let Offense::Signing(signing::Offense::Session(SessionOffense::Proven(evidence))) =
            offense
        {
            let case = cases::of_proof(&self.engine, &peer, &evidence);
            let case = case.map(|case| self.keep_case(&case));
            self.emit(Event::Convicted { peer, evidence, case });
        }
    }

    /// Keeps who did not answer in an attempt that ended.
    fn keep_silence(&mut self, request: RequestId, attempt: u16, failure: &Failure) {
        let (node_key, network, now) = (&self.node_key, self.network, self.clock.now().unix);
        let us = Reporter { node_key, network, now };
        let case = cases::of_silence(&self.engine, us, Ended { request, attempt, failure });
        if let Some(case) = case {
            self.keep_case(&case);
        }
    }

    fn keep_case(&mut self, case: &Case) -> [u8; 32] {
        let (id, entry) = cases::entry(case);
        self.storage.keep(self.clock.now().unix, entry);
        id
    }

    fn on_done(&mut self, request: RequestId, finished: &Finished) {
        self.outlines.end(&request, HowEnded::Signed, self.clock.now().unix);
        let psbt = self.signed_psbt(&request, finished);
        if let Some(matter) = self.docket.get(&request) {
            let (handle, at) = (matter.reference().handle, self.clock.now().unix);
            let coins = matter.meaning().outpoints();
            let signed = Signed { request, handle, at };
            self.coins.sign(signed, coins.map(|outpoint| coin_of(&outpoint)));
        }
        let signatures = finished.signatures.clone();
        let outcome = Box::new(Outcome { signatures, psbt });
        self.emit_request(request, RequestEvent::Done { outcome });
        self.ask_anew(&request);
        self.load_next();
    }

    fn signed_psbt(&mut self, id: &RequestId, finished: &Finished) -> Option<SignedPsbt> {
        let matter = self.docket.get(id)?;
        let group = self.groups.get(&matter.reference().group.id)?;
        match matter.meaning().finish(&group.keys, finished)? {
            Ok(signed) => Some(signed),
            Err(error) => {
                self.warn(None, problem::of_result(&error));
                None
            }
        }
    }

    /// Tells what the engine found out about another node; anything else is nothing to it.
    fn on_acquaintance(&mut self, event: Engine) {
        match event {
            Engine::GroupUnknown { peer, group } => {
                self.emit_group(peer, &group, |group| PeerEvent::GroupUnknown { group });
            }
            Engine::GroupKnown { peer, group } => {
                self.emit_group(peer, &group, |group| PeerEvent::GroupKnown { group });
            }
            Engine::GroupMissing { peer, group } => self.tell_missing(peer, group),
            Engine::PeerCopied { peer } => {
                self.emit(Event::Peer(peer, PeerEvent::Copied { whose: Whose::Theirs }));
            }
            Engine::PeerUp { .. }
            | Engine::PeerDown { .. }
            | Engine::Review(_)
            | Engine::Attempt { .. }
            | Engine::Session { .. }
            | Engine::Closed { .. }
            | Engine::NotResumed { .. } => {}
        }
    }

    /// Tells when nodes drop our connections for others that we did not make: a second process has our
    /// identity.
    pub(crate) fn look_for_a_copy(&mut self, peer: PeerId, reason: &DisconnectReason) {
        let is_duplicate = report::is_duplicate(reason) && self.engine.signing().is_member(&peer);
        let (instance, now) = (self.engine.signing().instance_of(&peer), self.clock.now().instant);
        if is_duplicate && self.pushed_off.see(peer, instance, now) {
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
        if let Some(joined) = self.groups.get(group) {
            self.emit(Event::Peer(peer, event(Arc::clone(&joined.info))));
        }
    }

    /// Tells that a signer's node does not have a request's group.
    pub(crate) fn tell_unknown(&self, request: &RequestId, by: SignerIndex) {
        let group = self.docket.get(request).map(|matter| Arc::clone(&matter.reference().group));
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

    /// Tells of a group that we do not have, at the rate of warnings.
    pub(crate) fn tell_missing(&mut self, peer: PeerId, group: GroupId) {
        let is_member = self.engine.signing().is_member(&peer);
        let about = if is_member { About::Member } else { About::Stranger };
        if self.warnings.admit(about, self.clock.now().instant).is_some() {
            self.emit(Event::Peer(peer, PeerEvent::GroupMissing { group }));
        }
    }

    pub(crate) fn emit(&self, event: Event) {
        self.events.send(event);
    }

    /// Tells what happened to a request, or keeps it until our user was told of the request.
    pub(crate) fn emit_request(&mut self, id: RequestId, event: RequestEvent) {
        if let Some((request, event)) = self.docket.tell(id, event) {
            self.emit(Event::Request(request, event));
        }
    }

    /// Warns. What peers cause is told at a bounded rate, so that they cannot wash away what the
    /// application waits for.
    pub(crate) fn warn(&mut self, peer: Option<PeerId>, mut problem: Problem) {
        if let Some(peer) = &peer {
            let is_member = self.engine.signing().is_member(peer);
            let about = if is_member { About::Member } else { About::Stranger };
            match self.warnings.admit(about, self.clock.now().instant) {
                None => return,
                Some(0) => {}
                Some(held_back) => {
                    problem.what = format!("{} ({held_back} more before it)", problem.what);
                }
            }
        }
        self.emit_warning(peer, problem);
    }

    pub(crate) fn emit_warning(&self, peer: Option<PeerId>, problem: Problem) {
        self.emit(Event::Warning { peer, problem: Box::new(problem) });
    }
}
