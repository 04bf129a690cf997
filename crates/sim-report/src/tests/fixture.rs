//! Reports as runs would make them.

use std::time::Duration;

use crate::{FailureReport, FaultCounts, IntentReport, Outcome, Report, Sample, Traffic};
use ensign_sim::Scenario;

/// A report without anything in it.
pub(crate) fn empty(seed: u64) -> Report {
    Report {
        scenario: Scenario { name: "hand-made".to_owned(), ..Scenario::default() },
        seed,
        commit: Some("0123abc".to_owned()),
        digest: format!("{seed:064x}"),
        complete: true,
        simulated_millis: 0,
        wall_millis: 0,
        threads: 1,
        events: 0,
        intents: Vec::new(),
        failures: Vec::new(),
        violations: Vec::new(),
        unmet: Vec::new(),
        series: Vec::new(),
        traffic: Vec::new(),
        faults: FaultCounts::default(),
        attacks: Default::default(),
    }
}

/// A run of so many intents; every tenth is not signed; each took about `latency` microseconds.
pub(crate) fn run(seed: u64, intents: u32, latency: u64) -> Report {
    let mut report = empty(seed);
    report.scenario.about = "Requests while nodes crash and links lose packets.".to_owned();
    report.scenario.link.loss = 0.1;
    report.scenario.faults.from = Duration::from_secs(5);
    report.scenario.faults.until = Duration::from_secs(30);
    report.simulated_millis = 60_000;
    report.wall_millis = 1_234;
    report.threads = 2;
    report.events = 250_000 + seed;
    report.intents = (0..intents).map(|number| intent(seed, number, latency)).collect();
    report.failures = (0..intents / 5).map(failure).collect();
    report.series = (1..=120).map(|at| sample(at, intents)).collect();
    let kinds = [("Session", 900_u64), ("Announce", 400), ("Ping", 5000), ("Hello", 60)];
    report.traffic = kinds.map(|(kind, frames)| traffic(kind, frames + seed)).to_vec();
    report.faults = FaultCounts { crashes: 12, torn: 5, survived: 2, ..FaultCounts::default() };
    report
}

fn intent(seed: u64, number: u32, latency: u64) -> IntentReport {
    let outcome = match number % 20 {
        7 => Outcome::Failed,
        17 => Outcome::Open,
        _ => Outcome::Signed,
    };
    // Mixed well enough to look like a distribution with a long tail.
    let noise = (u64::from(number) * 7919 + seed * 104_729) % 1000;
    let tail = if noise > 950 { 20 } else { 1 };
    let taken = latency * tail + latency * noise / 700;
    let proposed_at = 2_000_000 + u64::from(number) * 200_000;
    IntentReport {
        number,
        signers: vec![number * 3, number * 3 + 1, number * 3 + 2],
        proposer: number * 3,
        mode: ["committed", "fast", "strict"][number as usize % 3].to_owned(),
        honest: number % 11 != 3,
        proposed_at: Some(proposed_at),
        turns: 1,
        attempts: 1 + number % 4 / 3,
        outcome,
        latency: (outcome == Outcome::Signed).then_some(taken),
        reason: (outcome == Outcome::Failed).then(|| "Timeout while Gathering".to_owned()),
    }
}

pub(crate) fn failure(number: u32) -> FailureReport {
    let began = 3_000_000 + u64::from(number) * 150_000;
    FailureReport {
        intent: number * 5,
        turn: 1,
        attempt: 1,
        request: format!("{:064x}", 0xabcd_ef01_2345_u64 + u64::from(number)),
        began,
        ended: began + 750_000,
        node: number * 15,
        said: "Timeout while Committing, waited for: signer 2".to_owned(),
        first_cause: match number % 3 {
            0 => format!("node {number} crashed"),
            1 => "a connection was lost".to_owned(),
            _ => "none seen: Timeout".to_owned(),
        },
        excerpt: (0..number % 4 * 10).map(|at| format!("{at:>8} ms  node 1  sent")).collect(),
    }
}

fn sample(at: u32, intents: u32) -> Sample {
    let proposed = intents.min(at * intents / 60);
    let faulty = (10..60).contains(&at);
    Sample {
        at_millis: u64::from(at) * 500,
        proposed,
        signed: proposed * 9 / 10,
        failed_attempts: proposed / 5,
        running: if faulty { 27 + at % 4 } else { 30 },
        connections: if faulty { 40 + at % 7 } else { 60 },
        frames: 400 + u64::from(at * 37 % 90),
        bytes: 90_000 + u64::from(at * 3571 % 30_000),
    }
}

fn traffic(kind: &str, frames: u64) -> Traffic {
    Traffic { kind: kind.to_owned(), frames, bytes: frames * kind.len() as u64 * 40 }
}
