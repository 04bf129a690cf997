//! One run: three nodes sign, one machine fails.

use std::time::Duration;

use ensign_coordinator::{Event, Outcome, Problem, RequestEvent};
use ensign_primitives::RequestId;
use ensign_store::{Opening, Place, Store as _};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{CrashPlan, Mishap, Point, PointOutcome, cast::Cast};
use crate::{RunError, Stopped, Told, run::runtime, task::Task};

/// When the proposal comes: connections stand by then.
const PROPOSAL: Duration = Duration::from_secs(3);

/// How often it is looked whether a machine has failed.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long a fault lasts that stops nobody, and how long nothing may happen before a run is over.
const QUIET: Duration = Duration::from_secs(3);

/// The state of the machine that fails.
enum Fate {
    /// It runs; what was planned has not happened, or has not stopped it.
    Running,
    /// It is away until then.
    Away(Stopped, Instant),
    /// It is back, or the fault has passed.
    Past,
    /// Its store did not open.
    Dead,
}

pub(super) struct Story {
    point: Point,
    cast: Cast,
    fate: Fate,
    /// Since when the fault is there and the node runs on.
    faulty: Option<Instant>,
    proposed: Instant,
    asked: Option<RequestId>,
    task: Option<Task>,
    /// Whether somebody else was shown the request.
    is_seen: bool,
    /// Whether the node that fails has said so in words.
    is_told: bool,
    has_failed: bool,
    done: [bool; 3],
    outcome: PointOutcome,
}

impl Story {
    /// Plays one run.
    pub(super) fn play(plan: &CrashPlan, point: Point) -> Result<PointOutcome, RunError> {
        let runtime = runtime().map_err(RunError::Runtime)?;
        runtime.block_on(Self::run(plan, point))
    }

    async fn run(plan: &CrashPlan, point: Point) -> Result<PointOutcome, RunError> {
        let (told, mut heard) = mpsc::unbounded_channel();
        let cast = Cast::begin(plan, told).await?;
        let proposed = Instant::now() + PROPOSAL;
        let mut story = Self::new(point, cast, proposed);
        story.listen(&mut heard, proposed).await;
        let before: Vec<u64> = story.cast.machines.iter().map(|machine| machine.steps()).collect();
        story.arm(&before);
        story.propose().await;
        let mut last = proposed;
        while last < proposed + plan.within && !story.is_over(last) {
            last += LOOK_INTERVAL;
            story.listen(&mut heard, last).await;
            story.look().await;
        }
        let machines = story.cast.machines.iter().zip(&before);
        let steps = machines.map(|(machine, before)| machine.steps() - before);
        story.outcome.steps.iter_mut().zip(steps).for_each(|(to, steps)| *to = steps);
        Ok(story.end().await)
    }

    fn new(point: Point, cast: Cast, proposed: Instant) -> Self {
        Self {
            point,
            cast,
            fate: Fate::Running,
            faulty: None,
            proposed,
            asked: None,
            task: None,
            is_seen: false,
            is_told: false,
            has_failed: false,
            done: [false; 3],
            outcome: PointOutcome::default(),
        }
    }

    fn arm(&mut self, before: &[u64]) {
        let signer = self.point.signer as usize;
        let machine = self.cast.machines.get(signer).zip(before.get(signer));
        match (machine, self.point.step) {
            (Some((machine, before)), Some(step)) => machine.arm(before + step, self.point.mishap),
            _ => self.fate = Fate::Past,
        }
    }

    async fn propose(&mut self) {
        if let Some((asked, task)) = self.cast.propose(&self.point).await {
            (self.asked, self.task) = (Some(asked), Some(task));
        }
    }

    /// Hears what is told until a moment.
    async fn listen(&mut self, heard: &mut mpsc::UnboundedReceiver<Told>, until: Instant) {
        loop {
            tokio::select! {
                biased;
                Some(told) = heard.recv() => self.hear(told),
                () = sleep_until(until) => return,
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is a story, not an outcome")]
    fn hear(&mut self, told: Told) {
        let number = told.number;
        let is_dead = self.machine().is_some_and(crate::Machine::is_off);
        if number == self.point.signer && (is_dead || matches!(self.fate, Fate::Away(..))) {
            return;
        }
        match told.event {
            Event::Request(_, RequestEvent::Asked(approval)) => {
                self.is_seen |= Some(approval.id) == self.asked;
            }
            Event::Request(_, RequestEvent::Attempt { attempt, .. }) => {
                self.outcome.attempts = self.outcome.attempts.max(attempt);
            }
            Event::Request(request, RequestEvent::Done { outcome }) => {
                self.on_done(number, request.id, &outcome);
            }
            Event::Request(request, RequestEvent::Recovered(outcome)) => {
                self.outcome.is_recovered |= number == self.point.signer;
                self.on_done(number, request.id, &outcome);
            }
            Event::Request(_, RequestEvent::Failed { problem, .. }) => {
                self.has_failed = true;
                self.on_problem(number, &problem);
            }
            Event::Request(_, RequestEvent::AttemptFailed { problem, .. }) => self.count(&problem),
            Event::Warning { problem, .. } => self.on_problem(number, &problem),
            Event::Convicted { .. } => {
                self.outcome.is_convicted = true;
                self.wrong(format!("node {number} holds evidence against an honest node"));
            }
            _ => {}
        }
    }

    fn on_problem(&mut self, number: u32, problem: &Problem) {
        self.is_told |= number == self.point.signer && problem.code.starts_with("E-STO");
        self.count(problem);
    }

    fn count(&mut self, problem: &Problem) {
        *self.outcome.codes.entry(problem.code).or_default() += 1;
    }

    fn on_done(&mut self, number: u32, request: RequestId, outcome: &Outcome) {
        let Some(task) = self.task.as_mut().filter(|_| self.asked == Some(request)) else { return };
        if !task.takes(outcome) {
            self.wrong(format!("node {number} holds a signature that is not the others'"));
        }
        if let Some(done) = self.done.get_mut(number as usize) {
            *done = true;
        }
        if self.done == [true; 3] && self.outcome.took.is_zero() {
            self.outcome.took = self.proposed.elapsed();
        }
    }

    /// Looks after the machine that fails.
    async fn look(&mut self) {
        let now = Instant::now();
        match std::mem::replace(&mut self.fate, Fate::Past) {
            Fate::Running => self.fate = self.look_at_running(now).await,
            Fate::Away(stopped, until) if now >= until => self.fate = self.restart(stopped).await,
            other @ (Fate::Away(..) | Fate::Past | Fate::Dead) => self.fate = other,
        }
    }

    async fn look_at_running(&mut self, now: Instant) -> Fate {
        let signer = self.point.signer;
        if self.cast.is_down(signer) {
            return self.on_down(now);
        }
        let is_spent = self.machine().is_some_and(crate::Machine::is_spent);
        let needs_power = matches!(self.point.mishap, Mishap::PowerCut | Mishap::LostFlushes);
        if needs_power || !is_spent {
            return Fate::Running;
        }
        if now < *self.faulty.get_or_insert(now) + QUIET {
            return Fate::Running;
        }
        if self.point.mishap == Mishap::Unreadable {
            return self.stop_unreadable().await;
        }
        if let Some(machine) = self.machine() {
            machine.repair();
        }
        self.ask_again().await;
        Fate::Past
    }

    /// A node that runs may read nothing any more; one that starts does.
    async fn stop_unreadable(&mut self) -> Fate {
        let wallet = self.cast.wallets.get_mut(self.point.signer as usize).and_then(Option::take);
        let Some(wallet) = wallet else { return Fate::Dead };
        let stopped = wallet.stop().await;
        if self.machine().is_some_and(|machine| machine.open_bare(1).is_ok()) {
            self.wrong("a store opens that cannot be read".to_owned());
        }
        self.forget();
        Fate::Away(stopped, Instant::now() + self.cast.absence(&self.point))
    }

    /// The node's user has forgotten what was told.
    fn forget(&mut self) {
        self.outcome.has_stopped = true;
        self.outcome.took = Duration::ZERO;
        if let Some(done) = self.done.get_mut(self.point.signer as usize) {
            *done = false;
        }
    }

    fn on_down(&mut self, now: Instant) -> Fate {
        self.forget();
        if !self.is_told && matches!(self.point.mishap, Mishap::DiskFull | Mishap::Unreadable) {
            self.wrong("the node stopped and did not say why".to_owned());
        }
        let until = now + self.cast.absence(&self.point);
        match self.cast.abandon(self.point.signer) {
            Some(stopped) => Fate::Away(stopped, until),
            None => Fate::Dead,
        }
    }

    async fn restart(&mut self, stopped: Stopped) -> Fate {
        if let Some(machine) = self.machine() {
            machine.repair();
        }
        if let Err(error) = self.cast.restart(self.point.signer, stopped).await {
            self.wrong(format!("the node does not start again: {error}"));
            return Fate::Dead;
        }
        self.ask_again().await;
        Fate::Past
    }

    /// The proposer's user looks whether the request is there, and asks again if nothing of it was
    /// kept, or if it was refused.
    async fn ask_again(&mut self) {
        let is_known = match self.asked {
            Some(asked) => self.cast.knows(0, asked).await,
            None => false,
        };
        let is_refused = self.point.mishap == Mishap::NearlyFull && self.has_failed && self.is_told;
        if is_known && !is_refused {
            return;
        }
        if !is_known && self.is_seen {
            self.wrong("others heard of a proposal that its node does not know any more".into());
        }
        (self.outcome.is_asked_again, self.has_failed, self.is_seen) = (true, false, false);
        self.done = [false; 3];
        self.propose().await;
    }

    fn is_over(&self, now: Instant) -> bool {
        match self.fate {
            Fate::Running | Fate::Away(..) => false,
            Fate::Dead => true,
            Fate::Past => {
                self.done == [true; 3] && now >= self.proposed + self.outcome.took + QUIET
            }
        }
    }

    fn machine(&self) -> Option<&crate::Machine> {
        self.cast.machines.get(self.point.signer as usize)
    }

    fn wrong(&mut self, what: String) {
        self.outcome.wrong.push(what);
    }

    /// Judges the run, stops every node and reads every store once more.
    async fn end(mut self) -> PointOutcome {
        self.outcome.is_complete = self.done == [true; 3];
        if !self.outcome.is_complete {
            let state =
                format!("not signed: {:?}, seen problems {:?}", self.done, self.outcome.codes);
            self.wrong(state);
        }
        self.outcome.digest = self.cast.net.trace().digest();
        for number in 0..3 {
            self.audit(number).await;
        }
        self.outcome
    }

    async fn audit(&mut self, number: u32) {
        let place = number as usize;
        if let Some(wallet) = self.cast.wallets.get_mut(place).and_then(Option::take) {
            let audit = wallet.coordinator.look(|records| records.audit()).await;
            match audit {
                Ok(Ok(audit)) if audit.violations.is_empty() => {}
                other => self.wrong(format!("the audit of node {number} says {other:?}")),
            }
            wallet.stop().await;
        }
        let Some(machine) = self.cast.machines.get(place).cloned() else { return };
        self.outcome.is_repeated |= !machine.broken().is_empty();
        self.outcome.wrong.extend(machine.broken());
        if machine.is_off() {
            machine.repair();
        }
        match machine.open_bare(u64::MAX) {
            Ok((store, found)) => {
                self.outcome.has_missed |= found != Opening::Continued;
                let kept = self.asked.map(|asked| store.get(&Place::finished(&asked)));
                if self.outcome.is_complete && !matches!(kept, Some(Ok(Some(_)))) {
                    self.wrong(format!("node {number} has not kept its result: {kept:?}"));
                }
            }
            Err(error) => self.wrong(format!("the store of node {number} does not open: {error}")),
        }
    }
}
