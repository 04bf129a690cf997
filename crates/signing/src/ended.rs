//! Requests that have ended: whoever missed the end is told.
//!
//! That none comes back is not decided here but asked of the store: this memory may forget.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use ensign_primitives::{GroupId, Now, Occupancy, PeerId, RequestId, SIGNERS_MAX, SessionId};
use ensign_wire::{AbortReason, Body, Envelope, SessionAbort, SignatureFinalized};

use crate::{
    ANSWERS_PER_MEMBER_MAX, ENDINGS_REMEMBERED, Ending, UNDECIDED_ENDINGS_REMEMBERED,
    groups::Groups,
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
    pub(crate) fn remember(
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

    /// Returns how a request ended, as members that ask are told.
    pub(crate) fn end_of(&self, request: &RequestId) -> Option<End> {
        self.known.get(request).map(|known| known.end)
    }

    /// Whether the bound on answers leaves one for a member of the group, which `envelope` asks for.
    pub(crate) fn may_answer(
        &self,
        to: &PeerId,
        question: &Question<'_>,
        members: &[PeerId],
    ) -> bool {
        let Some(known) = self.known.get(&question.request) else { return false };
        let told = known.answered.get(to).copied().unwrap_or(0);
        told < ANSWERS_PER_MEMBER_MAX && members.contains(to)
    }

    /// Returns whose request it was.
    pub(crate) fn group_of(&self, request: &RequestId) -> Option<GroupId> {
        self.known.get(request).map(|known| known.group)
    }

    /// Returns the nodes of its group, none of one that is not ours any more.
    pub(crate) fn members_of(&self, request: &RequestId, groups: &Groups) -> Arc<[PeerId]> {
        let group = self.group_of(request).and_then(|group| groups.get(&group));
        group.map_or_else(|| Arc::new([]) as Arc<[PeerId]>, |group| Arc::clone(group.peers()))
    }

    /// Counts an answer; returns its number, which is above every one that our machine of that session
    /// has used, before a restart too.
    fn count_answer(&mut self, now: Now, question: &Question<'_>) -> Option<u64> {
        let known = self.known.get_mut(&question.request)?;
        *known.answered.entry(question.from).or_default() += 1;
        known.last_seq = known.last_seq.saturating_add(1).max(now.unix.as_millis());
        Some(known.last_seq)
    }

    /// Answers one member that asks how a request ended, within the bound on answers.
    ///
    /// Signatures verify on their own, so they serve in whatever attempt the member is.
    ///
    /// - `members`: the nodes of the request's group.
    pub(crate) fn answer(
        &mut self,
        now: Now,
        question: &Question<'_>,
        members: &[PeerId],
        ending: &Ending,
    ) -> Option<Answer> {
        let (from, sender) = (question.from, question.envelope.sender());
        let may_answer = [from, sender].iter().all(|peer| self.may_answer(peer, question, members));
        if !may_answer
            || !asks(question.envelope.body(), End::of(ending))
            || !question.envelope.verify()
        {
            return None;
        }
        let seq = self.count_answer(now, question)?;
        let body = match ending {
            Ending::Signed(signatures) => {
                Body::SignatureFinalized(SignatureFinalized { signatures: signatures.clone() })
            }
            Ending::Closed(reason) => {
                Body::SessionAbort(SessionAbort { reason: *reason, culprit: None })
            }
        };
        Some(Answer { session: question.envelope.session(), seq, body })
    }
}

/// A statement about a request that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) request: RequestId,
    /// Whose connection brought it.
    pub(crate) from: PeerId,
    pub(crate) envelope: &'a Envelope,
}

/// What a member is told, to be signed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) session: SessionId,
    pub(crate) seq: u64,
    pub(crate) body: Body,
}

/// Whether a statement shows that its sender does not know the end. What ends a session never asks,
/// or two nodes would tell each other for ever; only signatures correct a failure.
pub(crate) const fn asks(body: &Body, end: End) -> bool {
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
pub(crate) const fn final_reason(reason: AbortReason, is_last: bool) -> AbortReason {
    match is_retried(reason) {
        true if is_last => AbortReason::AttemptsUsed,
        true => AbortReason::Cancelled,
        false => reason,
    }
}

/// Whether another attempt may succeed where one ended for this reason.
pub const fn is_retried(reason: AbortReason) -> bool {
    match reason {
        AbortReason::Timeout
        | AbortReason::ViewsDiffer
        | AbortReason::Internal
        | AbortReason::Dissolved => true,
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
