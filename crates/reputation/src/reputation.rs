//! All accounts: marks, the user's words, what is to be kept, and questions.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::fmt;

use ensign_primitives::{Now, Occupancy, PeerId, UnixTime};

use crate::{
    ACCOUNTS_MAX, Account, Bar, Cause, Config, Mark, WORDS_MAX, Why, Word,
    pace::Pace,
    shelves::{Place, Shelf, Shelves},
};

/// What is to be kept of one node: for good where our user has said a word, as a hint elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The node.
    pub peer: PeerId,
    /// What is held of it; `None` when it is to be removed.
    pub account: Option<Box<Account>>,
}

/// Why a word of the user's is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {limit} nodes with a word of yours already; unban or forget one first")]
pub struct TooManyWords {
    /// The limit, [`WORDS_MAX`].
    pub limit: usize,
}

#[derive(Debug)]
struct Held {
    account: Account,
    place: Place,
    /// Whether a store has a record of it.
    is_kept: bool,
}

/// What is held of every node.
///
/// Cost: a mark takes the logarithm of the number of accounts, at most [`ACCOUNTS_MAX`], whatever comes.
#[derive(Debug)]
pub struct Reputation {
    config: Config,
    held: BTreeMap<PeerId, Held>,
    shelves: Shelves,
    /// Whose record is to be written now.
    urgent: BTreeSet<PeerId>,
    /// Whose record is to be written when there is time.
    changed: BTreeSet<PeerId>,
    /// Whose record is to be removed.
    gone: BTreeSet<PeerId>,
    pace: Pace,
}

impl Reputation {
    /// Makes it with what a store has kept.
    pub fn new(config: Config, now: Now, kept: Vec<(PeerId, Account)>) -> Self {
        let mut reputation = Self {
            config,
            held: BTreeMap::new(),
            shelves: Shelves::default(),
            urgent: BTreeSet::new(),
            changed: BTreeSet::new(),
            gone: BTreeSet::new(),
            pace: Pace::default(),
        };
        for (peer, account) in kept {
            let account = account.restored(now.unix);
            reputation.put(peer, account, true);
        }
        reputation
    }

    /// Notes what this node has seen or verified of another, in words for its user; `false` for a proof
    /// that is known.
    pub fn mark(&mut self, now: Now, peer: PeerId, mark: Mark, words: &dyn fmt::Display) -> bool {
        let (mut account, is_kept) = self.take(&peer);
        let is_new = account.mark(now.unix, mark, Cause::of(mark, words, now.unix));
        if is_new {
            match mark {
                Mark::Proof(_) => self.urgent.insert(peer),
                Mark::Good | Mark::Offense | Mark::Unresponsive => self.changed.insert(peer),
            };
        }
        self.put(peer, account, is_kept);
        is_new
    }

    /// Takes the user's word about a node, or takes it back.
    ///
    /// # Errors
    ///
    /// [`TooManyWords`] when there are [`WORDS_MAX`] of other nodes.
    pub fn say(&mut self, now: Now, peer: PeerId, word: Option<Word>) -> Result<(), TooManyWords> {
        let has_one = self.word(&peer).is_some();
        if word.is_some() && !has_one && self.shelves.is_full(Shelf::Words) {
            return Err(TooManyWords { limit: WORDS_MAX });
        }
        let (mut account, is_kept) = self.take(&peer);
        account.word = word.map(|word| (word, now.unix));
        if !account.is_empty() {
            self.put(peer, account, is_kept);
        }
        // Its removal too: who was banned must not be so again after a crash.
        self.urgent.insert(peer);
        Ok(())
    }

    /// Returns what the user has said of a node.
    pub fn word(&self, peer: &PeerId) -> Option<Word> {
        self.held.get(peer)?.account.word.map(|(word, _)| word)
    }

    /// Returns whom the user has banned, by name.
    pub fn banned(&self) -> impl Iterator<Item = PeerId> {
        self.held.iter().filter(|(_, it)| it.account.is_banned()).map(|(peer, _)| *peer)
    }

    /// Returns how a node stands, in points from [`SCORE_MIN`](crate::SCORE_MIN) to
    /// [`SCORE_MAX`](crate::SCORE_MAX); 0 for one that nothing is known of.
    pub fn score(&self, now: UnixTime, peer: &PeerId) -> i32 {
        self.held.get(peer).map_or(0, |held| held.account.score(now))
    }

    /// Returns why a node is not let in, if it is not.
    ///
    /// - `is_ours`: it is a member of a group of ours, or wanted. Such a node is shut out by our user only.
    pub fn bars(&self, now: UnixTime, peer: &PeerId, is_ours: bool) -> Option<Bar> {
        let account = &self.held.get(peer)?.account;
        match account.word {
            Some((Word::Banned, _)) => return Some(Bar::Banned),
            Some((Word::Trusted, _)) => return None,
            None => {}
        }
        let score = account.earned(now);
        let is_barred = !is_ours && score < self.config.min_peer_reputation;
        is_barred.then_some(Bar::BelowMinimum { score })
    }

    /// Returns why a node stands as it does; `None` when nothing is known of it.
    pub fn why(&self, now: UnixTime, peer: &PeerId) -> Option<Why> {
        let account = &self.held.get(peer)?.account;
        Some(Why {
            score: account.score(now),
            earned: account.earned(now),
            word: account.word,
            is_proven: account.is_proven(),
            causes: account.causes(),
        })
    }

    /// Returns every node that anything is known of, by name, with its score at a time.
    pub fn iter(&self, now: UnixTime) -> impl Iterator<Item = (PeerId, i32)> {
        self.held.iter().map(move |(peer, held)| (*peer, held.account.score(now)))
    }

    /// Returns the next record that is worth writing, if there is one, and whether it is urgent: the user's
    /// words and proofs are, the rest comes at a bounded rate, so that strangers wear out no disk. What is not
    /// taken by the end is lost.
    pub fn take_record(&mut self, now: Now) -> Option<(Record, bool)> {
        if let Some(peer) = self.urgent.pop_first() {
            return Some((self.record(peer), true));
        }
        if self.gone.is_empty() && self.changed.is_empty() || !self.pace.take(now.instant) {
            return None;
        }
        // What goes first, so that no more rows are written than there are places.
        let next = self.gone.pop_first().or_else(|| self.changed.pop_first());
        next.map(|peer| (self.record(peer), false))
    }

    /// Returns how full each shelf is, and what waits to be written.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let waits = [
            ("reputation to be written", self.urgent.len() + self.changed.len()),
            ("reputation to be removed", self.gone.len()),
        ];
        let waits = waits.map(|(name, len)| Occupancy { name, len, limit: ACCOUNTS_MAX });
        self.shelves.occupancy().into_iter().chain(waits)
    }

    fn record(&mut self, peer: PeerId) -> Record {
        self.changed.remove(&peer);
        let account = self.held.get_mut(&peer).map(|held| {
            held.is_kept = true;
            Box::new(held.account.clone())
        });
        Record { peer, account }
    }

    fn take(&mut self, peer: &PeerId) -> (Account, bool) {
        let Some(Held { account, place, is_kept }) = self.held.remove(peer) else {
            return (Account::default(), self.gone.contains(peer));
        };
        self.shelves.take(*peer, place);
        (account, is_kept)
    }

    fn put(&mut self, peer: PeerId, account: Account, is_kept: bool) {
        let place = Place::of(&account);
        self.gone.remove(&peer);
        self.held.insert(peer, Held { account, place, is_kept });
        if let Some(least) = self.shelves.put(peer, place)
            && let Some(Held { is_kept, .. }) = self.held.remove(&least)
        {
            self.forget(least, is_kept);
        }
    }

    fn forget(&mut self, peer: PeerId, is_kept: bool) {
        self.urgent.remove(&peer);
        self.changed.remove(&peer);
        // A row that stays beyond that is read at the next start, and gives way then.
        if is_kept && self.gone.len() < ACCOUNTS_MAX {
            self.gone.insert(peer);
        }
    }
}
