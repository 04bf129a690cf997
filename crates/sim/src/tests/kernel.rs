//! Runs of the whole kernel.

use std::time::Duration;

use ensign_engine::signing::Event;
use ensign_session::Event as SessionEvent;

use crate::{Cast, Observer, Plan, Scenario, Seen, Sight, Simulation};

#[derive(Debug, Default)]
struct Count {
    done: usize,
}

impl Observer for Count {
    fn observe(&mut self, _: &Cast, sight: &Sight) {
        if let Seen::Event(Event::Session { event: SessionEvent::Done(_), .. }) = sight.what {
            self.done += 1;
        }
    }
}

fn run(scenario: Scenario, seed: u64, threads: usize) -> (Count, [u8; 32]) {
    let length = scenario.length;
    let mut simulation = Simulation::new(Plan::new(scenario, seed), threads);
    let mut count = Count::default();
    simulation.run(length, &mut [&mut count]);
    (count, simulation.digest())
}

fn quiet() -> Scenario {
    Scenario { nodes: 9, length: Duration::from_secs(20), ..Scenario::default() }
}

#[test]
fn every_signer_gets_its_signature_on_quiet_links() {
    let (count, _) = run(quiet(), 1, 1);
    assert_eq!(count.done, 9, "{count:?}");
}

#[test]
fn equal_seeds_give_equal_digests_whatever_the_threads() {
    let (_, digest) = run(quiet(), 1, 1);
    assert_eq!(run(quiet(), 1, 1).1, digest);
    assert_eq!(run(quiet(), 1, 2).1, digest);
    assert_ne!(run(quiet(), 2, 1).1, digest);
}
