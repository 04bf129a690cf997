//! Waits of hours: for people who have not decided, and for a member who is away.

use std::collections::BTreeSet;

use ensign_engine::signing::Event;
use ensign_primitives::{Instant, RequestId};
use ensign_session::{Event as SessionEvent, Phase};

use crate::{Cast, NodeIndex, Observer, Plan, Scenario, Seen, Sight, Simulation, check::Checkers};

/// What came of a wait.
#[derive(Debug, Default)]
struct Course {
    /// Attempts that failed when all had joined: what is counted.
    counted: BTreeSet<(RequestId, u16)>,
    /// Who was restarted or slept.
    disturbed: BTreeSet<NodeIndex>,
    done: BTreeSet<NodeIndex>,
    /// Who made nonces, and when.
    drew: Vec<(NodeIndex, Instant)>,
    slept: usize,
}

impl Observer for Course {
    fn observe(&mut self, _: &Cast, sight: &Sight) {
        let node = sight.node;
        if let Seen::Event(Event::Session { request, attempt, event }) = &sight.what {
            if let SessionEvent::Done(_) = event {
                self.done.insert(node);
            } else if let SessionEvent::Failed(failure) = event
                && failure.phase > Phase::Committing
            {
                self.counted.insert((*request, *attempt));
            }
        } else if let Seen::Recovered { .. } = sight.what {
            self.done.insert(node);
        } else if let Seen::Crashed { .. } | Seen::Stopped | Seen::Slept = sight.what {
            self.slept += usize::from(matches!(sight.what, Seen::Slept));
            self.disturbed.insert(node);
        } else if let Seen::Drew { .. } = sight.what {
            self.drew.push((node, sight.at));
        }
    }
}

fn shipped(name: &str) -> Scenario {
    let shipped = Scenario::shipped().iter().find(|it| it.name == name).unwrap();
    Scenario::from_toml(shipped.text).unwrap()
}

/// Runs a scenario; everybody has signed in the end, no checker fired, and no attempt was counted.
fn wait_out(scenario: Scenario, seed: u64) -> (Simulation, Course) {
    let (length, nodes) = (scenario.length, scenario.nodes as usize);
    let mut simulation = Simulation::new(Plan::new(scenario, seed), 1);
    let (mut course, mut checkers) = (Course::default(), Checkers::default());
    simulation.run(length, &mut [&mut course, &mut checkers]);
    assert_eq!(checkers.violations(), [], "seed {seed}");
    assert_eq!(course.done.len(), nodes, "seed {seed}: {:?}", course.done);
    assert_eq!(course.counted, BTreeSet::new(), "seed {seed}");
    (simulation, course)
}

#[test]
fn restarts_and_sleep_in_a_wait_of_two_hours_count_no_attempt_and_all_sign() {
    for seed in 1..=3 {
        let (simulation, course) = wait_out(shipped("long-wait"), seed);
        let nodes = simulation.plan().scenario.nodes as usize;
        assert_eq!(course.disturbed.len(), nodes, "seed {seed}: {:?}", course.disturbed);
        assert!(course.slept > nodes, "seed {seed}: {}", course.slept);
    }
}

#[test]
fn nobody_makes_a_nonce_in_a_day_in_which_a_member_is_away() {
    let mut cut = 0;
    for seed in 1..=3 {
        let scenario = shipped("member-away");
        let healed = Instant::from_micros(0).after(scenario.faults.until);
        let (simulation, course) = wait_out(scenario, seed);
        let plan = simulation.plan();
        for group in plan.cast.groups() {
            let is_cut = group.members.windows(2).any(|pair| {
                let begin = Instant::from_micros(0);
                plan.paths.cut_since(begin, pair[0], pair[1]).is_some()
            });
            let of_group = |node: &NodeIndex| group.members.contains(node);
            let early = course.drew.iter().filter(|(node, at)| of_group(node) && *at < healed);
            if is_cut {
                assert_eq!(early.count(), 0, "seed {seed}");
                cut += 1;
            }
        }
    }
    assert!(cut > 0, "everybody was there all the time");
}
