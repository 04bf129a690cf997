//! `governor` judges: the same arrivals are allowed.

use core::{num::NonZeroU32, time::Duration};
use std::vec::Vec;

use ensign_primitives::Instant;
use governor::{Quota, RateLimiter, clock::FakeRelativeClock};
use proptest::prelude::*;

use crate::{Allowance, Gcra};

/// A pause, then so much is asked for.
type Arrival = (Duration, u32);

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let pause = prop_oneof![
        3 => Just(0),
        3 => 0..3_000_000_u64,
        1 => 0..600_000_000_u64,
        1 => Just(u64::from(u32::MAX)),
    ];
    prop::collection::vec((pause.prop_map(Duration::from_micros), 1..40_u32), 1..200)
}

fn check(allowance: Allowance, arrivals: &[Arrival]) -> Result<(), TestCaseError> {
    let number = |value: u64| NonZeroU32::new(u32::try_from(value).unwrap()).unwrap();
    let quota = Quota::per_minute(number(allowance.per_minute));
    let clock = FakeRelativeClock::default();
    let judge =
        RateLimiter::direct_with_clock(quota.allow_burst(number(allowance.burst)), clock.clone());
    let (mut now, mut ours) = (Instant::from_micros(0), Gcra::FULL);
    for (pause, amount) in arrivals {
        clock.advance(*pause);
        now = now.after(*pause);
        let theirs = judge.check_n(NonZeroU32::new(*amount).unwrap());
        let is_allowed = matches!(theirs, Ok(Ok(())));
        prop_assert_eq!(ours.take(now, allowance, u64::from(*amount)), is_allowed);
    }
    Ok(())
}

proptest! {
    #[test]
    fn governor_allows_the_same(
        burst in 1..64_u64,
        per_minute in prop_oneof![1..200_u64, 1..2_000_000_u64],
        arrivals in arrivals(),
    ) {
        check(Allowance { burst, per_minute }, &arrivals)?;
    }
}
