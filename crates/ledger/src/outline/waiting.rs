//! Which undecided requests are kept for the time after a restart, and which give way.

use std::collections::BTreeMap;

use ensign_primitives::{PeerId, RequestId};

/// Most undecided requests that are kept. Guess: more than a person finds after a night.
pub(crate) const UNDECIDED_KEPT_MAX: usize = 64;
/// Most bytes of them, requests and payloads together. Guess: eight of the largest payloads, or all
/// [`UNDECIDED_KEPT_MAX`] with a hundred inputs each.
pub(crate) const UNDECIDED_KEPT_BYTES_MAX: usize = 8 << 20;

/// The undecided requests that are kept, within both bounds.
///
/// Whoever takes most gives way, with what it asked last: nobody's requests push out another's. One
/// that is not kept is asked about again when its creator's node announces it again.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    kept: BTreeMap<RequestId, Kept>,
    /// Counts up, for the order in which they came.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    creator: PeerId,
    bytes: usize,
    order: u64,
}

impl Waiting {
    /// Enters a request; returns those that give way, which may be itself.
    pub(crate) fn keep(&mut self, id: RequestId, creator: PeerId, bytes: usize) -> Vec<RequestId> {
        let order = self.next;
        self.next += 1;
        self.kept.entry(id).or_insert(Kept { creator, bytes, order });
        let mut gone = Vec::new();
        while self.kept.len() > UNDECIDED_KEPT_MAX || self.bytes() > UNDECIDED_KEPT_BYTES_MAX {
            let Some(id) = self.next_to_go() else { break };
            self.kept.remove(&id);
            gone.push(id);
        }
        gone
    }

    pub(crate) fn contains(&self, id: &RequestId) -> bool {
        self.kept.contains_key(id)
    }

    /// Takes a request out; returns whether it was kept.
    pub(crate) fn remove(&mut self, id: &RequestId) -> bool {
        self.kept.remove(id).is_some()
    }

    fn bytes(&self) -> usize {
        self.kept.values().map(|kept| kept.bytes).sum()
    }

    /// Returns what came last of whoever takes most: by bytes where these are short, else by number.
    fn next_to_go(&self) -> Option<RequestId> {
        let by_bytes = self.bytes() > UNDECIDED_KEPT_BYTES_MAX;
        let mut shares: BTreeMap<PeerId, usize> = BTreeMap::new();
        for kept in self.kept.values() {
            *shares.entry(kept.creator).or_default() += if by_bytes { kept.bytes } else { 1 };
        }
        let (largest, _) = shares.into_iter().max_by_key(|(_, share)| *share)?;
        let of_largest = self.kept.iter().filter(|(_, kept)| kept.creator == largest);
        of_largest.max_by_key(|(_, kept)| kept.order).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> RequestId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        RequestId::from_bytes(bytes)
    }

    const ALICE: PeerId = PeerId::from_bytes([1; 32]);
    const MALLORY: PeerId = PeerId::from_bytes([2; 32]);

    #[test]
    fn whoever_asks_most_pushes_nobody_else_out() {
        let mut waiting = Waiting::default();
        assert!(waiting.keep(id(0), ALICE, 1000).is_empty());
        let gone: Vec<_> = (1..1000).flat_map(|it| waiting.keep(id(it), MALLORY, 1)).collect();
        assert_eq!(gone, (64..1000).map(id).collect::<Vec<_>>(), "the latest of the one with most");
        assert_eq!(waiting.keep(id(1000), ALICE, 1), [id(63)], "there is room for who has little");
    }

    #[test]
    fn bytes_are_bounded_and_the_largest_owner_gives_first() {
        let mut waiting = Waiting::default();
        for number in 0..8 {
            assert!(waiting.keep(id(number), MALLORY, 1 << 20).is_empty());
        }
        assert_eq!(waiting.keep(id(8), ALICE, 1 << 19), [id(7)]);
        assert_eq!(waiting.keep(id(9), MALLORY, 1 << 20), [id(9)], "itself");
        assert!(waiting.remove(&id(0)) && !waiting.remove(&id(0)));
        assert!(waiting.keep(id(10), MALLORY, 1 << 20).is_empty());
        assert!(waiting.bytes() <= UNDECIDED_KEPT_BYTES_MAX);
    }

    #[test]
    fn request_that_is_entered_twice_counts_once() {
        let mut waiting = Waiting::default();
        for _ in 0..100 {
            assert!(waiting.keep(id(1), ALICE, 1 << 20).is_empty());
        }
    }
}
