//! What the signers of failed attempts saw and did, for the page: the run is played once more.

use std::{collections::VecDeque, ops::Range, time::Duration};

use ensign_sim::{Cast, Observer, Plan, Report, Seen, Sight, Simulation, report::FailureReport};

use super::{Stop, launch, replay::Scribe};

/// Most failed attempts that get an excerpt, the first ones of the run. Guess: whoever reads on
/// replays.
const EXCERPTS_MAX: usize = 20;

/// Most lines of an excerpt, the last ones: what the page shows.
const LINES_MAX: usize = 60;

/// How much of a run passes between two looks at Ctrl-C.
const STEP: Duration = Duration::from_millis(250);

/// Fills in the excerpts of a report, unless its user has seen enough.
pub(super) fn fill(report: &mut Report, stop: &Stop) {
    let mut excerpts: Vec<_> = report
        .failures
        .iter()
        .take(EXCERPTS_MAX)
        .filter_map(|failure| Excerpt::of(report, failure))
        .collect();
    let Some(end) = excerpts.iter().map(|excerpt| excerpt.during.end).max() else { return };
    let mut simulation =
        Simulation::new(Plan::new(report.scenario.clone(), report.seed), launch::threads(None));
    let mut collect = Collect { scribe: Scribe::default(), excerpts: &mut excerpts };
    while simulation.now().as_micros() < end && !stop.is_wanted() {
        simulation.run(STEP, &mut [&mut collect]);
    }
    for (failure, excerpt) in report.failures.iter_mut().zip(excerpts) {
        failure.excerpt = excerpt.lines.into();
    }
}

/// What is being collected for one failed attempt.
#[derive(Debug)]
struct Excerpt {
    signers: Vec<u32>,
    /// In microseconds.
    during: Range<u64>,
    lines: VecDeque<String>,
}

impl Excerpt {
    fn of(report: &Report, failure: &FailureReport) -> Option<Self> {
        let intent = report.intents.get(failure.intent as usize)?;
        let during = failure.began..failure.ended.saturating_add(1);
        Some(Self { signers: intent.signers.clone(), during, lines: VecDeque::new() })
    }
}

#[derive(Debug)]
struct Collect<'a> {
    scribe: Scribe,
    excerpts: &'a mut [Excerpt],
}

impl Observer for Collect<'_> {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        self.scribe.learn(sight);
        // What was sent is told by who received it; what the disk does is told by what follows.
        if matches!(sight.what, Seen::Sent { .. } | Seen::Persist { .. } | Seen::Durable { .. }) {
            return;
        }
        let concerned = |excerpt: &Excerpt| {
            excerpt.during.contains(&sight.at.as_micros())
                && excerpt.signers.contains(&sight.node.0)
        };
        for excerpt in self.excerpts.iter_mut().filter(|excerpt| concerned(excerpt)) {
            excerpt.lines.push_back(self.scribe.line(cast, sight));
            if excerpt.lines.len() > LINES_MAX {
                excerpt.lines.pop_front();
            }
        }
    }
}
