//! What the runs of `crash-in-every-phase` add up to.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use ensign_primitives::TaggedHasher;
use ensign_wire::Mode;
use serde::Serialize;

use super::{CrashPlan, Mishap, Point, PointOutcome};
use crate::{NETWORK, scenario::mode_name};

/// Most failures that are kept.
const FAILURES_KEPT_MAX: usize = 100;

/// Most failures in a summary.
const FAILURES_SHOWN_MAX: usize = 10;

/// Everything about the runs that fits on a page.
#[derive(Clone, Debug, Serialize)]
pub struct CrashReport {
    scenario: &'static str,
    command: String,
    seed: u64,
    digest: String,
    passed: bool,
    tallies: Vec<Tally>,
    failures: Vec<String>,
    #[serde(skip)]
    hasher: TaggedHasher,
}

/// What the runs of one mode, one kind of work and one mishap add up to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    mode: &'static str,
    work: &'static str,
    mishap: &'static str,
    /// Steps at which the mishap was tried, over the three signers.
    pub points: u64,
    /// Runs in which everybody held the same valid signature in the end.
    pub completed: u64,
    /// Runs in which the node stopped.
    pub stopped: u64,
    /// Runs in which the result was found in the store after that.
    pub recovered: u64,
    /// Runs in which the user had to ask again.
    pub asked_again: u64,
    /// Runs in which an attempt was joined, or its nonces burned, twice or out of order.
    pub repeated: u64,
    /// Runs in which somebody was convicted.
    pub convicted: u64,
    /// Runs in which the store said that it may have missed something.
    pub missed: u64,
    /// Runs with anything that must not be.
    pub wrong: u64,
    /// By number of attempts, how many runs.
    pub attempts: BTreeMap<u16, u64>,
    /// The longest time until everybody held the signature, in milliseconds.
    pub slowest_ms: u64,
    /// Problems told, by code.
    pub codes: BTreeMap<&'static str, u64>,
}

impl CrashReport {
    pub(super) fn new(plan: &CrashPlan) -> Self {
        Self {
            scenario: CrashPlan::NAME,
            command: plan.command(),
            seed: plan.seed,
            digest: String::new(),
            passed: true,
            tallies: Vec::new(),
            failures: Vec::new(),
            hasher: TaggedHasher::new("ensign/sim-quic-crashes/v1", NETWORK),
        }
    }

    /// Notes a run without any fault.
    pub(super) fn note_quiet(&mut self, point: &Point, outcome: &PointOutcome) {
        self.blame(point, outcome);
        self.hash(outcome);
    }

    pub(super) fn note(&mut self, point: &Point, outcome: &PointOutcome) {
        self.hash(outcome);
        if point.mishap != Mishap::LostFlushes {
            self.blame(point, outcome);
        }
        let tally = self.tally(point);
        tally.points += 1;
        tally.completed += u64::from(outcome.is_complete);
        tally.stopped += u64::from(outcome.has_stopped);
        tally.recovered += u64::from(outcome.is_recovered);
        tally.asked_again += u64::from(outcome.is_asked_again);
        tally.repeated += u64::from(outcome.is_repeated);
        tally.convicted += u64::from(outcome.is_convicted);
        tally.missed += u64::from(outcome.has_missed);
        tally.wrong += u64::from(!outcome.wrong.is_empty());
        *tally.attempts.entry(outcome.attempts).or_default() += 1;
        let took = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX);
        tally.slowest_ms = tally.slowest_ms.max(took);
        for (code, count) in &outcome.codes {
            *tally.codes.entry(code).or_default() += count;
        }
    }

    fn tally(&mut self, point: &Point) -> &mut Tally {
        let (mode, work) = (mode_name(point.mode), work_name(point.is_psbt));
        let mishap = point.mishap.name();
        let names = |tally: &Tally| (tally.mode, tally.work, tally.mishap);
        let known = self.tallies.iter().position(|tally| names(tally) == (mode, work, mishap));
        let place = known.unwrap_or(self.tallies.len());
        if known.is_none() {
            self.tallies.push(Tally { mode, work, mishap, ..Tally::default() });
        }
        #[expect(clippy::indexing_slicing, reason = "it is there, or was pushed just now")]
        &mut self.tallies[place]
    }

    fn blame(&mut self, point: &Point, outcome: &PointOutcome) {
        let (mode, work) = (mode_name(point.mode), work_name(point.is_psbt));
        let (signer, mishap) = (point.signer, point.mishap.name());
        let step = point.step.map_or_else(|| "no".to_owned(), |step| step.to_string());
        for wrong in &outcome.wrong {
            self.passed = false;
            if self.failures.len() < FAILURES_KEPT_MAX {
                let who = format!("{mode}, {work}, {mishap} at signer {signer}, step {step}");
                self.failures.push(format!("{who}: {wrong}"));
            }
        }
    }

    fn hash(&mut self, outcome: &PointOutcome) {
        let hasher = self.hasher.clone().bytes(&outcome.digest);
        self.hasher = hasher.u64(outcome.attempts.into()).u64(outcome.wrong.len() as u64);
        self.digest = hex::encode(self.hasher.clone().finish());
    }

    /// Returns whether nothing was seen that must not be. Runs with lost flushes do not count.
    pub const fn passed(&self) -> bool {
        self.passed
    }

    /// Returns what must not be, a sentence each.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Returns a hash of every packet of every run.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns what the runs of a mishap add up to, over every mode and kind of work.
    pub fn of(&self, mishap: Mishap) -> Tally {
        let mut sum = Tally { mode: "every", work: "both", ..Tally::default() };
        sum.mishap = mishap.name();
        for tally in self.tallies.iter().filter(|tally| tally.mishap == mishap.name()) {
            sum.add(tally);
        }
        sum
    }

    pub(super) fn line_of(&self, mode: Mode, is_psbt: bool, mishap: Mishap) -> String {
        let names = (mode_name(mode), work_name(is_psbt), mishap.name());
        let of = |tally: &&Tally| (tally.mode, tally.work, tally.mishap) == names;
        self.tallies.iter().find(of).map_or_else(String::new, Tally::line)
    }

    /// Returns the summary for people; its last two lines are the digest and the command that
    /// repeats the runs.
    pub fn summary(&self, wall: Duration) -> String {
        let mut text = format!("scenario     {}\n", self.scenario);
        for mishap in Mishap::ALL {
            let sum = self.of(mishap);
            if sum.points > 0 {
                line(&mut text, sum.mishap, sum.line());
            }
        }
        let shown = self.failures.iter().take(FAILURES_SHOWN_MAX);
        shown.for_each(|failure| line(&mut text, "FAILED", failure));
        if let Some(more @ 1..) = self.failures.len().checked_sub(FAILURES_SHOWN_MAX) {
            line(&mut text, "FAILED", format!("{more} more; report.json of --out has them"));
        }
        line(&mut text, "time", format!("{:.3} s", wall.as_secs_f64()));
        line(&mut text, "digest", &self.digest);
        line(&mut text, "repeat with", &self.command);
        text
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.points += other.points;
        self.completed += other.completed;
        self.stopped += other.stopped;
        self.recovered += other.recovered;
        self.asked_again += other.asked_again;
        self.repeated += other.repeated;
        self.convicted += other.convicted;
        self.missed += other.missed;
        self.wrong += other.wrong;
        self.slowest_ms = self.slowest_ms.max(other.slowest_ms);
        for (attempts, runs) in &other.attempts {
            *self.attempts.entry(*attempts).or_default() += runs;
        }
        for (code, count) in &other.codes {
            *self.codes.entry(code).or_default() += count;
        }
    }

    fn line(&self) -> String {
        let Self { mode, work, mishap, points, completed, stopped, recovered, .. } = self;
        let Self {
            asked_again,
            repeated,
            convicted,
            missed,
            wrong,
            attempts,
            slowest_ms,
            codes,
            ..
        } = self;
        format!(
            "{mode}, {work}, {mishap}: {completed} of {points} signed, {stopped} stopped, \
             {recovered} recovered, {asked_again} asked again, {repeated} repeated an attempt, {convicted} convicted, {missed} noticed a rollback, \
             {wrong} wrong; attempts {attempts:?}; slowest {slowest_ms} ms; told {codes:?}"
        )
    }
}

const fn work_name(is_psbt: bool) -> &'static str {
    if is_psbt { "psbt" } else { "message" }
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    // A string takes everything.
    let _ = writeln!(text, "{name:<12} {value}");
}
