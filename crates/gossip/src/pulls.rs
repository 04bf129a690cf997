//! Messages that are known by name only: who has them, who was asked, who is asked next.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ensign_primitives::{Instant, PeerId};
use ensign_wire::{MessageId, Topic};

use crate::{ANNOUNCERS_MAX, PROMISE_TIMEOUT, PULL_RETRY, PULLS_MAX, PULLS_PER_PEER};

/// A message that somebody has named.
#[derive(Debug)]
struct Pull {
    topic: Topic,
    /// Who named it, first to last, when, and whether it was asked.
    named: Vec<Named>,
    first_asked: Option<Instant>,
    next: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    peer: PeerId,
    at: Instant,
    is_asked: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    of: BTreeMap<MessageId, Pull>,
    due: BTreeSet<(Instant, MessageId)>,
    /// Names that each peer was the first to tell.
    first: BTreeMap<PeerId, usize>,
}

/// Whom to ask first: who did not answer before comes last, who dialled us after whom we dialled.
pub(crate) type Rank = (u32, bool);

/// What comes of a moment.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Whom to ask for what.
    pub(crate) ask: BTreeMap<PeerId, Vec<MessageId>>,
    /// Who was asked and has not answered in time.
    pub(crate) slow: Vec<PeerId>,
    /// Who was asked for what nobody ever brought.
    pub(crate) broken: Vec<(PeerId, MessageId)>,
}

impl Pulls {
    /// Notes that a peer has a message; it is asked for no sooner than `next`. Returns whether there was room.
    pub(crate) fn named(
        &mut self,
        now: Instant,
        (id, topic): (MessageId, Topic),
        peer: PeerId,
        next: Instant,
        rank: impl Fn(&PeerId) -> Option<Rank>,
    ) -> bool {
        let named = Named { peer, at: now, is_asked: false };
        if let Some(pull) = self.of.get_mut(&id) {
            let is_new = pull.named.iter().all(|it| it.peer != peer);
            let is_full = pull.named.len() >= ANNOUNCERS_MAX;
            // The first answers for its share of names, and keeps its place.
            let worst = pull.named.iter().enumerate().skip(1).filter(|(_, it)| !it.is_asked);
            let worst = worst.max_by_key(|(_, it)| rank(&it.peer)).map(|(at, _)| at);
            let worst = worst.filter(|_| is_new && is_full);
            let gives_way = worst
                .filter(|at| pull.named.get(*at).is_some_and(|it| rank(&it.peer) > rank(&peer)));
            if let Some(at) = gives_way {
                pull.named.remove(at);
            }
            if is_new && pull.named.len() < ANNOUNCERS_MAX {
                let was_spent = pull.named.iter().all(|it| it.is_asked);
                pull.named.push(named);
                // Whoever was asked has its time; after that this one is asked at once.
                let next = pull.named.iter().filter(|it| it.is_asked).map(|it| it.at).max();
                if let Some(asked) = next.filter(|_| was_spent) {
                    let at = asked.after(PULL_RETRY).max(now);
                    self.set_next(id, at);
                }
            }
            return true;
        }
        let count = self.first.get(&peer).copied().unwrap_or_default();
        if self.of.len() >= PULLS_MAX || count >= PULLS_PER_PEER {
            return false;
        }
        self.first.insert(peer, count + 1);
        let named = Vec::from([named]);
        self.of.insert(id, Pull { topic, named, first_asked: None, next });
        self.due.insert((next, id));
        true
    }

    fn set_next(&mut self, id: MessageId, next: Instant) {
        if let Some(pull) = self.of.get_mut(&id) {
            self.due.remove(&(pull.next, id));
            pull.next = next;
            self.due.insert((next, id));
        }
    }

    /// Ends the looking for a message; tells whether `by` was asked for it.
    pub(crate) fn came(&mut self, id: &MessageId, by: &PeerId) -> bool {
        let Some(pull) = self.remove(id) else { return false };
        pull.named.iter().any(|it| it.peer == *by && it.is_asked)
    }

    fn remove(&mut self, id: &MessageId) -> Option<Pull> {
        let pull = self.of.remove(id)?;
        self.due.remove(&(pull.next, *id));
        if let Some(first) = pull.named.first()
            && let Some(count) = self.first.get_mut(&first.peer)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.first.remove(&first.peer);
            }
        }
        Some(pull)
    }

    /// Who named a message, and when: all of them are heard of when it comes.
    pub(crate) fn announcers(&self, id: &MessageId) -> impl Iterator<Item = (PeerId, Instant)> {
        let named = self.of.get(id).into_iter().flat_map(|it| &it.named);
        // Once somebody was asked, its time is that of the question: too late to tell of its speed.
        named.filter(|it| !it.is_asked).map(|it| (it.peer, it.at))
    }

    /// Does what is due: the peer of least `rank` is asked of those that were not; at the second question two.
    pub(crate) fn due(&mut self, now: Instant, rank: impl Fn(&PeerId) -> Option<Rank>) -> Due {
        let mut due = Due::default();
        while let Some((_, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            let Some(pull) = self.of.get_mut(&id) else {
                self.due.pop_first();
                continue;
            };
            if pull.first_asked.is_some_and(|at| now.since(at) >= PROMISE_TIMEOUT) {
                let asked = pull.named.iter().filter(|it| it.is_asked);
                due.broken.extend(asked.map(|it| (it.peer, id)));
                self.remove(&id);
                continue;
            }
            let last =
                pull.named.iter().filter(|it| it.is_asked && now.since(it.at) < PROMISE_TIMEOUT);
            let newly_slow = last.filter(|it| now.since(it.at) >= PULL_RETRY).map(|it| it.peer);
            due.slow.extend(newly_slow);
            let questions = if pull.first_asked.is_some() { 2 } else { 1 };
            let mut asked = 0;
            while asked < questions {
                let open = pull.named.iter_mut().filter(|it| !it.is_asked);
                let ranked = open.filter_map(|it| Some((rank(&it.peer)?, it)));
                let Some((_, next)) = ranked.min_by_key(|(rank, it)| (*rank, it.at)) else { break };
                (next.is_asked, next.at) = (true, now);
                due.ask.entry(next.peer).or_default().push(id);
                asked += 1;
            }
            let first = *pull.first_asked.get_or_insert(now);
            let next = if asked > 0 { now.after(PULL_RETRY) } else { first.after(PROMISE_TIMEOUT) };
            if asked == 0 && !pull.named.iter().any(|it| it.is_asked) {
                // Nobody is left who could be asked.
                self.remove(&id);
                continue;
            }
            self.set_next(id, next.min(first.after(PROMISE_TIMEOUT)));
        }
        due
    }

    /// Forgets a peer whose link is gone.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        let all: Vec<MessageId> = self.of.keys().copied().collect();
        for id in all {
            let Some(pull) = self.of.get_mut(&id) else { continue };
            if pull.named.iter().all(|it| it.peer == *peer) {
                self.remove(&id);
            } else if pull.named.first().is_some_and(|it| it.peer == *peer) {
                // The next is the first now.
                pull.named.remove(0);
                let next = pull.named.first().map(|it| it.peer);
                if let Some(next) = next {
                    *self.first.entry(next).or_default() += 1;
                }
            } else {
                pull.named.retain(|it| it.peer != *peer);
            }
        }
        self.first.remove(peer);
    }

    /// Forgets what is of a topic that we left.
    pub(crate) fn forget_topic(&mut self, topic: Topic) {
        let of = self.of.iter().filter(|(_, it)| it.topic == topic);
        let ids: Vec<MessageId> = of.map(|(id, _)| *id).collect();
        ids.iter().for_each(|id| {
            self.remove(id);
        });
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }
}
