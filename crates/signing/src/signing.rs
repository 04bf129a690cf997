//! The machine: what it holds, the four methods of the contract, and what it tells of itself.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use ensign_primitives::{
    BoundedMap, GroupId, Now, Occupancy, PeerId, RequestId, SessionId, StateMachine, Wakeup,
};
use ensign_replay::NonceLog;
use ensign_session::Session;
use ensign_wire::{Envelope, Frame, SignedRequest};

use crate::{
    Event, Input, Keys, Offense, Opening, Output, PEERS_MAX, Record, RequestStatus, Restored,
    SigningConfig, Testimony,
    admission::Admission,
    copies::Instances,
    groups::Groups,
    horizon::Horizons,
    request::Request,
    requests::{Attempt, Requests},
    restore::Waiting,
    shared::Shared,
    shelf::Shelf,
};

mod attempts;
mod commands;
mod statements;

/// One node.
///
/// The driver loop: feed one [`Input`] or command, drain
/// [`poll_output`](StateMachine::poll_output), sleep until
/// [`poll_timeout`](StateMachine::poll_timeout).
#[derive(Debug)]
pub struct Signing {
    config: SigningConfig,
    keys: Keys,
    /// Who is connected, and by how many milliseconds its clock was ahead of ours when it told it.
    peers: BoundedMap<PeerId, i64>,
    groups: Groups,
    shared: Shared,
    shelf: Shelf,
    instances: Instances,
    admission: Admission,
    requests: Requests,
    /// Requests from before a restart whose group is not there yet.
    waiting: Waiting,
    horizons: Horizons,
    nonces: NonceLog,
    next_token: u64,
    outputs: VecDeque<Output>,
}

impl Signing {
    /// Makes a machine without groups. What is restored waits inside until its group is there.
    ///
    /// It draws nothing: what it says follows from what it is told.
    pub fn new(config: SigningConfig, keys: Keys, now: Now, restored: Restored) -> Self {
        let Restored { open, asked, ended, undecided, horizon } = restored;
        let waiting = Waiting::new(config.network, open, asked);
        let mut signing = Self::empty(config, keys, waiting);
        for (request, group, end) in ended {
            signing.remember_ended(request, group, end);
        }
        undecided.into_iter().for_each(|kept| signing.admission.restore(kept));
        signing.horizons.restore(horizon);
        signing.horizons.see(now.unix);
        signing
    }

    fn empty(config: SigningConfig, keys: Keys, waiting: Waiting) -> Self {
        Self {
            waiting,
            peers: BoundedMap::new(PEERS_MAX),
            groups: Groups::new(config.network, keys.node_key.peer_id(), keys.signer),
            shared: Shared::default(),
            shelf: Shelf::default(),
            instances: Instances::default(),
            admission: Admission::new(config.allowances),
            requests: Requests::new(config.network),
            horizons: Horizons::default(),
            nonces: NonceLog::default(),
            next_token: 0,
            outputs: VecDeque::new(),
            config,
            keys,
        }
    }

    /// Returns an open request.
    pub fn request(&self, id: &RequestId) -> Option<&Arc<SignedRequest>> {
        self.requests.get(id).map(Request::signed)
    }

    /// Returns every open request, by name.
    pub fn open_requests(&self, now: Now) -> Vec<RequestStatus> {
        let open = self.requests.iter().filter(|(_, request)| !request.is_settled());
        open.map(|(_, request)| request.status(now)).collect()
    }

    /// Returns which signer's node opened the current attempt, and why; `None` when we did.
    pub fn opened_by(&self, request: &RequestId) -> Option<Opening> {
        self.requests.get(request)?.opened_by()
    }

    /// Returns whether a node is connected and has introduced itself.
    pub fn is_up(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Returns whether a node belongs to one of our groups.
    pub fn is_member(&self, peer: &PeerId) -> bool {
        self.groups.is_member(peer)
    }

    /// Returns whether a member has said that it does not have a group of ours.
    pub fn lacks(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.shared.lacks(peer, group)
    }

    /// Returns the number that a member's process has drawn, by its last word.
    pub fn instance_of(&self, peer: &PeerId) -> Option<[u8; 8]> {
        self.instances.latest(peer)
    }

    /// Returns what is known of a node in a session of an open request, or of one whose end was
    /// reported just now.
    pub fn testimony(&self, session: &SessionId, peer: &PeerId) -> Option<Testimony> {
        let Attempt { request: id, number: attempt } = self.requests.attempt(session)?;
        let request = self.requests.get(&id)?;
        let signer = self.groups.get(&request.group())?.signer_of(peer)?;
        let of_creator = (request.creator() == *peer).then_some(request.signed().delegation);
        let delegation = request.session().delegation_of(signer).or(of_creator);
        Some(Testimony { request: Arc::clone(request.signed()), attempt, signer, delegation })
    }

    /// Returns the signed words with which another signer ended the current attempt at a request.
    pub fn ended_by(&self, request: &RequestId) -> Option<&Envelope> {
        self.requests.get(request).map(Request::session).and_then(Session::ended_by)
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it.
    ///
    /// The same names in the same order, those of sessions only while one is open. What exists once for
    /// each peer, request or session is counted where it is fullest. Meant for the moment after a
    /// drain: then no output waits.
    ///
    /// Cost: a walk over peers, open requests and remembered endings; no allocation.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let own = [
            self.peers.occupancy("peers"),
            self.nonces.occupancy("nonce log"),
            self.instances.occupancy(),
            Occupancy { name: "signing outputs after a drain", len: self.outputs.len(), limit: 0 },
        ];
        own.into_iter()
            .chain(self.groups.occupancy())
            .chain(self.shared.occupancy())
            .chain(self.shelf.occupancy())
            .chain(self.admission.occupancy())
            .chain(self.requests.occupancy())
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Reports an offense.
    fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.outputs.push_back(Output::Offense { peer, offense });
    }

    fn send(&mut self, peer: PeerId, frame: &Frame) {
        let kind = frame.kind();
        self.outputs.push_back(Output::Send { peer, kind, frame: frame.encode().into() });
    }

    /// Has a record written down with the next one.
    fn note(&mut self, record: Record) {
        self.outputs.push_back(Output::Note(record));
    }

    /// Notes how far time has come, if that is worth a word.
    fn note_horizon(&mut self) {
        if let Some(come) = self.horizons.take_note() {
            self.note(Record::Horizon(come));
        }
    }

    fn persist(&mut self, record: Record) -> u64 {
        self.note_horizon();
        let token = self.next_token;
        self.next_token += 1;
        self.outputs.push_back(Output::Persist { token, record });
        token
    }
}

impl StateMachine for Signing {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        self.horizons.see(now.unix);
        match input {
            Input::Up { peer, introduction } => self.on_up(now, peer, introduction),
            Input::Down { peer } => self.on_down(peer),
            Input::Message { peer, message } => self.on_message(now, peer, message),
            Input::Signer(answer) => self.on_signer(now, answer),
            Input::Persisted { token } => self.on_persisted(now, token),
            Input::Recalled { request, known } => self.on_recalled(now, request, known),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        self.compare_groups(now);
        self.run_request_timers(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        [self.shared.wakeup(), self.requests.wakeup()].into_iter().flatten().min()
    }
}
