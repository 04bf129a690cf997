//! The machine: what it holds, its commands, and the four methods of the contract.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};

use ensign_identity::{DelegationProof, SignerKey};
use ensign_musig::KeyAggCtx;
use ensign_primitives::{
    BoundedMap, GroupId, Now, PeerId, RequestId, SessionId, SignerIndex, StateMachine, Wakeup,
    sha256,
};
use ensign_replay::{Duplicates, NonceLog};
use ensign_wire::{AbortReason, GroupKeys, Payload, Scheme, SignedRequest, SigningRequest};

use crate::{
    ATTEMPTS_MAX, CommandError, ENDING_WAIT, Event, GROUPS_MAX, GroupConfig, Horizon, Input,
    KeptPartials, Keys, Open, Output, PEERS_MAX, Proposal, REFUSALS_REMEMBERED, REQUESTS_MAX,
    Restored, SigningConfig, Standing,
    budget::Budgets,
    copies::Instances,
    ended::Endings,
    peers::Peer,
    recall::Recalls,
    requests::{Mark, Request, no_attempt_left, pause_after},
    restore::Waiting,
    shared::Shared,
    undecided::UndecidedMemory,
};

/// One node.
///
/// The driver loop: feed one [`Input`] or command, drain
/// [`poll_output`](StateMachine::poll_output), sleep until
/// [`poll_timeout`](StateMachine::poll_timeout).
#[derive(Debug)]
pub struct Signing {
    pub(crate) config: SigningConfig,
    pub(crate) keys: Keys,
    pub(crate) own_key: SignerKey,
    pub(crate) groups: BoundedMap<GroupId, Group>,
    /// The nodes of all other members.
    pub(crate) members: BTreeSet<PeerId>,
    pub(crate) peers: BoundedMap<PeerId, Peer>,
    pub(crate) requests: BoundedMap<RequestId, Request>,
    /// Every attempt that an open request, or one whose ending is remembered, may have.
    pub(crate) sessions: BTreeMap<SessionId, (RequestId, u16)>,
    pub(crate) ended: Endings,
    pub(crate) undecided: UndecidedMemory,
    pub(crate) recalls: Recalls,
    /// Requests from before a restart whose group is not there yet.
    pub(crate) waiting: Waiting,
    pub(crate) shared: Shared,
    pub(crate) instances: Instances,
    pub(crate) budgets: Budgets,
    pub(crate) horizon: Horizon,
    /// How much of it was written down.
    pub(crate) noted: Horizon,
    /// Sessions whose announcement was refused.
    pub(crate) refused: Duplicates,
    pub(crate) nonces: NonceLog,
    pub(crate) next_token: u64,
    pub(crate) outputs: VecDeque<Output>,
}

/// A group we belong to.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) keys: GroupKeys,
    pub(crate) context: KeyAggCtx,
    pub(crate) peers: Arc<[PeerId]>,
    pub(crate) local: SignerIndex,
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
        undecided.into_iter().for_each(|kept| signing.undecided.restore(kept));
        signing.horizon.restore(horizon);
        signing.noted.restore(horizon);
        signing.horizon.see(now.unix);
        signing
    }

    fn empty(config: SigningConfig, keys: Keys, waiting: Waiting) -> Self {
        let own_key = keys.signer;
        Self {
            waiting,
            budgets: Budgets::new(config.allowances),
            config,
            keys,
            own_key,
            groups: BoundedMap::new(GROUPS_MAX),
            members: BTreeSet::new(),
            peers: BoundedMap::new(PEERS_MAX),
            requests: BoundedMap::new(REQUESTS_MAX),
            sessions: BTreeMap::new(),
            ended: Endings::default(),
            undecided: UndecidedMemory::default(),
            recalls: Recalls::default(),
            shared: Shared::default(),
            instances: Instances::default(),
            horizon: Horizon::default(),
            noted: Horizon::default(),
            refused: Duplicates::new(REFUSALS_REMEMBERED),
            nonces: NonceLog::default(),
            next_token: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Joins a group: asks for connections to its members and takes their requests from now on. Requests
    /// of it from before a restart go on.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when we are no member, somebody stands twice, the keys do not aggregate, or
    /// the group is known with other nodes. The same group again is no error.
    pub fn add_group(&mut self, now: Now, config: GroupConfig) -> Result<GroupId, CommandError> {
        let GroupConfig { keys, peers } = config;
        check_members(&keys, &peers)?;
        let own_peer = self.keys.node_key.peer_id();
        let not_a_member = CommandError::NotAMember { key: self.own_key, peer: own_peer };
        let local = keys.index_of(&self.own_key).ok_or(not_a_member.clone())?;
        if peers.get(local.as_usize()) != Some(&own_peer) {
            return Err(not_a_member);
        }
        let public: Vec<_> = keys.as_slice().iter().map(|key| *key.as_public_key()).collect();
        let context = KeyAggCtx::new(&public).map_err(CommandError::KeyAgg)?;
        let id = keys.group_id(self.config.network);
        if let Some(known) = self.groups.get(&id) {
            let same = *known.peers == *peers;
            return if same { Ok(id) } else { Err(CommandError::GroupDiffers { group: id }) };
        }
        let others: Vec<_> = peers.iter().copied().filter(|peer| *peer != own_peer).collect();
        let group = Group { keys, context, peers: peers.into(), local };
        self.groups
            .insert(id, group)
            .map_err(|_| CommandError::TooManyGroups { limit: GROUPS_MAX })?;
        self.forget_differences(&id);
        for peer in others {
            if self.members.insert(peer) {
                self.outputs.push_back(Output::Standing { peer, standing: Standing::Member });
                self.outputs.push_back(Output::Want { peer });
                self.admit(peer);
            }
            self.groups_changed(peer);
        }
        self.resume_waiting(now, id);
        Ok(id)
    }

    /// Leaves a group: its requests are not taken any more. Nodes that are members of no other group are
    /// strangers from now on, and let go.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownGroup`], or [`CommandError::GroupInUse`] while a request of it is open.
    pub fn forget_group(&mut self, id: &GroupId) -> Result<(), CommandError> {
        let group = self.groups.get(id).ok_or(CommandError::UnknownGroup { group: *id })?;
        let is_open = |it: &Request| !it.is_settled() && it.group == *id;
        if let Some((request, _)) = self.requests.iter().find(|(_, request)| is_open(request)) {
            return Err(CommandError::GroupInUse { request: *request });
        }
        let peers = Arc::clone(&group.peers);
        self.groups.remove(id);
        let own = self.keys.node_key.peer_id();
        let is_left = |peer: &PeerId| {
            *peer == own || self.groups.iter().any(|(_, it)| it.peers.contains(peer))
        };
        let gone: Vec<_> = peers.iter().copied().filter(|peer| !is_left(peer)).collect();
        self.members.retain(|peer| !gone.contains(peer));
        self.forget_differences(id);
        for peer in peers.iter().filter(|peer| !gone.contains(peer)) {
            self.groups_changed(*peer);
        }
        for peer in gone {
            self.outputs.push_back(Output::Standing { peer, standing: Standing::Stranger });
            self.outputs.push_back(Output::Forget { peer });
        }
        Ok(())
    }

    /// Asks a group to sign, as one of its signers; that is our consent. Nobody hears of it before the
    /// consent is durable.
    ///
    /// - `nonce`: 16 bytes from the operating system that keep two equal requests apart.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the group is unknown, a field is outside its limits, or there is no
    /// room.
    pub fn propose(
        &mut self,
        now: Now,
        proposal: Proposal,
        nonce: [u8; 16],
    ) -> Result<RequestId, CommandError> {
        let group = self
            .groups
            .get(&proposal.group)
            .ok_or(CommandError::UnknownGroup { group: proposal.group })?;
        let payload = match &proposal.payload {
            None => Payload::Blind,
            Some(bytes) => Payload::Psbt {
                digest: sha256(bytes),
                len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            },
        };
        let request = SigningRequest {
            network: self.config.network,
            scheme: Scheme::Bip327,
            signers: group.keys.clone(),
            messages: proposal.messages,
            payload,
            purpose: proposal.purpose,
            tx_type: proposal.tx_type,
            amount: proposal.amount,
            creator: group.local,
            created: now.unix,
            expires: now.unix.after(proposal.lifetime),
            mode: proposal.mode,
            nonce,
        };
        let signed = SignedRequest::sign(request, &self.keys.node_key, self.keys.delegation)
            .map_err(CommandError::Limits)?;
        let payload = proposal.payload.map(Arc::from);
        let id = self.open_request(now, proposal.group, Arc::new(signed), payload, 1)?;
        let token = self.consent(id)?;
        if let Some(request) = self.requests.get_mut(&id) {
            request.unannounced = Some(token);
        }
        Ok(id)
    }

    /// Takes up a request to which our user had consented before a restart: none of the attempts that
    /// were joined is joined again.
    ///
    /// - A request that has expired is closed: [`Event::Closed`] says so. If partial signatures of ours are
    ///   durable, the others may have its signatures, and are asked for [`ENDING_WAIT`] before that.
    /// - One whose last attempt has durable partial signatures of ours sends them again, because the
    ///   others may still wait for them; the next attempt begins when it has got no signatures within
    ///   the pause before it.
    /// - One that has used up its attempts joins nothing more, but the others may have its signatures:
    ///   it is closed only when nobody has told its end within [`ENDING_WAIT`].
    /// - Every other one begins a fresh attempt.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when its group is unknown, it is open already or has ended, or there is no
    /// room.
    pub fn resume(&mut self, now: Now, open: Open) -> Result<RequestId, CommandError> {
        let Open { request, payload, attempts, kept } = open;
        let id = request.request.id();
        let group = request.request.signers.group_id(self.config.network);
        if !self.groups.contains_key(&group) {
            return Err(CommandError::UnknownGroup { group });
        }
        self.check_new(id)?;
        let is_over = self.horizon.is_over(now.unix, &request.request);
        if is_over && kept.is_none() {
            let end = (no_attempt_left(AbortReason::Expired), Mark::Now);
            self.close(now, id, (group, attempts), end);
            return Ok(id);
        }
        let wait = match &kept {
            _ if is_over || attempts >= ATTEMPTS_MAX => Some(ENDING_WAIT),
            Some(_) => Some(pause_after(attempts)),
            None => None,
        };
        let attempt = if wait.is_some() { attempts.min(ATTEMPTS_MAX) } else { attempts + 1 };
        let (request, payload) = (Arc::new(request), payload.map(Arc::from));
        self.open_request(now, group, request, payload, attempt)?;
        if let Some(request) = self.requests.get_mut(&id) {
            request.consented = true;
            request.retry_at = wait.map(|wait| now.instant.after(wait));
        }
        if is_over {
            // The engine's wait ends before the session's.
            self.with_session(now, id, |session| session.wait_for_end(now, 2 * ENDING_WAIT));
        }
        if let Some(KeptPartials { nonces, partials }) = kept {
            self.with_session(now, id, |session| session.repeat_partials(now, nonces, partials));
        }
        if wait.is_none() {
            self.with_session(now, id, |session| session.announce(now));
            self.join(now, id)?;
        }
        Ok(id)
    }

    /// Consents to a request: everything in it was shown to our user. Holds for every attempt at it.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when no such request waits for a decision, or its payload has not come.
    pub fn approve(&mut self, now: Now, id: RequestId) -> Result<(), CommandError> {
        self.consent(id)?;
        let between_attempts = self.requests.get(&id).is_some_and(Request::is_between_attempts);
        if between_attempts { Ok(()) } else { self.join(now, id) }
    }

    /// Refuses a request, or gives up one of our own; ends it for everybody.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when no such request is open.
    pub fn stop(
        &mut self,
        now: Now,
        id: RequestId,
        reason: AbortReason,
    ) -> Result<(), CommandError> {
        let unknown = CommandError::UnknownRequest { request: id };
        let request = self.requests.get(&id).filter(|request| !request.is_settled());
        let request = request.ok_or(unknown.clone())?;
        if request.is_between_attempts() {
            // Between two attempts: the next one begins with its end.
            let attempt = request.attempt + 1;
            self.replace_session(now, id, attempt);
        }
        let request = self.requests.get_mut(&id).ok_or(unknown)?;
        request.session.stop(now, reason).map_err(CommandError::Session)?;
        self.drain_session(now, id);
        Ok(())
    }

    /// Uses another delegation of our signer key's for every attempt that is not joined yet, because the
    /// one in use comes to its end, or does not hold any more since the clock was set.
    pub fn renew(&mut self, delegation: DelegationProof) {
        self.keys.delegation = delegation;
        self.requests.iter_mut().for_each(|(_, request)| request.session.renew(delegation));
    }

    /// Returns an open request.
    pub fn request(&self, id: &RequestId) -> Option<&Arc<SignedRequest>> {
        self.requests.get(id).map(|request| &request.signed)
    }

    /// Returns whether a node is connected and has introduced itself.
    pub fn is_up(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Notes our user's consent, and asks for it to be made durable under the token it returns.
    fn consent(&mut self, id: RequestId) -> Result<u64, CommandError> {
        let request = self
            .requests
            .get_mut(&id)
            .filter(|request| !request.is_settled())
            .ok_or(CommandError::UnknownRequest { request: id })?;
        if request.consented {
            return Err(CommandError::Session(ensign_session::CommandError::AlreadyApproved));
        }
        if request.misses_payload() {
            return Err(CommandError::MissingPayload { request: id });
        }
        request.consented = true;
        let record = crate::Record::Consented {
            request: Box::new(request.signed.as_ref().clone()),
            payload: request.payload.as_ref().map(|payload| payload.to_vec()),
        };
        Ok(self.persist(record))
    }

    pub(crate) fn join(&mut self, now: Now, id: RequestId) -> Result<(), CommandError> {
        let request =
            self.requests.get_mut(&id).ok_or(CommandError::UnknownRequest { request: id })?;
        request.session.approve(now).map_err(CommandError::Session)?;
        self.drain_session(now, id);
        Ok(())
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

impl StateMachine for Signing {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        self.horizon.see(now.unix);
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
        let groups = self.peers.iter().filter_map(|(_, peer)| peer.wakeup());
        let requests = self.requests.iter().filter_map(|(_, request)| request.wakeup());
        groups.chain(requests).min()
    }
}

fn check_members(keys: &GroupKeys, peers: &[PeerId]) -> Result<(), CommandError> {
    if keys.len() != peers.len() {
        return Err(CommandError::MemberCount { keys: keys.len(), peers: peers.len() });
    }
    let mut seen_keys = BTreeSet::new();
    if let Some(key) = keys.as_slice().iter().find(|key| !seen_keys.insert(**key)) {
        return Err(CommandError::DuplicateSigner { key: *key });
    }
    let mut seen_peers = BTreeSet::new();
    if let Some(peer) = peers.iter().find(|peer| !seen_peers.insert(**peer)) {
        return Err(CommandError::DuplicatePeer { peer: *peer });
    }
    Ok(())
}
