//! The machine: what it holds, its commands, and the four methods of the contract.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use core::time::Duration;

use ensign_deadline::{Deadline, Due, Stage};
use ensign_equivocation::Statements;
use ensign_identity::DelegationProof;
use ensign_musig::{KeyAggCtx, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::{
    Instant, Network, Now, PeerId, RequestId, SessionId, SignerIndex, StateMachine, Wakeup,
};
use ensign_replay::{Duplicates, Sequences};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, PubNonceBytes, SessionAbort, SessionAnnounce,
    SigningRequest,
};

use crate::{
    CommandError, DUPLICATES_REMEMBERED, Event, Input, Output, OwnFault, Phase, Record,
    SessionSetup, SetupError, contexts::contexts, local::Local,
};

/// One attempt at one request, seen by one signer.
///
/// Made by [`Session::new`] in [`Phase::Gathering`]. The caller then may call
/// [`announce`](Self::announce) or [`acknowledge`](Self::acknowledge), and one of
/// [`approve`](Self::approve), [`stop`](Self::stop) once its user has decided.
#[derive(Debug)]
pub struct Session {
    pub(crate) setup: SessionSetup,
    pub(crate) network: Network,
    pub(crate) request: RequestId,
    pub(crate) id: SessionId,
    /// One context per message; none before our user has consented.
    pub(crate) contexts: Vec<KeyAggCtx>,
    pub(crate) phase: Phase,
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
    /// Whether the stage was given its time once more, to ask for what stands behind a nonce set.
    pub(crate) prolonged: bool,
    /// The statements that convict; at most two for each signer.
    pub(crate) proofs: Vec<Envelope>,
    pub(crate) statements: Statements,
    pub(crate) sequences: Sequences,
    pub(crate) duplicates: Duplicates,
    pub(crate) deadline: Deadline,
    pub(crate) news_at: Instant,
    pub(crate) abort: Option<Aborted>,
    pub(crate) awaited: Option<(u64, Step)>,
    next_token: u64,
    pub(crate) next_seq: u64,
    outputs: VecDeque<Output>,
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

/// How an attempt ended without a signature.
#[derive(Debug)]
pub(crate) enum Aborted {
    /// We ended it and say so.
    ByUs(SessionAbort),
    /// Another signer did; its own words are handed on.
    ByPeer(Box<Envelope>),
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
        let request = &setup.request.request;
        let (keys, peers, signers) = (setup.group.len(), setup.peers.len(), request.signers.len());
        if keys != signers || peers != signers {
            return Err(SetupError::SignerCount { keys, peers, signers });
        }
        check_keys(&setup)?;
        check_peers(&setup.peers)?;
        let (network, id) = (request.network, request.id());
        let lifetime = request.expires.since(now.unix);
        Ok(Self {
            network,
            request: id,
            id: SigningRequest::session_id(id, network, setup.attempt),
            contexts: Vec::new(),
            phase: Phase::Gathering,
            approved: false,
            announces: false,
            local: Local::default(),
            signers: (0..signers).map(|_| Signer::default()).collect(),
            signing: Vec::new(),
            result: Vec::new(),
            views_differ: false,
            sum_is_false: false,
            prolonged: false,
            proofs: Vec::new(),
            statements: Statements::default(),
            sequences: Sequences::default(),
            duplicates: Duplicates::new(DUPLICATES_REMEMBERED),
            deadline: Deadline::new(setup.timeouts, now.instant, lifetime),
            news_at: now.instant,
            abort: None,
            awaited: None,
            next_token: 0,
            next_seq: 0,
            outputs: VecDeque::new(),
            setup,
        })
    }

    /// Returns the attempt's name.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the request's name.
    pub const fn request_id(&self) -> RequestId {
        self.request
    }

    /// Returns how far the session is.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns whether nothing will happen any more without new input.
    pub fn is_over(&self) -> bool {
        self.deadline.next().is_none()
    }

    /// Returns whom the session waits for in its phase.
    pub fn waiting_on(&self) -> Vec<SignerIndex> {
        self.setup.others().into_iter().filter(|signer| !self.has_delivered(*signer)).collect()
    }

    /// Numbers our statements from `seq`, because the caller has made those before in our name.
    pub fn number_from(&mut self, seq: u64) {
        self.next_seq = self.next_seq.max(seq.saturating_sub(1));
    }

    /// Returns the last number used for what this node says here.
    pub const fn last_number(&self) -> u64 {
        self.next_seq
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
        self.deadline = Deadline::new(self.setup.timeouts, now.instant, wait);
    }

    /// Opens the session to every other signer's node.
    pub fn announce(&mut self, now: Now) {
        self.announces = true;
        for signer in self.setup.others() {
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
        if self.phase != Phase::Gathering {
            return Err(CommandError::WrongPhase { phase: self.phase });
        }
        self.approved = true;
        match contexts(&self.setup.group, self.messages()) {
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
        if self.phase >= Phase::Complete {
            return Err(CommandError::WrongPhase { phase: self.phase });
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
        if self.phase < Phase::Complete {
            self.fail(now, AbortReason::InvalidNonce, alloc::vec![culprit], None);
        }
    }

    pub(crate) fn outputs_len(&self) -> usize {
        self.outputs.len()
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub(crate) fn persist(&mut self, record: Record, step: Step) {
        let token = self.next_token;
        self.next_token += 1;
        self.awaited = Some((token, step));
        self.push(Output::Persist { token, record });
    }

    pub(crate) fn signer(&self, signer: SignerIndex) -> Option<&Signer> {
        self.signers.get(signer.as_usize())
    }

    pub(crate) fn signer_mut(&mut self, signer: SignerIndex) -> Option<&mut Signer> {
        self.signers.get_mut(signer.as_usize())
    }

    /// Signs `body` and sends it to each of `to`.
    pub(crate) fn say(&mut self, now: Now, to: &[SignerIndex], body: Body) {
        self.next_seq += 1;
        let signed = Envelope::sign(
            &self.setup.node_key,
            self.network,
            self.id,
            self.next_seq,
            now.unix,
            body,
        );
        let Ok(envelope) = signed else {
            debug_assert!(false, "our own statements are within the limits of the wire");
            return;
        };
        self.send(to, envelope);
    }

    /// Sends an envelope as it is, ours or another signer's.
    pub(crate) fn send(&mut self, to: &[SignerIndex], envelope: Envelope) {
        let kind = envelope.body().kind();
        let frame: Arc<[u8]> = Frame::Envelope(Box::new(envelope)).encode().into();
        for signer in to {
            self.push(Output::Send { to: *signer, kind, frame: Arc::clone(&frame) });
        }
    }

    pub(crate) fn enter(&mut self, now: Now, phase: Phase) {
        self.phase = phase;
        let stage = match phase {
            Phase::Gathering => Stage::Consent,
            Phase::Committing => Stage::Joins,
            Phase::Revealing => Stage::Nonces,
            Phase::Signing => Stage::PartialSigs,
            Phase::Complete | Phase::Aborted => Stage::Linger,
        };
        self.deadline.enter(now.instant, stage);
        self.event(Event::Phase(phase));
    }

    pub(crate) fn report_waiting(&mut self) {
        let on = self.waiting_on();
        if !on.is_empty() && self.phase < Phase::Complete {
            self.event(Event::Waiting { on, since: self.deadline.entered() });
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
        self.announces || self.setup.request.request.creator == self.setup.local
    }

    fn announce_to(&mut self, now: Now, signer: SignerIndex) {
        let announce = SessionAnnounce {
            attempt: self.setup.attempt,
            request: self.setup.request.as_ref().clone(),
        };
        self.say(now, &[signer], Body::SessionAnnounce(Box::new(announce)));
    }

    fn on_connected(&mut self, now: Now, signer: SignerIndex) {
        if signer == self.setup.local || self.signer(signer).is_none() {
            return;
        }
        if self.is_announcer() && self.phase < Phase::Complete {
            self.announce_to(now, signer);
        }
        self.forget_told(signer);
        self.send_ack(now, signer);
        if self.phase == Phase::Aborted {
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
            .setup
            .others()
            .into_iter()
            .filter(|signer| self.signer(*signer).is_some_and(|s| !s.acknowledged && !s.joined))
            .collect();
        if !silent.is_empty() {
            self.event(Event::Unreachable(silent));
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
        while let Some(due) = self.deadline.poll(now.instant) {
            self.on_due(now, due);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        self.deadline.next()
    }
}

fn check_keys(setup: &SessionSetup) -> Result<(), SetupError> {
    let ours = setup.signer.as_public_key();
    if setup.group.keys().get(setup.local.as_usize()) != Some(ours) {
        return Err(SetupError::NotASigner { local: setup.local });
    }
    let named = setup.request.request.signers.as_slice();
    let differs =
        setup.group.keys().iter().zip(named).position(|(key, named)| key != named.as_public_key());
    match differs.and_then(SignerIndex::from_usize) {
        Some(signer) => Err(SetupError::KeyMismatch { signer }),
        None => Ok(()),
    }
}

fn check_peers(peers: &[PeerId]) -> Result<(), SetupError> {
    let mut seen = BTreeMap::new();
    for (index, peer) in peers.iter().enumerate() {
        let Some(second) = SignerIndex::from_usize(index) else { continue };
        if let Some(first) = seen.insert(peer, second) {
            return Err(SetupError::SamePeer { first, second });
        }
    }
    Ok(())
}
