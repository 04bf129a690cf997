//! Counts what happens in a run and makes the report of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ensign_engine::signing::Event;
use ensign_primitives::{Instant, RequestId};
use ensign_session::{Event as SessionEvent, Failure};
use ensign_wire::{AbortReason, Kind};

use crate::{
    Cast, NodeIndex, Observer, Person, Plan, Report, Seen, Sight,
    report::{
        AttackCounts, FAILURES_MAX, FailureReport, FaultCounts, IntentReport, Outcome, Sample,
        Traffic, Unmet,
    },
};

mod cause;

use cause::Mishaps;

/// Everything that a report is made from.
#[derive(Debug)]
pub(crate) struct Tally {
    intents: Vec<Wanted>,
    requests: BTreeMap<RequestId, Asked>,
    attempts: BTreeMap<(RequestId, u16), Attempt>,
    mishaps: Mishaps,
    running: BTreeSet<NodeIndex>,
    connections: BTreeMap<NodeIndex, u32>,
    traffic: BTreeMap<Kind, (u64, u64)>,
    faults: FaultCounts,
    series: Vec<Sample>,
    present: Sample,
}

/// One intent so far.
#[derive(Debug)]
struct Wanted {
    honest_signers: usize,
    proposed_at: Option<Instant>,
    turns: u32,
    signed_at: Option<Instant>,
    /// The most honest signers that have the signatures of one of its requests.
    done: usize,
    declined: bool,
    closed: Option<String>,
}

/// One request so far.
#[derive(Debug)]
struct Asked {
    intent: u32,
    turn: u32,
    done: BTreeSet<NodeIndex>,
}

/// One attempt so far.
#[derive(Debug)]
struct Attempt {
    began: Instant,
    failed: Option<Failed>,
}

/// How an attempt failed.
#[derive(Debug)]
struct Failed {
    at: Instant,
    node: NodeIndex,
    said: String,
    /// The reason that a signer gave, where one did.
    reason: Option<AbortReason>,
}

impl Tally {
    pub(crate) fn new(plan: &Plan) -> Self {
        let wanted = plan.intents().iter().map(|intent| Wanted {
            honest_signers: signers(plan, intent.proposer)
                .iter()
                .filter(|node| plan.cast.is_honest(**node))
                .count(),
            proposed_at: None,
            turns: 0,
            signed_at: None,
            done: 0,
            declined: false,
            closed: None,
        });
        Self {
            intents: wanted.collect(),
            requests: BTreeMap::new(),
            attempts: BTreeMap::new(),
            mishaps: Mishaps::default(),
            running: BTreeSet::new(),
            connections: BTreeMap::new(),
            traffic: BTreeMap::new(),
            faults: FaultCounts::default(),
            series: Vec::new(),
            present: Sample::default(),
        }
    }

    /// How many intents have been proposed.
    pub(crate) const fn proposed(&self) -> u32 {
        self.present.proposed
    }

    /// How many intents are signed.
    pub(crate) const fn signed(&self) -> u32 {
        self.present.signed
    }

    /// Takes a sample of the course of the run.
    pub(crate) fn sample(&mut self, at: Duration) {
        self.present.at_millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.present.running = self.running.len() as u32;
        self.present.connections = self.connections.values().sum::<u32>() / 2;
        self.series.push(self.present);
        (self.present.frames, self.present.bytes) = (0, 0);
    }

    fn on_event(&mut self, cast: &Cast, sight: &Sight, event: &Event) {
        match event {
            Event::Attempt { request, attempt, .. } => self.on_attempt(sight, *request, *attempt),
            Event::Session { request, event: SessionEvent::Done(_), .. } => {
                self.on_done(cast, sight, *request);
            }
            Event::Session { request, attempt, event: SessionEvent::Failed(failure) } => {
                self.on_failed(sight, (*request, *attempt), failure);
            }
            Event::Closed { request, attempt, failure } => {
                self.on_failed(sight, (*request, *attempt), failure);
                self.on_closed(*request, failure);
            }
            Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::GroupUnknown { .. }
            | Event::GroupKnown { .. }
            | Event::GroupMissing { .. }
            | Event::PeerCopied { .. }
            | Event::Review(_)
            | Event::NotResumed { .. }
            | Event::Void(_)
            | Event::ConsentDurable { .. }
            | Event::EndDurable { .. }
            | Event::Waiting { .. }
            | Event::Withdrawn { .. }
            | Event::Everybody { .. }
            | Event::Convicted { .. }
            | Event::Delegated(_)
            | Event::NotShown { .. }
            | Event::NodeChanged { .. }
            | Event::OwnKeyElsewhere { .. }
            | Event::NotDelegated(_)
            | Event::Session { .. } => {}
        }
    }

    fn on_done(&mut self, cast: &Cast, sight: &Sight, request: RequestId) {
        let Some(asked) = self.requests.get_mut(&request) else { return };
        let Some(wanted) = self.intents.get_mut(asked.intent as usize) else { return };
        if cast.is_honest(sight.node) && asked.done.insert(sight.node) {
            wanted.done = wanted.done.max(asked.done.len());
            if wanted.done == wanted.honest_signers && wanted.signed_at.is_none() {
                wanted.signed_at = Some(sight.at);
                self.present.signed += 1;
            }
        }
    }

    fn on_attempt(&mut self, sight: &Sight, request: RequestId, attempt: u16) {
        let fresh = Attempt { began: sight.at, failed: None };
        self.attempts.entry((request, attempt)).or_insert(fresh);
        if attempt > 1 {
            let said = format!("left for attempt {attempt}");
            self.on_end(sight, (request, attempt - 1), said, None);
        }
    }

    fn on_failed(&mut self, sight: &Sight, key: (RequestId, u16), failure: &Failure) {
        self.on_end(sight, key, cause::said(failure), Some(failure.reason));
    }

    fn on_end(
        &mut self,
        sight: &Sight,
        key: (RequestId, u16),
        said: String,
        reason: Option<AbortReason>,
    ) {
        let Some(attempt) = self.attempts.get_mut(&key) else { return };
        if attempt.failed.is_none() {
            attempt.failed = Some(Failed { at: sight.at, node: sight.node, said, reason });
            self.present.failed_attempts += 1;
        }
    }

    fn on_closed(&mut self, request: RequestId, failure: &Failure) {
        let Some(asked) = self.requests.get(&request) else { return };
        let Some(wanted) = self.intents.get_mut(asked.intent as usize) else { return };
        wanted.declined |= failure.reason == AbortReason::Declined;
        if wanted.turns == asked.turn {
            wanted.closed = Some(cause::said(failure));
        }
    }

    fn on_proposed(&mut self, at: Instant, (intent, turn): (u32, u32), request: RequestId) {
        let Some(wanted) = self.intents.get_mut(intent as usize) else { return };
        if wanted.proposed_at.is_none() {
            wanted.proposed_at = Some(at);
            self.present.proposed += 1;
        }
        wanted.turns = turn;
        wanted.closed = None;
        self.requests.insert(request, Asked { intent, turn, done: BTreeSet::new() });
    }

    /// Makes the report; the caller knows digest, events and violations.
    pub(crate) fn report(self, plan: &Plan, simulated: Duration, complete: bool) -> Report {
        let intents: Vec<_> = (0_u32..)
            .zip(&self.intents)
            .map(|(number, wanted)| self.intent(plan, number, wanted))
            .collect();
        let unmet = if complete { self.unmet(plan, &intents, simulated) } else { Vec::new() };
        let failures = self.failures(plan, simulated);
        let traffic = self.traffic.iter().map(|(kind, (frames, bytes))| Traffic {
            kind: format!("{kind:?}"),
            frames: *frames,
            bytes: *bytes,
        });
        Report {
            scenario: plan.scenario.clone(),
            seed: plan.seed,
            commit: None,
            digest: String::new(),
            complete,
            simulated_millis: u64::try_from(simulated.as_millis()).unwrap_or(u64::MAX),
            wall_millis: 0,
            threads: 1,
            events: 0,
            intents,
            failures,
            violations: Vec::new(),
            unmet,
            series: self.series.clone(),
            traffic: traffic.collect(),
            faults: self.faults,
            attacks: AttackCounts::default(),
        }
    }

    fn intent(&self, plan: &Plan, number: u32, wanted: &Wanted) -> IntentReport {
        let intent = plan.intent(number);
        let proposer = intent.map_or(NodeIndex(0), |intent| intent.proposer);
        let signers = signers(plan, proposer);
        let requests = self.requests.iter().filter(|(_, asked)| asked.intent == number);
        let attempts = requests
            .map(|(id, _)| self.attempts.range((*id, 0)..=(*id, u16::MAX)).count() as u32)
            .sum();
        let outcome = match wanted {
            Wanted { signed_at: Some(_), .. } => Outcome::Signed,
            Wanted { done: 1.., .. } => Outcome::Partly,
            Wanted { declined: true, .. } => Outcome::Declined,
            Wanted { closed: Some(_), .. } => Outcome::Failed,
            Wanted { .. } => Outcome::Open,
        };
        let latency = wanted.proposed_at.zip(wanted.signed_at);
        IntentReport {
            number,
            honest: wanted.honest_signers == signers.len(),
            signers: signers.iter().map(|node| node.0).collect(),
            proposer: proposer.0,
            mode: intent.map_or(String::new(), |it| format!("{:?}", it.mode).to_lowercase()),
            proposed_at: wanted.proposed_at.map(Instant::as_micros),
            turns: wanted.turns,
            attempts,
            outcome,
            latency: latency.map(|(from, to)| to.since(from).as_micros() as u64),
            reason: wanted.closed.clone().filter(|_| outcome != Outcome::Signed),
        }
    }

    /// Intents of honest signers who can reach each other, which are late.
    fn unmet(&self, plan: &Plan, intents: &[IntentReport], end: Duration) -> Vec<Unmet> {
        let demand = plan.scenario.demand;
        if !demand.liveness {
            return Vec::new();
        }
        let end = Instant::from_micros(0).after(end);
        let healed = Instant::from_micros(0).after(plan.scenario.faults.until);
        let mut unmet = Vec::new();
        for ((report, intent), wanted) in intents.iter().zip(plan.intents()).zip(&self.intents) {
            let due = intent.at.max(healed).after(demand.within);
            let late = wanted.signed_at.is_none_or(|at| at > due);
            let excused = !report.honest || wanted.declined || !reachable(plan, intent.proposer);
            if !late || excused || due > end {
                continue;
            }
            let why = match (&wanted.closed, wanted.signed_at, wanted.proposed_at) {
                (_, Some(at), _) => format!("signed at {:.3} s", at.as_micros() as f64 / 1e6),
                (Some(closed), ..) => closed.clone(),
                (None, None, None) => "never proposed: its proposer was away".to_owned(),
                (None, None, Some(_)) => {
                    let (done, all) = (wanted.done, wanted.honest_signers);
                    format!("{done} of {all} signers have the signatures")
                }
            };
            unmet.push(Unmet { intent: report.number, due: due.as_micros(), why });
        }
        unmet
    }

    /// Every attempt that did not end in signatures, those still open at the end included.
    fn failures(&self, plan: &Plan, end: Duration) -> Vec<FailureReport> {
        let end = Instant::from_micros(0).after(end);
        let mut failures = Vec::new();
        for ((request, attempt), state) in &self.attempts {
            let Some(asked) = self.requests.get(request) else { continue };
            let Some(intent) = plan.intent(asked.intent) else { continue };
            let signers = signers(plan, intent.proposer);
            let honest = signers.iter().filter(|node| plan.cast.is_honest(**node)).count();
            let open = Failed {
                at: end,
                node: intent.proposer,
                said: "open when the run ended".to_owned(),
                reason: None,
            };
            let is_open = asked.done.len() < honest;
            let Some(failed) = state.failed.as_ref().or(is_open.then_some(&open)) else { continue };
            let during = (state.began, failed.at);
            failures.push(FailureReport {
                intent: asked.intent,
                turn: asked.turn,
                attempt: *attempt,
                request: request.to_string(),
                began: state.began.as_micros(),
                ended: failed.at.as_micros(),
                node: failed.node.0,
                said: failed.said.clone(),
                first_cause: self.mishaps.first_cause(&plan.cast, &signers, during, failed.reason),
                excerpt: Vec::new(),
            });
        }
        failures.sort_by_key(|failure| (failure.ended, failure.intent));
        failures.truncate(FAILURES_MAX);
        failures
    }
}

impl Observer for Tally {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        self.mishaps.note(sight);
        match &sight.what {
            Seen::Started { .. } => {
                self.running.insert(sight.node);
            }
            Seen::Crashed { pending, survived } => {
                self.faults.crashes += 1;
                self.faults.torn += *pending as u64;
                self.faults.survived += *survived as u64;
                self.running.remove(&sight.node);
                self.connections.remove(&sight.node);
            }
            // Told with the crash that took it, or by the connections that are gone.
            Seen::LostDisk | Seen::Slept | Seen::Awoke | Seen::Forgot { .. } => {}
            Seen::Stopped => {
                self.faults.stops += 1;
                self.running.remove(&sight.node);
                self.connections.remove(&sight.node);
            }
            Seen::Connected { .. } => *self.connections.entry(sight.node).or_default() += 1,
            Seen::Disconnected { .. } => {
                self.faults.disconnections += 1;
                let count = self.connections.entry(sight.node).or_default();
                *count = count.saturating_sub(1);
            }
            Seen::Closed { .. } => {
                let count = self.connections.entry(sight.node).or_default();
                *count = count.saturating_sub(1);
            }
            Seen::Sent { kind, frame, carried: true, .. } => {
                let (frames, bytes) = self.traffic.entry(*kind).or_default();
                *frames += 1;
                *bytes += frame.len() as u64;
                self.present.frames += 1;
                self.present.bytes += frame.len() as u64;
            }
            Seen::Proposed { intent, turn, request } => {
                self.on_proposed(sight.at, (*intent, *turn), *request);
            }
            Seen::Recovered { request, .. } => self.on_done(cast, sight, *request),
            Seen::Event(event) => self.on_event(cast, sight, event),
            Seen::Offense { .. } => {
                self.faults.offenses += u64::from(cast.is_honest(sight.node));
            }
            Seen::Dials { .. }
            | Seen::Received { .. }
            | Seen::Sent { .. }
            | Seen::Drew { .. }
            | Seen::Signs { .. }
            | Seen::Persist { .. }
            | Seen::Durable { .. }
            | Seen::Woke { .. }
            | Seen::Approved { .. }
            | Seen::Declined { .. }
            | Seen::Refused { .. }
            | Seen::Overfull { .. } => {}
        }
    }
}

fn signers(plan: &Plan, node: NodeIndex) -> Vec<NodeIndex> {
    plan.cast.group_of(node).map_or(Vec::new(), |group| group.members.clone())
}

/// Whether every pair of a node's group can connect, by the rules of their NATs.
fn reachable(plan: &Plan, node: NodeIndex) -> bool {
    let signers = signers(plan, node);
    let people: Vec<&Person> = signers.iter().filter_map(|node| plan.cast.person(*node)).collect();
    people.iter().all(|one| {
        people.iter().all(|other| one.nat.reaches(other.nat) || other.nat.reaches(one.nat))
    })
}
