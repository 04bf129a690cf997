//! `crash-in-every-phase`: a signer's machine fails at every step of its disk in turn.
//!
//! Three real coordinators, each with the real store on a disk of its own, sign once. A run without
//! any fault tells how many steps each disk makes from the proposal on; then the same run is
//! repeated for each of these steps, each signer, each mode and each kind of work, with one fault
//! in that step. The node stays away for a seeded second or two and starts again from what its disk
//! holds.

use std::{collections::BTreeMap, time::Duration};

use ensign_wire::Mode;

use crate::{Latency, Links, Mishap, RunError, scenario::mode_name};

mod cast;
mod story;
use story::Story;
mod report;
pub use report::CrashReport;

/// Which runs are played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashPlan {
    /// What every random number is made from.
    pub seed: u64,
    /// How links behave.
    pub links: Links,
    /// How sessions run.
    pub modes: Vec<Mode>,
    /// What goes wrong.
    pub mishaps: Vec<Mishap>,
    /// Of how many steps one is tried; 1 tries every step.
    pub every: u32,
    /// How long a run may take from the proposal until everybody holds the signature.
    pub within: Duration,
}

impl Default for CrashPlan {
    fn default() -> Self {
        let latency = Latency { min: Duration::from_millis(10), max: Duration::from_millis(50) };
        Self {
            seed: 42,
            links: Links::quiet(latency),
            modes: vec![Mode::Committed, Mode::Fast, Mode::Strict],
            mishaps: Mishap::ALL.to_vec(),
            every: 1,
            within: Duration::from_secs(300),
        }
    }
}

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// How the session runs.
    pub mode: Mode,
    /// Whether a PSBT is signed instead of a bare message.
    pub is_psbt: bool,
    /// Whose machine fails; 0 proposes.
    pub signer: u32,
    /// How.
    pub mishap: Mishap,
    /// At which step of its disk since the proposal; `None` for never.
    pub step: Option<u64>,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointOutcome {
    /// How many steps each disk made from the proposal on.
    pub steps: [u64; 3],
    /// Whether everybody held the same valid signature in the end.
    pub is_complete: bool,
    /// The latest attempt that anybody began.
    pub attempts: u16,
    /// Whether the user had to ask again: the proposal was never durable, or it was refused for want
    /// of room.
    pub is_asked_again: bool,
    /// Whether an attempt was joined, or its nonces burned, twice or out of order.
    pub is_repeated: bool,
    /// Whether somebody was convicted; everybody here is honest.
    pub is_convicted: bool,
    /// Whether the node stopped, by losing power or by itself.
    pub has_stopped: bool,
    /// Whether the node was handed its result from its own store after it had stopped.
    pub is_recovered: bool,
    /// Whether opening the store said that it may have missed something.
    pub has_missed: bool,
    /// How long it took from the proposal until everybody held the signature.
    pub took: Duration,
    /// Warnings about peers and failures that were told, by code.
    pub codes: BTreeMap<&'static str, u64>,
    /// What must not be, a sentence each.
    pub wrong: Vec<String>,
    /// The hash of every packet.
    pub digest: [u8; 32],
}

/// Plays a plan to its end.
///
/// # Errors
///
/// [`RunError`]; what goes wrong in a run is no error but in the report.
pub fn run_crashes(
    plan: &CrashPlan,
    mut progress: impl FnMut(&str),
) -> Result<CrashReport, RunError> {
    let mut report = CrashReport::new(plan);
    for &mode in &plan.modes {
        for is_psbt in [false, true] {
            let quiet = Point { mode, is_psbt, signer: 0, mishap: Mishap::PowerCut, step: None };
            let learned = Story::play(plan, quiet)?;
            report.note_quiet(&quiet, &learned);
            for &mishap in &plan.mishaps {
                for (signer, steps) in (0..).zip(learned.steps) {
                    for step in (0..steps).step_by(plan.every.max(1) as usize) {
                        let point = Point { signer, mishap, step: Some(step), ..quiet };
                        report.note(&point, &Story::play(plan, point)?);
                    }
                }
                progress(&report.line_of(mode, is_psbt, mishap));
            }
        }
    }
    Ok(report)
}

impl CrashPlan {
    /// The name on the command line.
    pub const NAME: &'static str = "crash-in-every-phase";

    /// Returns the command that repeats the runs.
    pub fn command(&self) -> String {
        let Self { seed, every, links, modes, within, .. } = self;
        let Links { latency: Latency { min, max }, lost_ppm, .. } = links;
        let mode = match modes.as_slice() {
            [mode] => format!(" --mode {}", mode_name(*mode)),
            _ => String::new(),
        };
        format!(
            "cargo xtask sim run {} --tier quic --seed {seed} --loss {} --latency-ms {}:{}{mode} \
             --within-s {} --every {every}",
            Self::NAME,
            f64::from(*lost_ppm) / 1e6,
            min.as_millis(),
            max.as_millis(),
            within.as_secs(),
        )
    }
}
