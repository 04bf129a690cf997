//! The coordinator's events in words and as JSON lines, with signers under their names.

use std::collections::BTreeMap;
use std::time::Duration;

use ensign_coordinator::{
    Approval, Event, LostAttempt, Outcome, PeerEvent, Problem, Reached, RequestEvent, RequestRef,
    Resumption,
};
use ensign_engine::ATTEMPTS_MAX;
use ensign_equivocation::Evidence;
use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_session::Phase;

use crate::catalogue;
use crate::failure::Failure;
use crate::group::SignerGroup;
use crate::output::{Line, Output, failure_line, named, unix_micros};
use crate::recent::Recent;
use crate::request::{self, Asked};
use crate::words::{self, foreign};

mod losses;
use losses::{LOSSES_TOLD, LOSSES_WITHIN_US, Losses};

/// Most requests whose group is remembered; above it the oldest are forgotten, which costs a name in
/// a sentence.
const REQUESTS_KNOWN_MAX: usize = 1024;

/// Tells what happens.
#[derive(Debug)]
pub(crate) struct Narrator {
    output: Output,
    groups: Vec<SignerGroup>,
    requests: Recent<RequestId, GroupId>,
    /// Why each member's node could not be reached last time: a reason is told to people once.
    unreachable: BTreeMap<PeerId, String>,
    /// How often each node was lost.
    losses: Losses,
    /// The last warning about this node itself: if it stops, that is why.
    trouble: Option<Failure>,
}

impl Narrator {
    /// Tells about these groups.
    pub(crate) const fn new(output: Output, groups: Vec<SignerGroup>) -> Self {
        Self {
            output,
            groups,
            requests: Recent::new(REQUESTS_KNOWN_MAX),
            unreachable: BTreeMap::new(),
            losses: Losses::new(),
            trouble: None,
        }
    }

    /// Takes the groups that there are now.
    pub(crate) fn set_groups(&mut self, groups: Vec<SignerGroup>) {
        self.groups = groups;
    }

    /// Remembers whose request it is.
    pub(crate) fn learn(&mut self, approval: &Approval) {
        self.requests.insert(approval.id, approval.group.id);
    }

    /// Returns the group with an id.
    pub(crate) fn group(&self, id: &GroupId) -> Option<&SignerGroup> {
        self.groups.iter().find(|group| group.id() == *id)
    }

    /// Tells one event.
    pub(crate) fn tell(&mut self, event: &Event) {
        match event {
            Event::Peer(peer, event) => self.peer(peer, event),
            Event::Request(request, event) => self.request(request, event),
            Event::Convicted { peer, evidence, case } => {
                self.convicted(peer, evidence, case.as_ref());
            }
            Event::Warning { peer, problem } => self.warn(peer.as_ref(), problem),
            _ => {}
        }
    }

    fn peer(&mut self, peer: &PeerId, event: &PeerEvent) {
        match event {
            PeerEvent::Up { clock_offset_millis } => self.peer_up(peer, *clock_offset_millis),
            PeerEvent::Down { has_stopped } => self.peer_down(peer, *has_stopped),
            PeerEvent::DialFailed { reason, retry_in } => {
                self.dial_failed(peer, reason, retry_in.as_secs_f64());
            }
            _ => {}
        }
    }

    fn request(&mut self, request: &RequestRef, event: &RequestEvent) {
        let id = request.id;
        match event {
            RequestEvent::Asked(approval) => self.approval(approval),
            RequestEvent::Attempt { attempt, opened_by } => {
                self.attempt(id, *attempt, opened_by.map(|opener| opener.who));
            }
            RequestEvent::Acknowledged { who } => self.step("acknowledged", id, *who, None),
            RequestEvent::Joined { who } => self.step("joined", id, *who, Some("joined")),
            RequestEvent::Revealed { who } => {
                self.step("revealed", id, *who, Some("showed the nonces"));
            }
            RequestEvent::Confirmed { who } => {
                self.step("confirmed", id, *who, Some("confirmed all nonces"));
            }
            RequestEvent::Signed { who } => self.step("signed", id, *who, Some("signed")),
            RequestEvent::PeerDone { who } => self.step("peer_done", id, *who, None),
            RequestEvent::Phase { phase } => {
                let line = session_line("phase", id).with("phase", phase_name(*phase));
                self.progress(&line, None);
            }
            RequestEvent::Waiting { on, since } => self.waiting(id, on, *since),
            RequestEvent::Unreachable { who } => self.silent(id, who),
            RequestEvent::AttemptFailed { problem } => {
                self.ended("attempt_failed", "this attempt ended", id, problem);
            }
            RequestEvent::Failed { problem, .. } => {
                self.ended("failed", "no signature", id, problem);
            }
            RequestEvent::Done { outcome } => self.done(id, outcome),
            RequestEvent::Resumed(resumption) => self.resumed(resumption),
            RequestEvent::Recovered(outcome) => self.recovered(id, request.group.id, outcome),
            _ => {}
        }
    }

    /// Returns a request's failure under the names of the signers.
    pub(crate) fn failure(&self, request: RequestId, problem: &Problem) -> Failure {
        let entry = catalogue::find(problem.code).unwrap_or(&catalogue::INTERNAL);
        // What nobody else ended, our own user did.
        let own = match (problem.code, &problem.who[..]) {
            ("E-SES-001", []) => Some("you declined the request"),
            ("E-SES-011", []) => Some("you gave the request up"),
            _ => None,
        };
        if let Some(own) = own {
            return Failure::new(entry, own).hint("nothing needs to be done");
        }
        let who = problem.who.iter().map(|who| self.signer(request, *who));
        Failure::new(entry, foreign(&problem.what)).who(who)
    }

    /// Tells programs alone that a request has failed.
    pub(crate) fn failed_for_programs(&self, request: RequestId, problem: &Problem) {
        let failure = self.failure(request, problem);
        self.output.json(&with_request(failure_line("failed", &failure), request));
    }

    /// Returns why the node has stopped by itself.
    pub(crate) fn why_stopped(&self) -> Failure {
        let unknown = || Failure::new(&catalogue::INTERNAL, "the node has stopped");
        self.trouble.clone().unwrap_or_else(unknown)
    }

    /// Returns the names of signers of a request.
    pub(crate) fn signers(&self, request: RequestId, who: &[SignerIndex]) -> Vec<String> {
        who.iter().map(|who| self.signer(request, *who)).collect()
    }

    /// Tells whom a request waits for, and how long already.
    pub(crate) fn waiting(&self, request: RequestId, on: &[SignerIndex], since: Duration) {
        let names = self.signers(request, on);
        let waited = match since.as_secs() {
            0 => String::new(),
            _ => format!(" ({})", words::duration(since)),
        };
        let text = format!("waiting for {}{waited}", words::list(&names));
        let line = session_line("waiting", request).with("who", names);
        self.progress(&line.with("since_s", since.as_secs_f64()), Some(text));
    }

    fn silent(&self, request: RequestId, who: &[SignerIndex]) {
        let names = self.signers(request, who);
        let text = format!("no answer yet from {}: offline?", words::list(&names));
        self.progress(&session_line("unreachable", request).with("who", names), Some(text));
    }

    fn ended(&self, event: &'static str, how: &str, request: RequestId, problem: &Problem) {
        let failure = self.failure(request, problem);
        let line = with_request(failure_line(event, &failure), request);
        let (code, who) = (failure.entry.code, named(&failure));
        let text = format!("{how} ({code}): {}{who}\n  {}", failure.what, failure.advice());
        self.output.talk(&line, text);
    }

    fn approval(&mut self, approval: &Approval) {
        self.learn(approval);
        let group = self.group(&approval.group.id);
        let line = request::line("request", &Asked::of(approval), group);
        self.output.talk(&line, request::text(&Asked::of(approval), group));
    }

    /// A later attempt is nobody's failure: a signer restarted, or a wait was over.
    fn attempt(&self, request: RequestId, attempt: u16, opened_by: Option<SignerIndex>) {
        let who = opened_by.map(|who| self.signer(request, who));
        let text = (attempt > 1).then(|| match &who {
            Some(who) => format!("{who} restarted, attempt {attempt}"),
            None => format!("attempt {attempt} begins"),
        });
        let line = session_line("attempt", request).with("attempt", attempt);
        self.progress(&line.with("opened_by", who), text);
    }

    fn resumed(&mut self, Resumption { approval, lost }: &Resumption) {
        self.learn(approval);
        let group = self.group(&approval.group.id);
        let nonces = lost.map_or_else(String::new, |lost| {
            let LostAttempt { attempt, reached } = lost;
            let nonces = match reached {
                Reached::Joined => "its nonces were never used",
                Reached::Burned => "its nonces count as used, and no partial signature has left",
                Reached::Signed => "your partial signature for it is kept",
            };
            let last = attempt == ATTEMPTS_MAX;
            let next = match reached {
                _ if last => "It was the last one: the others are asked how it ended.".to_owned(),
                Reached::Signed => format!(
                    "The others get that partial signature once more, unchanged. If they \
                     need more, attempt {} begins with fresh nonces.",
                    attempt + 1
                ),
                Reached::Joined | Reached::Burned => {
                    format!("Attempt {} has fresh ones.", attempt + 1)
                }
            };
            format!(
                "\n  attempt {attempt} ended with the restart: {nonces}.\n  That is safe: the nonces \
                 were only in memory, and attempt {attempt} is never joined again. {next}"
            )
        });
        let text = format!(
            "going on with what you approved: {}{nonces}",
            request::text(&Asked::of(approval), group)
        );
        let line = request::line("resumed", &Asked::of(approval), group)
            .with("lost_attempt", lost.map(|lost| lost.attempt))
            .with("reached", lost.map(|lost| reached(lost.reached)));
        self.output.talk(&line, text);
    }

    fn recovered(&mut self, request: RequestId, group: GroupId, outcome: &Outcome) {
        self.requests.insert(request, group);
        let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
        let line = session_line("recovered", request).with("signatures", signatures);
        let text = format!(
            "request {} was signed before the last stop, and its result was not written out then",
            request.short()
        );
        self.output.talk(&line, text);
    }

    fn convicted(&self, peer: &PeerId, evidence: &Evidence, case: Option<&[u8; 32]>) {
        let who = self.node(peer);
        let what = fault(evidence);
        let case = case.map(hex::encode);
        let kept = case.as_ref().map_or_else(String::new, |case| {
            let id: String = case.chars().take(8).collect();
            format!("\n  kept for others to check: ensign evidence export {id}")
        });
        let text = format!("PROVEN by the signatures of {who}: {what}{kept}");
        let line = Line::new("convicted").with("who", who).with("what", what);
        self.output.talk(&line.with("evidence", case), text);
    }

    fn peer_down(&mut self, peer: &PeerId, has_stopped: bool) {
        let who = self.node(peer);
        let how = if has_stopped { "has stopped" } else { "is gone" };
        let line = Line::new("disconnected").with("who", who.as_str()).with("stopped", has_stopped);
        self.progress(&line, Some(format!("{who} {how}; dialling again")));
        // Who says goodbye was not pushed off.
        if !has_stopped && self.losses.lost(*peer, unix_micros()) {
            let (losses, seconds) = (LOSSES_TOLD, LOSSES_WITHIN_US / 1_000_000);
            let what = format!(
                "the connection to {who} broke {losses} times within {seconds} s: a \
                 second copy of this home, or of theirs, may be running"
            );
            self.note(&Failure::new(&catalogue::NODE_TWICE, what).who([who]));
        }
    }

    fn step(&self, name: &'static str, request: RequestId, who: SignerIndex, verb: Option<&str>) {
        let who = self.signer(request, who);
        let text = verb.map(|verb| format!("{who} {verb}"));
        self.progress(&session_line(name, request).with("who", who), text);
    }

    fn progress(&self, line: &Line, text: Option<String>) {
        self.output.progress(line, text.as_deref());
    }

    fn peer_up(&mut self, peer: &PeerId, clock_offset_millis: i64) {
        self.unreachable.remove(peer);
        let who = self.node(peer);
        let line = Line::new("connected").with("who", who.as_str());
        let line = line.with("clock_offset_ms", clock_offset_millis);
        match clocks_apart(&who, clock_offset_millis) {
            None => {
                let text = format!("{who} is connected (clock {clock_offset_millis:+} ms)");
                self.progress(&line, Some(text));
            }
            Some(failure) => {
                self.progress(&line, Some(format!("{who} is connected")));
                self.note(&failure);
            }
        }
    }

    /// Tells something that is worth knowing, and what to do about it.
    fn note(&self, failure: &Failure) {
        self.output.warning(failure);
    }

    fn dial_failed(&mut self, peer: &PeerId, reason: &str, retry_in_s: f64) {
        let who = self.node(peer);
        let reason = foreign(reason);
        let is_new = self.unreachable.get(peer) != Some(&reason);
        let text = is_new.then(|| format!("{who} is not reachable ({reason}); trying again"));
        let line = Line::new("dial_failed").with("who", who).with("reason", reason.as_str());
        self.progress(&line.with("retry_in_s", retry_in_s), text);
        self.unreachable.insert(*peer, reason);
    }

    fn warn(&mut self, peer: Option<&PeerId>, problem: &Problem) {
        let entry = catalogue::find(problem.code).unwrap_or(&catalogue::INTERNAL);
        let who: Vec<_> = peer.map(|peer| self.node(peer)).into_iter().collect();
        let failure = Failure::new(entry, foreign(&problem.what)).who(who);
        self.note(&failure);
        // What was read too late stops no node.
        if peer.is_none() && !problem.code.starts_with("E-APP") {
            self.trouble = Some(failure);
        }
    }

    fn done(&self, request: RequestId, outcome: &Outcome) {
        let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
        let mut line = session_line("done", request).with("signatures", signatures);
        let mut text = format!("request {}: all have signed, ", request.short());
        text += match outcome.signatures.len() {
            1 => "the signature verifies",
            _ => "every signature verifies",
        };
        if let Some(psbt) = &outcome.psbt {
            let txid = psbt.extract_tx().txid.to_string();
            text += &format!("; transaction {txid}");
            line = line.with("txid", txid);
        }
        self.output.talk(&line, text);
    }

    fn signer(&self, request: RequestId, who: SignerIndex) -> String {
        match self.requests.get(&request).and_then(|id| self.group(id)) {
            Some(group) => group.name_of(who),
            None => format!("signer {who}"),
        }
    }

    fn node(&self, peer: &PeerId) -> String {
        let named = self
            .groups
            .iter()
            .find_map(|group| group.index_of(peer).map(|index| group.name_of(index)));
        named.unwrap_or_else(|| format!("node {}", peer.short()))
    }
}

/// Says that a clock is so far from ours that nothing can be signed, if it is.
fn clocks_apart(who: &str, offset_millis: i64) -> Option<Failure> {
    let apart = Duration::from_millis(offset_millis.unsigned_abs());
    if apart <= MESSAGE_AGE_MAX {
        return None;
    }
    let side = if offset_millis > 0 { "ahead of" } else { "behind" };
    let what = format!(
        "the clock of {who} is {} {side} ours; with more than {} nothing can be signed",
        words::duration(apart),
        words::duration(MESSAGE_AGE_MAX)
    );
    let entry = catalogue::find("E-PEER-003").unwrap_or(&catalogue::INTERNAL);
    Some(Failure::new(entry, what).who([who.to_owned()]))
}

/// Begins an event of a session; it carries the processor time of this process so far.
pub(crate) fn session_line(event: &'static str, request: RequestId) -> Line {
    with_request(Line::new(event), request)
}

/// Begins an event of a session whose request is known by its id in hex.
pub(crate) fn session_line_of(event: &'static str, request: &str) -> Line {
    Line::new(event).with("request", request).with("cpu_us", cpu_micros())
}

fn with_request(line: Line, request: RequestId) -> Line {
    line.with("request", request.to_string()).with("cpu_us", cpu_micros())
}

const fn reached(reached: Reached) -> &'static str {
    match reached {
        Reached::Joined => "joined",
        Reached::Burned => "burned",
        Reached::Signed => "signed",
    }
}

/// Says what evidence proves.
pub(crate) const fn fault(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::Conflict { .. } => "two different statements in one place",
        Evidence::WrongCommitment { .. } => "nonces that do not open the commitment",
        Evidence::InvalidNonce { .. } => "nonces that are no points on the curve",
        Evidence::WrongPartialSig { .. } => "a false partial signature",
        Evidence::SignedOtherwise { .. } => {
            "a nonce set confirmed, and partial signatures for another one"
        }
    }
}

pub(crate) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Gathering => "gathering",
        Phase::Committing => "committing",
        Phase::Revealing => "revealing",
        Phase::Signing => "signing",
        Phase::Complete => "complete",
        Phase::Aborted => "aborted",
    }
}

/// Returns the processor time that all threads of this process have used, in microseconds.
fn cpu_micros() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000).saturating_add(nanos.unwrap_or(0) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_too_far_apart_are_told_with_the_side() {
        assert_eq!(clocks_apart("bob", 300_000), None);
        let told = |offset| clocks_apart("bob", offset).unwrap();
        assert!(told(600_000).what.contains("bob is 10 min ahead of ours"), "{:?}", told(600_000));
        assert!(told(-2_592_000_000).what.contains("bob is 30 d behind ours"));
        assert_eq!(told(600_000).entry.code, "E-PEER-003");
    }
}
