//! What a run found, as data: the one source of every page, table and comparison, which
//! `ensign-sim-report` makes.

use serde::{Deserialize, Serialize};

use crate::{Scenario, check::Violation};

/// Most failed attempts that are told one by one.
pub const FAILURES_MAX: usize = 10_000;

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was run.
    pub scenario: Scenario,
    /// With which seed.
    pub seed: u64,
    /// The commit that was run, where it is known.
    pub commit: Option<String>,
    /// Hex; equal for equal scenario, seed and commit.
    pub digest: String,
    /// Whether it ran to its end.
    pub complete: bool,
    /// Virtual time that passed, in milliseconds.
    pub simulated_millis: u64,
    /// Real time that passed, in milliseconds.
    pub wall_millis: u64,
    /// How many threads ran it.
    pub threads: u32,
    /// Events handled: frames, connections, records, timers, and what people did.
    pub events: u64,
    /// Everything that somebody wanted signed.
    pub intents: Vec<IntentReport>,
    /// Attempts that failed, each with what came first; at most [`FAILURES_MAX`].
    pub failures: Vec<FailureReport>,
    /// What checkers found; empty in a good run. At most [`VIOLATIONS_MAX`](crate::check::VIOLATIONS_MAX).
    pub violations: Vec<Violation>,
    /// Intents that had to be signed in time and were not.
    pub unmet: Vec<Unmet>,
    /// The course of the run, at even intervals.
    pub series: Vec<Sample>,
    /// What was sent, by kind of frame.
    pub traffic: Vec<Traffic>,
    /// What went wrong on purpose.
    pub faults: FaultCounts,
    /// What came of attacks.
    #[serde(default)]
    pub attacks: AttackCounts,
}

/// How something that somebody wanted signed came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every honest signer has the signatures.
    Signed,
    /// Some honest signers have them, others not yet.
    Partly,
    /// A signer said no.
    Declined,
    /// It was given up, or ended by somebody's proven fault.
    Failed,
    /// The run ended before it did.
    Open,
}

/// Something that somebody wanted signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentReport {
    /// Its number.
    pub number: u32,
    /// The nodes of its signers, in key order; the first one named here that proposed is `proposer`.
    pub signers: Vec<u32>,
    /// Who asked.
    pub proposer: u32,
    /// `committed`, `fast` or `strict`.
    pub mode: String,
    /// Whether all signers keep to the protocol.
    pub honest: bool,
    /// When it was first proposed, in microseconds of the simulation's time.
    pub proposed_at: Option<u64>,
    /// How often it was proposed.
    pub turns: u32,
    /// How many attempts there were, over all proposals.
    pub attempts: u32,
    /// How it came out.
    pub outcome: Outcome,
    /// From the first proposal until the last honest signer had the signatures, in microseconds.
    pub latency: Option<u64>,
    /// Why it failed, where it did, in words.
    pub reason: Option<String>,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    /// The intent.
    pub intent: u32,
    /// Which proposal of it, from 1.
    pub turn: u32,
    /// Which attempt at that request, from 1.
    pub attempt: u16,
    /// The request, in hex.
    pub request: String,
    /// When the attempt began, in microseconds.
    pub began: u64,
    /// When the first signer gave it up, in microseconds.
    pub ended: u64,
    /// That signer's node.
    pub node: u32,
    /// What it said: reason and whom it named.
    pub said: String,
    /// What came first, in words: a crash, a broken connection, a cut way, an adversary, a timeout.
    pub first_cause: String,
    /// What its signers saw and did meanwhile, a line each; bounded, often empty.
    #[serde(default)]
    pub excerpt: Vec<String>,
}

/// An intent that had to be signed in time and was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmet {
    /// The intent.
    pub intent: u32,
    /// By when, in microseconds.
    pub due: u64,
    /// What is known about why, in words.
    pub why: String,
}

/// The state of a run at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When, in milliseconds of the simulation's time.
    pub at_millis: u64,
    /// Intents proposed so far.
    pub proposed: u32,
    /// Intents signed so far.
    pub signed: u32,
    /// Attempts that failed so far.
    pub failed_attempts: u32,
    /// Nodes running.
    pub running: u32,
    /// Connections up, each counted once.
    pub connections: u32,
    /// Frames sent since the sample before.
    pub frames: u64,
    /// Bytes sent since the sample before.
    pub bytes: u64,
}

/// What was sent of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The kind of frame.
    pub kind: String,
    /// How many.
    pub frames: u64,
    /// How many bytes, headers included.
    pub bytes: u64,
}

/// What went wrong on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCounts {
    /// Processes that died.
    pub crashes: u64,
    /// Records that were not acknowledged when their process died.
    pub torn: u64,
    /// Of these, how many survived.
    pub survived: u64,
    /// Processes that ended in order.
    pub stops: u64,
    /// Connections lost, each end counted.
    pub disconnections: u64,
    /// Offenses reported by honest nodes.
    pub offenses: u64,
}

/// What came of attacks, as honest nodes saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttackCounts {
    /// Hostile members of groups.
    pub hostile_members: u32,
    /// Those of them that somebody honest convicted by proof.
    pub convicted: u32,
    /// Those that every honest member of their group convicted.
    pub convicted_by_all: u32,
    /// Hostile nodes that somebody honest named without a proof.
    pub claimed: u32,
    /// Honest nodes that somebody honest named as the cause of an end.
    pub honest_blamed: u32,
    /// The longest time from an honest proposal until an honest co-signer was asked.
    pub prompt_delay_millis: u64,
    /// The most that one hostile member had one person asked within a minute.
    pub asked_in_a_minute: u32,
    /// Ends of connections between honest members of a group that were missing at the end.
    pub members_apart: u32,
    /// The most hostile strangers that were connected with one honest node at once.
    pub strangers_at_once: u32,
    /// How many of them had a place at some time, at the honest node that let in fewest.
    pub strangers_let_in: u32,
}

impl Outcome {
    /// Every outcome, in the order of tables.
    pub const ALL: [Self; 5] =
        [Self::Signed, Self::Partly, Self::Declined, Self::Failed, Self::Open];

    /// Returns its name, as in `report.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Partly => "partly",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

impl Report {
    /// Returns whether no checker fired and every demand was met.
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.unmet.is_empty()
    }

    /// Returns how many intents were signed.
    pub fn signed(&self) -> usize {
        self.intents.iter().filter(|intent| intent.outcome == Outcome::Signed).count()
    }

    /// Returns how many attempts failed, those included that are not told one by one.
    pub fn failed_attempts(&self) -> u64 {
        let counted = self.series.last().map_or(0, |sample| u64::from(sample.failed_attempts));
        counted.max(self.failures.len() as u64)
    }
}
