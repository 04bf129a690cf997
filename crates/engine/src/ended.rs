//! Requests that have ended: none comes back, and whoever missed the end is told.

use alloc::collections::{BTreeMap, VecDeque};

use ensign_primitives::{GroupId, Now, Occupancy, PeerId, RequestId, SIGNERS_MAX};
use ensign_replay::Duplicates;
use ensign_wire::{AbortReason, Body, Envelope, Frame, SessionAbort, SignatureFinalized};

use crate::{
    ANSWERS_PER_MEMBER_MAX, ENDINGS_REMEMBERED, Ending, Engine, REQUESTS_REMEMBERED,
    requests::all_sessions,
};

/// What is remembered of requests that have ended.
#[derive(Debug)]
pub(crate) struct Ended {
    requests: Duplicates,
    endings: BTreeMap<RequestId, Remembered>,
    order: VecDeque<RequestId>,
}

#[derive(Debug)]
struct Remembered {
    group: GroupId,
    ending: Ending,
    /// How often each member was told.
    answered: BTreeMap<PeerId, u8>,
    last_seq: u64,
}

impl Ended {
    pub(crate) const fn new() -> Self {
        Self {
            requests: Duplicates::new(REQUESTS_REMEMBERED),
            endings: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(crate) fn contains(&self, request: &RequestId) -> bool {
        self.requests.contains(request.as_bytes())
    }

    /// Returns how full each of its collections is.
    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        let answered = self.endings.values().map(|ending| ending.answered.len()).max();
        [
            self.requests.occupancy("ended requests"),
            Occupancy {
                name: "remembered endings",
                len: self.endings.len().max(self.order.len()),
                limit: ENDINGS_REMEMBERED,
            },
            Occupancy {
                name: "members told of an ending",
                len: answered.unwrap_or(0),
                limit: SIGNERS_MAX,
            },
        ]
    }

    pub(crate) fn knows_ending(&self, request: &RequestId) -> bool {
        self.endings.contains_key(request)
    }

    /// Remembers an end, or corrects the one remembered: signatures outrank a failure. Returns the
    /// request whose ending gave way, when full.
    fn remember(&mut self, id: RequestId, group: GroupId, ending: Ending) -> Option<RequestId> {
        self.requests.remember(*id.as_bytes());
        if let Some(known) = self.endings.get_mut(&id) {
            known.ending = ending;
            return None;
        }
        let remembered = Remembered { group, ending, answered: BTreeMap::new(), last_seq: 0 };
        self.endings.insert(id, remembered);
        self.order.push_back(id);
        if self.order.len() <= ENDINGS_REMEMBERED {
            return None;
        }
        let oldest = self.order.pop_front()?;
        self.endings.remove(&oldest).map(|_| oldest)
    }
}

impl Engine {
    /// Remembers a request that ended before a restart, so that it cannot come back.
    pub fn remember_ended(&mut self, request: RequestId, group: GroupId, ending: Ending) {
        for (session, attempt) in all_sessions(request, self.config.network) {
            self.sessions.insert(session, (request, attempt));
        }
        if let Some(forgotten) = self.ended.remember(request, group, ending)
            && !self.requests.contains_key(&forgotten)
        {
            self.forget_sessions(forgotten);
        }
    }

    pub(crate) fn forget_sessions(&mut self, request: RequestId) {
        for (session, _) in all_sessions(request, self.config.network) {
            self.sessions.remove(&session);
        }
    }

    /// Tells a member that still works on a request how it ended.
    ///
    /// The signatures verify on their own, so they serve in whatever attempt the member is.
    pub(crate) fn answer_ended(
        &mut self,
        now: Now,
        from: PeerId,
        id: RequestId,
        envelope: &Envelope,
    ) {
        let Some(known) = self.ended.endings.get_mut(&id) else { return };
        let Some(group) = self.groups.get(&known.group) else { return };
        let are_members = [from, envelope.sender()].iter().all(|peer| group.peers.contains(peer));
        let told = known.answered.get(&from).copied().unwrap_or(0);
        if !are_members
            || !asks(envelope.body(), &known.ending)
            || told >= ANSWERS_PER_MEMBER_MAX
            || !envelope.verify()
        {
            return;
        }
        known.answered.insert(from, told + 1);
        // Above every number that our machine of that session has used, before a restart too.
        known.last_seq = known.last_seq.saturating_add(1).max(now.unix.as_millis());
        let body = match &known.ending {
            Ending::Signed(signatures) => {
                Body::SignatureFinalized(SignatureFinalized { signatures: signatures.clone() })
            }
            Ending::Closed(reason) => {
                Body::SessionAbort(SessionAbort { reason: *reason, culprit: None })
            }
        };
        let (seq, network, session) = (known.last_seq, self.config.network, envelope.session());
        let answer = Envelope::sign(&self.keys.node_key, network, session, seq, now.unix, body);
        if let Ok(answer) = answer {
            self.send(from, &Frame::Envelope(answer.into()));
        }
    }
}

/// Whether a statement shows that its sender does not know the end. What ends a session never asks,
/// or two nodes would tell each other for ever; only signatures correct a failure.
const fn asks(body: &Body, ending: &Ending) -> bool {
    match body {
        Body::SessionAnnounce(_)
        | Body::SessionJoin(_)
        | Body::SessionReady(_)
        | Body::NonceShare(_)
        | Body::NonceAck(_)
        | Body::NoncesComplete(_)
        | Body::PartialSigShare(_)
        | Body::PartialSigAck(_) => true,
        Body::SessionAbort(_) => matches!(ending, Ending::Signed(_)),
        Body::PartialSigsComplete(_) | Body::SignatureFinalized(_) | Body::ValidationError(_) => {
            false
        }
    }
}

/// What others are told: an end that they would try again is final here.
pub(crate) const fn final_reason(reason: AbortReason) -> AbortReason {
    if is_retried(reason) { AbortReason::Cancelled } else { reason }
}

/// Whether another attempt may succeed where one ended for this reason.
pub const fn is_retried(reason: AbortReason) -> bool {
    match reason {
        AbortReason::Timeout | AbortReason::ViewsDiffer | AbortReason::Internal => true,
        AbortReason::Declined
        | AbortReason::PayloadMismatch
        | AbortReason::Expired
        | AbortReason::Equivocation
        | AbortReason::WrongCommitment
        | AbortReason::InvalidNonce
        | AbortReason::WrongPartialSig
        | AbortReason::Cancelled => false,
    }
}
