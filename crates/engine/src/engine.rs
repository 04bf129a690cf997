//! The node: what it holds, its commands, and the four methods of the contract. Dispatch only.

use alloc::collections::VecDeque;

use core::net::SocketAddr;

use ensign_peers::{Peers, Why};
use ensign_primitives::{
    GroupId, Instant, LinkId, Network, Now, Occupancy, PeerId, RequestId, StateMachine,
    TaggedHasher, Wakeup,
};
use ensign_signing::{Asked, CommandError, End, GroupConfig, Keys, Open, Proposal, Signing};
use ensign_wire::{AbortReason, Lane};

use crate::{
    EngineConfig, Event, Input, Link, Output, Warnings,
    gate::{Arrival, Gate},
    guards::Guards,
    route::Note,
    settle::settle,
};

/// Commands of our user that a child carries out; what follows from one is carried out with it.
macro_rules! commands {
    ($($(#[doc = $about:literal])* $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        $(#[doc = $about])*
        #[doc = concat!("\n\nWhat it does, and when it is refused: [`Signing::", stringify!($name), "`].")]
        #[expect(clippy::missing_errors_doc, reason = "the child says them")]
        pub fn $name(&mut self, now: Now, $($arg: $type),*) -> $result {
            self.command(now, |signing| signing.$name(now, $($arg),*))
        }
    )*};
}

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
    pub(crate) warnings: Warnings,
    pub(crate) signing: Signing,
    pub(crate) peers: Peers,
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
    /// Of peers.
    pub peers: ensign_peers::Restored,
}

impl Engine {
    /// Makes a node, after a restart too: requests from before go on as soon as their groups are
    /// [added](Self::add_group).
    ///
    /// - `seed`: 32 bytes from the operating system, from which each child that draws has its own; no
    ///   secret is ever made from it.
    pub fn new(
        config: EngineConfig,
        keys: Keys,
        seed: [u8; 32],
        now: Now,
        restored: Restored,
    ) -> Self {
        let Restored { signing, peers } = restored;
        let seed = seed_of("peers", config.network, seed);
        Self {
            gate: Gate::new(),
            guards: Guards::new(config.allowances),
            warnings: Warnings::new(now.instant),
            signing: Signing::new(config.signing(), keys, now, signing),
            peers: Peers::new(config.peers, seed, peers),
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

    /// Returns the child that knows where peers are, for questions.
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Returns a peer's connection: its name, and what the gate knows of it.
    pub fn link_of(&self, peer: &PeerId) -> Option<(LinkId, &Link)> {
        let link = self.gate.link_of(peer)?;
        self.gate.get(link).map(|known| (link, known))
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it; the
    /// children's too. Always the same names in the same order; meant for the moment after a drain.
    ///
    /// Cost: that of [`Signing::occupancy`].
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let outputs =
            Occupancy { name: "outputs after a drain", len: self.outputs.len(), limit: 0 };
        let hall = self.gate.occupancy().into_iter().chain([self.guards.occupancy(), outputs]);
        hall.chain(self.signing.occupancy()).chain(self.peers.occupancy())
    }

    commands! {
        /// Joins a group.
        add_group(group: GroupConfig) -> Result<GroupId, CommandError>;
        /// Asks a group to sign.
        propose(proposal: Proposal, nonce: [u8; 16]) -> Result<RequestId, CommandError>;
        /// Takes up a request that was not among what was [restored](Restored), because it waited in
        /// the store for room.
        resume(open: Open) -> Result<RequestId, CommandError>;
        /// Asks our user again about a request, as [`resume`](Self::resume) does of one with a consent.
        reopen(asked: Asked) -> Result<RequestId, CommandError>;
        /// Consents to a request.
        approve(request: RequestId) -> Result<(), CommandError>;
        /// Refuses a request, or gives up one of our own.
        stop(request: RequestId, reason: AbortReason) -> Result<(), CommandError>;
    }

    /// Leaves a group; see [`Signing::forget_group`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn forget_group(&mut self, now: Now, group: &GroupId) -> Result<(), CommandError> {
        self.command(now, |signing| signing.forget_group(group))
    }

    /// Asks for another delegation if the one in use does not hold; see [`Signing::await_delegation`].
    pub fn await_delegation(&mut self, now: Now) -> bool {
        self.command(now, |signing| signing.await_delegation(now))
    }

    /// Remembers a request that ended without this node; see [`Signing::remember_ended`].
    pub fn remember_ended(&mut self, now: Now, request: RequestId, (group, end): (GroupId, End)) {
        self.command(now, |signing| signing.remember_ended(request, group, end));
    }

    /// Enters addresses of a peer before those given earlier; see [`Peers::know`].
    ///
    /// # Errors
    ///
    /// As [`Peers::know`].
    pub fn know(
        &mut self,
        now: Now,
        peer: PeerId,
        addresses: &[SocketAddr],
    ) -> Result<(), ensign_peers::CommandError> {
        let result = self.peers.know(peer, addresses);
        self.settle(now);
        result
    }

    /// Stays connected with a node because the application asks for it; see [`Peers::want`].
    ///
    /// # Errors
    ///
    /// As [`Peers::want`].
    pub fn want(&mut self, now: Now, peer: PeerId) -> Result<(), ensign_peers::CommandError> {
        let result = self.peers.want(now, peer, Why::Application);
        self.settle(now);
        result
    }

    fn command<R>(&mut self, now: Now, command: impl FnOnce(&mut Signing) -> R) -> R {
        let result = command(&mut self.signing);
        self.settle(now);
        result
    }

    fn settle(&mut self, now: Now) {
        self.resumes_at = settle(self, now);
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
            Input::DialFailed { peer, address, why } => {
                let input = ensign_peers::Input::DialFailed { peer, address, why };
                self.notes.push_back(Note::Peers(input));
            }
            Input::Frame { link, kind, body } => self.on_frame(now, link, (kind, &body)),
            Input::Dropped { link, lane, frames } => {
                if let Some(peer) = self.gate.get(link).map(|known| known.peer) {
                    let event = Event::Dropped { peer, lane, frames };
                    self.outputs.push_back(Output::Event(event));
                    if lane == Lane::Bulk {
                        let input = ensign_signing::Input::Dropped { peer };
                        self.notes.push_back(Note::Signing(input));
                    }
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
        self.peers.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let resumes = self.resumes_at.map(|at| Wakeup { at, reason: "settling" });
        let children = [self.signing.poll_timeout(), self.peers.poll_timeout()];
        [resumes, self.gate.poll_timeout()].into_iter().chain(children).flatten().min()
    }
}

/// Returns the seed of a child: a child that draws more shifts no other one's numbers.
fn seed_of(child: &str, network: Network, seed: [u8; 32]) -> [u8; 32] {
    let hasher = TaggedHasher::new("ensign/child-seed/v1", network);
    hasher.bytes(&seed).var_bytes(child.as_bytes()).finish()
}
