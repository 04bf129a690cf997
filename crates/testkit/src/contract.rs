//! A machine, its rig, and a list of operations.

use std::time::Duration;

use ensign_primitives::{Instant, Now, StateMachine, UnixTime};

use crate::{Op, Rig, Subject, subject::Probes};

/// Lets `ops` happen to a machine, and then nothing until it is idle; returns the rig at the end.
///
/// Holds the machine to the whole contract: what [`Subject`] checks on every call, every collection
/// within its limit, silence once it is idle. Does so three times, each with a new rig: the second
/// run must give the digest of the first, and so must the third, in which the machine is woken only
/// when it asked for it.
///
/// # Panics
///
/// When the machine breaks the contract.
pub fn check_contract<R: Rig>(rig: impl Fn() -> R, ops: &[Op<R::Action>]) -> R {
    let run = |probes| Run::new(rig(), probes).through(ops);
    let (first, again, unprobed) = (run(Probes::On), run(Probes::On), run(Probes::Off));
    assert_eq!(first.subject.digest(), again.subject.digest(), "equal runs gave different outputs");
    assert_eq!(
        first.subject.digest(),
        unprobed.subject.digest(),
        "wake-ups that came early or twice made a difference later"
    );
    first.rig
}

type Output<R> = <<R as Rig>::Machine as StateMachine>::Output;

/// One run through a list of operations.
struct Run<R: Rig> {
    rig: R,
    subject: Subject<R::Machine>,
    start: Now,
    now: Instant,
    /// How far the wall clock has jumped, in milliseconds.
    step: i64,
}

impl<R: Rig> Run<R> {
    fn new(mut rig: R, probes: Probes) -> Self {
        let start = rig.start();
        let subject = Subject::new(rig.machine(start), rig.bounds()).with_probes(probes);
        Self { rig, subject, start, now: start.instant, step: 0 }
    }

    fn through(mut self, ops: &[Op<R::Action>]) -> Self {
        for op in ops {
            self.happen(op);
        }
        let now = self.now();
        let (outputs, end) = self.subject.settle(now);
        self.now = end.instant;
        self.absorb(outputs);
        self.pass(QUIET_TIME);
        let now = self.now();
        let outputs = self.subject.wake(now);
        assert!(outputs.is_empty(), "an idle machine said {outputs:?}");
        self
    }

    fn happen(&mut self, op: &Op<R::Action>) {
        match op {
            Op::Act(action) => self.act(action),
            Op::Wait(time) => self.wait(*time),
            Op::WakeEarly => self.wake_early(),
            Op::WakeLate(delay) => self.wake_late(*delay),
            Op::Sleep(time) => self.pass(*time),
            Op::StepClock(millis) => self.step = self.step.saturating_add(*millis),
        }
    }

    fn act(&mut self, action: &R::Action) {
        let (now, rig) = (self.now(), &mut self.rig);
        let (_, outputs) = self.subject.command(now, |machine| rig.act(now, machine, action));
        self.absorb(outputs);
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now.after(time);
        let wakeups_max = self.rig.bounds().wakeups_until_idle;
        let mut wakeups = 0;
        while let Some(due) = self.subject.next().filter(|wakeup| wakeup.at <= end) {
            wakeups += 1;
            assert!(wakeups <= wakeups_max, "more than {wakeups_max} wake-ups without input");
            self.now = self.now.max(due.at);
            self.wake();
        }
        self.now = end;
    }

    fn wake_early(&mut self) {
        let Some(due) = self.subject.next() else { return };
        let ahead = due.at.since(self.now);
        if ahead.is_zero() {
            return;
        }
        self.pass(ahead / 2);
        let now = self.now();
        self.subject.wake_early(now);
    }

    fn wake_late(&mut self, delay: Duration) {
        let Some(due) = self.subject.next() else {
            self.pass(delay);
            let now = self.now();
            return self.subject.wake_early(now);
        };
        self.now = self.now.max(due.at);
        self.pass(delay);
        self.wake();
    }

    fn wake(&mut self) {
        let now = self.now();
        let outputs = self.subject.wake(now);
        self.absorb(outputs);
    }

    fn absorb(&mut self, outputs: Vec<Output<R>>) {
        let now = self.now();
        for output in outputs {
            self.rig.absorb(now, output);
        }
        self.rig.inspect(self.subject.machine());
        for occupancy in self.rig.occupancy(self.subject.machine()) {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn now(&self) -> Now {
        let unix = self.start.unix.after(self.now.since(self.start.instant));
        let unix = UnixTime::from_millis(unix.as_millis().saturating_add_signed(self.step));
        Now { instant: self.now, unix }
    }
}

/// How long an idle machine is left alone before it is woken once more. Guess: a day.
const QUIET_TIME: Duration = Duration::from_secs(24 * 60 * 60);
