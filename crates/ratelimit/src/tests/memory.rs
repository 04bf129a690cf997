//! However many come, so many are entered, and who goes gains least.

use core::time::Duration;

use ensign_primitives::Instant;

use crate::{Allowance, Charge, Keyed};

const ALLOWED: Allowance = Allowance { burst: 10, per_minute: 60 };

fn at(seconds: u64) -> Instant {
    Instant::from_micros(0).after(Duration::from_secs(1000 + seconds))
}

#[test]
fn each_key_has_its_own() {
    let mut keyed = Keyed::<u32>::new(4);
    assert!(keyed.take(at(0), 1, ALLOWED, 10));
    assert!(!keyed.take(at(0), 1, ALLOWED, 1));
    assert!(keyed.take(at(0), 2, ALLOWED, 10));
}

#[test]
fn beyond_the_capacity_the_one_that_is_full_soonest_goes() {
    let mut keyed = Keyed::<u32>::new(3);
    for (key, amount) in [(1, 9), (2, 1), (3, 5), (4, 2)] {
        assert!(keyed.take(at(0), key, ALLOWED, amount));
    }
    let left = [1, 2, 3, 4].map(|key| keyed.affords(at(0), &key, ALLOWED, 10));
    assert_eq!(left, [false, true, false, false]);
    assert_eq!(keyed.occupancy("").len, 3);
}

#[test]
fn entries_that_are_full_again_go_without_being_asked() {
    let mut keyed = Keyed::<u32>::new(1000);
    (0..1000).for_each(|key| assert!(keyed.take(at(0), key, ALLOWED, 1)));
    assert_eq!(keyed.occupancy("").len, 1000);
    (0..1000).for_each(|_| assert!(keyed.take(at(1000), 7, ALLOWED, 0)));
    assert_eq!(keyed.occupancy("").len, 1);
}

#[test]
fn charges_are_taken_together_or_not_at_all() {
    let mut keyed = Keyed::<u32, 2>::new(4);
    let charge = |budget, amount| Charge { budget, allowance: ALLOWED, amount };
    let refused = keyed.charge(at(0), 1, [charge(0, 5), charge(1, 11)]);
    assert_eq!(refused, Err(charge(1, 11)));
    assert_eq!(keyed.occupancy("").len, 0);
    assert_eq!(keyed.charge(at(0), 1, [charge(0, 10), charge(1, 10)]), Ok(()));
    assert_eq!(keyed.charge(at(0), 1, [charge(1, 1)]), Err(charge(1, 1)));
    assert_eq!(keyed.charge(at(0), 1, [charge(2, 0)]), Err(charge(2, 0)), "there is none");
}

#[test]
fn what_one_had_left_another_takes_over_unless_it_has_some() {
    let mut keyed = Keyed::<u32>::new(4);
    assert!(keyed.take(at(0), 1, ALLOWED, 10));
    keyed.rename(&1, 2);
    assert!(keyed.affords(at(0), &1, ALLOWED, 10));
    assert!(!keyed.affords(at(0), &2, ALLOWED, 1));
    assert!(keyed.take(at(0), 3, ALLOWED, 1));
    keyed.rename(&2, 3);
    assert!(keyed.affords(at(0), &3, ALLOWED, 9));
}

#[test]
fn clock_that_is_set_back_costs_a_burst_of_each_key_and_no_more() {
    let mut keyed = Keyed::<u32>::new(4);
    assert!(keyed.take(at(36_000), 1, ALLOWED, 1));
    assert!(!keyed.take(at(0), 1, ALLOWED, 1));
    assert!(keyed.take(at(10), 1, ALLOWED, 10));
}

#[test]
fn capacity_of_one_or_none_holds_as_much() {
    for capacity in [0, 1] {
        let mut keyed = Keyed::<u32>::new(capacity);
        (0..10).for_each(|key| assert!(keyed.take(at(0), key, ALLOWED, 10)));
        assert!(keyed.occupancy("").len <= 1);
    }
}
