//! Freshness, de-duplication, sequence numbers and nonce uniqueness.
//!
//! Four small guards, each on the path of every envelope, from cheap to dear:
//!
//! - [`Duplicates`] drops bytes that were handled already, before any curve work;
//! - [`check_fresh`] refuses statements whose wall clock is too far from ours;
//! - [`Sequences`] lets each sender's number only grow within a session;
//! - [`NonceLog`] notices a public nonce that was seen in another session.
//!
//! All are bounded; when full, the oldest entry gives way.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use ensign_primitives::{Occupancy, PeerId, SIGNERS_MAX, SessionId, UnixTime};

/// How far a statement's clock may be from ours, either way. Specification: five minutes.
pub const MESSAGE_AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// Most nonces of others that a node remembers, in 2 MiB. Guess: more than a busy group shows in the five
/// minutes of [`MESSAGE_AGE_MAX`].
pub const NONCES_REMEMBERED_MAX: usize = 16_384;

/// Why a statement is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The sender's clock and ours are too far apart, or the statement is old.
    #[error("sent at {sent_at}, now is {now}: more than {} s apart", MESSAGE_AGE_MAX.as_secs())]
    Stale {
        /// The sender's clock.
        sent_at: UnixTime,
        /// Ours.
        now: UnixTime,
    },
    /// The sender has already used this number or a later one in this session.
    #[error("sequence number {seen} after {last}")]
    Sequence {
        /// The latest number accepted.
        last: u64,
        /// The number that came.
        seen: u64,
    },
}

/// Refuses a statement whose clock is more than [`MESSAGE_AGE_MAX`] from ours.
///
/// # Errors
///
/// [`ReplayError::Stale`] with both clocks.
pub fn check_fresh(now: UnixTime, sent_at: UnixTime) -> Result<(), ReplayError> {
    if now.abs_diff(sent_at) > MESSAGE_AGE_MAX {
        return Err(ReplayError::Stale { sent_at, now });
    }
    Ok(())
}

/// Remembers the digests of what was handled, the last `capacity` of them.
#[derive(Clone, Debug)]
pub struct Duplicates {
    seen: BTreeSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
    capacity: usize,
}

impl Duplicates {
    /// Makes a memory for `capacity` digests.
    pub const fn new(capacity: usize) -> Self {
        Self { seen: BTreeSet::new(), order: VecDeque::new(), capacity }
    }

    /// Returns whether `digest` was remembered.
    pub fn contains(&self, digest: &[u8; 32]) -> bool {
        self.seen.contains(digest)
    }

    /// Remembers `digest`; the oldest gives way when full.
    pub fn remember(&mut self, digest: [u8; 32]) {
        if !self.seen.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    /// Returns how full the memory is, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.seen.len().max(self.order.len()), limit: self.capacity }
    }
}

/// The latest sequence number of each sender in one session.
///
/// Bounded by its caller: only senders that belong to the session are entered.
#[derive(Clone, Debug, Default)]
pub struct Sequences(BTreeMap<PeerId, u64>);

impl Sequences {
    /// Accepts a number that is greater than the sender's last.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Sequence`] with both numbers; the last one stays.
    pub fn accept(&mut self, sender: PeerId, seen: u64) -> Result<(), ReplayError> {
        let last = self.0.entry(sender).or_default();
        if seen <= *last {
            return Err(ReplayError::Sequence { last: *last, seen });
        }
        *last = seen;
        Ok(())
    }

    /// Returns how many senders are entered, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.0.len(), limit: SIGNERS_MAX }
    }
}

/// Where each public nonce was first seen, across all sessions.
///
/// A signer who shows one nonce in two sessions is about to lose its key, or plays somebody else's
/// nonce back. Either way the attempt ends.
#[derive(Clone, Debug, Default)]
pub struct NonceLog {
    first_seen: BTreeMap<[u8; 32], SessionId>,
    order: VecDeque<[u8; 32]>,
}

impl NonceLog {
    /// Enters the hash of a nonce as seen in `session`.
    ///
    /// Returns the other session if the nonce was seen there before.
    pub fn observe(&mut self, nonce: [u8; 32], session: SessionId) -> Option<SessionId> {
        if let Some(first) = self.first_seen.get(&nonce) {
            return (*first != session).then_some(*first);
        }
        self.first_seen.insert(nonce, session);
        self.order.push_back(nonce);
        if self.order.len() > NONCES_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.first_seen.remove(&oldest);
        }
        None
    }

    /// Returns how full the log is, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        let len = self.first_seen.len().max(self.order.len());
        Occupancy { name, len, limit: NONCES_REMEMBERED_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_millis(1_700_000_000_000);

    #[test]
    fn clock_may_be_five_minutes_off_either_way_and_no_more() {
        for (offset, fresh) in [(0, true), (300_000, true), (300_001, false)] {
            let (late, early) = (NOW.as_millis() + offset, NOW.as_millis() - offset);
            for sent in [late, early] {
                assert_eq!(check_fresh(NOW, UnixTime::from_millis(sent)).is_ok(), fresh, "{sent}");
            }
        }
    }

    #[test]
    fn sequence_numbers_only_grow_and_each_sender_has_its_own() {
        let (a, b) = (PeerId::from_bytes([1; 32]), PeerId::from_bytes([2; 32]));
        let mut sequences = Sequences::default();
        assert_eq!(sequences.accept(a, 5), Ok(()));
        assert_eq!(sequences.accept(b, 1), Ok(()));
        assert_eq!(sequences.accept(a, 5), Err(ReplayError::Sequence { last: 5, seen: 5 }));
        assert_eq!(sequences.accept(a, 0), Err(ReplayError::Sequence { last: 5, seen: 0 }));
        assert_eq!(sequences.accept(a, 9), Ok(()));
    }

    #[test]
    fn full_duplicate_memory_forgets_the_oldest() {
        let mut duplicates = Duplicates::new(2);
        for byte in [1, 2, 2, 3] {
            duplicates.remember([byte; 32]);
        }
        let held = [1, 2, 3].map(|byte| duplicates.contains(&[byte; 32]));
        assert_eq!(held, [false, true, true]);
    }

    #[test]
    fn nonce_in_a_second_session_names_the_first() {
        let (first, second) = (SessionId::from_bytes([1; 32]), SessionId::from_bytes([2; 32]));
        let mut log = NonceLog::default();
        assert_eq!(log.observe([7; 32], first), None);
        assert_eq!(log.observe([7; 32], first), None);
        assert_eq!(log.observe([7; 32], second), Some(first));
    }

    #[test]
    fn nonce_log_stays_within_its_bound() {
        let mut log = NonceLog::default();
        for number in 0..NONCES_REMEMBERED_MAX as u64 + 10 {
            let mut nonce = [0; 32];
            nonce[..8].copy_from_slice(&number.to_le_bytes());
            log.observe(nonce, SessionId::from_bytes([1; 32]));
        }
        assert_eq!(
            (log.first_seen.len(), log.order.len()),
            (NONCES_REMEMBERED_MAX, NONCES_REMEMBERED_MAX)
        );
    }
}
