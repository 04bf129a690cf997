//! Each checker fires when an engine is broken on purpose, and only then.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use ensign_engine::{
    CloseCode, Event as HallEvent, Input, Offense, Output, Record as HallRecord,
    signing::{self, Event, Record, Review, SignerQuestion},
};
use ensign_equivocation::Evidence;
use ensign_primitives::{Occupancy, PeerId, QueryId};
use ensign_session::{Event as SessionEvent, Failure, Offense as SessionOffense, Phase};
use ensign_wire::{
    AbortReason, Body, Frame, Kind, NonceCommit, PartialSigShare, Round0, SessionJoin,
};

use crate::{
    NodeIndex, Plan, Scenario, Simulation,
    adversary::{Act, Adversary, Seat, envelope_heard},
    check::{Checkers, replays},
    scenario::{Adversaries, Faults, Load, Mode, Range},
};

/// Engines that are broken on purpose.
pub(crate) const FLAWS: &[Act] = &[
    flaw("none", || Box::new(Flaw(|_, output| Some(output)))),
    flaw("signs twice", || Box::new(Flaw(signs_twice))),
    flaw("signs unburned", || Box::new(Flaw(signs_unburned))),
    flaw("sends unwritten", || Box::new(Flaw(sends_unwritten))),
    flaw("makes twice", || Box::new(Flaw(makes_twice))),
    flaw("hands out a false signature", || Box::new(Flaw(hands_out_a_false_signature))),
    flaw("keeps a false signature", || Box::new(Flaw(keeps_a_false_signature))),
    flaw("blames", || Box::new(Flaw(blames))),
    flaw("convicts", || Box::new(Flaw(convicts))),
    flaw("cuts off", || Box::new(Flaw(cuts_off))),
    flaw("joins twice", || Box::new(Flaw(joins_twice))),
    flaw("joins differently", || Box::new(Flaw(joins_differently))),
    flaw("asks again", || Box::new(AsksAgain::default())),
    flaw("consents again", || Box::new(Flaw(consents_again))),
    flaw("joins what is over", || Box::new(Flaw(joins_what_is_over))),
    flaw("goes back", || Box::new(Flaw(goes_back))),
    flaw("writes no notes", || Box::new(Flaw(writes_no_notes))),
    flaw("joins at once", || Box::new(JoinsAtOnce)),
    flaw("makes nonces alone", || Box::new(Flaw(makes_nonces_alone))),
    flaw("keeps nonces", || Box::new(Flaw(keeps_nonces))),
    flaw("hoards", || Box::new(Hoards)),
    flaw("depends on the process", || Box::new(Flaw(depends_on_the_process))),
];

const fn flaw(name: &'static str, make: fn() -> Box<dyn Adversary>) -> Act {
    Act { name, about: "an engine that is broken on purpose", make }
}

/// An engine that is sound but for what this does to its outputs.
#[derive(Debug)]
struct Flaw(fn(&mut Seat, Output) -> Option<Output>);

impl Adversary for Flaw {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        (self.0)(seat, output)
    }
}

fn signs_twice(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Some((to, envelope)) = seat.own_words(&output)
        && let Body::PartialSigShare(share) = envelope.body()
    {
        let share = PartialSigShare { partials: vec![[7; 32]], ..share.clone() };
        seat.state(to, envelope.session(), envelope.seq(), Body::PartialSigShare(share));
    }
    Some(output)
}

fn signs_unburned(seat: &mut Seat, output: Output) -> Option<Output> {
    // The mark never reaches the disk.
    if let Output::Persist { token, record: HallRecord::Signing(Record::Burned { .. }) } = output {
        seat.feed(Input::Persisted { token });
        return None;
    }
    Some(output)
}

fn sends_unwritten(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Persist { token, record: HallRecord::Signing(Record::Partials { .. }) } = output
    {
        seat.feed(Input::Persisted { token });
    }
    Some(output)
}

fn makes_twice(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Persist {
        record: HallRecord::Signing(Record::Partials { request, attempt, nonces, .. }),
        ..
    } = &output
    {
        let partials = vec![[7; 32]];
        let (request, attempt, nonces) = (*request, *attempt, *nonces);
        let record = HallRecord::Signing(Record::Partials { request, attempt, nonces, partials });
        seat.pass(Output::Persist { token: u64::MAX, record });
    }
    Some(output)
}

fn hands_out_a_false_signature(_: &mut Seat, mut output: Output) -> Option<Output> {
    if let Output::Event(HallEvent::Signing(Event::Session {
        event: SessionEvent::Done(done),
        ..
    })) = &mut output
    {
        done.signatures[0][63] ^= 1;
    }
    Some(output)
}

fn keeps_a_false_signature(_: &mut Seat, mut output: Output) -> Option<Output> {
    if let Output::Persist {
        record: HallRecord::Signing(Record::Finished { signatures, .. }),
        ..
    } = &mut output
    {
        signatures[0].0[63] ^= 1;
    }
    Some(output)
}

fn somebody_else(seat: &Seat) -> PeerId {
    *seat.group.iter().find(|peer| **peer != seat.peer()).unwrap()
}

fn blames(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Event(HallEvent::Signing(Event::Attempt { request, attempt, .. })) = output {
        let failure = Failure {
            reason: AbortReason::WrongPartialSig,
            by: None,
            culprits: vec![seat.index_of(somebody_else(seat)).unwrap()],
            accused: None,
            evidence: None,
            own: None,
            phase: Phase::Signing,
        };
        let event = SessionEvent::Failed(Box::new(failure));
        seat.pass(Output::Event(HallEvent::Signing(Event::Session { request, attempt, event })));
    }
    Some(output)
}

fn convicts(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Some((peer, envelope)) = seat.own_words(&output) {
        let evidence = Evidence::InvalidNonce { envelope: Box::new(envelope) };
        let offense = SessionOffense::Proven(Box::new(evidence));
        let offense = Offense::Signing(signing::Offense::Session(offense));
        let sentence = ensign_engine::sentence(&offense);
        seat.pass(Output::Event(HallEvent::Offense { peer, offense, sentence, held_back: 0 }));
    }
    Some(output)
}

fn cuts_off(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Event(HallEvent::Signing(Event::PeerUp { peer, .. })) = output {
        let link = seat.link_of(peer).unwrap();
        seat.pass(Output::Close { link, reason: CloseCode::Offense });
    }
    Some(output)
}

fn makes_nonces_alone(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Signer(SignerQuestion::Nonces { .. }) = output {
        let link = seat.link_of(somebody_else(seat)).unwrap();
        seat.pass(Output::Close { link, reason: CloseCode::Shutdown });
    }
    Some(output)
}

fn keeps_nonces(_: &mut Seat, output: Output) -> Option<Output> {
    Some(output).filter(|it| !matches!(it, Output::Signer(SignerQuestion::Forget { .. })))
}

fn joins_twice(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Persist {
        record: HallRecord::Signing(Record::Joined { request, attempt, said }),
        ..
    } = output
    {
        let record = HallRecord::Signing(Record::Joined { request, attempt, said });
        seat.pass(Output::Persist { token: u64::MAX, record });
    }
    Some(output)
}

fn joins_differently(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Some((to, envelope)) = seat.own_words(&output)
        && let Body::SessionJoin(join) = envelope.body()
    {
        let join = SessionJoin { round0: commitment(), ..join.clone() };
        seat.state(to, envelope.session(), envelope.seq(), Body::SessionJoin(join));
    }
    Some(output)
}

/// Asks its person once more about what is signed.
#[derive(Debug, Default)]
struct AsksAgain(Vec<Review>);

impl Adversary for AsksAgain {
    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        if let Output::Event(HallEvent::Signing(Event::Review(review))) = &output {
            self.0.push(review.clone());
        }
        if let Output::Event(HallEvent::Signing(Event::Session {
            event: SessionEvent::Done(_),
            ..
        })) = &output
        {
            self.0.drain(..).for_each(|review| {
                seat.pass(Output::Event(HallEvent::Signing(Event::Review(review))))
            });
        }
        Some(output)
    }
}

fn consents_again(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Persist {
        record: record @ HallRecord::Signing(Record::Consented { .. }), ..
    } = &output
    {
        seat.pass(Output::Persist { token: u64::MAX, record: record.clone() });
    }
    Some(output)
}

fn joins_what_is_over(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Event(HallEvent::Signing(Event::Session {
        request,
        event: SessionEvent::Done(_),
        ..
    })) = &output
    {
        let record =
            HallRecord::Signing(Record::Joined { request: *request, attempt: 5, said: [7; 32] });
        seat.pass(Output::Persist { token: u64::MAX, record });
    }
    Some(output)
}

fn goes_back(seat: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Persist { record: HallRecord::Signing(Record::Joined { request, .. }), .. } =
        &output
    {
        let record =
            HallRecord::Signing(Record::Joined { request: *request, attempt: 5, said: [7; 32] });
        seat.pass(Output::Persist { token: u64::MAX, record });
    }
    Some(output)
}

/// What it knows of requests that nobody had decided about dies with its process.
fn writes_no_notes(_: &mut Seat, output: Output) -> Option<Output> {
    if let Output::Note(HallRecord::Signing(Record::Undecided(_))) = output {
        None
    } else {
        Some(output)
    }
}

fn commitment() -> Round0 {
    Round0::Commit(NonceCommit { commitment: [7; 32] })
}

/// Joins whatever is announced, before its person has seen it.
#[derive(Debug)]
struct JoinsAtOnce;

impl Adversary for JoinsAtOnce {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Some((from, envelope)) = envelope_heard(&input)
            && envelope.body().kind() == Kind::SessionAnnounce
        {
            let signer = seat.index_of(seat.peer()).unwrap();
            let delegation = seat.keys.delegation;
            let join = SessionJoin { signer, delegation, round0: commitment() };
            let from = seat.peer_of(from).unwrap();
            seat.state(from, envelope.session(), 1, Body::SessionJoin(join));
        }
        Some(input)
    }
}

/// Holds more than it may.
#[derive(Debug)]
struct Hoards;

impl Adversary for Hoards {
    fn holds(&self) -> Option<Occupancy> {
        Some(Occupancy { name: "acorns", len: 11, limit: 10 })
    }
}

/// Says something that does not follow from the seed.
fn depends_on_the_process(seat: &mut Seat, output: Output) -> Option<Output> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    if let Output::Send { link, kind: Kind::SessionReady, .. } = &output {
        let peer = seat.peer_of(*link).unwrap();
        seat.say(peer, &Frame::Ping(QueryId(COUNTER.fetch_add(1, Ordering::Relaxed))));
    }
    Some(output)
}

/// One group of three whose last signer is broken, and two requests, one after the other.
fn scenario(flaw: &str) -> Scenario {
    Scenario {
        name: flaw.to_owned(),
        nodes: 3,
        length: Duration::from_secs(60),
        load: Load {
            requests: 2,
            spread: Duration::from_secs(20),
            modes: vec![Mode::Committed],
            ..Load::default()
        },
        adversaries: Adversaries {
            groups: 1.0,
            signers: 1,
            kinds: vec![flaw.to_owned()],
            ..Adversaries::default()
        },
        ..Scenario::default()
    }
}

/// Runs a broken engine that is taken for honest; returns which checkers fired, with what first.
fn fired(flaw: &str) -> BTreeSet<String> {
    fired_in(scenario(flaw))
}

fn fired_in(scenario: Scenario) -> BTreeSet<String> {
    let length = scenario.length;
    let mut plan = Plan::new(scenario, 3);
    let broken = NodeIndex(2);
    assert!(!plan.cast.is_honest(broken));
    plan.cast.vouch_for(broken);
    let mut checkers = Checkers::default();
    Simulation::new(plan, 1).run(length, &mut [&mut checkers]);
    checkers.violations().iter().map(|violation| violation.checker.clone()).collect()
}

#[track_caller]
fn check(flaw: &str, checker: &str) {
    let fired = fired(flaw);
    assert!(fired.contains(checker), "{flaw}: {fired:?}");
}

#[test]
fn sound_engine_in_the_same_place_makes_no_checker_fire() {
    assert_eq!(fired("none"), BTreeSet::new());
}

#[test]
fn nonce_reuse_is_seen_across_sessions_and_within_one() {
    check("reused-nonce", "no nonce for two challenges");
    check("equivocating", "no nonce for two challenges");
    check("signs twice", "no nonce for two challenges");
    check("makes twice", "no nonce for two challenges");
}

#[test]
fn partial_before_its_burn_mark_is_seen() {
    for flaw in ["signs unburned", "sends unwritten"] {
        assert_eq!(
            fired(flaw),
            BTreeSet::from(["no partial signature without its burn mark on disk".to_owned()])
        );
    }
}

#[test]
fn false_signatures_are_seen_wherever_they_are_handed_out() {
    check("hands out a false signature", "every signature verifies");
    check("keeps a false signature", "every signature verifies");
}

#[test]
fn blame_of_the_honest_is_seen_by_whichever_way() {
    check("blames", "nobody honest is blamed by proof");
    check("convicts", "nobody honest is blamed by proof");
    check("cuts off", "nobody honest is blamed by proof");
    // One that lies is proven a liar; taken for honest, it is blamed.
    check("wrong-partial", "nobody honest is blamed by proof");
    check("dodging", "nobody honest is blamed by proof");
}

#[test]
fn different_results_and_second_joins_are_seen() {
    check("hands out a false signature", "one result for a session, one join");
    check("joins twice", "one result for a session, one join");
    check("joins differently", "one result for a session, one join");
}

const ONCE: &str = "what is over stays over, nothing decided or joined again";

#[test]
fn second_questions_consents_and_joins_are_seen() {
    check("asks again", ONCE);
    check("consents again", ONCE);
    check("joins what is over", ONCE);
    check("goes back", ONCE);
}

/// Beside a member that brings back what was over, on nodes that crash.
fn fired_beside_washing(flaw: &str) -> BTreeSet<String> {
    let faults = Faults {
        from: Duration::from_secs(5),
        until: Duration::from_secs(60),
        crashes: 120.0,
        ..Faults::default()
    };
    let mut plan = Plan::new(Scenario { faults, ..scenario("washing") }, 4);
    let length = plan.scenario.length;
    plan.cast.play(NodeIndex(1), flaw);
    plan.cast.vouch_for(NodeIndex(1));
    let mut checkers = Checkers::default();
    Simulation::new(plan, 1).run(length, &mut [&mut checkers]);
    checkers.violations().iter().map(|violation| violation.checker.clone()).collect()
}

#[test]
fn request_that_comes_back_after_a_crash_is_seen() {
    assert_eq!(fired_beside_washing("writes no notes"), BTreeSet::from([ONCE.to_owned()]));
    assert_eq!(fired_beside_washing("none"), BTreeSet::new());
}

#[test]
fn join_without_consent_is_seen() {
    check("joins at once", "nothing joined or signed without consent");
}

#[test]
fn nonces_without_everybody_and_nonces_that_are_kept_are_seen() {
    let held = "no secret nonce without everybody, or for long";
    check("makes nonces alone", held);
    // All are there, and some decide long after the others: their nonces go after ten minutes.
    let undecided = |flaw| {
        let think = Range { min: Duration::ZERO, max: Duration::from_secs(1200) };
        let load = Load { requests: 12, think, ..scenario(flaw).load };
        Scenario { length: Duration::from_secs(2000), load, ..scenario(flaw) }
    };
    assert_eq!(fired_in(undecided("none")), BTreeSet::new());
    assert_eq!(fired_in(undecided("keeps nonces")), BTreeSet::from([held.to_owned()]));
}

#[test]
fn collection_above_its_bound_is_seen() {
    check("hoards", "every collection within its bound");
}

#[test]
fn run_that_depends_on_more_than_its_seed_does_not_replay() {
    assert!(replays(&scenario("none"), 3).is_ok());
    let violation = replays(&scenario("depends on the process"), 3).unwrap_err();
    assert_eq!(violation.checker, "equal digest for equal seed");
}
