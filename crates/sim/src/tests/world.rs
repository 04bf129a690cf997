//! What lies around the engines does what scenarios say: links, partitions, NAT, processors, crashes.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

use ensign_engine::signing::Event;
use ensign_wire::Kind;

use crate::{
    Cast, Nat, NodeIndex, Observer, Options, Plan, Report, Scenario, Seen, Sight, Simulation,
    check::Checkers,
    run,
    scenario::{Cpu, Demand, Faults, Link, Load, NatShares, Partition, Range},
};

fn scenario() -> Scenario {
    let load = Load { think: Range::millis(0, 0), ..Load::default() };
    Scenario { nodes: 12, length: Duration::from_secs(60), load, ..Scenario::default() }
}

fn report(scenario: Scenario) -> Report {
    let options = Options { threads: 1, sample_every: Duration::from_secs(5), commit: None };
    run(Plan::new(scenario, 3), &options, &mut |_| ControlFlow::Continue(()))
}

fn slowest(scenario: Scenario) -> u64 {
    let report = report(scenario);
    assert!(report.is_good() && report.intents.len() == 4, "{report:?}");
    report.intents.iter().filter_map(|intent| intent.latency).max().unwrap()
}

/// Hands every sight to a closure.
struct Look<F>(F);

impl<F: FnMut(&Sight)> Observer for Look<F> {
    fn observe(&mut self, _: &Cast, sight: &Sight) {
        (self.0)(sight);
    }
}

fn look(scenario: Scenario, sees: impl FnMut(&Sight)) {
    let length = scenario.length;
    Simulation::new(Plan::new(scenario, 3), 1).run(length, &mut [&mut Look(sees)]);
}

#[test]
fn frames_of_a_stream_keep_their_order_on_a_rough_link() {
    let link = Link { loss: 0.3, reorder: 0.5, ..Link::default() };
    let mut sent: BTreeMap<(NodeIndex, NodeIndex), Vec<Arc<[u8]>>> = BTreeMap::new();
    let mut received = sent.clone();
    look(Scenario { link, ..scenario() }, |sight| {
        if let Seen::Sent { to, frame, carried: true, .. } = &sight.what {
            sent.entry((sight.node, *to)).or_default().push(Arc::clone(frame));
        }
        if let Seen::Received { from, frame, .. } = &sight.what {
            received.entry((*from, sight.node)).or_default().push(Arc::clone(frame));
        }
    });
    assert_eq!(received.len(), 24, "every pair of four groups, both ways");
    assert_eq!(sent, received);
}

#[test]
fn nothing_crosses_a_full_partition_and_everything_is_signed_once_it_heals() {
    let faults = Faults {
        from: Duration::from_secs(1),
        until: Duration::from_secs(45),
        partition: Partition::Full,
        partition_share: 0.5,
        ..Faults::default()
    };
    let demand = Demand { within: Duration::from_secs(60), liveness: true };
    let length = Duration::from_secs(120);
    let cut = Scenario { faults, demand, length, ..scenario() };
    let plan = Plan::new(cut.clone(), 3);
    let mut arrived = 0;
    look(cut.clone(), |sight| {
        let micros = sight.at.as_micros();
        // What was on its way when the cut came still arrives.
        if let Seen::Received { from, .. } = sight.what
            && (2_000_000..45_000_000).contains(&micros)
        {
            assert!(plan.paths.cut_since(sight.at, from, sight.node).is_none(), "{sight:?}");
            arrived += 1;
        }
    });
    assert!(arrived > 0, "some pairs are on one side");
    let report = report(cut);
    assert!(report.is_good(), "{:?}", report.unmet);
    assert!(report.faults.disconnections > 0, "the idle timeout ends what is cut");
}

#[test]
fn nodes_behind_symmetric_nats_never_meet_and_are_excused() {
    let all = |shares: NatShares| report(Scenario { nat: shares, ..scenario() });
    let symmetric = all(NatShares { symmetric: 1.0, ..NatShares::default() });
    assert!(symmetric.is_good(), "nobody can be asked to sign");
    assert!(symmetric.intents.iter().all(|intent| intent.latency.is_none()));
    let restricted = all(NatShares { restricted: 1.0, ..NatShares::default() });
    assert!(restricted.intents.iter().all(|intent| intent.latency.is_some()));
}

#[test]
fn kinds_of_nat_reach_each_other_as_they_do_in_the_world() {
    for (from, to, reaches) in [
        (Nat::Symmetric, Nat::Open, true),
        (Nat::Open, Nat::Symmetric, true),
        (Nat::Restricted, Nat::Restricted, true),
        (Nat::Symmetric, Nat::FullCone, true),
        (Nat::Symmetric, Nat::Restricted, false),
        (Nat::Restricted, Nat::Symmetric, false),
        (Nat::Symmetric, Nat::Symmetric, false),
    ] {
        assert_eq!(from.reaches(to), reaches, "{from:?} to {to:?}");
    }
}

#[test]
fn thin_links_and_slow_processors_take_longer() {
    let free = slowest(scenario());
    let thin = Link { bandwidth: 30_000, ..Link::default() };
    assert!(slowest(Scenario { link: thin, ..scenario() }) > free + 100_000);
    let slow = Cpu { message: Duration::ZERO, curve: Duration::from_millis(20) };
    assert!(slowest(Scenario { cpu: slow, ..scenario() }) > free + 100_000);
}

#[test]
fn process_starts_again_with_what_was_on_its_disk() {
    let faults = Faults {
        from: Duration::from_secs(1),
        until: Duration::from_secs(30),
        crashes: 600.0,
        ..Faults::default()
    };
    let mut disks: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    let mut restarts = 0;
    look(Scenario { faults, ..scenario() }, |sight| {
        let disk = disks.entry(sight.node).or_default();
        if let Seen::Durable { .. } = sight.what {
            *disk += 1;
        }
        if let Seen::Crashed { survived, pending } = sight.what {
            assert!(survived <= pending);
            *disk += survived;
        }
        if let Seen::Started { boot, records } = sight.what {
            assert_eq!(records, *disk, "{sight:?}");
            restarts += usize::from(boot > 1);
        }
    });
    assert!(restarts > 10, "{restarts}");
}

#[test]
fn node_that_lost_its_disk_refuses_what_was_proposed_before() {
    let faults = Faults {
        from: Duration::from_secs(1),
        until: Duration::from_secs(50),
        lost_disks: 400.0,
        ..Faults::default()
    };
    let demand = Demand { within: Duration::from_secs(30), liveness: false };
    let plan = Plan::new(Scenario { faults, demand, ..scenario() }, 1);
    let length = plan.scenario.length;
    let mut checkers = Checkers::default();
    let (mut lost, mut refused) = (0, 0);
    let mut count = |sight: &Sight| {
        lost += usize::from(matches!(sight.what, Seen::LostDisk));
        refused += usize::from(matches!(sight.what, Seen::Event(Event::Void(_))));
    };
    Simulation::new(plan, 1).run(length, &mut [&mut checkers, &mut Look(&mut count)]);
    assert!(checkers.violations().is_empty(), "{:?}", checkers.violations());
    assert!(lost > 5 && refused > 0, "{lost} {refused}");
}

#[test]
fn request_that_is_not_signed_in_time_is_an_unmet_demand() {
    let demand = Demand { within: Duration::from_millis(50), liveness: true };
    let report = report(Scenario { demand, ..scenario() });
    assert_eq!((report.unmet.len(), report.is_good()), (4, false));
}

#[test]
fn twice_the_frames_arrive_when_every_frame_is_doubled() {
    let count = |duplicate: f64| {
        let (mut sent, mut received) = (0, 0);
        let link = Link { duplicate, ..Link::default() };
        look(Scenario { link, ..scenario() }, |sight| {
            if let Seen::Sent { kind, carried: true, .. } = sight.what {
                sent += usize::from(kind != Kind::Hello);
            }
            if let Seen::Received { kind, .. } = sight.what {
                received += usize::from(kind != Some(Kind::Hello));
            }
        });
        (sent, received)
    };
    let (sent, received) = count(1.0);
    assert_eq!(received, 2 * sent);
    let (sent, received) = count(0.0);
    assert_eq!(received, sent);
}
