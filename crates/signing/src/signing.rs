//! The machine: what it holds, the four methods of the contract, and what it tells of itself.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use ensign_identity::{Delegation, DelegationError, DelegationProof, SignerKey, Terms};
use ensign_primitives::{
    BoundedMap, GroupId, Now, Occupancy, PeerId, RequestId, StateMachine, UnixTime, Wakeup,
};
use ensign_replay::NonceLog;
use ensign_session::{Input as SessionInput, Phase, Unsigned};
use ensign_wire::{Frame, SignedRequest};

use crate::{
    CaseFile, Delegated, ENDINGS_REMEMBERED, Event, Input, Keys, NotDelegated, Offense, Output,
    PEERS_LIMIT, REQUESTS_LIMIT, Record, RequestStatus, Restored, SignerAnswer, SignerQuestion,
    SigningConfig, Wait,
    admission::Admission,
    clocks::Clocks,
    copies::Instances,
    groups::Groups,
    horizon::Horizons,
    membership::Membership,
    muster::{Around, Muster},
    notices::Notices,
    renewal::Renewal,
    request::Request,
    requests::Requests,
    resends::Resends,
    restore::Waiting,
    shared::Shared,
    shelf::Shelf,
};

mod attempts;
mod commands;
mod statements;

/// What the muster looks at: everything here but itself.
macro_rules! around {
    ($signing:ident, $now:ident) => {
        Around {
            now: $now,
            network: $signing.config.network,
            keys: &$signing.keys,
            groups: &$signing.groups,
            shared: &$signing.shared,
            peers: &$signing.peers,
            requests: &$signing.requests,
            membership: &$signing.membership,
        }
    };
}
use around;

/// The groups of one node, what is asked of them, and the attempts at it.
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
    membership: Membership,
    shelf: Shelf,
    resends: Resends,
    instances: Instances,
    admission: Admission,
    requests: Requests,
    muster: Muster,
    clocks: Clocks,
    renewal: Renewal,
    /// No request made then or before is joined, but what is proposed to us.
    void_until: Option<UnixTime>,
    /// What is told when which record is durable.
    decisions: BTreeMap<u64, Event>,
    /// Requests from before a restart whose group is not there yet.
    waiting: Waiting,
    horizons: Horizons,
    nonces: NonceLog,
    notices: Notices,
    next_token: u64,
    /// Keys whose node is another one since: their open requests are looked at next.
    replaced: Vec<SignerKey>,
    outputs: VecDeque<Output>,
}

impl Signing {
    /// Makes a machine without groups. What is restored waits inside until its group is there.
    ///
    /// It draws nothing: what it says follows from what it is told.
    pub fn new(config: SigningConfig, keys: Keys, now: Now, restored: Restored) -> Self {
        let Restored { open, asked, ended, undecided, proofs, horizon, delegated, void_until } =
            restored;
        let waiting = Waiting::new(config.network, open, asked);
        let renewal = Renewal::new(now, keys.delegation.terms());
        let (signer, peer) = (keys.signer, keys.node_key.peer_id());
        let own = Delegated { signer, peer, proof: keys.delegation };
        let membership = Membership::new(config.network, (own, now.unix), delegated);
        let memories = (waiting, renewal, Shared::new(), membership);
        let mut signing = Self::empty(config, keys, memories);
        (signing.void_until, signing.notices) = (void_until, Notices::new(proofs));
        for (request, group, end) in ended {
            signing.remember_ended(request, group, end);
        }
        undecided.into_iter().for_each(|kept| signing.admission.restore(kept));
        signing.horizons.restore(horizon);
        signing.horizons.see(now.unix);
        signing
    }

    fn empty(
        config: SigningConfig,
        keys: Keys,
        (waiting, renewal, shared, membership): (Waiting, Renewal, Shared, Membership),
    ) -> Self {
        Self {
            waiting,
            renewal,
            void_until: None,
            decisions: BTreeMap::new(),
            peers: BoundedMap::new(PEERS_LIMIT),
            groups: Groups::new(config.network, keys.node_key.peer_id(), keys.signer),
            shared,
            membership,
            shelf: Shelf::default(),
            resends: Resends::default(),
            instances: Instances::default(),
            admission: Admission::new(config.allowances),
            requests: Requests::new(config.network, config.requests_max),
            muster: Muster::default(),
            clocks: Clocks::default(),
            horizons: Horizons::default(),
            nonces: NonceLog::default(),
            notices: Notices::new(Vec::new()),
            next_token: 0,
            replaced: Vec::new(),
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

    /// Returns whether a node is connected and has introduced itself.
    pub fn is_up(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Returns what a request waits for that is open; `None` for any other.
    pub fn wait(&self, id: &RequestId, now: Now) -> Option<Wait> {
        self.requests.unsettled(id).ok().and_then(|_| self.muster.wait(around!(self, now), id))
    }

    /// Returns who of a group lacks whom, and whose clock or version differs, whatever is open.
    pub fn readiness(&self, group: &GroupId, now: Now) -> Option<Wait> {
        self.muster.look(around!(self, now), group)
    }

    /// Returns whether all members of a group see each other, have said so lately, and agree on time and rules.
    pub fn is_ready(&self, group: &GroupId, now: Now) -> bool {
        self.muster.is_ready(around!(self, now), group)
    }

    /// Returns whether a node belongs to one of our groups.
    pub fn is_member(&self, peer: &PeerId) -> bool {
        self.groups.is_member(peer)
    }

    /// Returns our groups with a node, rising.
    pub fn groups_with(&self, peer: &PeerId) -> Vec<GroupId> {
        self.groups.shared_with(peer)
    }

    /// Returns whether a node has shown, on its connection, that it speaks for a member of our groups.
    pub fn has_shown(&self, peer: &PeerId) -> bool {
        self.membership.has_shown(peer)
    }

    /// Returns the node that speaks for a key, and its delegation, as far as it was ever verified.
    pub fn delegated(&self, signer: &SignerKey) -> Option<Delegated> {
        self.membership.of(signer).copied()
    }

    /// Returns whether a member has said that it does not have a group of ours.
    pub fn lacks(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.shared.lacks(peer, group)
    }

    /// Returns the number that a member's process has drawn, by its last word.
    pub fn instance_of(&self, peer: &PeerId) -> Option<[u8; 8]> {
        self.instances.latest(peer)
    }

    /// Asks for another delegation if the one in use does not hold. Returns whether whoever waits for
    /// it will hear of it: by [`Event::Delegated`] or [`Event::NotDelegated`].
    pub fn await_delegation(&mut self, now: Now) -> bool {
        self.replace_delegation(now);
        !self.renewal.holds(now.unix) && self.renewal.is_asked()
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it.
    ///
    /// The same names in the same order, those of sessions only while one is open. What exists once for
    /// each peer, request or session is counted where it is fullest. Meant for the moment after a
    /// drain: then no output waits.
    ///
    /// Cost: a walk over peers, open requests and remembered endings; no allocation.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let (len, limit) = (self.decisions.len(), REQUESTS_LIMIT + ENDINGS_REMEMBERED);
        let own = [
            self.peers.occupancy("peers"),
            Occupancy { name: "decisions", len, limit },
            self.nonces.occupancy("nonce log"),
            self.instances.occupancy(),
            self.resends.occupancy(),
            Occupancy { name: "signing outputs after a drain", len: self.outputs.len(), limit: 0 },
        ];
        own.into_iter()
            .chain(self.groups.occupancy())
            .chain(self.shared.occupancy())
            .chain(self.membership.occupancy())
            .chain(self.shelf.occupancy())
            .chain(self.admission.occupancy())
            .chain(self.muster.occupancy())
            .chain(self.notices.occupancy())
            .chain(self.requests.occupancy())
    }

    /// Carries out what the muster asks.
    fn hear_muster(&mut self) {
        while let Some(output) = self.muster.poll_output() {
            self.outputs.push_back(output);
        }
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

    /// Tells something once a record is durable. A store that refuses a record, or answers no more, never says
    /// so: what is told of a consent goes with its request, of an end with the memory of it.
    fn tell_when_durable(&mut self, token: u64, told: Event) {
        let requests = &self.requests;
        self.decisions.retain(|_, told| {
            if let Event::ConsentDurable { request } | Event::Withdrawn { request } = told {
                requests.is_open(request)
            } else if let Event::EndDurable { request } = told {
                requests.ended().contains(request)
            } else {
                true
            }
        });
        self.decisions.insert(token, told);
    }
}

impl Signing {
    fn ask_signer(&mut self, question: SignerQuestion) {
        self.outputs.push_back(Output::Signer(question));
    }

    /// Hands what the signer answered to the attempt that asked. One that has ended meanwhile has had
    /// its nonces forgotten.
    fn on_signer(&mut self, now: Now, answer: SignerAnswer) {
        let (session, answer) = match answer {
            SignerAnswer::Nonces { session, result: Ok(nonces) } => {
                (session, SessionInput::Nonces(nonces))
            }
            SignerAnswer::Nonces { session, result: Err(why) } => {
                (session, SessionInput::NoNonces(why))
            }
            SignerAnswer::Partials { session, result: Ok(partials) } => {
                (session, SessionInput::Partials(partials))
            }
            SignerAnswer::Partials { session, result: Err(why) } => {
                (session, SessionInput::NoPartials(why))
            }
            SignerAnswer::Delegated(result) => return self.on_delegated(now, result),
        };
        if let Some(id) = self.requests.current(&session) {
            if let SessionInput::Nonces(_) = &answer {
                self.requests.change(&id, |request| request.course_mut().nonces_from(now));
                if !self.takes_nonces(now, &id) {
                    return self.dissolve(now, id);
                }
            }
            self.with_session(now, id, |session| session.handle_input(now, answer));
        }
    }

    /// Whether nonces are still wanted: a signer that asked a person may have taken so long that the others
    /// are not there any more.
    fn takes_nonces(&self, now: Now, id: &RequestId) -> bool {
        self.requests.get(id).is_none_or(|request| {
            let is_ready = || self.muster.is_ready(around!(self, now), &request.group());
            !request.session().awaits_nonces() || is_ready()
        })
    }

    /// Takes another delegation of our signer key's for every attempt that is not joined yet.
    fn on_delegated(&mut self, now: Now, result: Result<DelegationProof, Unsigned>) {
        let (key, own, network) = (self.keys.signer, self.own_peer(), self.config.network);
        let verified = result.map_err(NotDelegated::Unsigned).and_then(|proof| {
            let verified = Delegation::verify(key, own, network, proof, now.unix);
            verified.map(|it| it.proof()).map_err(NotDelegated::Invalid)
        });
        self.renewal.answered(now, verified.ok().map(|proof| proof.terms()));
        match verified {
            Ok(delegation) => {
                self.keys.delegation = delegation;
                self.requests.each(|request| request.session_mut().renew(delegation));
                self.membership.renew(now.unix, delegation, &self.groups);
                self.hear_membership();
                self.event(Event::Delegated(delegation));
            }
            Err(why) => self.event(Event::NotDelegated(why)),
        }
    }

    /// Asks for another delegation if the one in use does not hold.
    fn replace_delegation(&mut self, now: Now) {
        let asked = self.renewal.replace(now);
        self.ask_to_delegate(now, asked);
    }

    fn ask_to_delegate(&mut self, now: Now, expires: Option<UnixTime>) {
        if let Some(expires) = expires {
            if self.membership.is_elsewhere() {
                // Whoever replaced this node is not replaced by it for having slept.
                self.renewal.answered(now, None);
                return self.event(Event::NotDelegated(NotDelegated::Elsewhere));
            }
            let terms = Terms::after(self.keys.delegation.number, now.unix, expires);
            let (network, peer) = (self.config.network, self.own_peer());
            self.ask_signer(SignerQuestion::Delegate { network, peer, terms });
        }
    }

    fn own_peer(&self) -> PeerId {
        self.keys.node_key.peer_id()
    }
}

impl Signing {
    /// Takes in what a contact code or a certificate says of a member's key, so that an older node of it
    /// is known for one, whoever connects first.
    ///
    /// # Errors
    ///
    /// [`DelegationError`] when it does not hold. A lower number than is known is no error.
    pub fn know_delegation(&mut self, now: Now, it: Delegated) -> Result<(), DelegationError> {
        let known = self.membership.know(now, it, &mut self.groups);
        self.hear_membership();
        self.follow_nodes(now);
        known
    }

    /// Carries out what membership asks.
    fn hear_membership(&mut self) {
        while let Some(output) = self.membership.poll_output() {
            if let Output::Event(Event::NodeChanged { signer, from, to, .. }) = &output {
                self.replaced.push(*signer);
                self.shared.keep(from, &self.groups.shared_with(from));
                // Whoever changes nodes has not rested.
                self.admission.moved(from, *to);
                self.muster.moved(from, *to);
            }
            self.outputs.push_back(output);
        }
    }
}

impl Signing {
    /// Takes other nodes into an attempt: in the same one where there are no nonces of ours; else it dissolves,
    /// which counts for nothing.
    fn renew_session(&mut self, now: Now, id: RequestId) {
        let Some(request) = self.requests.get(&id).filter(|it| !it.is_settled()) else { return };
        if !request.session().awaits_approval() {
            if request.session().phase() < Phase::Complete {
                self.dissolve(now, id);
            }
            return;
        }
        let (number, announces) = (request.session().last_number(), request.has_consent());
        let announces = announces && !request.is_secret();
        let session = self.new_session(now, request.group(), request.signed(), request.attempt());
        let Ok(mut session) = session else { return };
        session.number_from(number.saturating_add(1));
        self.requests.change(&id, |request| *request.session_mut() = session);
        if announces {
            self.with_session(now, id, |session| session.announce(now));
        }
    }

    fn keep_case(&mut self, file: CaseFile) -> [u8; 32] {
        let id = file.id;
        self.note(Record::Case(file));
        id
    }
}

impl StateMachine for Signing {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        self.horizons.see(now.unix);
        let asked = self.renewal.look(now);
        self.ask_to_delegate(now, asked);
        self.dissolve_old(now);
        match input {
            Input::Up { peer } => self.on_up(now, peer),
            Input::Down { peer } => self.on_down(now, peer),
            Input::Dropped { peer } => self.on_dropped(now, peer),
            Input::Message { peer, message } => self.on_message(now, peer, message),
            Input::Signer(answer) => self.on_signer(now, answer),
            Input::Persisted { token } => self.on_persisted(now, token),
            Input::Recalled { request, known } => self.on_recalled(now, request, known),
        }
        self.follow_nodes(now);
        self.resume_full(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        let asked = self.renewal.on_timeout(now);
        self.ask_to_delegate(now, asked);
        self.dissolve_old(now);
        self.report_links(now);
        self.membership.tell_not_shown(now, &self.groups);
        self.hear_membership();
        self.compare_groups(now);
        self.resend_payloads(now);
        self.tell_proofs(now);
        self.run_request_timers(now);
        self.resume_full(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let (groups, payloads) = (self.shared.wakeup(), self.resends.wakeup());
        let (shown, renewal) = (self.membership.wakeup(), self.renewal.wakeup());
        let (reports, proofs) = (self.muster.wakeup(), self.notices.wakeup());
        let wakeups = [groups, payloads, reports, proofs, shown, self.requests.wakeup(), renewal];
        wakeups.into_iter().flatten().min()
    }
}
