//! The node: what it holds, its commands, and the four methods of the contract. Dispatch only.

use alloc::collections::VecDeque;

use ensign_identity::DelegationProof;
use ensign_primitives::{GroupId, Instant, LinkId, Now, PeerId, RequestId, StateMachine, Wakeup};
use ensign_signing::{Asked, CommandError, End, GroupConfig, Keys, Open, Proposal, Signing};
use ensign_wire::AbortReason;

use crate::{
    EngineConfig, Event, Input, Link, Output,
    gate::{Arrival, Gate},
    guards::Guards,
    route::Note,
    settle::{RESUME_PAUSE, settle},
};

/// One node.
///
/// The driver loop: feed one [`Input`] or command, drain
/// [`poll_output`](StateMachine::poll_output), sleep until
/// [`poll_timeout`](StateMachine::poll_timeout).
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) gate: Gate,
    pub(crate) guards: Guards,
    pub(crate) signing: Signing,
    /// What children are to be told.
    pub(crate) notes: VecDeque<Note>,
    /// When they are told, if the rounds were used up.
    resumes_at: Option<Instant>,
    pub(crate) outputs: VecDeque<Output>,
}

/// What is known from before a restart, of each child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Of signing.
    pub signing: ensign_signing::Restored,
}

impl Engine {
    /// Makes a node, after a restart too: requests from before go on as soon as their groups are
    /// [added](Self::add_group).
    ///
    /// - `seed`: 32 bytes from the operating system, from which each child that draws has its own; none
    ///   does yet, and no secret is ever made from it.
    pub fn new(
        config: EngineConfig,
        keys: Keys,
        _seed: [u8; 32],
        now: Now,
        restored: Restored,
    ) -> Self {
        let Restored { signing } = restored;
        Self {
            gate: Gate::new(),
            guards: Guards::new(config.allowances),
            signing: Signing::new(config.signing(), keys, now, signing),
            config,
            notes: VecDeque::new(),
            resumes_at: None,
            outputs: VecDeque::new(),
        }
    }

    /// Returns the child that signs, for questions.
    pub const fn signing(&self) -> &Signing {
        &self.signing
    }

    /// Returns a peer's connection: its name, and what the gate knows of it.
    pub fn link_of(&self, peer: &PeerId) -> Option<(LinkId, &Link)> {
        let link = self.gate.link_of(peer)?;
        self.gate.get(link).map(|known| (link, known))
    }

    /// Joins a group; see [`Signing::add_group`].
    ///
    /// # Errors
    ///
    /// As [`Signing::add_group`].
    pub fn add_group(&mut self, now: Now, group: GroupConfig) -> Result<GroupId, CommandError> {
        self.command(now, |signing| signing.add_group(now, group))
    }

    /// Leaves a group; see [`Signing::forget_group`].
    ///
    /// # Errors
    ///
    /// As [`Signing::forget_group`].
    pub fn forget_group(&mut self, now: Now, group: &GroupId) -> Result<(), CommandError> {
        self.command(now, |signing| signing.forget_group(group))
    }

    /// Asks a group to sign; see [`Signing::propose`].
    ///
    /// # Errors
    ///
    /// As [`Signing::propose`].
    pub fn propose(
        &mut self,
        now: Now,
        proposal: Proposal,
        nonce: [u8; 16],
    ) -> Result<RequestId, CommandError> {
        self.command(now, |signing| signing.propose(now, proposal, nonce))
    }

    /// Takes up a request that was not among what was [restored](Restored), because it waited in the
    /// store for room; see [`Signing::resume`].
    ///
    /// # Errors
    ///
    /// As [`Signing::resume`].
    pub fn resume(&mut self, now: Now, open: Open) -> Result<RequestId, CommandError> {
        self.command(now, |signing| signing.resume(now, open))
    }

    /// Asks our user again about a request, as [`resume`](Self::resume) does of one with a consent; see
    /// [`Signing::reopen`].
    ///
    /// # Errors
    ///
    /// As [`Signing::reopen`].
    pub fn reopen(&mut self, now: Now, asked: Asked) -> Result<RequestId, CommandError> {
        self.command(now, |signing| signing.reopen(now, asked))
    }

    /// Consents to a request; see [`Signing::approve`].
    ///
    /// # Errors
    ///
    /// As [`Signing::approve`].
    pub fn approve(&mut self, now: Now, request: RequestId) -> Result<(), CommandError> {
        self.command(now, |signing| signing.approve(now, request))
    }

    /// Refuses a request, or gives up one of our own; see [`Signing::stop`].
    ///
    /// # Errors
    ///
    /// As [`Signing::stop`].
    pub fn stop(
        &mut self,
        now: Now,
        request: RequestId,
        reason: AbortReason,
    ) -> Result<(), CommandError> {
        self.command(now, |signing| signing.stop(now, request, reason))
    }

    /// Uses another delegation from now on; see [`Signing::renew`].
    pub fn renew(&mut self, now: Now, delegation: DelegationProof) {
        self.command(now, |signing| signing.renew(delegation));
    }

    /// Remembers a request that ended without this node; see [`Signing::remember_ended`].
    pub fn remember_ended(&mut self, now: Now, request: RequestId, (group, end): (GroupId, End)) {
        self.command(now, |signing| signing.remember_ended(request, group, end));
    }

    fn command<R>(&mut self, now: Now, command: impl FnOnce(&mut Signing) -> R) -> R {
        let result = command(&mut self.signing);
        self.settle(now);
        result
    }

    fn settle(&mut self, now: Now) {
        let is_silent = settle(self, now);
        self.resumes_at = (!is_silent).then(|| now.instant.after(RESUME_PAUSE));
    }
}

impl StateMachine for Engine {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { link, peer, remote, direction } => {
                self.on_up(now, Arrival { link, peer, remote, direction });
            }
            Input::Down { link } => self.on_down(link),
            Input::Frame { link, kind, body } => self.on_frame(now, link, (kind, &body)),
            Input::Dropped { link, lane, frames } => {
                if let Some(peer) = self.gate.get(link).map(|known| known.peer) {
                    let event = Event::Dropped { peer, lane, frames };
                    self.outputs.push_back(Output::Event(event));
                }
            }
            Input::Signer(answer) => self.on_signer(answer),
            Input::Persisted { token } => self.on_persisted(token),
            Input::Recalled { request, known } => {
                let input = ensign_signing::Input::Recalled { request, known };
                self.notes.push_back(Note::Signing(input));
            }
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.poll_timeout().is_none_or(|wakeup| wakeup.at > now.instant) {
            return;
        }
        self.close_silent(now);
        self.signing.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let resumes = self.resumes_at.map(|at| Wakeup { at, reason: "settling" });
        [resumes, self.gate.poll_timeout(), self.signing.poll_timeout()].into_iter().flatten().min()
    }
}
