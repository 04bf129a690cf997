//! The machine: its rooms, its commands, and the four methods of the contract.

use alloc::vec::Vec;
use core::time::Duration;

use ensign_deadline::{Due, Stage};
use ensign_identity::DelegationProof;
use ensign_primitives::{Now, Occupancy, RequestId, SessionId, SignerIndex, StateMachine, Wakeup};
use ensign_wire::{AbortReason, Body, Envelope, PartialSigShare, SessionAbort};

use crate::{
    CommandError, Event, Input, Output, Phase, SessionSetup, SetupError,
    agreement::Agreement,
    allowance::Allowance,
    attempt::Attempt,
    case::Case,
    course::{Aborted, Course},
    own::{Own, Step},
    roll::Roll,
    sum::Sum,
    voice::Voice,
};

mod repair;
mod rounds;
mod statements;

/// One attempt at one request, seen by one signer.
///
/// Made by [`Session::new`] in [`Phase::Gathering`]. The caller then may call
/// [`announce`](Self::announce) or [`acknowledge`](Self::acknowledge), and one of
/// [`approve`](Self::approve), [`stop`](Self::stop) once its user has decided.
#[derive(Debug)]
pub struct Session {
    attempt: Attempt,
    course: Course,
    voice: Voice,
    own: Own,
    roll: Roll,
    case: Case,
    agreement: Agreement,
    allowance: Allowance,
    sum: Sum,
}

impl Session {
    /// Makes the machine for one attempt.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when keys, nodes and request do not fit together.
    pub fn new(setup: SessionSetup, now: Now) -> Result<Self, SetupError> {
        let attempt = Attempt::new(setup)?;
        let lifetime = attempt.asked().expires.since(now.unix);
        Ok(Self {
            course: Course::new(attempt.timeouts(), now, lifetime),
            voice: Voice::default(),
            own: Own::default(),
            roll: Roll::new(&attempt),
            case: Case::new(&attempt),
            agreement: Agreement::new(&attempt),
            allowance: Allowance::new(&attempt),
            sum: Sum::default(),
            attempt,
        })
    }

    /// Returns the attempt's name.
    pub const fn id(&self) -> SessionId {
        self.attempt.id()
    }

    /// Returns the request's name.
    pub const fn request_id(&self) -> RequestId {
        self.attempt.request_id()
    }

    /// Returns how far the session is.
    pub const fn phase(&self) -> Phase {
        self.course.phase()
    }

    /// Returns whether nothing will happen any more without new input.
    pub fn is_over(&self) -> bool {
        self.course.is_over()
    }

    /// Returns whom the session waits for in its phase.
    pub fn waiting_on(&self) -> Vec<SignerIndex> {
        let mut others = self.attempt.others();
        others.retain(|signer| !self.has_delivered(*signer));
        others
    }

    /// Returns whether nobody has asked our signer for nonces yet.
    pub fn awaits_approval(&self) -> bool {
        self.course.phase() == Phase::Gathering && !self.own.is_approved()
    }

    /// Returns whether our signer holds, or may hold, secret nonces for this attempt.
    pub fn holds_nonces(&self) -> bool {
        self.own.holds_nonces()
    }

    /// Returns whether our signer was asked for nonces and has not answered.
    pub fn awaits_nonces(&self) -> bool {
        self.own.awaits_nonces()
    }

    /// Returns whether every signer has joined, us included.
    pub fn have_all_joined(&self) -> bool {
        self.roll.have_all_joined()
    }

    /// Returns whether a signer has joined this attempt.
    pub fn has_joined(&self, signer: SignerIndex) -> bool {
        self.roll.has_joined(signer)
    }

    /// Returns the delegation that a signer's join carried: that its key lets its node speak.
    /// `None` before the join, and for ourselves.
    pub fn delegation_of(&self, signer: SignerIndex) -> Option<DelegationProof> {
        self.case.delegation(&self.attempt.peer_of(signer)?)
    }

    /// Returns the signed words with which another signer ended the attempt.
    pub fn ended_by(&self) -> Option<&Envelope> {
        match self.course.aborted() {
            Some(Aborted::ByPeer(envelope)) => Some(envelope),
            Some(Aborted::ByUs(_)) | None => None,
        }
    }

    /// Returns how full each collection is that can grow after the session was made.
    ///
    /// Always the same names in the same order. What has one entry for each signer or message is
    /// not listed: it has its size from the start.
    ///
    /// Cost: a few reads; no allocation.
    pub fn occupancy(&self) -> [Occupancy; 6] {
        let [statements, sequences, duplicates, proofs] = self.case.occupancy();
        let [own, outputs] = self.voice.occupancy();
        [statements, sequences, duplicates, own, proofs, outputs]
    }

    /// Numbers our statements from `seq`, because the caller has made those before in our name.
    pub fn number_from(&mut self, seq: u64) {
        self.voice.number_from(seq);
    }

    /// Returns the last number used for what this node says here.
    pub const fn last_number(&self) -> u64 {
        self.voice.last_number()
    }

    /// Takes what the caller has verified of who speaks for a signer: a join that carries the same costs no
    /// signature check for it.
    pub fn know(&mut self, signer: SignerIndex, delegation: DelegationProof) {
        self.roll.know(signer, delegation);
    }

    /// Remembers the announcement that made the caller open this session: a repetition of it is
    /// heard like any other, and says nothing.
    pub fn opened_by(&mut self, announcement: &Envelope) {
        self.case.remember(announcement);
    }

    /// Joins with another delegation of our signer key's, unless it has joined already.
    pub const fn renew(&mut self, delegation: DelegationProof) {
        self.attempt.renew(delegation);
    }

    /// Waits so long to hear how the attempt ended, although the time of its request is over: it is never
    /// approved, and takes final signatures only.
    pub fn wait_for_end(&mut self, now: Now, wait: Duration) {
        self.course.restart(now, self.attempt.timeouts(), wait);
    }

    /// Opens the session to every other signer's node.
    pub fn announce(&mut self, now: Now) {
        self.course.open();
        for signer in self.attempt.others() {
            self.announce_to(now, signer);
        }
    }

    /// Tells the node that announced the session that we have it, before our user decides.
    pub fn acknowledge(&mut self, now: Now, announcer: SignerIndex) {
        self.send_ack(now, announcer);
    }

    /// Consents: asks for our nonces, and joins once they are here and the join is durable. A tweak
    /// that gives no key ends the attempt with [`OwnFault::Tweak`](crate::OwnFault::Tweak).
    ///
    /// Cost: 16 us for each different tweak of the request; what is spent before is spent for
    /// anybody who asks, and this only for what our user wants.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when consent was given before or the session has ended.
    pub fn approve(&mut self, now: Now) -> Result<(), CommandError> {
        if self.own.is_approved() {
            return Err(CommandError::AlreadyApproved);
        }
        let phase = self.course.phase();
        if phase != Phase::Gathering {
            return Err(CommandError::WrongPhase { phase });
        }
        self.own.approve();
        match self.sum.fix_keys(&self.attempt) {
            Ok(()) => {
                let order = self.own.order(&self.attempt);
                self.voice.push(order);
            }
            Err(fault) => self.fail_on_our_side(now, fault),
        }
        Ok(())
    }

    /// Ends the attempt for everybody, for a reason of our own.
    ///
    /// # Errors
    ///
    /// [`CommandError::WrongPhase`] when the session has ended.
    pub fn stop(&mut self, now: Now, reason: AbortReason) -> Result<(), CommandError> {
        if self.course.has_ended() {
            return Err(CommandError::WrongPhase { phase: self.course.phase() });
        }
        self.fail(now, reason, Vec::new(), None);
        Ok(())
    }

    /// Gives the attempt up without a word to anybody, because a later one takes its place: only the
    /// signer has to hear of it.
    pub fn abandon(&mut self) {
        let forget = self.own.close(self.attempt.id());
        self.ask(forget);
    }

    /// Ends the attempt because `culprit` showed a nonce that another session has seen.
    pub fn nonce_reused(&mut self, now: Now, culprit: SignerIndex) {
        if !self.course.has_ended() {
            self.fail(now, AbortReason::InvalidNonce, alloc::vec![culprit], None);
        }
    }

    /// Says partial signatures that were made durable before a restart, as they are, to whoever still
    /// waits for them. The attempt itself is not taken up again: it is never approved, so it makes no
    /// nonces and no other partial signatures.
    ///
    /// - `nonces`: the digest of the nonce set that they are for.
    pub fn repeat_partials(&mut self, now: Now, nonces: [u8; 32], partials: Vec<[u8; 32]>) {
        let signer = self.attempt.local();
        let share = PartialSigShare { signer, nonces, partials };
        self.say_once(now, Body::PartialSigShare(share));
    }

    /// Signs that we waited for a signer in vain, for whoever is shown it later; says it to nobody. Its
    /// number is the next of what we say in this session.
    pub fn report(
        &mut self,
        now: Now,
        reason: AbortReason,
        culprit: SignerIndex,
    ) -> Option<Envelope> {
        let body = Body::SessionAbort(SessionAbort { reason, culprit: Some(culprit) });
        self.voice.sign(now, &self.attempt, body)
    }

    fn say(&mut self, now: Now, to: &[SignerIndex], body: Body) {
        self.voice.say(now, &self.attempt, to, body);
    }

    fn say_once(&mut self, now: Now, body: Body) {
        self.voice.say_once(now, &self.attempt, body);
    }

    fn ask(&mut self, output: Option<Output>) {
        if let Some(output) = output {
            self.voice.push(output);
        }
    }

    fn enter(&mut self, now: Now, phase: Phase) {
        self.course.enter(now, phase);
        self.voice.event(Event::Phase(phase));
    }

    /// Reports that something came which the session was waiting for.
    fn progress(&mut self, event: Event) {
        if !self.course.has_ended() {
            self.voice.event(event);
        }
    }

    fn report_waiting(&mut self) {
        let on = self.waiting_on();
        if !on.is_empty() && !self.course.has_ended() {
            self.voice.event(Event::Waiting { on, since: self.course.entered() });
        }
    }

    fn report_unreachable(&mut self) {
        let mut silent = self.attempt.others();
        silent.retain(|signer| self.roll.is_unheard(*signer));
        if !silent.is_empty() {
            self.voice.event(Event::Unreachable(silent));
        }
    }

    fn on_connected(&mut self, now: Now, signer: SignerIndex) {
        if signer == self.attempt.local() || self.attempt.peer_of(signer).is_none() {
            return;
        }
        if self.is_announcer() && !self.course.has_ended() {
            self.announce_to(now, signer);
        }
        self.voice.forget_told(signer);
        self.send_ack(now, signer);
        if self.course.phase() == Phase::Aborted {
            self.compare_after_abort(now, alloc::vec![signer]);
        }
    }

    fn on_persisted(&mut self, now: Now, token: u64) {
        match self.own.persisted(token) {
            Some(Step::Join) => self.join(now),
            Some(Step::Sign) => self.on_burned(now),
            Some(Step::SayPartials) => self.say_partials(now),
            Some(Step::SayDone) => self.say_done(now),
            None => {}
        }
    }

    fn on_due(&mut self, now: Now, due: Due) {
        match due {
            Due::Notice => self.report_unreachable(),
            Due::Retry => self.ask_again(now),
            Due::StageEnd(Stage::Consent | Stage::Joins) => {
                let silent = self.waiting_on();
                self.fail(now, AbortReason::Expired, silent, None);
            }
            Due::StageEnd(stage @ (Stage::Nonces | Stage::PartialSigs)) => {
                self.on_stage_end(now, stage);
            }
            Due::StageEnd(Stage::Linger | Stage::Over) => {}
        }
    }
}

impl StateMachine for Session {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Envelope { from, envelope } => self.on_envelope(now, from, *envelope),
            Input::Nonces(nonces) => self.on_own_nonces(now, nonces),
            Input::NoNonces(why) => self.on_no_nonces(now, why),
            Input::Partials(partials) => self.on_own_partials(now, partials),
            Input::NoPartials(why) => self.on_no_partials(now, why),
            Input::Persisted { token } => self.on_persisted(now, token),
            Input::Connected { signer } => self.on_connected(now, signer),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.course.poll(now) {
            self.on_due(now, due);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.voice.poll()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        self.course.next()
    }
}

/// What cases look at and nobody else may.
#[cfg(test)]
impl Session {
    /// Returns what a node said in a slot, as it was taken.
    pub(crate) fn statement(
        &self,
        peer: &ensign_primitives::PeerId,
        slot: ensign_wire::Slot,
    ) -> Option<&Envelope> {
        self.case.said(peer, slot)
    }

    /// Returns a signer's nonces, if they are here.
    pub(crate) fn nonces_of(&self, signer: SignerIndex) -> Option<Vec<ensign_wire::PubNonceBytes>> {
        self.roll.nonces_of(signer).map(<[_]>::to_vec)
    }

    /// Returns for how many messages the key was computed.
    pub(crate) fn keys_fixed(&self) -> usize {
        self.sum.keys_fixed()
    }
}
