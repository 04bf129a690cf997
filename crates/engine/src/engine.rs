//! The node: what it holds, its commands, and the four methods of the contract. Dispatch only.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use core::net::SocketAddr;

use ensign_diversity::PrefixTable;
use ensign_formation::{Formation, FormationConfig};
use ensign_gate::{Arrival, Gate, Guards};
use ensign_identity::DelegationError;
use ensign_overlay::Overlay;
use ensign_peers::{Peers, Why};
use ensign_pow::{Payer, Toll};
use ensign_primitives::{
    GroupId, Instant, LinkId, Now, Occupancy, PeerId, RequestId, StateMachine, TaggedHasher,
    Wakeup, settle,
};
use ensign_ratelimit::Level;
use ensign_reputation::{Reputation, TooManyWords, Word};
use ensign_signing::{
    Asked, CommandError, Delegated, End, GroupConfig, Keys, Open, Proposal, Signing,
};
use ensign_watch::Watch;
use ensign_wire::AbortReason;

use crate::{
    CloseCode, EngineConfig, Event, Input, Link, Output, SETTLE_ROUNDS_MAX, Warnings,
    open::POSITION_JOB, route::Note,
};

/// Commands of our user that a child carries out; what follows from one is carried out with it.
macro_rules! commands {
    ($now:ident; $($(#[doc = $about:literal])* $room:ident: $child:ident::$name:ident
        ($($arg:ident: $type:ty),*) = ($($given:expr),*) -> $result:ty;)*) => {$(
        $(#[doc = $about])*
        #[doc = concat!("\n\nWhat it does, and when it is refused: [`", stringify!($child), "::",
            stringify!($name), "`].")]
        #[allow(clippy::missing_errors_doc, reason = "the child says them, of those that are refused")]
        pub fn $name(&mut self, $now: Now, $($arg: $type),*) -> $result {
            let result = self.$room.$name($($given),*);
            self.settle($now);
            result
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
    /// What strangers pay us.
    pub(crate) toll: Toll,
    /// What we pay others.
    pub(crate) payer: Payer,
    pub(crate) watch: Watch,
    pub(crate) signing: Signing,
    pub(crate) peers: Peers,
    pub(crate) formation: Formation,
    pub(crate) reputation: Reputation,
    pub(crate) overlay: Option<Overlay>,
    /// What children are to be told.
    pub(crate) notes: VecDeque<Note>,
    /// When they are told, if the rounds were used up.
    resumes_at: Option<Instant>,
    pub(crate) outputs: VecDeque<Output>,
}

/// What is known from before a restart, of each child.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Of signing.
    pub signing: ensign_signing::Restored,
    /// Of peers.
    pub peers: ensign_peers::Restored,
    /// Of formation.
    pub formation: ensign_formation::Restored,
    /// Of reputation.
    pub reputation: Vec<(PeerId, ensign_reputation::Account)>,
    /// Of the open network.
    pub overlay: ensign_overlay::Restored,
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
        let Restored { signing, peers, formation, reputation, overlay } = restored;
        let open = config.overlay.clone();
        let (network, node_key) = (config.network, Arc::clone(&keys.node_key));
        // A child that draws more shifts no other one's numbers.
        let seed = TaggedHasher::new("ensign/child-seed/v1", network).bytes(&seed);
        let seed = |child: &[u8]| seed.clone().var_bytes(child).finish();
        let (strangers, peer_id) = (config.strangers, node_key.peer_id());
        let places = (strangers.links_max, strangers.places());
        let open = open.map(|open| {
            let given = (Arc::default(), overlay);
            Overlay::new(open, Arc::clone(&node_key), seed(b"overlay"), now, given)
        });
        let mut engine = Self {
            overlay: open,
            formation: Formation::new(FormationConfig { network }, node_key, now, formation),
            gate: Gate::new(config.strangers),
            guards: Guards::new(config.limits, config.overlay.is_some()),
            warnings: Warnings::default(),
            toll: Toll::new(network, seed(b"toll"), strangers.price, places, now.instant),
            payer: Payer::new(network, peer_id, seed(b"payer")),
            watch: Watch::new(now),
            signing: Signing::new(config.signing(), keys, now, signing),
            peers: Peers::new(config.peers, seed(b"peers"), peers),
            reputation: Reputation::new(config.strangers.reputation, now, reputation),
            config,
            notes: VecDeque::new(),
            resumes_at: None,
            outputs: VecDeque::new(),
        };
        let banned: Vec<_> = engine.reputation.banned().collect();
        banned.into_iter().for_each(|peer| engine.bar(peer, true));
        engine.settle(now);
        engine
    }

    /// Returns the child that signs, for questions.
    pub const fn signing(&self) -> &Signing {
        &self.signing
    }

    /// Returns the child that knows where peers are, for questions.
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Returns the child that forms groups, for questions.
    pub const fn formation(&self) -> &Formation {
        &self.formation
    }

    /// Returns what the guards did, for questions.
    pub const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Returns the guards, for questions.
    pub const fn guards(&self) -> &Guards {
        &self.guards
    }

    /// Returns how many strangers may be connected at once.
    pub const fn strangers_max(&self) -> usize {
        self.config.strangers.links_max
    }

    /// Returns every connection: its name, and what the gate knows of it.
    pub fn links(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.gate.links()
    }

    /// Returns what is held of each node, for questions.
    pub const fn reputation(&self) -> &Reputation {
        &self.reputation
    }

    /// Returns a peer's connection: its name, and what the gate knows of it.
    pub fn link_of(&self, peer: &PeerId) -> Option<(LinkId, &Link)> {
        let link = self.gate.link_of(peer)?;
        self.gate.get(link).map(|known| (link, known))
    }

    /// Returns what a stranger that comes now is asked to prove, in zero bits; `None` at rest.
    pub fn price(&self, now: Now) -> Option<u8> {
        self.toll.bits(now.instant)
    }

    /// Returns how far what strangers share is tightened under load, and why.
    pub const fn level(&self) -> &Level {
        self.guards.level()
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it; the
    /// children's too. Always the same names in the same order; meant for the moment after a drain.
    ///
    /// Cost: that of [`Signing::occupancy`].
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let outputs =
            Occupancy { name: "outputs after a drain", len: self.outputs.len(), limit: 0 };
        let hall =
            self.gate.occupancy().into_iter().chain(self.guards.occupancy()).chain([outputs]);
        let hall = hall.chain(self.toll.occupancy()).chain(self.payer.occupancy());
        let children = self.peers.occupancy().chain(self.formation.occupancy());
        let children = children.chain(self.watch.occupancy()).chain(self.reputation.occupancy());
        let open = self.overlay.iter().flat_map(|it| it.occupancy()).collect::<Vec<_>>();
        hall.chain(self.signing.occupancy()).chain(children).chain(open)
    }

    commands! { now;
        /// Joins a group.
        signing: Signing::add_group(group: GroupConfig) = (now, group) -> Result<GroupId, CommandError>;
        /// Takes in what a contact code or a certificate says of a member's key.
        signing: Signing::know_delegation(it: Delegated) = (now, it) -> Result<(), DelegationError>;
        /// Leaves a group.
        signing: Signing::forget_group(group: &GroupId) = (group) -> Result<(), CommandError>;
        /// Asks a group to sign.
        signing: Signing::propose(proposal: Proposal, nonce: [u8; 16]) = (now, proposal, nonce)
            -> Result<RequestId, CommandError>;
        /// Takes up a request that was not among what was [restored](Restored), because it waited in
        /// the store for room.
        signing: Signing::resume(open: Open) = (now, open) -> Result<RequestId, CommandError>;
        /// Asks our user again about a request, as [`resume`](Self::resume) does of one with a consent.
        signing: Signing::reopen(asked: Asked) = (now, asked) -> Result<RequestId, CommandError>;
        /// Consents to a request.
        signing: Signing::approve(request: RequestId) = (now, request) -> Result<(), CommandError>;
        /// Takes our user's consent to a request back.
        signing: Signing::withdraw(request: RequestId) = (now, request) -> Result<(), CommandError>;
        /// Refuses a request, or gives up one of our own.
        signing: Signing::stop(request: RequestId, reason: AbortReason) = (now, request, reason)
            -> Result<(), CommandError>;
        /// Asks for another delegation if the one in use does not hold.
        signing: Signing::await_delegation() = (now) -> bool;
        /// Remembers a request that ended without this node.
        signing: Signing::remember_ended(request: RequestId, ended: (GroupId, End))
            = (request, ended.0, ended.1) -> ();
        /// Enters addresses of a peer before those given earlier.
        peers: Peers::know(peer: PeerId, addresses: &[SocketAddr]) = (peer, addresses)
            -> Result<(), ensign_peers::CommandError>;
        /// Stays connected with a node because the application asks for it.
        peers: Peers::want(peer: PeerId) = (now, peer, Why::Application)
            -> Result<(), ensign_peers::CommandError>;
    }

    /// Learns who announces which addresses, in place of what was known of that: strangers are counted by
    /// provider and country too.
    pub fn know_prefixes(&mut self, now: Now, prefixes: Arc<PrefixTable>) {
        self.know_prefixes_outside(now, &prefixes);
        self.gate.know_prefixes(prefixes);
        self.settle(now);
    }

    /// Takes our user's word about a node, which beats its score and outlives a restart, or takes it back. A
    /// banned node is neither dialled nor let in, a member neither.
    ///
    /// Returns the groups that cannot sign while it is banned: those with that node.
    ///
    /// # Errors
    ///
    /// [`TooManyWords`] when there are too many words.
    pub fn say(
        &mut self,
        now: Now,
        peer: PeerId,
        word: Option<Word>,
    ) -> Result<Vec<GroupId>, TooManyWords> {
        self.reputation.say(now, peer, word)?;
        let is_banned = word == Some(Word::Banned);
        if is_banned {
            self.bar(peer, true);
            self.gate.link_of(&peer).into_iter().for_each(|it| self.close(it, CloseCode::Unwanted));
        } else {
            self.bar(peer, false);
        }
        self.settle(now);
        Ok(if is_banned { self.signing.groups_with(&peer) } else { Vec::new() })
    }

    /// Carries out commands of our user at the child that forms groups, and what follows from them.
    pub fn form<T>(&mut self, now: Now, act: impl FnOnce(&mut Formation) -> T) -> T {
        let done = act(&mut self.formation);
        self.settle(now);
        done
    }

    pub(crate) fn settle(&mut self, now: Now) {
        self.resumes_at = settle(self, SETTLE_ROUNDS_MAX, now);
    }
}

impl StateMachine for Engine {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { link, peer, remote, direction, exporter, round_trip } => {
                self.on_up(now, Arrival { link, peer, remote, direction, exporter, round_trip });
            }
            Input::Down { link } => self.on_down(link),
            Input::DialFailed { peer, address, why } => {
                self.tell_peers(ensign_peers::Input::DialFailed { peer, address, why });
                self.tell_overlay(crate::open::dial_failed(peer, address, why));
            }
            Input::Frame { link, kind, body } => self.on_frame(now, link, (kind, &body)),
            Input::Dropped { link, lane, frames } => {
                if let Some(peer) = self.gate.get(link).map(|known| known.peer) {
                    let event = Event::Dropped { peer, lane, frames };
                    self.outputs.push_back(Output::Event(event));
                    self.notes.extend(Note::dropped(lane, peer));
                }
            }
            Input::BackDialled { peer, is_reached } => {
                self.tell_overlay(ensign_overlay::Input::BackDialled { peer, is_reached });
            }
            Input::Load(load) => self.guards.load(now, load),
            Input::Solved { job: POSITION_JOB, proof } => {
                self.tell_overlay(ensign_overlay::Input::Solved { proof });
            }
            Input::Solved { job, proof } => self.payer.solved(job, proof),
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
        self.close_overdue(now);
        self.signing.handle_timeout(now);
        self.peers.handle_timeout(now);
        self.formation.handle_timeout(now);
        self.overlay.iter_mut().for_each(|it| it.handle_timeout(now));
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let resumes = self.resumes_at.map(|at| Wakeup { at, reason: "settling" });
        let children = [self.signing.poll_timeout(), self.peers.poll_timeout()];
        let open = self.overlay.as_ref().and_then(Overlay::poll_timeout);
        let others = [resumes, self.gate.poll_timeout(), self.formation.poll_timeout(), open];
        others.into_iter().chain(children).flatten().min()
    }
}
