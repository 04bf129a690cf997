//! What was asked of us: open requests, the endings of those that are over, and the names of every
//! attempt at either.
//!
//! Whatever is looked for by something else than a request's name has an order or an index of its
//! own: one statement in one session walks no requests.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use ensign_identity::SignerKey;
use ensign_primitives::{
    BoundedMap, GroupId, Network, Now, Occupancy, PeerId, RequestId, SessionId, Wakeup,
};
use ensign_session::Session;
use ensign_wire::{Body, Envelope, SigningRequest};

use crate::{
    ATTEMPTS_AHEAD, ATTEMPTS_MAX, CommandError, Opening, REQUESTS_LIMIT, REQUESTS_PER_CREATOR_MAX,
    SESSIONS_MAX,
    ended::{End, Endings, Share},
    request::{Durable, Request},
};

/// Open requests and remembered endings.
#[derive(Debug)]
pub(crate) struct Requests {
    network: Network,
    max: usize,
    open: BoundedMap<RequestId, Request>,
    ended: Endings,
    /// Every attempt that an open request, or one whose ending is remembered, may have.
    attempts: BTreeMap<SessionId, Attempt>,
    /// Up to which attempt the sessions of each request are known by name.
    named: BTreeMap<RequestId, u16>,
    /// When each open request wakes up, the earliest first.
    wakeups: BTreeSet<(Wakeup, RequestId)>,
    /// Who waits for which durable record.
    tokens: BTreeMap<u64, RequestId>,
    /// How many requests of each creator are open and not settled, by its key: nodes change.
    of_creator: BTreeMap<Option<SignerKey>, usize>,
    /// The open requests of each group.
    of_group: BTreeMap<GroupId, BTreeSet<RequestId>>,
}

/// One attempt at one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) request: RequestId,
    /// From 1.
    pub(crate) number: u16,
}

/// What of a request has a place in an order or index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Places {
    wakeup: Option<Wakeup>,
    is_settled: bool,
}

impl Places {
    fn of(request: &Request) -> Self {
        Self { wakeup: request.wakeup(), is_settled: request.is_settled() }
    }
}

impl Requests {
    pub(crate) fn new(network: Network, max: usize) -> Self {
        let max = max.clamp(1, REQUESTS_LIMIT);
        Self {
            network,
            max,
            open: BoundedMap::new(max),
            ended: Endings::default(),
            attempts: BTreeMap::new(),
            named: BTreeMap::new(),
            wakeups: BTreeSet::new(),
            tokens: BTreeMap::new(),
            of_creator: BTreeMap::new(),
            of_group: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, id: &RequestId) -> Option<&Request> {
        self.open.get(id)
    }

    /// Returns a request that is not settled.
    pub(crate) fn unsettled(&self, id: &RequestId) -> Result<&Request, CommandError> {
        let request = self.get(id).filter(|request| !request.is_settled());
        request.ok_or(CommandError::UnknownRequest { request: *id })
    }

    pub(crate) fn is_open(&self, id: &RequestId) -> bool {
        self.open.contains_key(id)
    }

    pub(crate) const fn ended(&self) -> &Endings {
        &self.ended
    }

    pub(crate) const fn ended_mut(&mut self) -> &mut Endings {
        &mut self.ended
    }

    /// All that are open, settled ones too, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RequestId, &Request)> {
        self.open.iter()
    }

    /// Returns which attempt a session is.
    pub(crate) fn attempt(&self, session: &SessionId) -> Option<Attempt> {
        self.attempts.get(session).copied()
    }

    /// Returns which attempt at a request that is open or has ended an announcement is of: its session may be
    /// too far ahead to be known by name.
    pub(crate) fn far_ahead(&self, envelope: &Envelope) -> Option<Attempt> {
        let Body::SessionAnnounce(announce) = envelope.body() else { return None };
        let (request, number) = (announce.request.request.id(), announce.attempt);
        let session = SigningRequest::session_id(request, self.network, number);
        let is_known = self.is_open(&request) || self.ended.contains(&request);
        let is_one = number <= ATTEMPTS_MAX && session == envelope.session();
        (is_known && is_one).then_some(Attempt { request, number })
    }

    /// Returns the request whose current attempt this is.
    pub(crate) fn current(&self, session: &SessionId) -> Option<RequestId> {
        let Attempt { request, number } = self.attempt(session)?;
        self.open.get(&request).filter(|open| open.attempt() == number).map(|_| request)
    }

    /// Returns the open requests of a group.
    pub(crate) fn of_group(&self, group: &GroupId) -> Vec<RequestId> {
        self.of_group.get(group).into_iter().flatten().copied().collect()
    }

    /// Returns how many requests are not settled: those that are give way.
    pub(crate) fn count_unsettled(&self) -> usize {
        self.of_creator.values().sum()
    }

    /// Returns how many more may be open.
    pub(crate) fn room(&self) -> usize {
        self.max.saturating_sub(self.count_unsettled())
    }

    /// Whether there is a place for one more request of another creator: it has fewer than
    /// [`REQUESTS_PER_CREATOR_MAX`], and no more than places are free. So those who ask much together leave
    /// places for whoever asks little (dynamic thresholds, [Choudhury and Hahne 1998]).
    ///
    /// [Choudhury and Hahne 1998]: <https://doi.org/10.1109/90.664262>
    pub(crate) fn has_place_for(&self, creator: &Option<SignerKey>) -> bool {
        let free = self.room();
        let open = self.of_creator.get(creator).copied().unwrap_or(0);
        open < free.min(REQUESTS_PER_CREATOR_MAX)
    }

    /// Changes one request, and its places in our orders with it.
    pub(crate) fn change<T>(
        &mut self,
        id: &RequestId,
        act: impl FnOnce(&mut Request) -> T,
    ) -> Option<T> {
        let request = self.open.get_mut(id)?;
        let (creator, before) = (request.creator_key(), Places::of(request));
        let result = act(request);
        let after = Places::of(request);
        if before.wakeup != after.wakeup {
            self.leave_wakeup(id, before.wakeup);
            self.wakeups.extend(after.wakeup.map(|at| (at, *id)));
        }
        if !before.is_settled && after.is_settled {
            self.discount(&creator);
        }
        Some(result)
    }

    /// Changes what of a request has no place in any order.
    pub(crate) fn with<T>(
        &mut self,
        id: &RequestId,
        act: impl FnOnce(&mut Request) -> T,
    ) -> Option<T> {
        self.open.get_mut(id).map(act)
    }

    /// Takes the session of a later attempt in the place of the one that runs.
    pub(crate) fn begin(
        &mut self,
        now: Now,
        Attempt { request: id, number }: Attempt,
        begun: (Session, Option<Opening>),
    ) {
        let awaited = self.get(&id).and_then(Request::awaited);
        if let Some(token) = awaited {
            self.tokens.remove(&token);
        }
        self.change(&id, |request| request.begin(now, number, begun));
        self.name_attempts(id, number);
    }

    /// Whether we may open one more attempt at a request by ourselves; counts it.
    pub(crate) fn may_open(&mut self, now: Now, id: RequestId) -> bool {
        self.with(&id, |request| request.course_mut().may_open(now)) == Some(true)
    }

    /// Forgets which payloads of a group's requests a node was sent.
    pub(crate) fn forget_sent(&mut self, group: &GroupId, peer: &PeerId) {
        for id in self.of_group(group) {
            self.with(&id, |request| request.forget_sent(peer));
        }
    }

    /// Returns the payload that a node is to be sent once more: the one that follows `last`, by name,
    /// or the first.
    pub(crate) fn doubted(
        &self,
        peer: &PeerId,
        last: Option<RequestId>,
    ) -> Option<(RequestId, Arc<[u8]>)> {
        let doubted = || self.iter().filter_map(|(id, it)| Some((*id, it.doubted(peer)?)));
        let next = doubted().find(|(id, _)| Some(*id) > last).or_else(|| doubted().next());
        next.map(|(id, payload)| (id, Arc::clone(payload)))
    }

    /// Changes each in what has no place in any order.
    pub(crate) fn each(&mut self, mut act: impl FnMut(&mut Request)) {
        self.open.iter_mut().for_each(|(_, request)| act(request));
    }

    /// No request is opened twice, or the same attempt could be joined twice.
    pub(crate) fn check_new(&self, id: RequestId) -> Result<(), CommandError> {
        if self.open.contains_key(&id) {
            return Err(CommandError::AlreadyOpen { request: id });
        }
        if self.ended.contains(&id) {
            return Err(CommandError::HasEnded { request: id });
        }
        Ok(())
    }

    /// Enters a request. The one that was settled first gives way to it when there is no room.
    pub(crate) fn open(&mut self, id: RequestId, request: Request) -> Result<(), CommandError> {
        self.make_room();
        let (creator, group, wakeup) = (request.creator_key(), request.group(), request.wakeup());
        let attempt = request.attempt();
        let full = CommandError::TooManyRequests { limit: self.max };
        self.open.insert(id, request).map_err(|_| full)?;
        self.wakeups.extend(wakeup.map(|at| (at, id)));
        *self.of_creator.entry(creator).or_default() += 1;
        self.of_group.entry(group).or_default().insert(id);
        self.name_attempts(id, attempt);
        Ok(())
    }

    /// Its ending still answers for the one that gives way.
    fn make_room(&mut self) {
        if !self.open.is_full() {
            return;
        }
        let settled = self.open.iter().filter_map(|(id, it)| Some((it.settled_at()?, *id)));
        if let Some((_, oldest)) = settled.min() {
            self.remove(oldest);
        }
    }

    /// Forgets a request that is settled and whose session has stopped answering.
    pub(crate) fn drop_if_over(&mut self, id: RequestId) {
        if self.open.get(&id).is_some_and(Request::is_over) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: RequestId) {
        if let Some(request) = self.open.remove(&id) {
            self.leave_wakeup(&id, request.wakeup());
            for token in request.tokens() {
                self.tokens.remove(&token);
            }
            if !request.is_settled() {
                self.discount(&request.creator_key());
            }
            if let Some(of_group) = self.of_group.get_mut(&request.group()) {
                of_group.remove(&id);
                if of_group.is_empty() {
                    self.of_group.remove(&request.group());
                }
            }
        }
        if !self.ended.contains(&id) {
            self.forget_attempts(id);
        }
    }

    fn leave_wakeup(&mut self, id: &RequestId, wakeup: Option<Wakeup>) {
        if let Some(at) = wakeup {
            self.wakeups.remove(&(at, *id));
        }
    }

    fn discount(&mut self, creator: &Option<SignerKey>) {
        if let Some(count) = self.of_creator.get_mut(creator) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_creator.remove(creator);
            }
        }
    }

    /// Remembers an end; it answers for all attempts.
    pub(crate) fn end(&mut self, id: RequestId, end: (GroupId, End), share: Share) {
        self.name_attempts(id, 0);
        if let Some(forgotten) = self.ended.remember(id, end, share)
            && !self.open.contains_key(&forgotten)
        {
            self.forget_attempts(forgotten);
        }
    }

    /// Names the sessions up to [`ATTEMPTS_AHEAD`] beyond an attempt.
    fn name_attempts(&mut self, request: RequestId, attempt: u16) {
        let last = attempt.saturating_add(ATTEMPTS_AHEAD).min(ATTEMPTS_MAX);
        let named = self.named.get(&request).copied().unwrap_or(0);
        if named < last {
            self.named.insert(request, last);
        }
        for number in named.saturating_add(1)..=last {
            let session = SigningRequest::session_id(request, self.network, number);
            self.attempts.insert(session, Attempt { request, number });
        }
    }

    fn forget_attempts(&mut self, request: RequestId) {
        let named = self.named.remove(&request).unwrap_or(0);
        for number in 1..=named {
            self.attempts.remove(&SigningRequest::session_id(request, self.network, number));
        }
    }

    /// Lets our own request be heard of only when the record under this token is durable.
    pub(crate) fn keep_secret(&mut self, id: RequestId, token: u64) {
        if self.with(&id, |request| request.keep_secret(token)).is_some() {
            self.tokens.insert(token, id);
        }
    }

    /// Notes that a request's session waits for a record, and for no earlier one.
    pub(crate) fn await_record(&mut self, id: RequestId, token: u64, of_session: u64) {
        let Some(earlier) = self.with(&id, |request| request.persist(token, of_session)) else {
            return;
        };
        earlier.map(|earlier| self.tokens.remove(&earlier));
        self.tokens.insert(token, id);
    }

    /// Takes what waited for a token, and whose it is.
    pub(crate) fn take_durable(&mut self, token: u64) -> Option<(RequestId, Durable)> {
        let id = self.tokens.remove(&token)?;
        let durable = self.with(&id, |request| request.take_durable(token)).flatten()?;
        Some((id, durable))
    }

    /// Returns those whose nonces have outlived their time, by name.
    pub(crate) fn with_old_nonces(&self, now: Now) -> Vec<RequestId> {
        let old = self.open.iter().filter(|(_, request)| request.has_old_nonces(now));
        old.map(|(id, _)| *id).collect()
    }

    /// Returns the requests whose moment has come, by name.
    pub(crate) fn due(&self, now: Now) -> Vec<RequestId> {
        let due = self.wakeups.iter().take_while(|(wakeup, _)| wakeup.at <= now.instant);
        let mut due: Vec<RequestId> = due.map(|(_, id)| *id).collect();
        due.sort_unstable();
        due
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.wakeups.first().map(|(wakeup, _)| *wakeup)
    }

    pub(crate) fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let attempts =
            Occupancy { name: "sessions", len: self.attempts.len(), limit: SESSIONS_MAX };
        let tokens =
            Occupancy { name: "awaited records", len: self.tokens.len(), limit: 2 * self.max };
        let own = [self.open.occupancy("requests"), attempts, tokens];
        let requests = fullest(self.open.iter().map(|(_, request)| request.occupancy()));
        let sessions = fullest(self.open.iter().map(|(_, it)| it.session().occupancy()));
        own.into_iter()
            .chain(self.ended.occupancy())
            .chain(requests.into_iter().flatten())
            .chain(sessions.into_iter().flatten())
    }
}

/// What exists once for each of many, where it is fullest.
fn fullest<const N: usize>(
    of_each: impl Iterator<Item = [Occupancy; N]>,
) -> Option<[Occupancy; N]> {
    of_each.reduce(|mut fullest, one| {
        for (most, other) in fullest.iter_mut().zip(one) {
            *most = most.or_fuller(other.len);
        }
        fullest
    })
}
