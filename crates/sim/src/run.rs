//! A run from its plan to its report.

use std::{ops::ControlFlow, time::Duration};

use crate::{Plan, Report, Simulation, check::Checkers, tally::Tally, witness::Witness};

/// How a run is carried out; nothing here changes what happens in it.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many threads share the nodes, at least 1.
    pub threads: usize,
    /// How often the course of the run is sampled, and its progress told.
    pub sample_every: Duration,
    /// The commit that is run, for the report.
    pub commit: Option<String>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Virtual time that has passed.
    pub simulated: Duration,
    /// Virtual time it lasts.
    pub length: Duration,
    /// Events handled.
    pub events: u64,
    /// Intents proposed.
    pub proposed: u32,
    /// Intents signed.
    pub signed: u32,
    /// Violations found.
    pub violations: usize,
}

/// Runs a plan under every checker; `progress` is asked at each sample whether to go on.
///
/// The report of a run that was stopped says so and makes no demands. Real time is not read here:
/// `wall_millis` is 0 and the caller's to fill.
pub fn run(
    plan: Plan,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Report {
    let length = plan.scenario.length;
    let step = options.sample_every.clamp(Duration::from_millis(1), length.max(STEP_MIN));
    let mut simulation = Simulation::new(plan, options.threads);
    let mut tally = Tally::new(simulation.plan());
    let mut checkers = Checkers::default();
    let mut witness = Witness::default();
    let mut simulated = Duration::ZERO;
    let mut complete = true;
    while simulated < length {
        let rest = step.min(length.saturating_sub(simulated));
        simulation.run(rest, &mut [&mut tally, &mut checkers, &mut witness]);
        simulated += rest;
        tally.sample(simulated);
        let now = Progress {
            simulated,
            length,
            events: simulation.events(),
            proposed: tally.proposed(),
            signed: tally.signed(),
            violations: checkers.violations().len(),
        };
        if progress(&now).is_break() && simulated < length {
            complete = false;
            break;
        }
    }
    let (digest, events) = (simulation.digest(), simulation.events());
    let mut report = tally.report(simulation.plan(), simulated, complete);
    report.digest = hex(&digest);
    report.events = events;
    report.attacks = witness.counts(simulation.plan());
    report.violations = checkers.violations().to_vec();
    report.commit.clone_from(&options.commit);
    report.threads = u32::try_from(options.threads).unwrap_or(u32::MAX);
    report
}

/// The shortest step that progress is told in.
const STEP_MIN: Duration = Duration::from_millis(1);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
