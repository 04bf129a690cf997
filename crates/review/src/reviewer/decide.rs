//! What our user decides: a proposal, a yes, a no. It counts only for what was shown.

use std::sync::Arc;

use ensign_ledger::{Decision, Shown};
use ensign_primitives::{GroupId, MESSAGES_MAX, RequestId, UnixTime};
use ensign_psbt::{PsbtError, Rule};
use ensign_signing::Proposal;
use ensign_wire::SignedRequest;

use super::Reviewer;
use crate::{
    Approval, Consent, ConsentBy, Joined, Judgement, Matter, Meaning, Preview, RequestEvent,
    SigningJob, Work,
};

/// Why a decision is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// There is no such group here.
    #[error("group {} is unknown", group.short())]
    UnknownGroup {
        /// The group.
        group: GroupId,
    },
    /// The PSBT cannot be signed by this group.
    #[error("{0}")]
    Psbt(#[source] PsbtError),
    /// There is nothing to sign, or too much.
    #[error("{seen} messages, allowed is 1 to {max}")]
    MessageCount {
        /// The limit.
        max: usize,
        /// What was given.
        seen: usize,
    },
    /// The request is not open.
    #[error("no open request {request} waits for a decision")]
    UnknownRequest {
        /// The request.
        request: RequestId,
    },
    /// What would be signed is not what the yes was given to. An open request is asked about again.
    #[error("what would be signed has changed since it was shown")]
    Changed {
        /// The request; `None` for a proposal.
        request: Option<RequestId>,
    },
    /// The policy refuses the proposal.
    #[error("the policy refuses it: {0}")]
    Policy(Rule),
}

/// When a request begins to which our user says yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// With this yes.
    Now,
    /// With an earlier one, which has become void.
    Before,
}

/// A yes that was given to what a request is now.
#[derive(Debug)]
pub struct Weighed {
    id: RequestId,
    begins: Begins,
    judgement: Judgement,
    decision: Decision,
}

impl Weighed {
    /// Returns when its request begins.
    pub const fn begins(&self) -> Begins {
        self.begins
    }
}

/// A proposal that our user has said yes to.
#[derive(Debug)]
pub struct Draft {
    group: Joined,
    meaning: Meaning,
    decision: Decision,
}

impl Draft {
    /// Returns what the others are asked in a request with this nonce.
    pub fn proposal(&self, job: SigningJob, nonce: &[u8; 16]) -> Proposal {
        let keys = &self.group.keys;
        Proposal {
            group: job.group,
            messages: self.meaning.messages(keys.network(), keys.keys(), nonce),
            source: self.meaning.source(),
            purpose: job.purpose,
            tx_type: job.tx_type,
            amount: self.meaning.amount(),
            lifetime: job.lifetime,
            mode: job.mode,
        }
    }
}

impl Reviewer {
    /// Says what a proposal would ask for.
    ///
    /// # Errors
    ///
    /// [`ReviewError`] for a group or a PSBT that is none, or a wrong number of messages.
    pub fn preview(&self, now: UnixTime, job: &SigningJob) -> Result<Preview, ReviewError> {
        let (group, meaning) = self.meaning(job)?;
        let Judgement { notes, digest } = self.judge_proposal(now, group, &meaning);
        let summary = meaning.summary().cloned().map(Box::new);
        let refused = meaning.refusal(&self.policy, &notes);
        Ok(Preview { group: Arc::clone(&group.info), summary, notes, digest, refused })
    }

    /// Takes our user's yes to a proposal, if it was given to what it is now.
    ///
    /// # Errors
    ///
    /// As [`preview`](Self::preview); [`ReviewError::Policy`], [`ReviewError::Changed`].
    pub fn draft(
        &self,
        now: UnixTime,
        job: &SigningJob,
        consent: &Consent,
    ) -> Result<Draft, ReviewError> {
        let (group, meaning) = self.meaning(job)?;
        let judgement = self.judge_proposal(now, group, &meaning);
        if let Some(rule) = meaning.refusal(&self.policy, &judgement.notes) {
            return Err(ReviewError::Policy(rule));
        }
        if judgement.digest != consent.digest() {
            return Err(ReviewError::Changed { request: None });
        }
        Ok(Draft { group: group.clone(), meaning, decision: decision_of(consent) })
    }

    /// A draft became a request.
    pub fn on_proposed(
        &mut self,
        now: UnixTime,
        request: Arc<SignedRequest>,
        draft: Draft,
    ) -> Approval {
        let Draft { group, meaning, decision } = draft;
        let id = request.request.id();
        self.take_up(id, (&request, &meaning), (now, decision));
        let matter = Matter::new(self.reference(id, &group), request, meaning);
        let event = |approval| RequestEvent::Proposed(Box::new(approval));
        let approval = self.introduce(now, matter, event);
        self.keep_yes(now, id, Shown::new(approval.digest, &approval.notes));
        approval
    }

    /// Weighs our user's yes to a request: it counts if it was given to what the request is now.
    ///
    /// # Errors
    ///
    /// [`ReviewError::UnknownRequest`]; [`ReviewError::Changed`], and the request is asked about again.
    pub fn weigh(
        &mut self,
        now: UnixTime,
        id: RequestId,
        consent: &Consent,
    ) -> Result<Weighed, ReviewError> {
        let unknown = ReviewError::UnknownRequest { request: id };
        let matter = self.docket.get(&id).filter(|matter| !matter.is_over()).ok_or(unknown)?;
        let judgement = self.judge(now, matter);
        if matter.yes().is_none() && judgement.digest != consent.digest() {
            let approval = Box::new(matter.approval(judgement));
            self.tell(id, RequestEvent::Asked(approval));
            return Err(ReviewError::Changed { request: Some(id) });
        }
        let begins = if matter.is_void() { Begins::Before } else { Begins::Now };
        Ok(Weighed { id, begins, judgement, decision: decision_of(consent) })
    }

    /// Keeps a yes that was weighed and that the protocol took.
    pub fn on_approved(&mut self, now: UnixTime, yes: Weighed) {
        let Weighed { id, judgement, decision, .. } = yes;
        self.keep_yes(now, id, Shown::new(judgement.digest, &judgement.notes));
        self.outlines.decide(&id, decision, now);
    }

    /// Notes our user's no, or that they gave a request up.
    pub fn on_refused(&mut self, now: UnixTime, id: &RequestId) {
        self.outlines.decide(id, Decision::Refused, now);
    }

    fn judge_proposal(&self, now: UnixTime, group: &Joined, meaning: &Meaning) -> Judgement {
        let notes = self.notes(now, meaning, None);
        meaning.proposed(&group.info.id, notes, &self.policy)
    }

    /// Recomputes what a proposal would ask for.
    fn meaning(&self, job: &SigningJob) -> Result<(&Joined, Meaning), ReviewError> {
        let unknown = ReviewError::UnknownGroup { group: job.group };
        let group = self.groups.get(&job.group).ok_or(unknown)?;
        let meaning = match &job.work {
            Work::Psbt(bytes) => Meaning::of_psbt(bytes, &group.keys).map_err(ReviewError::Psbt)?,
            Work::Messages(digests) => Meaning::Blind(digests.clone()),
            Work::Drill => Meaning::Drill,
        };
        let seen = meaning.count();
        if seen == 0 || seen > MESSAGES_MAX {
            return Err(ReviewError::MessageCount { max: MESSAGES_MAX, seen });
        }
        Ok((group, meaning))
    }
}

fn decision_of(consent: &Consent) -> Decision {
    match consent.by() {
        ConsentBy::Person => Decision::Approved,
        ConsentBy::Rule(name) => Decision::ApprovedByRule(name.clone()),
    }
}
