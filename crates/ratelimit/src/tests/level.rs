//! When what strangers share is tightened, and when it is not.

use core::{net::Ipv4Addr, time::Duration};
use std::vec::Vec;

use ensign_primitives::{Instant, Now, PeerId, UnixTime};
use ensign_wire::Kind;

use crate::{
    Asker, DEMAND, LATE, LEVEL_MAX, LOAD_PERIOD, Level, Load, Meter, REST, STRANGER_WORK_IN_ALL,
    STRANGERS_TOKENS, Share, StrangerBudgets, StrangerLimits, TIGHTENINGS_KEPT,
};

fn at(time: Duration) -> Now {
    let unix = UnixTime::from_millis(time.as_millis() as u64);
    Now { instant: Instant::from_micros(0).after(time), unix }
}

fn seconds(it: u64) -> Duration {
    Duration::from_secs(it)
}

/// Late, with half of a core used.
fn late(by: Duration) -> Load {
    Load { waited: by, worked: LOAD_PERIOD / 2, over: LOAD_PERIOD }
}

/// Measures once a second, with so many tokens of strangers and of members in each; returns the level after each.
fn levels(level: &mut Level, (from, times): (u64, u64), load: Load, tokens: (u64, u64)) -> Vec<u8> {
    let each = (from..from + times).map(|second| {
        level.count_stranger(tokens.0);
        level.count_member(tokens.1);
        level.load(at(seconds(second)), load);
        level.now(at(seconds(second)).instant)
    });
    each.collect()
}

#[test]
fn late_node_holds_strangers_back_a_level_each_second_and_gives_all_back_in_a_minute_of_rest() {
    let mut level = Level::default();
    let risen = levels(&mut level, (1, 6), late(LATE), (1000, 10));
    assert_eq!(risen, [1, 2, 3, 4, 4, 4]);
    assert_eq!(LEVEL_MAX, 4);
    let rest = |after: u64| level.now(at(seconds(6 + after)).instant);
    assert_eq!([9, 10, 20, 30, 39, 40].map(rest), [4, 3, 2, 1, 1, 0]);
    assert!(REST * u32::from(LEVEL_MAX) <= seconds(60));
    let why: Vec<_> = level.tightenings().map(|it| (it.level, it.strangers_percent)).collect();
    assert_eq!(why, [(4, 99), (3, 99), (2, 99), (1, 99)]);
    let whole = STRANGER_WORK_IN_ALL;
    assert_eq!(level.tightened(at(seconds(6)).instant, whole).burst, whole.burst / 16);
    assert_eq!(level.tightened(at(seconds(46)).instant, whole), whole);
}

#[test]
fn limits_of_each_sign_are_exact() {
    let almost = LATE - Duration::from_micros(1);
    let busy = |percent: u32| Load {
        worked: LOAD_PERIOD * percent / 100,
        over: LOAD_PERIOD,
        ..Load::default()
    };
    for (load, tokens, level) in [
        (late(LATE), (STRANGERS_TOKENS, 3 * STRANGERS_TOKENS), 1),
        (late(almost), (STRANGERS_TOKENS, 0), 0),
        (late(LATE), (STRANGERS_TOKENS - 1, 0), 0),
        (late(LATE), (STRANGERS_TOKENS, 3 * STRANGERS_TOKENS + 4), 0),
        (busy(75), (STRANGERS_TOKENS, 0), 1),
        (busy(74), (STRANGERS_TOKENS, 0), 0),
        (late(Duration::MAX), (u64::MAX, u64::MAX), 1),
        (late(Duration::MAX), (0, u64::MAX), 0),
    ] {
        assert_eq!(levels(&mut Level::default(), (1, 1), load, tokens), [level], "{load:?}");
    }
}

#[test]
fn members_never_tighten_anything_however_busy_they_make_us() {
    let mut level = Level::default();
    let busy = Load { waited: seconds(5), worked: LOAD_PERIOD, over: LOAD_PERIOD };
    assert_eq!(levels(&mut level, (1, 100), busy, (20, 8000)), [0; 100]);
    assert_eq!(level.tightenings().count(), 0);
}

#[test]
fn load_between_the_two_marks_keeps_the_level_and_is_no_rest() {
    let mut level = Level::default();
    levels(&mut level, (1, 2), late(LATE), (1000, 0));
    let kept = levels(&mut level, (3, 60), late(LATE / 2), (1000, 0));
    assert!(kept.iter().all(|it| *it == 2), "{kept:?}");
    assert_eq!(level.now(at(seconds(62) + REST * 2).instant), 0);
}

#[test]
fn strangers_that_ask_for_more_hold_a_level_up_for_five_minutes_and_no_longer() {
    let mut level = Level::default();
    levels(&mut level, (1, 4), late(LATE), (1000, 0));
    for second in 4..4 + DEMAND.as_secs() {
        level.want_more(at(seconds(second)).instant);
        assert_eq!(level.now(at(seconds(second)).instant), 4);
    }
    let later = 4 + DEMAND.as_secs();
    level.want_more(at(seconds(later)).instant);
    assert_eq!(level.now(at(seconds(later + 9)).instant), 3);
}

#[test]
fn a_clock_that_jumps_moves_no_level_up() {
    let mut level = Level::default();
    levels(&mut level, (10_000, 4), late(LATE), (1000, 0));
    // Two hours back: rest is counted from there.
    level.load(at(seconds(2800)), Load::default());
    assert_eq!(level.now(at(seconds(2801)).instant), 4);
    assert_eq!(level.now(at(seconds(2840)).instant), 0);
    assert_eq!(level.now(Instant::from_micros(u64::MAX)), 0);
}

#[test]
fn the_last_five_tightenings_are_kept() {
    let mut level = Level::default();
    for time in 0..20 {
        levels(&mut level, (1 + time * 100, 1), late(LATE), (1000, 0));
    }
    let times: Vec<_> = level.tightenings().map(|it| it.at.as_millis() / 1000).collect();
    assert_eq!(times, [1901, 1801, 1701, 1601, 1501]);
    assert_eq!(times.len(), TIGHTENINGS_KEPT);
}

#[test]
fn meter_tells_the_longest_wait_and_all_the_work_of_a_second() {
    let mut meter = Meter::default();
    let millis = |it| at(Duration::from_millis(it)).instant;
    let waits = [5, 90, 7].map(Duration::from_millis);
    assert_eq!(meter.note((millis(100), millis(300)), waits[0]), None);
    assert_eq!(meter.note((millis(300), millis(400)), waits[1]), None);
    let load = meter.note((millis(900), millis(1100)), waits[2]).unwrap();
    let over = Duration::from_millis(1100);
    assert_eq!(load, Load { waited: waits[1], worked: Duration::from_millis(500), over });
    assert_eq!(load.busy_percent(), 45);
    let next = meter.note((millis(2100), millis(2100)), waits[0]).unwrap();
    assert_eq!((next.waited, next.worked), (waits[0], Duration::ZERO));
}

#[test]
fn first_words_and_those_who_have_paid_are_heard_at_the_tightest_level_too() {
    let mut budgets = StrangerBudgets::new(StrangerLimits::default());
    levels(budgets.level_mut(), (1, 4), late(LATE), (1000, 0));
    let peer = |number: u8| PeerId::from_bytes([number; 32]);
    let asker = |number: u8, has_paid| Asker {
        peer: peer(number),
        ip: [10, 0, 0, number].into(),
        has_paid,
    };
    let heard = |budgets: &mut StrangerBudgets, asker, times: usize| {
        let now = at(seconds(4)).instant;
        let word = (Kind::FormationSeat, 100);
        (0..times).filter(|_| budgets.take(now, asker, word).is_ok()).count()
    };
    // Who asks more has a sixteenth of its address's, and its first eight words.
    assert_eq!(heard(&mut budgets, asker(1, false), 100), 512 / 16 + 8);
    assert_eq!(heard(&mut budgets, asker(2, false), 100), 512 / 16 + 8);
    assert_eq!(
        heard(&mut budgets, asker(3, false), 100),
        8,
        "a sixteenth of the network's is gone"
    );
    assert_eq!(heard(&mut budgets, asker(4, true), 100), 100);
}

#[test]
fn regression_one_address_that_wants_more_held_the_level_up() {
    let mut budgets = StrangerBudgets::new(StrangerLimits::default());
    let asker = |number: u64, ip: u32| {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Asker { peer: PeerId::from_bytes(id), ip: Ipv4Addr::from(ip).into(), has_paid: false }
    };
    levels(budgets.level_mut(), (1, 4), late(LATE), (1000, 0));
    let mut refused = 0;
    for tick in 0..8 * 41 {
        let now = at(seconds(4) + LOAD_PERIOD * tick / 8).instant;
        let taken = budgets.take(now, asker(u64::from(tick % 4), 1), (Kind::FormationSeat, 100));
        refused += u32::from(taken.is_err_and(|it| it.share == Share::Address));
    }
    assert!(refused > 60, "{refused}");
    assert_eq!(budgets.level().now(at(seconds(45)).instant), 0);
    // All together do hold it.
    levels(budgets.level_mut(), (50, 4), late(LATE), (1000, 0));
    for tick in 0..1000 * 41 {
        let now = at(seconds(54) + LOAD_PERIOD * tick / 1000).instant;
        let other = asker(u64::from(1000 + tick), (1 + tick) << 12);
        let _ = budgets.take(now, other, (Kind::FormationSeat, 100));
    }
    assert_eq!(budgets.level().now(at(seconds(95)).instant), 4);
}
