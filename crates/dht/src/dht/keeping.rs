//! What time brings: silence, refreshes, what expires and what is issued anew.

use core::time::Duration;

use ensign_primitives::{Now, PeerId};
use ensign_wire::{Key, NodeRecord, RecordError};
use rand_core::Rng;

use super::Dht;
use crate::{
    Event, Heard, JOIN_DELAY, JOIN_REFRESHES, JOIN_RETRY, K, OWN_REFRESH_EVERY, Output,
    REFRESHES_AT_ONCE, REPUBLISH_INTERVAL, WALKS_MAX,
    hand_on::Due,
    questions::{Late, Purpose, Question},
    walk::Op,
};

impl Dht {
    /// Verifies a record of which somebody tells, and keeps it as a root of walks, as
    /// [`Input::Learned`](crate::Input::Learned) does; what follows from knowing somebody begins with the next input.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when whoever told of it does wrong; what may hold by other clocks and settings is left out.
    pub fn learn(&mut self, now: Now, record: NodeRecord) -> Result<(), RecordError> {
        let rules = self.config.rules;
        let checked = record.verify_cheaply(now.unix, rules);
        match checked.and_then(|()| self.verifier.node(&record, rules.bits)) {
            Ok(()) if record.peer() != self.me && record.address().is_some() => {
                self.roots.learn(record);
            }
            Ok(()) => {}
            Err(error) if error.is_false_everywhere() => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }

    pub(super) fn on_down(&mut self, now: Now, peer: &PeerId) {
        self.hand_on.down(peer);
        for question in self.questions.down(peer) {
            self.on_silence(now, question);
        }
    }

    pub(super) fn on_late(&mut self, now: Now) {
        for late in self.questions.late(now.instant) {
            match late {
                Late::Slow(Purpose::Walk { walk, .. }) => {
                    if let Some(walk) = self.walks.get_mut(&walk) {
                        walk.slow();
                    }
                }
                Late::Slow(Purpose::Probe | Purpose::Pull { .. }) => {}
                Late::Dead(question) => self.on_silence(now, question),
            }
        }
    }

    /// Nobody answers. Who is silent while others answer may be gone.
    fn on_silence(&mut self, now: Now, question: Question) {
        let Question { record, purpose, is_slow, .. } = question;
        if let Some(record) = record.filter(|_| self.questions.hears_others(now.instant)) {
            let is_gone = self.table.failed(&record.peer(), record.position());
            // Whom a node that is alone knows is all it has, and may only be busy.
            if !self.is_alone() {
                self.roots.forget(&record);
            } else if is_gone {
                self.roots.learn(record);
            }
        }
        if let Purpose::Walk { walk, candidate } = purpose
            && let Some(walk) = self.walks.get_mut(&walk)
        {
            walk.over(candidate, is_slow, Heard::Nothing);
        }
    }

    pub(super) fn on_due(&mut self, now: Now) {
        let questions = &self.questions;
        for due in self.hand_on.due(now.instant, |peer| questions.is_up(peer)) {
            self.outputs.push_back(match due {
                Due::Send(to, message) => Output::Send { to, message },
                Due::Reach(record) => Output::Reach { record },
            });
        }
        if self.shelf.next_at().is_some_and(|it| it <= now.instant) {
            self.shelf.expire(now.instant);
        }
        self.renew(now);
        if self.refresh.at.is_some_and(|it| it <= now.instant) {
            self.on_refresh(now);
        }
    }

    fn renew(&mut self, now: Now) {
        self.published.retain(|_, it| it.until > now.instant);
        for (key, published) in &mut self.published {
            if published.renew_at <= now.instant {
                published.renew_at = now.instant.after(REPUBLISH_INTERVAL);
                self.outputs.push_back(Output::Event(Event::Renew { key: *key }));
            }
        }
    }

    /// Whoever hears of somebody looks around, at the latest after an interval.
    pub(super) fn wake(&mut self, now: Now) {
        let knows_somebody = !self.table.is_empty() || self.roots.len() > 0;
        let Some(interval) = self.config.refresh_interval else { return };
        if self.refresh.at.is_none() && knows_somebody {
            let wait = match self.refresh.last {
                None => JOIN_DELAY,
                Some(_) if self.is_alone() => self.next_retry(interval),
                Some(_) => interval,
            };
            self.refresh.at = Some(now.instant.after(wait));
        }
    }

    /// Tells whether we know so few that we have to look around again.
    fn is_alone(&self) -> bool {
        self.table.len() < K
    }

    fn next_retry(&mut self, interval: Duration) -> Duration {
        let next = self.refresh.retry.map_or(JOIN_RETRY, |it| it.saturating_mul(2)).min(interval);
        *self.refresh.retry.insert(next)
    }

    fn on_refresh(&mut self, now: Now) {
        self.table.expire(now.unix);
        self.roots.expire(now.unix);
        let before = self.refresh.last;
        if before.is_some_and(|it| !self.questions.hears_since(it)) {
            // Nobody answers: we wait until somebody is heard.
            self.refresh.at = None;
            return;
        }
        let Some(interval) = self.config.refresh_interval else { return };
        let is_alone = self.is_alone();
        // Whether a look around was enough is seen a moment later.
        let is_soon = before.is_none() || is_alone;
        let wait = if is_soon { self.next_retry(interval) } else { interval };
        self.refresh.at = Some(now.instant.after(wait));
        if before.is_none() {
            return self.look_around(now);
        }
        self.refresh.last = Some(now.instant);
        if is_alone {
            return self.queue_refresh(self.home());
        }
        self.refresh.retry = None;
        self.refresh.count += 1;
        let is_own = self.refresh.count.is_multiple_of(OWN_REFRESH_EVERY);
        let point = if is_own { self.home() } else { self.random_point() };
        self.queue_refresh(point);
    }

    pub(super) fn look_around(&mut self, now: Now) {
        self.refresh.last = Some(now.instant);
        self.queue_refresh(self.home());
        for _ in 0..JOIN_REFRESHES {
            let point = self.random_point();
            self.queue_refresh(point);
        }
    }

    fn queue_refresh(&mut self, point: Key) {
        if self.refresh.waiting.len() <= JOIN_REFRESHES {
            self.refresh.waiting.push_back(point);
        }
    }

    fn random_point(&mut self) -> Key {
        let mut point = [0; 32];
        self.random.fill_bytes(&mut point);
        Key(point)
    }

    /// Starts a refresh that waits, if it may; `true` when it did.
    pub(super) fn start_refresh(&mut self, now: Now) -> bool {
        let running = self.walks.values().filter(|it| matches!(it.op(), Op::Nearest)).count();
        if running >= REFRESHES_AT_ONCE || self.walks.len() >= WALKS_MAX {
            return false;
        }
        let Some(point) = self.refresh.waiting.pop_front() else { return false };
        self.start(now, Op::Nearest, point);
        true
    }
}
