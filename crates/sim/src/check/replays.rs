//! Equal digest for equal seed.

use crate::{Plan, Scenario, Simulation, check::Violation};

/// Runs a scenario twice, with one thread and with two, and returns the digest of both runs.
///
/// # Errors
///
/// The violation when they differ: something in the run depends on more than its seed.
pub fn replays(scenario: &Scenario, seed: u64) -> Result<[u8; 32], Violation> {
    let run = |threads| {
        let mut simulation = Simulation::new(Plan::new(scenario.clone(), seed), threads);
        simulation.run(scenario.length, &mut []);
        simulation.digest()
    };
    let (first, second) = (run(1), run(2));
    if first == second {
        return Ok(first);
    }
    Err(Violation {
        checker: "equal digest for equal seed".to_owned(),
        at: u64::try_from(scenario.length.as_micros()).unwrap_or(u64::MAX),
        node: 0,
        what: format!(
            "two runs of {:?} with seed {seed} end with {} and {}",
            scenario.name,
            hex(&first),
            hex(&second)
        ),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
