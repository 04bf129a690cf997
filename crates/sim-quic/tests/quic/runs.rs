//! Whole runs.

use std::time::Duration;

use ensign_sim_quic::{Outcome, Plan, Report, Scenario, run};
use ensign_wire::Mode;

fn plan(nodes: u32, seed: u64) -> Plan {
    Plan { nodes, seed, ..Scenario::SigningUnderFaults.plan() }
}

fn play(plan: &Plan) -> (Outcome, Report) {
    let outcome = run(plan, |_| {}).unwrap();
    let report = Report::new(plan, &outcome, Duration::ZERO);
    (outcome, report)
}

#[test]
fn equal_seeds_give_equal_packets_and_another_seed_gives_others() {
    // So long that connections end and are dialled again, after waits that are drawn too.
    let blackout = Duration::from_secs(50);
    let plan = |nodes, seed| Plan { blackout, ..plan(nodes, seed) };
    let (outcome, report) = play(&plan(12, 1));
    assert_eq!(report.failures(), [""; 0]);
    assert!(outcome.breaks > 0);
    let first = outcome.trace;
    assert!(first.traffic().lost > 0 && first.traffic().cut > 0, "{:?}", first.traffic());
    let again = play(&plan(12, 1)).0.trace;
    let differs = first.packets().iter().zip(again.packets()).position(|(one, two)| one != two);
    assert_eq!(differs, None);
    assert_eq!(first.digest(), again.digest());
    assert_ne!(first.digest(), play(&plan(12, 2)).0.trace.digest());
}

#[test]
fn every_group_signs_in_every_mode_when_one_packet_in_twenty_is_lost() {
    for mode in [Mode::Committed, Mode::Fast, Mode::Strict] {
        let mut plan = Plan { mode, ..plan(9, 3) };
        plan.links.lost_ppm = 50_000;
        let (outcome, report) = play(&plan);
        assert_eq!(report.failures(), [""; 0]);
        assert!(outcome.trace.traffic().lost > 0);
        assert_eq!(outcome.groups.len(), 9);
    }
}

#[test]
fn fewer_hops_take_less_time() {
    let median = |mode| {
        let plan = Plan { mode, nodes: 9, ..Scenario::SigningQuiet.plan() };
        let mut latencies: Vec<_> =
            play(&plan).0.groups.iter().map(|group| group.latency().unwrap()).collect();
        latencies.sort();
        latencies[4]
    };
    let (fast, committed, strict) =
        (median(Mode::Fast), median(Mode::Committed), median(Mode::Strict));
    assert!(fast < committed && committed < strict, "{fast:?} {committed:?} {strict:?}");
}

#[test]
fn group_that_signs_too_late_is_named_with_the_command_that_repeats_the_run() {
    let plan = Plan { within: Duration::from_secs(2), ..plan(5, 4) };
    let (_, report) = play(&plan);
    assert!(!report.passed());
    // The middle group's own link is cut for longer than it has.
    let named = report.failures().iter().any(|line| line.starts_with("group 2 (nodes 2, 3, 4): "));
    assert!(named, "{:?}", report.failures());
    let summary = report.summary();
    let tail: Vec<_> = summary.lines().rev().take(2).collect();
    assert_eq!(tail[0], format!("repeat with  {}", plan.command()));
    assert_eq!(tail[1], format!("digest       {}", report.digest()));
}
