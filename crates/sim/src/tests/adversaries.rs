//! Each kind of hostile node: honest groups beside it sign, no checker fires, and where a lie can be
//! proven it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ensign_engine::{
    Offense,
    signing::{self, Event, FAILED_ATTEMPTS_MAX},
};
use ensign_primitives::{Instant, RequestId};
use ensign_session::{Event as SessionEvent, Offense as SessionOffense};

use crate::{
    Cast, NodeIndex, Observer, Plan, Scenario, Seen, Sight, Simulation,
    adversary::KINDS,
    check::{Checkers, Violation},
    scenario::{Adversaries, Disk, Faults, Load, Range},
};

/// What honest nodes found out, and what they have.
#[derive(Debug, Default)]
struct Course {
    /// Nodes convicted by evidence.
    proven: BTreeSet<NodeIndex>,
    /// Nodes held responsible for an end, proven or not.
    culprits: BTreeSet<NodeIndex>,
    /// Nodes waited for.
    waited: BTreeSet<NodeIndex>,
    /// Nodes charged with an offense.
    charged: BTreeSet<NodeIndex>,
    /// Nodes that announced a request whose time was over, as far as that is remembered.
    out_of_time: BTreeSet<NodeIndex>,
    /// Requests that somebody was asked to review, by purpose.
    reviewed: BTreeSet<String>,
    requests: BTreeMap<RequestId, u32>,
    done: BTreeMap<u32, BTreeSet<NodeIndex>>,
    /// When each node got the signatures of a request.
    found: BTreeMap<RequestId, Vec<(NodeIndex, Instant)>>,
    /// The different results of each session.
    results: BTreeMap<(RequestId, u16), BTreeSet<Vec<[u8; 64]>>>,
}

impl Observer for Course {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        if !cast.is_honest(sight.node) {
            return;
        }
        let members = cast.group_of(sight.node).map(|group| group.members.clone());
        let member = |signer: &ensign_primitives::SignerIndex| {
            members.as_ref().and_then(|members| members.get(signer.as_usize())).copied()
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is no business of this observer"
        )]
        match &sight.what {
            Seen::Proposed { intent, request, .. } => {
                self.requests.insert(*request, *intent);
            }
            Seen::Event(Event::Review(review)) => {
                self.reviewed.insert(review.request.request.purpose.clone());
            }
            Seen::Offense { peer, offense, .. } => {
                self.charged.extend(cast.node(peer));
                let Offense::Signing(offense) = offense else { return };
                if let signing::Offense::Session(SessionOffense::Proven(_)) = offense {
                    self.proven.extend(cast.node(peer));
                }
                if let signing::Offense::RequestTime { .. } = offense {
                    self.out_of_time.extend(cast.node(peer));
                }
            }
            Seen::Event(
                Event::Closed { failure, .. }
                | Event::Session { event: SessionEvent::Failed(failure), .. },
            ) => self.culprits.extend(failure.culprits.iter().filter_map(member)),
            Seen::Event(Event::Session { event: SessionEvent::Waiting { on, .. }, .. }) => {
                self.waited.extend(on.iter().filter_map(member));
            }
            Seen::Event(Event::Waiting { wait, .. }) => {
                let lacked = wait.lacks.iter().map(|lack| &lack.whom);
                self.waited.extend(lacked.chain(&wait.missing).filter_map(member));
            }
            Seen::Event(Event::Session { request, attempt, event: SessionEvent::Done(done) }) => {
                let results = self.results.entry((*request, *attempt)).or_default();
                results.insert(done.signatures.clone());
                self.found.entry(*request).or_default().push((sight.node, sight.at));
                if let Some(intent) = self.requests.get(request) {
                    self.done.entry(*intent).or_default().insert(sight.node);
                }
            }
            Seen::Recovered { request, .. } => {
                self.found.entry(*request).or_default().push((sight.node, sight.at));
                if let Some(intent) = self.requests.get(request) {
                    self.done.entry(*intent).or_default().insert(sight.node);
                }
            }
            _ => {}
        }
    }
}

struct Run {
    course: Course,
    violations: Vec<Violation>,
    hostile: BTreeSet<NodeIndex>,
    /// Intents of groups in which somebody is hostile.
    unsafe_intents: BTreeSet<u32>,
}

impl Run {
    fn of(scenario: Scenario, seed: u64) -> Self {
        let length = scenario.length;
        let mut simulation = Simulation::new(Plan::new(scenario, seed), 2);
        let (mut course, mut checkers) = (Course::default(), Checkers::default());
        simulation.run(length, &mut [&mut course, &mut checkers]);
        let plan = simulation.plan();
        let nodes = (0..plan.cast.len() as u32).map(NodeIndex);
        let hostile = nodes.filter(|node| !plan.cast.is_honest(*node)).collect();
        let intents = (0..).zip(plan.intents()).filter(|(_, intent)| {
            let group = plan.cast.group(&intent.group).unwrap();
            !group.members.iter().all(|member| plan.cast.is_honest(*member))
        });
        let unsafe_intents = intents.map(|(number, _)| number).collect();
        let size = plan.scenario.load.signers as usize;
        for number in 0..plan.intents().len() as u32 {
            let is_unsafe = BTreeSet::contains(&unsafe_intents, &number);
            let done = course.done.get(&number).map_or(0, BTreeSet::len);
            assert!(is_unsafe || done == size, "{done} of {size} honest signers have {number}");
        }
        let violations = checkers.violations().to_vec();
        assert_eq!(violations, [], "seed {seed}");
        Self { course, violations, hostile, unsafe_intents }
    }

    fn nobody_has_a_signature_with_the_hostile(&self) {
        let done = self.unsafe_intents.iter().filter(|it| self.course.done.contains_key(it));
        assert_eq!(done.count(), 0, "{:?}", self.course.done);
    }

    fn everybody_has_a_signature(&self) {
        let done = self.unsafe_intents.iter().filter(|it| self.course.done.contains_key(it));
        assert_eq!(done.count(), self.unsafe_intents.len(), "{:?}", self.course.done);
    }
}

/// Six groups of three with one hostile signer in each of the first three, one for each mode, and
/// two requests for each group.
fn members(kind: &str) -> Scenario {
    Scenario {
        name: kind.to_owned(),
        nodes: 18,
        length: Duration::from_secs(200),
        load: Load { requests: 2, spread: Duration::from_secs(20), ..Load::default() },
        adversaries: Adversaries {
            groups: 0.5,
            signers: 1,
            kinds: vec![kind.to_owned()],
            ..Adversaries::default()
        },
        ..Scenario::default()
    }
}

/// As [`members`], with sessions after whose end there are others.
fn one_after_the_other(kind: &str) -> Scenario {
    let load = Load { requests: 4, spread: Duration::from_secs(60), ..Load::default() };
    Scenario { load, ..members(kind) }
}

/// Three honest groups that six hostile strangers dial.
fn strangers(kind: &str) -> Scenario {
    Scenario {
        nodes: 9,
        adversaries: Adversaries {
            strangers: 6,
            stranger_kinds: vec![kind.to_owned()],
            ..Adversaries::default()
        },
        length: Duration::from_secs(60),
        ..members(kind)
    }
}

fn check(kind: &str) -> Run {
    assert!(KINDS.iter().any(|act| act.name == kind), "{kind}");
    let run = Run::of(members(kind), 7);
    assert_eq!((run.hostile.len(), run.violations.len()), (3, 0));
    run
}

#[test]
fn silent_node_is_waited_for() {
    let run = check("silent");
    run.nobody_has_a_signature_with_the_hostile();
    assert!(run.course.waited.is_superset(&run.hostile), "{:?}", run.course.waited);
}

#[test]
fn silent_join_is_waited_for() {
    let run = check("silent-join");
    run.nobody_has_a_signature_with_the_hostile();
    assert!(run.course.waited.is_superset(&run.hostile), "{:?}", run.course.waited);
}

#[test]
fn silent_reveal_is_named_when_time_is_over() {
    let run = check("silent-reveal");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.culprits, run.hostile);
    assert!(run.course.proven.is_empty(), "silence proves nothing");
}

#[test]
fn silent_partial_is_named_when_time_is_over() {
    let run = check("silent-partial");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.culprits, run.hostile);
    assert!(run.course.proven.is_empty(), "silence proves nothing");
}

#[test]
fn slow_node_signs_with_the_others() {
    let run = check("slow");
    run.everybody_has_a_signature();
    assert!(run.course.charged.is_empty(), "{:?}", run.course.charged);
}

#[test]
fn garbage_costs_its_sender_the_connection_and_nobody_else_anything() {
    assert_eq!(check("garbage").course.charged.len(), 3);
    assert!(Run::of(strangers("garbage"), 8).course.charged.len() >= 3);
}

#[test]
fn replays_by_a_member_change_nothing() {
    let run = check("replaying");
    run.everybody_has_a_signature();
    assert!(run.course.proven.is_empty(), "what is said twice is no lie");
}

#[test]
fn equivocation_is_proven() {
    let run = check("equivocating");
    assert_eq!(run.course.proven, run.hostile);
}

#[test]
fn aborts_end_the_session_and_nothing_else() {
    for kind in ["abort-join", "abort-reveal", "abort-sign"] {
        check(kind).nobody_has_a_signature_with_the_hostile();
    }
}

#[test]
fn signature_of_an_attempt_that_was_aborted_late_is_a_signature() {
    let run = check("late-abort");
    run.everybody_has_a_signature();
    // The one exception to one result: both are what everybody signed, in two attempts.
    let most = run.course.results.values().map(BTreeSet::len).max();
    assert_eq!(most, Some(2));
}

#[test]
fn nonce_that_was_not_committed_to_is_proven() {
    let run = check("wrong-nonce");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.proven, run.hostile);
}

#[test]
fn nonce_that_is_no_point_is_proven() {
    let run = check("invalid-nonce");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.proven, run.hostile);
}

#[test]
fn false_partial_signature_is_proven() {
    let run = check("wrong-partial");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.proven, run.hostile);
}

#[test]
fn partial_signature_for_another_set_is_laid_on_its_sender_and_proven_in_mode_strict() {
    let run = check("wrong-set");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.culprits, run.hostile);
    let proven = run.course.proven;
    assert!(!proven.is_empty() && proven.is_subset(&run.hostile), "{proven:?}");
}

#[test]
fn regression_who_told_each_another_nonce_set_was_never_convicted() {
    let run = check("dodging");
    run.nobody_has_a_signature_with_the_hostile();
    assert_eq!(run.course.proven, run.hostile);
}

#[test]
fn nonce_shown_again_is_noticed_and_its_signer_named() {
    let run = Run::of(one_after_the_other("reused-nonce"), 7);
    assert_eq!(run.course.culprits, run.hostile);
}

#[test]
fn stolen_nonce_ends_in_a_proven_false_partial() {
    let run = Run::of(one_after_the_other("stolen-nonce"), 7);
    assert_eq!(run.course.proven, run.hostile);
}

#[test]
fn framing_convicts_nobody() {
    let run = check("framing");
    assert_eq!(run.course.charged, run.hostile);
    assert!(run.course.proven.is_empty(), "{:?}", run.course.proven);
}

#[test]
fn flood_of_a_member_leaves_room_for_others() {
    check("flooding").everybody_has_a_signature();
}

#[test]
fn member_that_drowns_the_others_in_noise_leaves_room_for_them() {
    check("drowning").everybody_has_a_signature();
}

#[test]
fn filled_shelves_of_a_member_leave_room_for_others() {
    check("filling").everybody_has_a_signature();
}

#[test]
fn restarts_of_a_member_have_nobody_join_an_attempt_twice() {
    let run = check("restarting");
    run.everybody_has_a_signature();
    assert!(run.course.results.keys().any(|(_, attempt)| *attempt == FAILED_ATTEMPTS_MAX));
}

#[test]
fn what_a_member_had_ended_and_washed_out_stays_ended() {
    check("washing").everybody_has_a_signature();
}

/// As [`members`], on nodes that crash.
fn crashing(kind: &str, downtime: Range) -> Scenario {
    let faults = Faults {
        from: Duration::from_secs(3),
        until: Duration::from_secs(120),
        crashes: 60.0,
        downtime,
        ..Faults::default()
    };
    Scenario { faults, ..members(kind) }
}

#[test]
fn what_a_member_had_ended_stays_ended_when_nodes_restart() {
    let run = Run::of(crashing("washing", Range::millis(500, 5000)), 12);
    // Who is honest and was away when it ended asks once more too.
    let back = run.course.out_of_time.intersection(&run.hostile);
    assert!(back.count() > 0, "nothing came back after a restart");
}

#[test]
fn attempts_of_a_member_that_restarts_are_joined_once_when_others_restart_too() {
    Run::of(crashing("restarting", Range::millis(500, 5000)), 13);
}

#[test]
fn member_that_was_away_gets_what_a_flood_should_have_washed_out() {
    let away = Duration::from_secs(210);
    let scenario = Scenario {
        length: Duration::from_secs(280),
        load: Load { requests: 4, spread: Duration::from_secs(30), ..Load::default() },
        // Slow enough that some are away before they know how it ended.
        disk: Disk { latency: Range::millis(500, 2_000) },
        faults: Faults {
            from: Duration::from_secs(3),
            until: Duration::from_secs(40),
            crashes: 100.0,
            downtime: Range { min: away, max: away },
            ..Faults::default()
        },
        ..members("silencing")
    };
    let run = Run::of(scenario, 35);
    run.everybody_has_a_signature();
    let is_late = |(_, at): &(NodeIndex, Instant), first: Instant| at.since(first) > away;
    let late = run.course.found.values().filter(|found| match found.as_slice() {
        [(first, at), rest @ ..] => rest.iter().any(|it| it.0 != *first && is_late(it, *at)),
        [] => false,
    });
    assert!(late.count() > 0, "nobody was away: {:?}", run.course.found);
}

#[test]
fn flood_of_strangers_leaves_groups_alone() {
    let run = Run::of(strangers("flooding"), 9);
    assert_eq!(run.course.charged, run.hostile);
    assert!(!run.course.reviewed.contains("flood"));
}

#[test]
fn silent_and_slow_strangers_leave_groups_alone() {
    Run::of(strangers("silent"), 10);
    Run::of(strangers("slow"), 10);
    Run::of(strangers("holding"), 10);
}

#[test]
fn request_with_another_payload_is_shown_to_nobody() {
    let run = check("wrong-payload");
    run.everybody_has_a_signature();
    assert_eq!(run.course.charged, run.hostile);
    assert!(!run.course.reviewed.contains("forged"));
}

#[test]
fn request_in_another_name_is_shown_to_nobody() {
    let run = check("forged-request");
    run.everybody_has_a_signature();
    assert_eq!(run.course.charged, run.hostile);
    assert!(!run.course.reviewed.contains("forged"));
}

#[test]
fn coalitions_of_every_kind_break_nothing() {
    let kinds: Vec<String> = KINDS.iter().map(|act| act.name.to_owned()).collect();
    let groups = kinds.len() as u32 + 3;
    let scenario = Scenario {
        nodes: 5 * groups,
        // As long as the longest wait of a session after the last request.
        length: Duration::from_secs(150),
        load: Load { signers: 5, ..members("all").load },
        adversaries: Adversaries {
            groups: kinds.len() as f64 / f64::from(groups),
            signers: 2,
            kinds,
            ..Adversaries::default()
        },
        ..members("all")
    };
    let run = Run::of(scenario, 11);
    assert_eq!(run.hostile.len(), 2 * KINDS.len());
}
