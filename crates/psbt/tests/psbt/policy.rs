//! Rules that refuse.

use std::collections::BTreeSet;

use ensign_primitives::UnixTime;
use ensign_psbt::{Note, Policy, Rule, Summary, Surroundings, judge, judge_blind};

use crate::party::Party;
use crate::shape::{FEE, Shape, p2wpkh, script};

fn seen(shape: &Shape) -> (Summary, Vec<Note>) {
    let summary = shape.summary(&Party::new(2));
    let now = UnixTime::from_millis(0);
    let notes = judge(&summary, &Surroundings { now, coins: &[] });
    (summary, notes)
}

fn refusal(policy: &Policy, shape: &Shape) -> Option<Rule> {
    let (summary, notes) = seen(shape);
    policy.refusal(Some(&summary), &notes)
}

fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn the_default_refuses_nothing() {
    let policy = Policy::default();
    let mut burned = Shape::plain().version(9).and(5, &script("6a"));
    burned.outputs[0].0 /= 2;
    assert_eq!(refusal(&policy, &burned), None);
    assert_eq!(policy.refusal(None, &judge_blind(1)), None);
}

#[test]
fn notes_are_refused_by_name() {
    let policy = Policy { notes: set(&["data_value", "blind"]), ..Policy::default() };
    assert_eq!(refusal(&policy, &Shape::plain()), None);
    let rule = refusal(&policy, &Shape::plain().and(5, &script("6a"))).unwrap();
    assert_eq!((rule.name(), &rule), ("data_value", &Rule::Note { name: "data_value" }));
    assert_eq!(rule.to_string(), "the rules refuse whatever has the note data_value");
    let rule = policy.refusal(None, &judge_blind(2));
    assert_eq!(rule, Some(Rule::Note { name: "blind" }));
}

#[test]
fn what_leaves_the_group_is_limited_fee_included() {
    let party = Party::new(2);
    let shape = Shape::paying(&party, 60_000_000, FEE);
    let policy = |limit| Policy { amount_max: Some(limit), ..Policy::default() };
    assert_eq!(refusal(&policy(60_001_000), &shape), None);
    let rule = refusal(&policy(60_000_999), &shape).unwrap();
    assert_eq!(rule, Rule::Amount { seen: 60_001_000, limit: 60_000_999 });
    assert_eq!(
        rule.to_string(),
        "0.60001000 BTC would leave the group, at most 0.60000999 BTC may"
    );
    assert_eq!(rule.name(), "amount_max");
}

#[test]
fn fees_are_limited_by_amount_and_by_rate() {
    let shape = Shape::plain();
    let policy = |limit| Policy { fee_max: Some(limit), ..Policy::default() };
    assert_eq!(refusal(&policy(FEE), &shape), None);
    let rule = refusal(&policy(FEE - 1), &shape);
    assert_eq!(rule, Some(Rule::Fee { seen: FEE, limit: FEE - 1 }));
    // 1,000 sat for 99 vB.
    let policy = |limit| Policy { fee_rate_max: Some(limit), ..Policy::default() };
    assert_eq!(refusal(&policy(11), &shape), None);
    let rule = refusal(&policy(10), &shape).unwrap();
    assert_eq!(rule.to_string(), "the fee rate is 10.10 sat/vB, at most 10 may be paid");
    assert_eq!(rule.name(), "fee_rate_max");
}

#[test]
fn only_payees_on_the_list_are_paid() {
    let party = Party::new(2);
    let shape = Shape::paying(&party, 60_000_000, FEE);
    let payee = shape.summary(&party).outputs[0].destination.to_string();
    let policy = |payees: &[&str]| Policy { payees: Some(set(payees)), ..Policy::default() };
    assert_eq!(refusal(&policy(&[&payee]), &shape), None, "change needs no entry");
    let rule = refusal(&policy(&[]), &shape).unwrap();
    assert_eq!(rule.name(), "payees");
    assert!(rule.to_string().starts_with("output 0 pays bcrt1q"), "{rule}");
    let data = shape.clone().and(0, &script("6a01aa"));
    assert_eq!(refusal(&policy(&[&payee]), &data), None, "data without value pays nobody");
    let burned = shape.clone().and(1, &script("6a01aa"));
    assert_eq!(refusal(&policy(&[&payee]), &burned).unwrap().name(), "payees");
    let bare = shape.and(1_000, &script("51"));
    assert_eq!(refusal(&policy(&[&payee]), &bare).unwrap().name(), "payees");
}

#[test]
fn messages_that_nobody_can_read_are_no_way_around_a_limit() {
    let of = |policy: Policy| policy.refusal(None, &judge_blind(1)).map(|rule| rule.name());
    let none = Policy::default;
    assert_eq!(of(Policy { amount_max: Some(u64::MAX), ..none() }), Some("amount_max"));
    assert_eq!(of(Policy { fee_max: Some(1), ..none() }), Some("fee_max"));
    assert_eq!(of(Policy { fee_rate_max: Some(1), ..none() }), Some("fee_rate_max"));
    assert_eq!(of(Policy { payees: Some(BTreeSet::new()), ..none() }), Some("payees"));
    assert_eq!(of(Policy { notes: set(&["dust"]), ..none() }), None);
}

#[test]
fn every_rule_is_part_of_the_version() {
    let none = Policy::default;
    let policies = [
        none(),
        Policy { notes: set(&["dust"]), ..none() },
        Policy { notes: set(&["blind", "dust"]), ..none() },
        Policy { amount_max: Some(0), ..none() },
        Policy { amount_max: Some(1), ..none() },
        Policy { fee_max: Some(1), ..none() },
        Policy { fee_rate_max: Some(1), ..none() },
        Policy { payees: Some(BTreeSet::new()), ..none() },
        Policy { payees: Some(set(&["dust"])), ..none() },
        Policy { payees: Some(set(&["d", "ust"])), ..none() },
    ];
    let versions: BTreeSet<_> = policies.iter().map(Policy::version).collect();
    assert_eq!(versions.len(), policies.len());
    assert_eq!(policies[2].version(), policies[2].clone().version());
}

#[test]
fn a_payment_in_two_outputs_is_counted_as_one_amount() {
    let shape = Shape::plain().and(40_000_000, &p2wpkh());
    let policy = Policy { amount_max: Some(99_999_999), ..Policy::default() };
    assert_eq!(refusal(&policy, &shape).unwrap().name(), "amount_max");
}
