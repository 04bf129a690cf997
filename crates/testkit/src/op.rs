//! What can happen to a machine, and a strategy for lists of it.

use std::{fmt::Debug, ops::Range, time::Duration};

use proptest::{collection::vec, prelude::*};

/// One thing that happens to a machine. Every wake-up among them is given twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op<A> {
    /// The world acts: an input or a command, as the [`Rig`](crate::Rig) says.
    Act(A),
    /// Time passes, and every deadline fires on its moment.
    Wait(Duration),
    /// Half of the time to the next deadline passes, and the machine is woken then: too early.
    WakeEarly,
    /// The next deadline fires so much too late, in one wake-up with all that is due by then.
    WakeLate(Duration),
    /// Time passes and nobody wakes the machine: what happens next finds its deadlines overdue.
    Sleep(Duration),
    /// The wall clock jumps by so many milliseconds; the monotonic clock does not.
    StepClock(i64),
}

/// Longest time that one operation takes. Guess: longer than any wait of a machine, so that one
/// operation can go past them all.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Farthest jump of the wall clock, either way, in milliseconds. Guess: past every tolerance for
/// clocks, within every lifetime of a key.
const CLOCK_STEP_MAX: i64 = 60 * 60 * 1000;

/// Lists of `count` operations, most of them acts.
///
/// A list shrinks by losing operations, by times that go to zero, and as `act` shrinks.
pub fn ops<A: Clone + Debug>(
    act: impl Strategy<Value = A>,
    count: Range<usize>,
) -> impl Strategy<Value = Vec<Op<A>>> {
    let op = prop_oneof![
        12 => act.prop_map(Op::Act),
        3 => time().prop_map(Op::Wait),
        1 => Just(Op::WakeEarly),
        1 => time().prop_map(Op::WakeLate),
        1 => time().prop_map(Op::Sleep),
        1 => clock_step().prop_map(Op::StepClock),
    ];
    vec(op, count)
}

/// Times of every magnitude from microseconds to [`TIME_MAX`], short ones more often.
fn time() -> impl Strategy<Value = Duration> {
    let micros = |seconds: u64| (0..=seconds * 1_000_000).prop_map(Duration::from_micros);
    prop_oneof![
        16 => (0..=100_000_u64).prop_map(Duration::from_micros),
        16 => micros(5),
        8 => micros(180),
        1 => micros(TIME_MAX.as_secs()),
    ]
}

/// Jumps of a clock that is corrected now and then, and rarely of one that was quite wrong.
fn clock_step() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -2_000..=2_000_i64,
        1 => -CLOCK_STEP_MAX..=CLOCK_STEP_MAX,
    ]
}
