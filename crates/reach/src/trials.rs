//! What is tested, by whom, and with what result.

use alloc::{collections::BTreeSet, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use ensign_book::Area;
use ensign_primitives::{Instant, PeerId};
use ensign_wire::DialBackOutcome;

use crate::{
    ASKED_MAX, CANDIDATES_MAX, DIAL_BACKS_MIN, DIAL_BACKS_MIN_OWN, FAILURES_MAX, FAILURES_MIN,
    RETEST_INTERVAL, RETRY, RETRY_MAX, ROUND_TIME, Tested,
};

/// Why an address is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Our own machine, or our user, names it.
    Own,
    /// Others do.
    Seen,
}

/// The test of one address, in rounds.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) address: SocketAddr,
    basis: Basis,
    is_reached: bool,
    /// Who came back within [`RETEST_INTERVAL`] before the last one, one of an area.
    reached: Vec<(PeerId, Area, Instant)>,
    /// Whether the last round was over for want of somebody to ask.
    is_open: bool,
    /// Since when this round runs.
    since: Option<Instant>,
    asked: BTreeSet<Area>,
    came: usize,
    failed: usize,
    refused: usize,
    last: Option<DialBackOutcome>,
    /// How many rounds have ended.
    rounds: u32,
    /// When the next round begins.
    due: Instant,
    wait: Duration,
}

impl Trial {
    fn new(now: Instant, (address, basis): (SocketAddr, Basis)) -> Self {
        Self {
            address,
            basis,
            is_reached: false,
            reached: Vec::new(),
            is_open: false,
            since: None,
            asked: BTreeSet::new(),
            came: 0,
            failed: 0,
            refused: 0,
            last: None,
            rounds: 0,
            due: now,
            wait: RETRY,
        }
    }

    pub(crate) const fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// Whether a whole round has ended, and nobody came.
    pub(crate) const fn is_in_vain(&self) -> bool {
        !self.is_reached && self.rounds > 0 && self.failed > 0
    }

    /// Begins a round that is due; returns whether one runs.
    pub(crate) fn runs(&mut self, now: Instant) -> bool {
        if self.since.is_none() && self.due <= now {
            self.since = Some(now);
            self.asked.clear();
            (self.came, self.failed, self.refused) = (0, 0, 0);
        }
        self.since.is_some()
    }

    /// Whether somebody of that area may be asked in this round: none of the address's own.
    pub(crate) fn may_ask(&self, area: Area, own: Area) -> bool {
        area != own && !self.asked.contains(&area) && self.asked.len() < ASKED_MAX
    }

    pub(crate) fn ask(&mut self, area: Area) {
        self.asked.insert(area);
    }

    /// Somebody of an area that the last round has not asked can be: a round that ended for want of one goes on.
    pub(crate) fn meet(&mut self, now: Instant, area: Area, own: Area) {
        if self.is_open && self.since.is_none() && self.may_ask(area, own) {
            self.since = Some(now);
        }
    }

    /// Somebody came back.
    pub(crate) fn came(&mut self, now: Instant, peer: PeerId, area: Area) {
        self.reached.retain(|(_, of, at)| *of != area && now.since(*at) <= RETEST_INTERVAL);
        self.reached.push((peer, area, now));
        let least = match self.basis {
            Basis::Own => DIAL_BACKS_MIN_OWN,
            Basis::Seen => DIAL_BACKS_MIN,
        };
        self.came += 1;
        self.last = Some(DialBackOutcome::Reached);
        self.is_reached |= self.reached.len() >= least;
        if self.is_reached {
            self.is_open = false;
            self.reached.drain(..self.reached.len().saturating_sub(DIAL_BACKS_MIN));
            self.wait = RETRY;
            self.end(now.after(RETEST_INTERVAL));
        }
    }

    /// Somebody says what came of its dial, or nothing.
    pub(crate) fn told(&mut self, outcome: Option<DialBackOutcome>) {
        self.last = outcome.or(self.last);
        match outcome {
            Some(DialBackOutcome::Unreached) => self.failed += 1,
            Some(DialBackOutcome::Refused(_)) => self.refused += 1,
            // What was to come did not.
            Some(DialBackOutcome::Reached) | None => {}
        }
    }

    /// Ends a round that has found what it can; nobody is left to be asked where `is_over`.
    pub(crate) fn close(&mut self, now: Instant, is_over: bool) -> bool {
        let Some(since) = self.since else { return false };
        let is_refuted = self.failed >= FAILURES_MAX;
        let is_used_up = is_over && self.asked.len() >= ASKED_MAX;
        let is_stale = is_over && since.after(ROUND_TIME) <= now;
        if !is_refuted && !is_used_up && !is_stale {
            return false;
        }
        // Who says nothing, or has no time, refutes nothing; one voice takes nothing that two have given.
        let least = if self.is_reached { FAILURES_MIN } else { 1 };
        if is_refuted || (self.failed >= least && self.came == 0) {
            self.is_reached = false;
            self.reached.clear();
        }
        self.is_open = !is_refuted && !self.is_reached;
        let wait = self.wait;
        self.wait = (wait * 2).min(RETRY_MAX);
        self.end(now.after(wait));
        true
    }

    fn end(&mut self, due: Instant) {
        (self.since, self.due) = (None, due);
        self.rounds = self.rounds.saturating_add(1);
    }

    /// When something is to be done for it, while no question is open.
    pub(crate) fn next_at(&self) -> Instant {
        self.since.map_or(self.due, |since| since.after(ROUND_TIME))
    }

    pub(crate) fn status(&self, now: Instant) -> Tested {
        let reached = self.reached.iter().map(|(peer, _, at)| (*peer, now.since(*at)));
        Tested {
            address: self.address,
            is_reached: self.is_reached,
            reached: reached.collect(),
            failed: self.failed,
            refused: self.refused,
            last: self.last,
        }
    }
}

/// Brings the list in line with what is to be tested; what goes on keeps its state.
pub(crate) fn sync(trials: &mut Vec<Trial>, now: Instant, wanted: &[(SocketAddr, Basis)]) {
    trials.retain(|trial| wanted.contains(&(trial.address, trial.basis)));
    for it in wanted {
        let is_new = trials.iter().all(|trial| trial.address != it.0);
        if is_new && trials.len() < CANDIDATES_MAX {
            trials.push(Trial::new(now, *it));
        }
    }
}
