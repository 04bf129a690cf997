//! One less, as many, one more; hours forth and back; the greatest numbers.

use core::time::Duration;

use ensign_primitives::Instant;

use crate::{Allowance, Gcra};

const REQUESTS: Allowance = Allowance { burst: 25, per_minute: 30 };
const HOURS: Duration = Duration::from_secs(5 * 3600);

fn start() -> Instant {
    Instant::from_micros(7).after(2 * HOURS)
}

/// How many of a hundred are allowed at once.
fn taken(budget: &mut Gcra, now: Instant, allowance: Allowance) -> usize {
    (0..100).filter(|_| budget.take(now, allowance, 1)).count()
}

#[test]
fn burst_is_there_at_once_and_the_rest_comes_with_time() {
    let mut budget = Gcra::FULL;
    assert_eq!(taken(&mut budget, start(), REQUESTS), 25);
    assert_eq!(taken(&mut budget, start().after(Duration::from_secs(30)), REQUESTS), 15);
    assert_eq!(taken(&mut budget, start().after(HOURS), REQUESTS), 25);
}

#[test]
fn as_many_as_the_burst_are_there_and_one_more_is_not() {
    for per_minute in [1, 7, 59, 8 * 1024 * 1024, 60_000_000_000, u64::MAX] {
        let allowance = Allowance { burst: 1000, per_minute };
        for (amount, is_there) in [(999, true), (1000, true), (1001, false), (u64::MAX, false)] {
            let mut budget = Gcra::FULL;
            assert_eq!(budget.affords(start(), allowance, amount), is_there, "{per_minute}");
            assert_eq!(budget.take(start(), allowance, amount), is_there);
            assert_eq!(budget.is_full(start()), !is_there, "what is too much takes nothing");
        }
    }
}

#[test]
fn next_one_is_there_when_its_time_has_come_and_not_a_microsecond_before() {
    let mut budget = Gcra::FULL;
    assert!(budget.take(start(), REQUESTS, 25));
    let wait = Duration::from_secs(2);
    let almost = wait.checked_sub(Duration::from_micros(1)).unwrap();
    assert!(!budget.affords(start().after(almost), REQUESTS, 1));
    assert!(budget.affords(start().after(wait), REQUESTS, 1));
}

#[test]
fn clock_that_jumps_hours_back_costs_a_burst_and_no_more() {
    let mut budget = Gcra::FULL;
    assert!(budget.take(start(), REQUESTS, 1));
    let back = Instant::from_micros(7);
    assert!(!budget.take(back, REQUESTS, 1));
    assert!(budget.affords(back.after(Duration::from_secs(2)), REQUESTS, 1));
    assert_eq!(taken(&mut budget, back.after(Duration::from_secs(50)), REQUESTS), 25);
}

#[test]
fn clock_that_jumps_hours_forth_fills_to_a_burst_and_no_more() {
    let mut budget = Gcra::FULL;
    assert_eq!(taken(&mut budget, start(), REQUESTS), 25);
    assert_eq!(taken(&mut budget, start().after(1000 * HOURS), REQUESTS), 25);
}

#[test]
fn nothing_overflows() {
    let end = Instant::from_micros(u64::MAX);
    let greatest = Allowance { burst: u64::MAX, per_minute: u64::MAX };
    for (now, allowance) in [(end, REQUESTS), (end, greatest), (start(), greatest)] {
        for amount in [0, 1, u64::MAX] {
            let mut budget = Gcra::FULL;
            let _ = budget.take(now, allowance, amount);
            assert!(!(budget.take(now, allowance, u64::MAX) && budget.affords(end, REQUESTS, 1)));
        }
    }
}

#[test]
fn what_is_allowed_nothing_gets_nothing() {
    let none = Allowance { burst: 5, per_minute: 0 };
    assert!(!Gcra::FULL.affords(start(), none, 1));
    assert!(!Gcra::FULL.affords(start(), Allowance { burst: 0, per_minute: 60 }, 1));
}
