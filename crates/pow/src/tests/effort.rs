//! The price as it moves.

use core::time::Duration;
use std::vec::Vec;

use ensign_primitives::Instant;
use proptest::prelude::*;

use super::seconds;
use crate::{Demand, EFFORT_PERIOD, Effort, TAKEN_FOR, Tariff};

const PERIOD: u64 = EFFORT_PERIOD.as_secs();

fn effort() -> Effort {
    Effort::new(Tariff::default(), seconds(0))
}

/// The price after one demand in each period.
fn prices(demands: &[Demand]) -> Vec<Option<u8>> {
    let mut effort = effort();
    let each = demands.iter().zip(0..).map(|(demand, period)| {
        effort.note(seconds(period * PERIOD), *demand);
        effort.bits(seconds((period + 1) * PERIOD))
    });
    each.collect()
}

#[test]
fn price_is_nothing_while_there_is_room() {
    assert_eq!(prices(&[Demand::Room; 3]), [None; 3]);
}

#[test]
fn first_demand_beyond_the_places_sets_the_first_price_when_its_period_ends() {
    let mut effort = effort();
    effort.note(seconds(1), Demand::Full);
    assert_eq!(effort.bits(seconds(PERIOD - 1)), None);
    assert_eq!(effort.bits(seconds(PERIOD)), Some(20));
}

#[test]
fn price_rises_by_a_bit_while_payers_find_no_place_and_no_further_than_the_highest() {
    let expect = [20, 21, 22, 23, 24, 24].map(Some);
    assert_eq!(prices(&[Demand::PaidFull; 6]), expect);
}

#[test]
fn price_falls_step_by_step_while_places_are_taken_and_by_half_of_its_steps_at_rest() {
    use Demand::{Full, PaidFull, Room};
    let demands = [PaidFull, PaidFull, PaidFull, PaidFull, Full, Full, Full, Room];
    let expect = [20, 21, 22, 23, 22, 21, 20].map(Some);
    assert_eq!(prices(&demands)[..7], expect);
    assert_eq!(prices(&demands)[7], None);
    let rests = [PaidFull, PaidFull, PaidFull, PaidFull, PaidFull, Room, Room, Room];
    assert_eq!(prices(&rests)[5..], [Some(21), Some(20), None]);
}

#[test]
fn price_is_nothing_again_within_a_minute_of_rest_whenever_it_is_asked() {
    for asked_every in [1, 7, 60, 3600] {
        let mut effort = effort();
        (0..10).for_each(|period| effort.note(seconds(period * PERIOD), Demand::PaidFull));
        let rest = 10 * PERIOD;
        let mut asked = rest;
        while asked < rest + 60 {
            asked += asked_every;
            let _ = effort.bits(seconds(asked));
        }
        assert_eq!(effort.bits(seconds(asked)), None, "asked every {asked_every} s");
    }
}

#[test]
fn end_of_time_is_an_end() {
    let mut effort = effort();
    effort.note(Instant::from_micros(u64::MAX), Demand::PaidFull);
    // No time passes any more in which a price could hold.
    assert_eq!(effort.bits(Instant::from_micros(u64::MAX)), None);
}

proptest! {
    #[test]
    fn price_is_nothing_or_within_the_tariff_whatever_comes(
        steps in prop::collection::vec((0_u64..30_000, 0_u8..3), 0..200),
        bits in 1_u8..30,
        more in 0_u8..40,
    ) {
        let tariff = Tariff { bits, bits_max: bits + more, ..Tariff::default() };
        let mut now = seconds(0);
        let mut effort = Effort::new(tariff, now);
        for (millis, demand) in steps {
            now = now.after(Duration::from_millis(millis));
            let before = effort.bits(now);
            let demand = [Demand::Room, Demand::Full, Demand::PaidFull][usize::from(demand)];
            effort.note(now, demand);
            let price = effort.bits(now);
            prop_assert!(price.is_none_or(|it| (bits..=bits + more).contains(&it)));
            // Within a period nothing moves.
            prop_assert_eq!(price, before);
        }
    }
}

#[test]
fn price_stays_while_a_full_gate_is_quiet_and_ends_within_a_minute_of_it() {
    let mut effort = effort();
    effort.note(seconds(0), Demand::Full);
    for second in [PERIOD, 11, 22, TAKEN_FOR.as_secs() - 1] {
        assert_eq!(effort.bits(seconds(second)), Some(20), "at {second} s");
    }
    assert_eq!(effort.bits(seconds(60)), None);
    // It begins with none that was sent away.
    effort.note(seconds(100), Demand::Taken);
    assert_eq!(effort.bits(seconds(111)), None);
}
