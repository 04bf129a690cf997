//! How our user hears of a request first: it is asked, it goes on after a restart, or it was over
//! before anybody looked.

use std::sync::Arc;

use ensign_ledger::{Asked, Decision, LostAttempt, Outline, Shown};
use ensign_primitives::{GroupId, RequestId, UnixTime};
use ensign_psbt::PsbtError;
use ensign_signing::Review;
use ensign_wire::{AbortReason, Payload, SignedRequest};

use super::{Output, Reviewer};
use crate::{Joined, Matter, Meaning, Problem, RequestEvent, Resumption, Yes, problem};

/// A request from before a restart that was understood, and goes on.
#[derive(Debug)]
pub struct Resumed {
    /// It, signed by its creator.
    pub request: Arc<SignedRequest>,
    /// What it means, [recomputed](recompute).
    pub meaning: Meaning,
    /// The attempt that the restart has ended.
    pub lost: Option<LostAttempt>,
    /// What was told of it; none where an earlier version told nothing.
    pub outline: Option<Outline>,
    /// What our user said yes to. Whatever that was not given to is asked about before anything is signed.
    pub shown: Option<Shown>,
    /// Whether our user agrees still; a yes that was withdrawn is asked for again.
    pub agrees: bool,
}

/// Recomputes what a request has a group sign.
///
/// - `payload`: what its messages were computed from; `None` for bare messages.
///
/// # Errors
///
/// [`PsbtError`] when that is no PSBT, or not the group's to sign.
pub fn recompute(
    request: &SignedRequest,
    payload: Option<&[u8]>,
    group: &Joined,
) -> Result<Meaning, PsbtError> {
    match payload {
        None if request.request.payload == Payload::Drill => Ok(Meaning::Drill),
        None => Ok(Meaning::blind(&request.request.messages)),
        Some(payload) => Meaning::of_payload(payload, &group.keys),
    }
}

impl Reviewer {
    /// Recomputes what a request asks for, and offers it to our user only if it is the same.
    pub fn review(&mut self, now: UnixTime, review: Review) {
        let Some((group, meaning)) = self.meaning_of(&review) else { return };
        let Review { id, request, payload, .. } = review;
        match meaning {
            Ok(meaning) => {
                let (payload, summary) = (payload.as_deref(), meaning.summary());
                let asked = Asked { request: &request, payload, summary };
                self.outlines.ask(id, asked, now);
                self.offer(now, Matter::new(self.reference(id, &group), request, meaning));
            }
            Err(error) => {
                let why = problem::of_mismatch(error.as_ref());
                self.give_up(id, AbortReason::PayloadMismatch, why);
            }
        }
    }

    /// Tells our user what a request was that others may have seen us join. Its end comes next.
    pub fn tell_void(&mut self, now: UnixTime, review: Review) {
        let Some((group, Ok(meaning))) = self.meaning_of(&review) else { return };
        let Review { id, request, .. } = review;
        let event = |approval| RequestEvent::Refused(Box::new(approval));
        let matter = Matter::new(self.reference(id, &group), request, meaning);
        self.introduce(now, matter, event);
    }

    /// Returns what a request means to its group; the error is a PSBT's, or `None` when it says
    /// something else than the request.
    fn meaning_of(&self, review: &Review) -> Option<(Joined, Result<Meaning, Option<PsbtError>>)> {
        let group = self.groups.get(&review.group).cloned()?;
        let meaning = recompute(&review.request, review.payload.as_deref(), &group);
        let meaning = meaning.map_err(Some).and_then(|meaning| {
            if meaning.is_of(&review.request.request) { Ok(meaning) } else { Err(None) }
        });
        Some((group, meaning))
    }

    /// A request from before a restart goes on: our user had consented to it, and may have withdrawn that.
    pub fn on_resumed(&mut self, now: UnixTime, group: &GroupId, resumed: Resumed) {
        let Resumed { request, meaning, lost, outline, shown, agrees } = resumed;
        let Some(group) = self.groups.get(group).cloned() else { return };
        let id = request.request.id();
        if let Some(outline) = outline {
            self.outlines.restore(id, outline);
        }
        if agrees {
            self.take_up(id, (&request, &meaning), (now, Decision::Approved));
        }
        let event = |approval| RequestEvent::Resumed(Box::new(Resumption { approval, lost }));
        let matter = Matter::new(self.reference(id, &group), request, meaning);
        self.introduce(now, matter, event);
        if agrees {
            let marks = shown.map(|shown| shown.marks).unwrap_or_default();
            self.docket.consent(&id, Yes { at: now, marks });
        }
    }

    /// Asks our user, unless the policy refuses.
    fn offer(&mut self, now: UnixTime, matter: Matter) {
        let (id, mut refusal) = (matter.reference().id, None);
        let (rule, judgement) = (&mut refusal, self.judge(now, &matter));
        *rule = matter.meaning().refusal(&self.policy, &judgement.notes);
        self.introduce(now, matter, |approval| {
            let approval = Box::new(approval);
            match rule {
                Some(_) => RequestEvent::Refused(approval),
                None => RequestEvent::Asked(approval),
            }
        });
        if let Some(rule) = refusal {
            self.refuse_by(now, id, &rule);
        }
    }

    fn give_up(&mut self, request: RequestId, reason: AbortReason, why: Problem) {
        self.outputs.push_back(Output::GiveUp { request, reason, why });
    }
}
