//! The harness itself: it must accept a good machine and notice each broken promise.

mod lists;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use ensign_primitives::{Instant, Now, StateMachine, UnixTime, Wakeup};

use crate::{Bounds, Subject, assert_replays};

/// How a machine can break the contract.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    Floods,
    FiresEarly,
    FiresTwice,
    KeepsDeadline,
    NeverIdle,
    /// Fires one timer of several that are due.
    FiresOneAtATime,
    /// Says another thing later when it was woken too early.
    CountsWakeups,
    /// Says another thing when it is made a second time.
    OutlivesItself,
    /// Keeps every word.
    Hoards,
    /// Says something long after its last timer.
    TalksInItsSleep,
    /// Believes that the wall clock never goes back.
    SubtractsClocks,
}

/// Repeats its last input after ten and twenty microseconds.
#[derive(Debug)]
struct Echo {
    flaw: Flaw,
    due: VecDeque<Instant>,
    word: u8,
    outputs: VecDeque<u8>,
    words: usize,
    spoken: Now,
}

static OUTLIVES: AtomicU8 = AtomicU8::new(0);

impl Echo {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            due: VecDeque::new(),
            word: 0,
            outputs: VecDeque::new(),
            words: 0,
            spoken: Now::default(),
        }
    }
}

const TICK: Duration = Duration::from_micros(20);

impl StateMachine for Echo {
    type Input = u8;
    type Output = u8;

    fn handle_input(&mut self, now: Now, word: u8) {
        self.word = word;
        if self.flaw == Flaw::OutlivesItself {
            self.word = OUTLIVES.fetch_add(1, Ordering::Relaxed);
        }
        if self.flaw == Flaw::SubtractsClocks {
            assert!(now.unix >= self.spoken.unix, "the clock went back");
        }
        self.words = if self.flaw == Flaw::Hoards { self.words + 1 } else { 1 };
        self.spoken = now;
        let micros = now.instant.as_micros();
        self.due = [10, 20].map(|pause| Instant::from_micros(micros + pause)).into();
        let copies = if self.flaw == Flaw::Floods { 100 } else { 1 };
        self.outputs.extend(std::iter::repeat_n(word, copies));
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.flaw == Flaw::FiresEarly {
            self.outputs.push_back(self.word);
        }
        let is_due = |at: &Instant| *at <= now.instant;
        if self.flaw == Flaw::CountsWakeups && !self.due.front().is_some_and(is_due) {
            self.word = self.word.wrapping_add(1);
        }
        let silence = now.instant.since(self.spoken.instant);
        if self.flaw == Flaw::TalksInItsSleep && silence.as_secs() > 9 {
            self.spoken = now;
            self.outputs.push_back(self.word);
        }
        while self.due.front().is_some_and(is_due) {
            self.outputs.push_back(self.word);
            if self.flaw == Flaw::KeepsDeadline {
                return;
            }
            let fired = self.due.pop_front();
            if self.flaw == Flaw::FiresOneAtATime {
                return;
            }
            if self.flaw == Flaw::NeverIdle {
                self.due.extend(fired.map(|at| at.max(now.instant).after(TICK)));
            }
        }
        if self.flaw == Flaw::FiresTwice && self.due.len() == 1 {
            self.outputs.push_back(self.word);
        }
    }

    fn poll_output(&mut self) -> Option<u8> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        self.due.front().map(|at| Wakeup { at: *at, reason: "echo" })
    }
}

fn at(micros: u64) -> Now {
    Now { instant: Instant::from_micros(micros), unix: UnixTime::from_millis(micros) }
}

fn subject(flaw: Flaw) -> Subject<Echo> {
    Subject::new(Echo::new(flaw), BOUNDS)
}

const BOUNDS: Bounds = Bounds { outputs_per_call: 8, wakeups_until_idle: 8 };

/// What a scenario that must fail says.
fn complaint(scenario: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(scenario)).unwrap_err();
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

fn scenario(flaw: Flaw, word: u8) -> [u8; 32] {
    let mut subject = subject(flaw);
    assert_eq!(subject.input(at(0), word), [word]);
    assert_eq!(subject.wake(at(11)), [word]);
    assert_eq!(subject.settle(at(11)).0, [word]);
    subject.digest()
}

#[test]
fn good_machine_passes_and_repeats_its_digest() {
    assert_replays(|| scenario(Flaw::None, 7));
    assert_ne!(scenario(Flaw::None, 7), scenario(Flaw::None, 8));
}

#[test]
fn late_wakeup_fires_all_that_is_due_at_once() {
    let mut subject = subject(Flaw::None);
    subject.input(at(0), 7);
    assert_eq!((subject.wake(at(99)), subject.next()), (vec![7, 7], None));
}

#[test]
fn each_broken_promise_is_noticed() {
    for (flaw, complaint_of_flaw) in [
        (Flaw::Floods, "more than 8 outputs of one call"),
        (Flaw::FiresEarly, "an early wake-up at"),
        (Flaw::FiresTwice, "a second wake-up at"),
        (Flaw::KeepsDeadline, "the next is"),
        (Flaw::NeverIdle, "not idle after 8 wake-ups"),
    ] {
        let said = complaint(|| {
            scenario(flaw, 7);
        });
        assert!(said.contains(complaint_of_flaw), "{flaw:?}: {said}");
    }
}
