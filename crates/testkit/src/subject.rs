//! One machine under observation.

use std::fmt::Debug;

use ensign_primitives::{Now, StateMachine, Wakeup, sha256};

/// What a machine may at most do.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Outputs of one call.
    pub outputs_per_call: usize,
    /// Wake-ups from the last input until nothing is due any more.
    pub wakeups_until_idle: usize,
}

/// A machine that is held to the contract on every call.
#[derive(Debug)]
pub struct Subject<M> {
    machine: M,
    bounds: Bounds,
    probes: Probes,
    digest: [u8; 32],
    /// The last deadline in the digest.
    noted: Option<Wakeup>,
}

/// Whether a machine is woken more often than it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probes {
    /// After every call that leaves nothing due, and again after every wake-up.
    On,
    Off,
}

impl<M: StateMachine<Output: Debug>> Subject<M> {
    /// Puts `machine` under observation.
    pub const fn new(machine: M, bounds: Bounds) -> Self {
        Self { machine, bounds, probes: Probes::On, digest: [0; 32], noted: None }
    }

    pub(crate) fn with_probes(self, probes: Probes) -> Self {
        Self { probes, ..self }
    }

    /// Returns the machine, to look at it.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Returns the next deadline.
    pub fn next(&self) -> Option<Wakeup> {
        self.machine.poll_timeout()
    }

    /// Returns a digest over all outputs so far and every change of the deadline, in order.
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Feeds one input and returns what comes out.
    ///
    /// # Panics
    ///
    /// When the outputs exceed the bound, or a wake-up that nothing asked for has an effect.
    pub fn input(&mut self, now: Now, input: M::Input) -> Vec<M::Output> {
        self.command(now, |machine| machine.handle_input(now, input)).1
    }

    /// Calls an inherent method of the machine and returns its result and what comes out.
    ///
    /// # Panics
    ///
    /// As [`input`](Self::input).
    pub fn command<R>(
        &mut self,
        now: Now,
        command: impl FnOnce(&mut M) -> R,
    ) -> (R, Vec<M::Output>) {
        let result = command(&mut self.machine);
        let outputs = self.drain();
        if self.next().is_none_or(|wakeup| wakeup.at > now.instant) {
            self.wake_early(now);
        }
        (result, outputs)
    }

    /// Fires what is due and returns what comes out; `now` may be early or late.
    ///
    /// # Panics
    ///
    /// When the outputs exceed the bound, the next deadline does not lie ahead, or a second
    /// wake-up at the same moment has an effect.
    pub fn wake(&mut self, now: Now) -> Vec<M::Output> {
        self.machine.handle_timeout(now);
        let outputs = self.drain();
        if let Some(next) = self.next() {
            assert!(next.at > now.instant, "after a wake-up at {now:?} the next is {next:?}");
        }
        self.assert_nothing_due(now, "a second wake-up");
        outputs
    }

    /// Wakes the machine although nothing is due.
    ///
    /// # Panics
    ///
    /// When that has an effect.
    pub fn wake_early(&mut self, now: Now) {
        self.assert_nothing_due(now, "an early wake-up");
    }

    /// Lets time pass from deadline to deadline until the machine is idle, with no more inputs;
    /// returns what comes out and the time of the last wake-up.
    ///
    /// # Panics
    ///
    /// As [`wake`](Self::wake), and when the machine does not become idle within the bound.
    pub fn settle(&mut self, mut now: Now) -> (Vec<M::Output>, Now) {
        let mut outputs = Vec::new();
        for _ in 0..=self.bounds.wakeups_until_idle {
            let Some(next) = self.next() else { return (outputs, now) };
            let passed = next.at.since(now.instant);
            now = Now { instant: next.at.max(now.instant), unix: now.unix.after(passed) };
            outputs.extend(self.wake(now));
        }
        let limit = self.bounds.wakeups_until_idle;
        panic!("not idle after {limit} wake-ups without input; the next is {:?}", self.next());
    }

    fn drain(&mut self) -> Vec<M::Output> {
        let limit = self.bounds.outputs_per_call;
        let mut outputs = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            self.note(&output);
            outputs.push(output);
            assert!(outputs.len() <= limit, "more than {limit} outputs of one call: {outputs:?}");
        }
        if self.next() != self.noted {
            self.noted = self.next();
            self.note(&self.next());
        }
        outputs
    }

    fn note(&mut self, seen: &impl Debug) {
        let mut bytes = self.digest.to_vec();
        bytes.extend(format!("{seen:?}").into_bytes());
        self.digest = sha256(&bytes);
    }

    fn assert_nothing_due(&mut self, now: Now, what: &str) {
        if self.probes == Probes::Off {
            return;
        }
        let before = self.next();
        self.machine.handle_timeout(now);
        if let Some(output) = self.machine.poll_output() {
            panic!("{what} at {now:?} gave {output:?}");
        }
        assert_eq!(self.next(), before, "{what} at {now:?} moved the deadline");
    }
}
