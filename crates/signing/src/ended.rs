//! Requests that have ended: whoever missed the end is told.
//!
//! That none comes back is not decided here but asked of the store: this memory may forget.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
};

use ensign_primitives::{GroupId, Now, Occupancy, PeerId, RequestId, SIGNERS_MAX};
use ensign_wire::{AbortReason, Body, Envelope, Frame, SessionAbort, SignatureFinalized};

use crate::{
    ANSWERS_PER_MEMBER_MAX, ATTEMPTS_MAX, ENDINGS_REMEMBERED, Ending, Signing,
    UNDECIDED_ENDINGS_REMEMBERED, requests::all_sessions,
};

/// How a request ended, without its signatures: those are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With signatures.
    Signed,
    /// Without.
    Closed(AbortReason),
}

impl End {
    /// Leaves the signatures out.
    pub const fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Signed(_) => Self::Signed,
            Ending::Closed(reason) => Self::Closed(*reason),
        }
    }
}

/// Whether our user had decided about a request. What others began and ended without us pushes
/// nothing out that we had a part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Decided,
    /// Also what only the store still knew when somebody asked.
    Undecided,
}

/// What is remembered of requests that have ended.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    known: BTreeMap<RequestId, Remembered>,
    /// The oldest first, of each share.
    decided: VecDeque<RequestId>,
    undecided: VecDeque<RequestId>,
}

#[derive(Debug)]
struct Remembered {
    group: GroupId,
    end: End,
    share: Share,
    /// How often each member was told.
    answered: BTreeMap<PeerId, u8>,
    last_seq: u64,
}

impl Endings {
    pub(crate) fn contains(&self, request: &RequestId) -> bool {
        self.known.contains_key(request)
    }

    /// Returns how full each of its collections is.
    pub(crate) fn occupancy(&self) -> [Occupancy; 3] {
        let answered = self.known.values().map(|ending| ending.answered.len()).max();
        [
            Occupancy {
                name: "remembered endings",
                len: self.decided.len().max(self.known.len().saturating_sub(self.undecided.len())),
                limit: ENDINGS_REMEMBERED,
            },
            Occupancy {
                name: "remembered endings of undecided requests",
                len: self.undecided.len(),
                limit: UNDECIDED_ENDINGS_REMEMBERED,
            },
            Occupancy {
                name: "members told of an ending",
                len: answered.unwrap_or(0),
                limit: SIGNERS_MAX,
            },
        ]
    }

    /// Remembers an end, or corrects the one remembered: signatures outrank a failure. Returns the
    /// request whose ending gave way, the oldest of the same share, when that is full.
    fn remember(
        &mut self,
        id: RequestId,
        (group, end): (GroupId, End),
        share: Share,
    ) -> Option<RequestId> {
        if let Some(known) = self.known.get_mut(&id) {
            known.end = end;
            if known.share == share {
                return None;
            }
            known.share = share;
            self.undecided.retain(|other| *other != id);
            self.decided.retain(|other| *other != id);
        } else {
            let answered = BTreeMap::new();
            self.known.insert(id, Remembered { group, end, share, answered, last_seq: 0 });
        }
        let (order, limit) = match share {
            Share::Decided => (&mut self.decided, ENDINGS_REMEMBERED),
            Share::Undecided => (&mut self.undecided, UNDECIDED_ENDINGS_REMEMBERED),
        };
        order.push_back(id);
        if order.len() <= limit {
            return None;
        }
        let oldest = order.pop_front()?;
        self.known.remove(&oldest).map(|_| oldest)
    }
}

impl Signing {
    /// Remembers a request that ended without this machine, so that it is not opened and whoever missed
    /// its end is told.
    pub fn remember_ended(&mut self, request: RequestId, group: GroupId, end: End) {
        self.remember_end(request, (group, end), Share::Decided);
    }

    pub(crate) fn remember_end(&mut self, request: RequestId, end: (GroupId, End), share: Share) {
        for (session, attempt) in all_sessions(request, self.config.network) {
            self.sessions.insert(session, (request, attempt));
        }
        if let Some(forgotten) = self.ended.remember(request, end, share)
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

    /// Tells a member that still works on a request how it ended; signatures are read from the
    /// store first.
    pub(crate) fn answer_ended(
        &mut self,
        now: Now,
        from: PeerId,
        id: RequestId,
        envelope: Box<Envelope>,
    ) {
        match self.ended.known.get(&id).map(|known| known.end) {
            Some(end @ End::Signed) if asks(envelope.body(), end) && self.may_tell(&from, &id) => {
                self.recall(id, from, envelope);
            }
            Some(End::Closed(reason)) => {
                self.tell_ended(now, (from, id), &envelope, &Ending::Closed(reason));
            }
            Some(End::Signed) | None => {}
        }
    }

    fn may_tell(&self, from: &PeerId, id: &RequestId) -> bool {
        let Some(known) = self.ended.known.get(id) else { return false };
        let told = known.answered.get(from).copied().unwrap_or(0);
        let group = self.groups.get(&known.group);
        told < ANSWERS_PER_MEMBER_MAX && group.is_some_and(|group| group.peers.contains(from))
    }

    /// Tells one member one ending, within the bound on answers.
    ///
    /// Signatures verify on their own, so they serve in whatever attempt the member is.
    pub(crate) fn tell_ended(
        &mut self,
        now: Now,
        (from, id): (PeerId, RequestId),
        envelope: &Envelope,
        ending: &Ending,
    ) {
        let may_tell = [from, envelope.sender()].iter().all(|peer| self.may_tell(peer, &id));
        if !may_tell || !asks(envelope.body(), End::of(ending)) || !envelope.verify() {
            return;
        }
        let Some(known) = self.ended.known.get_mut(&id) else { return };
        *known.answered.entry(from).or_default() += 1;
        // Above every number that our machine of that session has used, before a restart too.
        known.last_seq = known.last_seq.saturating_add(1).max(now.unix.as_millis());
        let body = match ending {
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
const fn asks(body: &Body, end: End) -> bool {
    match body {
        Body::SessionAnnounce(_)
        | Body::SessionJoin(_)
        | Body::SessionReady(_)
        | Body::NonceShare(_)
        | Body::NonceAck(_)
        | Body::NoncesComplete(_)
        | Body::PartialSigShare(_)
        | Body::PartialSigAck(_) => true,
        Body::SessionAbort(_) => matches!(end, End::Signed),
        Body::PartialSigsComplete(_) | Body::SignatureFinalized(_) | Body::ValidationError(_) => {
            false
        }
    }
}

/// What others are told of an end that came with an attempt: one that they would try again is final
/// here.
pub(crate) const fn final_reason(reason: AbortReason, attempt: u16) -> AbortReason {
    match is_retried(reason) {
        true if attempt >= ATTEMPTS_MAX => AbortReason::AttemptsUsed,
        true => AbortReason::Cancelled,
        false => reason,
    }
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
        | AbortReason::Cancelled
        | AbortReason::AttemptsUsed => false,
    }
}
