//! The machine: what it holds, its commands, and the four methods of the contract.

use alloc::vec::Vec;

use core::time::Duration;

use ensign_deadline::{Due, Stage};
use ensign_equivocation::Statements;
use ensign_identity::DelegationProof;
use ensign_musig::{KeyAggCtx, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::{Now, RequestId, SessionId, SignerIndex, StateMachine, Wakeup};
use ensign_replay::{Duplicates, Sequences};
use ensign_wire::{AbortReason, Envelope, PubNonceBytes};

use crate::{
    CommandError, DUPLICATES_REMEMBERED, Event, Input, Output, OwnFault, Phase, Record,
    SessionSetup, SetupError, attempt::Attempt, contexts::contexts, course::Course, local::Local,
    voice::Voice,
};

/// One attempt at one request, seen by one signer.
///
/// Made by [`Session::new`] in [`Phase::Gathering`]. The caller then may call
/// [`announce`](Self::announce) or [`acknowledge`](Self::acknowledge), and one of
/// [`approve`](Self::approve), [`stop`](Self::stop) once its user has decided.
#[derive(Debug)]
pub struct Session {
    pub(crate) attempt: Attempt,
    pub(crate) course: Course,
    pub(crate) voice: Voice,
    /// One context per message; none before our user has consented.
    pub(crate) contexts: Vec<KeyAggCtx>,
    pub(crate) approved: bool,
    /// Whether we have opened the attempt: whoever connects later hears of it from us.
    announces: bool,
    pub(crate) local: Local,
    pub(crate) signers: Vec<Signer>,
    pub(crate) signing: Vec<SigningCtx>,
    pub(crate) result: Vec<[u8; 64]>,
    pub(crate) views_differ: bool,
    /// Whether every partial signature was here and they did not add up.
    pub(crate) sum_is_false: bool,
    /// The statements that convict; at most two for each signer.
    pub(crate) proofs: Vec<Envelope>,
    pub(crate) statements: Statements,
    pub(crate) sequences: Sequences,
    pub(crate) duplicates: Duplicates,
    pub(crate) awaited: Option<(u64, Step)>,
    next_token: u64,
}

/// What is known of one signer, us included.
#[derive(Debug, Default)]
pub(crate) struct Signer {
    /// What the caller has verified of who speaks for it.
    pub(crate) delegation: Option<DelegationProof>,
    pub(crate) acknowledged: bool,
    pub(crate) joined: bool,
    pub(crate) nonces: Option<Nonces>,
    pub(crate) confirmed: bool,
    pub(crate) partials: Option<Vec<PartialSig>>,
    pub(crate) done: bool,
    pub(crate) acks_answered: u32,
    /// How often we have shown it what we hold.
    pub(crate) views_shared: u32,
    /// Whether it has named another nonce set than ours.
    pub(crate) names_another: bool,
    /// How often it was asked for what stands behind that.
    pub(crate) views_asked: u32,
    /// After the end: whether it holds what we hold.
    pub(crate) agrees: bool,
    /// What it named as the digest of what it holds, when it was last done.
    pub(crate) held: Option<[u8; 32]>,
    /// Whether its partial signatures were verified by themselves, for our nonce set.
    pub(crate) partials_checked: bool,
    pub(crate) convicted: bool,
}

/// A signer's public nonces, as they travelled and parsed.
#[derive(Debug)]
pub(crate) struct Nonces {
    pub(crate) bytes: Vec<PubNonceBytes>,
    pub(crate) parsed: Vec<PubNonce>,
}

/// What a durable record lets us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Join,
    Sign,
    SayPartials,
    SayDone,
}

impl Session {
    /// Makes the machine for one attempt.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when keys, nodes and request do not fit together.
    pub fn new(setup: SessionSetup, now: Now) -> Result<Self, SetupError> {
        let lifetime = setup.request.request.expires.since(now.unix);
        let attempt = Attempt::new(setup)?;
        Ok(Self {
            course: Course::new(attempt.timeouts(), now, lifetime),
            voice: Voice::default(),
            contexts: Vec::new(),
            approved: false,
            announces: false,
            local: Local::default(),
            signers: attempt.signers().map(|_| Signer::default()).collect(),
            signing: Vec::new(),
            result: Vec::new(),
            views_differ: false,
            sum_is_false: false,
            proofs: Vec::new(),
            statements: Statements::default(),
            sequences: Sequences::default(),
            duplicates: Duplicates::new(DUPLICATES_REMEMBERED),
            awaited: None,
            next_token: 0,
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
        self.attempt.others().into_iter().filter(|signer| !self.has_delivered(*signer)).collect()
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
        if let Some(known) = self.signer_mut(signer) {
            known.delegation = Some(delegation);
        }
    }

    /// Remembers the announcement that made the caller open this session: a repetition of it is
    /// heard like any other, and says nothing.
    pub fn opened_by(&mut self, announcement: &Envelope) {
        self.duplicates.remember(*announcement.digest());
    }

    /// Waits so long to hear how the attempt ended, although the time of its request is over: it is never
    /// approved, and takes final signatures only.
    pub fn wait_for_end(&mut self, now: Now, wait: Duration) {
        self.course.restart(now, self.attempt.timeouts(), wait);
    }

    /// Opens the session to every other signer's node.
    pub fn announce(&mut self, now: Now) {
        self.announces = true;
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
        if self.approved {
            return Err(CommandError::AlreadyApproved);
        }
        if self.course.phase() != Phase::Gathering {
            return Err(CommandError::WrongPhase { phase: self.course.phase() });
        }
        self.approved = true;
        match contexts(self.attempt.group(), self.attempt.messages()) {
            Ok(contexts) => {
                self.contexts = contexts;
                self.order_nonces();
            }
            Err((message, source)) => {
                self.fail_on_our_side(now, OwnFault::Tweak { message, source });
            }
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
        self.forget_nonces();
        self.awaited = None;
    }

    /// Ends the attempt because `culprit` showed a nonce that another session has seen.
    pub fn nonce_reused(&mut self, now: Now, culprit: SignerIndex) {
        if !self.course.has_ended() {
            self.fail(now, AbortReason::InvalidNonce, alloc::vec![culprit], None);
        }
    }

    pub(crate) fn persist(&mut self, record: Record, step: Step) {
        let token = self.next_token;
        self.next_token += 1;
        self.awaited = Some((token, step));
        self.voice.push(Output::Persist { token, record });
    }

    pub(crate) fn signer(&self, signer: SignerIndex) -> Option<&Signer> {
        self.signers.get(signer.as_usize())
    }

    pub(crate) fn signer_mut(&mut self, signer: SignerIndex) -> Option<&mut Signer> {
        self.signers.get_mut(signer.as_usize())
    }

    pub(crate) fn enter(&mut self, now: Now, phase: Phase) {
        self.course.enter(now, phase);
        self.voice.event(Event::Phase(phase));
    }

    pub(crate) fn report_waiting(&mut self) {
        let on = self.waiting_on();
        if !on.is_empty() && !self.course.has_ended() {
            self.voice.event(Event::Waiting { on, since: self.course.entered() });
        }
    }

    /// Announces the attempt to a signer that has not heard of it, as far as we know: it may have been asked
    /// too much when it came first.
    pub(crate) fn announce_again(&mut self, now: Now, signer: SignerIndex) {
        let is_unheard = |known: &Signer| !known.acknowledged && !known.joined;
        if self.is_announcer() && self.signer(signer).is_some_and(is_unheard) {
            self.announce_to(now, signer);
        }
    }

    /// Whether others hear of the attempt from us: we made the request, or opened the attempt.
    fn is_announcer(&self) -> bool {
        self.announces || self.attempt.is_by_us()
    }

    fn announce_to(&mut self, now: Now, signer: SignerIndex) {
        self.voice.say(now, &self.attempt, &[signer], self.attempt.announcement());
    }

    fn on_connected(&mut self, now: Now, signer: SignerIndex) {
        if signer == self.attempt.local() || self.signer(signer).is_none() {
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
        let Some((awaited, step)) = self.awaited else { return };
        if awaited != token {
            return;
        }
        self.awaited = None;
        match step {
            Step::Join => self.join(now),
            Step::Sign => self.on_burned(now),
            Step::SayPartials => self.say_partials(now),
            Step::SayDone => self.say_done(now),
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

    fn report_unreachable(&mut self) {
        let silent: Vec<_> = self
            .attempt
            .others()
            .into_iter()
            .filter(|signer| self.signer(*signer).is_some_and(|s| !s.acknowledged && !s.joined))
            .collect();
        if !silent.is_empty() {
            self.voice.event(Event::Unreachable(silent));
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
