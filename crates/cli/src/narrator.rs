//! The coordinator's events in words and as JSON lines, with signers under their names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ensign_api::view::Forming;
use ensign_coordinator::forming::Happened;
use ensign_coordinator::{Event, GroupInfo, Problem, RequestRef};
use ensign_equivocation::Evidence;
use ensign_peers::contact::Contact;
use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex};
use ensign_session::Phase;

use crate::catalogue;
use crate::failure::Failure;
use crate::forming;
use crate::group::SignerGroup;
use crate::output::{Line, Output};
use crate::words::foreign;

mod network;
mod peer;
mod reasons;
mod request;
use reasons::Reasons;

/// Tells what happens.
#[derive(Debug)]
pub(crate) struct Narrator {
    output: Output,
    /// How the nodes of members are called.
    names: BTreeMap<PeerId, String>,
    /// Why members' nodes cannot be reached.
    reasons: Reasons,
    /// Groups that one side has and the other lacks, which people were told of.
    lacking: BTreeSet<(PeerId, GroupId)>,
    /// Of whose node it was told that it has not shown for whom it speaks.
    not_shown: BTreeSet<PeerId>,
    /// Who the members of the groups that form are.
    forming: Forming,
    /// Which part of the work for our position was told of last.
    worked: Option<u64>,
    /// The last warning about this node itself: if it stops, that is why.
    trouble: Option<Failure>,
}

impl Narrator {
    /// Tells about these groups.
    pub(crate) fn new(output: Output, groups: &[SignerGroup]) -> Self {
        let mut narrator = Self {
            output,
            names: BTreeMap::new(),
            reasons: Reasons::new(),
            lacking: BTreeSet::new(),
            not_shown: BTreeSet::new(),
            forming: Forming::default(),
            worked: None,
            trouble: None,
        };
        narrator.know(groups);
        narrator
    }

    /// Takes the names of members that groups have now.
    pub(crate) fn know(&mut self, groups: &[SignerGroup]) {
        for group in groups {
            let members = group.members.iter().zip(group.names());
            self.names.extend(members.map(|(member, name)| (member.peer, name)));
        }
    }

    /// Takes the names of members of a group that something is told of.
    fn learn(&mut self, group: &Arc<GroupInfo>) {
        for member in &group.members {
            self.names.entry(member.peer).or_insert_with(|| member.name.clone());
        }
    }

    /// Tells one event.
    pub(crate) fn tell(&mut self, event: &Event) {
        if let Some(group) = event.group() {
            self.learn(group);
        }
        match event {
            Event::Peer(peer, event) => self.peer(peer, event),
            Event::Request(request, event) => self.request(request, event),
            Event::Convicted { peer, evidence, case } => {
                self.convicted(peer, evidence, case.as_ref());
            }
            Event::Warning { peer, problem } => self.warn(peer.as_ref(), problem),
            Event::Busy(peer, busy) => self.busy(peer, *busy),
            Event::Network(event) => self.network(event),
            Event::Working { bits, tried, spent } => self.working(*bits, *tried, *spent),
            Event::Formation(event) => self.formation(event),
            // A new delegation of our own is nothing that a person does anything about.
            Event::Delegated(_) | _ => {}
        }
    }

    fn formation(&mut self, event: &ensign_coordinator::forming::Event) {
        let Some((line, text)) = forming::told(&self.forming.told(event)) else { return };
        let hint = "; look at it, compare and confirm, in another terminal: ensign group confirm ";
        let is_asked = matches!(event.what, Happened::Fingerprint { .. });
        let hint = if is_asked { format!("{hint}{}", event.name) } else { String::new() };
        self.output.talk(&line, text + &hint);
    }

    /// Takes the groups that form now.
    pub(crate) fn know_forming(&mut self, views: &[ensign_coordinator::forming::View]) {
        self.forming.know(views);
    }

    /// Takes what a contact code calls a node that no group names.
    pub(crate) fn know_first(&mut self, contact: &Contact) {
        self.names.entry(contact.peer).or_insert_with(|| foreign(contact.called()));
    }

    /// Returns why the node has stopped by itself.
    pub(crate) fn why_stopped(&self) -> Failure {
        let unknown = || Failure::new(&catalogue::INTERNAL, "the node has stopped");
        self.trouble.clone().unwrap_or_else(unknown)
    }

    /// Returns the names of signers of a request.
    pub(crate) fn signers(request: &RequestRef, who: &[SignerIndex]) -> Vec<String> {
        who.iter().map(|who| request.group.name_of(*who).to_owned()).collect()
    }

    fn node(&self, peer: &PeerId) -> String {
        self.names.get(peer).cloned().unwrap_or_else(|| format!("node {}", peer.short()))
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

    fn progress(&self, line: &Line, text: Option<String>) {
        self.output.progress(line, text.as_deref());
    }

    fn warn(&mut self, peer: Option<&PeerId>, problem: &Problem) {
        let who: Vec<_> = peer.map(|peer| self.node(peer)).into_iter().collect();
        let failure = of_problem(problem).who(who);
        self.output.warning(&failure);
        // What was read too late stops no node.
        if peer.is_none() && !problem.code.starts_with("E-APP") {
            self.trouble = Some(failure);
        }
    }
}

/// Words a problem, with the advice that fits this one.
fn of_problem(problem: &Problem) -> Failure {
    let entry = catalogue::find(problem.code).unwrap_or(&catalogue::INTERNAL);
    let failure = Failure::new(entry, foreign(&problem.what));
    if problem.hint == entry.hint { failure } else { failure.hint(problem.hint) }
}

/// Begins an event of a session; it carries the processor time of this process so far.
pub(crate) fn session_line(event: &'static str, request: RequestId) -> Line {
    session_line_of(event, &request.to_string())
}

/// Begins an event of a session whose request is known by its id in hex.
pub(crate) fn session_line_of(event: &'static str, request: &str) -> Line {
    Line::new(event).with("request", request).with("cpu_us", cpu_micros())
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
