//! Requests in a few words: in lists, and on the board.

use ensign_coordinator::{
    Approval, AttemptEntry, Decision, GroupInfo, HowEnded, Outline, OutlinedWork, RequestEntry,
    RequestState,
};
use ensign_primitives::{SignerIndex, UnixTime};
use ensign_wire::{AbortReason, Payload};
use serde::{Deserialize, Serialize};

use super::words::{mode_name, phase_name};
use super::{ApprovalView, ResultView, SummaryView, WaitView, WorkView};

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// Its id.
    pub request: String,
    /// Its name in this home, as in `#17`.
    pub handle: Option<String>,
    /// Its group's name; its id where this home has no such group any more.
    pub group: String,
    /// Its group's id.
    pub group_id: String,
    /// `undecided`, `open`, `signed`, `closed`, `missed` (over before our user decided) or `expired` (its
    /// time is over, and nobody has told how it ended).
    pub state: String,
    /// How it ended, in words, where it is over.
    pub reason: Option<String>,
    /// Who asks; null where only the end is remembered.
    pub creator: Option<String>,
    /// Whether that is us.
    pub own: bool,
    /// One line in the creator's words.
    pub purpose: Option<String>,
    /// How the session runs.
    pub mode: Option<String>,
    /// How many messages are signed.
    pub messages: Option<usize>,
    /// Whether nobody can tell what they mean.
    pub blind: Option<bool>,
    /// Whether it is a drill: nobody's coins move.
    #[serde(default)]
    pub drill: Option<bool>,
    /// What is spent of the group.
    pub amount_sat: Option<u64>,
    /// What leaves the group, fee included.
    pub leaving_sat: Option<u64>,
    /// The fee.
    pub fee_sat: Option<u64>,
    /// To whom the largest payment goes.
    pub to: Option<String>,
    /// How many payments to others there are.
    pub payments: Option<usize>,
    /// The transaction's id.
    pub txid: Option<String>,
    /// The names of the notes that want more than a yes.
    pub grave: Vec<String>,
    /// When it was made, by the creator's clock.
    pub created_ms: Option<u64>,
    /// Until when it is open.
    pub expires_ms: Option<u64>,
    /// When our user was asked, or proposed it.
    pub asked_ms: Option<u64>,
    /// What our user decided: `approved` or `refused`, with the rule that did so behind it.
    pub decision: Option<String>,
    /// When.
    pub decided_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// The attempts that we joined.
    pub attempts: Vec<AttemptView>,
    /// How far the attempt is, in a node that runs.
    pub phase: Option<String>,
    /// How many sign.
    pub signers: Option<usize>,
    /// Who consented, in the attempt that runs.
    pub joined: Vec<String>,
    /// Whom it waits for.
    pub who: Vec<String>,
    /// Since when.
    pub waiting_since_ms: Option<u64>,
    /// Whose yes is missing, and who has to be there, in a node that runs and as long as nothing is
    /// being signed.
    #[serde(default)]
    pub wait: Option<WaitView>,
    /// Whether its result was written out.
    pub received: bool,
}

/// One attempt that we joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Which one, from 1.
    pub attempt: u16,
    /// Whether its nonces count as used.
    pub burned: bool,
    /// Whether our partial signatures are kept.
    pub partials_kept: bool,
}

/// One request with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailView {
    /// In a few words.
    #[serde(flatten)]
    pub request: RequestView,
    /// What is signed; null where nobody knows.
    pub work: Option<WorkView>,
    /// What it gave.
    pub result: Option<ResultView>,
}

impl RequestView {
    /// Takes what a node remembers.
    pub fn new(entry: &RequestEntry, group: Option<&GroupInfo>, now: UnixTime) -> Self {
        let state = match entry.state_at(now) {
            RequestState::Undecided => "undecided",
            RequestState::Open => "open",
            RequestState::Signed { .. } => "signed",
            RequestState::Closed(_) => "closed",
            RequestState::Missed => "missed",
            RequestState::Expired => "expired",
        };
        let mut view = Self {
            request: entry.id.to_string(),
            handle: entry.handle().map(|handle| handle.to_string()),
            group: group.map_or_else(|| entry.group.to_string(), |group| group.name.clone()),
            group_id: entry.group.to_string(),
            state: state.to_owned(),
            reason: ending(entry, group, now),
            attempts: entry.attempts.iter().map(AttemptView::new).collect(),
            ended_ms: entry.ended.map(UnixTime::as_millis),
            received: entry.state == RequestState::Signed { received: true },
            ..Self::default()
        };
        if let Some(outline) = &entry.outline {
            view.add_outline(outline, group);
        }
        if let Some(signed) = &entry.request {
            let request = &signed.request;
            view.creator = Some(name(group, request.creator));
            view.own = group.is_some_and(|group| group.own == request.creator);
            view.purpose = Some(request.purpose.clone());
            view.mode = Some(mode_name(request.mode).to_owned());
            view.messages = Some(request.messages.len());
            view.blind = Some(request.payload == Payload::Blind);
            view.drill = Some(request.payload == Payload::Drill);
            view.amount_sat = Some(request.amount);
            view.created_ms = Some(request.created.as_millis());
            view.expires_ms = Some(request.expires.as_millis());
            view.signers = Some(request.signers.len());
        }
        if let Some(live) = &entry.live {
            view.phase = Some(phase_name(live.phase).to_owned());
            view.who = names(group, &live.waiting_on);
        }
        view
    }

    fn add_outline(&mut self, outline: &Outline, group: Option<&GroupInfo>) {
        self.creator = Some(name(group, outline.creator));
        self.own = outline.is_own;
        self.purpose = Some(outline.purpose.clone());
        self.created_ms = Some(outline.created.as_millis());
        self.expires_ms = Some(outline.expires.as_millis());
        self.asked_ms = Some(outline.asked.as_millis());
        self.decided_ms = outline.decided.as_ref().map(|(at, _)| at.as_millis());
        self.decision = outline.decided.as_ref().map(|(_, decision)| decision_name(decision));
        self.ended_ms = self.ended_ms.or(outline.ended.as_ref().map(|(at, _)| at.as_millis()));
        self.signers = group.map(|group| group.members.len());
        match &outline.work {
            OutlinedWork::Psbt { txid, spent, leaving, fee, coins } => {
                self.blind = Some(false);
                self.drill = Some(false);
                self.messages = Some(coins.len());
                self.amount_sat = Some(*spent);
                self.leaving_sat = Some(*leaving);
                self.fee_sat = Some(*fee);
                let backwards: Vec<u8> = txid.iter().rev().copied().collect();
                self.txid = Some(hex::encode(backwards));
            }
            OutlinedWork::Blind { messages } => {
                self.blind = Some(true);
                self.drill = Some(false);
                self.messages = Some(usize::from(*messages));
            }
            OutlinedWork::Drill => {
                self.blind = Some(false);
                self.drill = Some(true);
                self.messages = Some(1);
            }
        }
    }

    /// Begins with what is asked for; `state` is `undecided` or `open`.
    pub(crate) fn of_approval(approval: &Approval, state: &str) -> Self {
        let request = &approval.request.request;
        let ApprovalView {
            request: id,
            handle,
            group,
            group_id,
            creator,
            purpose,
            mode,
            created_ms,
            expires_ms,
            work,
        } = ApprovalView::new(approval);
        let mut view = Self {
            request: id,
            handle,
            group,
            group_id,
            state: state.to_owned(),
            creator: Some(creator),
            own: approval.group.own == request.creator,
            purpose: Some(purpose),
            mode: Some(mode),
            messages: Some(work.messages.len()),
            blind: Some(work.blind),
            drill: Some(work.drill),
            grave: work.grave().into_iter().map(str::to_owned).collect(),
            amount_sat: Some(request.amount),
            created_ms: Some(created_ms),
            expires_ms: Some(expires_ms),
            signers: Some(request.signers.len()),
            ..Self::default()
        };
        if let Some(summary) = &work.summary {
            view.add(summary);
        }
        view
    }

    /// Adds what only the node that runs knows of it.
    #[must_use]
    pub fn with_live(mut self, live: Option<&Self>) -> Self {
        let Some(live) = live.filter(|_| !self.is_over()) else { return self };
        self.handle = self.handle.or_else(|| live.handle.clone());
        self.to.clone_from(&live.to);
        self.payments = live.payments;
        self.grave.clone_from(&live.grave);
        self.joined.clone_from(&live.joined);
        self.waiting_since_ms = live.waiting_since_ms;
        self.wait.clone_from(&live.wait);
        self
    }

    /// Adds what a PSBT does.
    pub fn add(&mut self, summary: &SummaryView) {
        self.amount_sat = Some(summary.spent_sat);
        self.leaving_sat = Some(summary.leaving_sat);
        self.fee_sat = Some(summary.fee_sat);
        self.to = summary.main_output().map(|output| output.to.clone());
        self.payments = Some(summary.outputs.iter().filter(|output| !output.ours).count());
        self.txid = Some(summary.txid.clone());
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        !matches!(self.state.as_str(), "undecided" | "open")
    }

    /// Whether our user has to decide.
    pub fn is_asking(&self) -> bool {
        self.state == "undecided"
    }
}

impl AttemptView {
    fn new(attempt: &AttemptEntry) -> Self {
        let AttemptEntry { number, burned, partials_kept } = *attempt;
        Self { attempt: number, burned, partials_kept }
    }
}

/// Returns how a signer is called.
fn name(group: Option<&GroupInfo>, who: SignerIndex) -> String {
    group.map_or_else(|| format!("signer {who}"), |group| group.name_of(who).to_owned())
}

/// Returns how several are called.
pub(crate) fn names(group: Option<&GroupInfo>, who: &[SignerIndex]) -> Vec<String> {
    who.iter().map(|who| name(group, *who)).collect()
}

fn decision_name(decision: &Decision) -> String {
    match decision {
        Decision::Approved => "approved".to_owned(),
        Decision::Refused => "refused".to_owned(),
        Decision::ApprovedByRule(rule) => format!("approved by the rule {rule}"),
        Decision::RefusedByRule(rule) => format!("refused by the rule {rule}"),
    }
}

/// Says how a request ended, honestly: who ended it, where that is known.
fn ending(entry: &RequestEntry, group: Option<&GroupInfo>, now: UnixTime) -> Option<String> {
    let ended = entry.outline.as_ref().and_then(|outline| outline.ended.as_ref());
    let by =
        |who: &Option<SignerIndex>| who.map_or_else(|| "you".to_owned(), |who| name(group, who));
    let how = match ended.map(|(_, how)| how) {
        Some(HowEnded::Signed) => None,
        Some(HowEnded::Cancelled { by: who }) => Some(format!("cancelled by {}", by(who))),
        Some(HowEnded::Declined { by: who }) => Some(format!("declined by {}", by(who))),
        Some(HowEnded::Expired) => Some("its time was over".to_owned()),
        Some(HowEnded::AttemptsUsed) => Some("tried as often as allowed".to_owned()),
        Some(HowEnded::Failed { reason, who }) if who.is_empty() => {
            Some(reason_name(*reason).to_owned())
        }
        Some(HowEnded::Failed { reason, who }) => {
            Some(format!("{} ({})", reason_name(*reason), names(group, who).join(", ")))
        }
        Some(HowEnded::GaveUp { code }) => Some(format!("given up by this node ({code})")),
        None => None,
    };
    match (entry.state_at(now), how) {
        (RequestState::Closed(reason), None) => Some(reason_name(reason).to_owned()),
        (RequestState::Missed, how) => {
            let how = how.unwrap_or_else(|| "its time was over".to_owned());
            Some(format!("{how}; you were asked and did not decide"))
        }
        (RequestState::Expired, None) => Some("its time was over".to_owned()),
        (_, how) => how,
    }
}

const fn reason_name(reason: AbortReason) -> &'static str {
    match reason {
        AbortReason::Declined => "a signer declined",
        AbortReason::PayloadMismatch => "the PSBT is not what was asked",
        AbortReason::Expired => "its time was over",
        AbortReason::Timeout => "a signer did not answer",
        AbortReason::Equivocation => "a signer said two different things",
        AbortReason::WrongCommitment => "a signer broke its commitment",
        AbortReason::InvalidNonce => "a signer showed invalid nonces",
        AbortReason::WrongPartialSig => "a signer's partial signature was false",
        AbortReason::ViewsDiffer => "signers saw different nonces",
        AbortReason::Internal => "a node could not go on",
        AbortReason::Cancelled => "given up",
        AbortReason::AttemptsUsed => "tried as often as allowed",
        AbortReason::Dissolved => "not all signers were there",
    }
}
