//! Where accounts lie: each kind with room of its own, and in it by when they mean nothing any more.

use alloc::collections::BTreeSet;

use ensign_primitives::{Occupancy, PeerId, UnixTime};

use crate::Account;

/// Most nodes of which the user has said a word; another is refused. Guess: more than a person types.
pub const WORDS_MAX: usize = 1024;

/// Most nodes that are remembered as convicted; beyond it the one that was convicted longest ago gives way.
/// Guess: each was a member of one of our groups.
pub const PROVEN_MAX: usize = 1024;

/// Most nodes that are remembered for their good; the one whose good is forgotten first gives way. Guess:
/// the members of sixteen of the largest groups.
pub const MERITS_MAX: usize = 4096;

/// Most other nodes that are remembered for what they did; the one nearest to neutral gives way. Guess:
/// with all else below the 10,000 rows that a store keeps.
pub const OFFENDERS_MAX: usize = 3072;

/// Most accounts.
pub const ACCOUNTS_MAX: usize = WORDS_MAX + PROVEN_MAX + MERITS_MAX + OFFENDERS_MAX;

/// The shelves, in the order in which they are asked: a name for the eye, and most accounts.
pub const SHELVES: [(&str, usize); 4] = [
    ("nodes with a word of the user's", WORDS_MAX),
    ("convicted nodes", PROVEN_MAX),
    ("nodes with merits", MERITS_MAX),
    ("other nodes that offended", OFFENDERS_MAX),
];

/// Which shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    Words,
    Proven,
    Merits,
    Offenders,
}

impl Shelf {
    fn of(account: &Account) -> Self {
        if account.word.is_some() {
            Self::Words
        } else if account.is_proven() {
            Self::Proven
        } else if account.has_merits() {
            Self::Merits
        } else {
            Self::Offenders
        }
    }

    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Words => WORDS_MAX,
            Self::Proven => PROVEN_MAX,
            Self::Merits => MERITS_MAX,
            Self::Offenders => OFFENDERS_MAX,
        }
    }
}

/// Where one account lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shelf: Shelf,
    until: UnixTime,
}

impl Place {
    pub(crate) fn of(account: &Account) -> Self {
        let shelf = Shelf::of(account);
        let until = match shelf {
            Shelf::Words => UnixTime::default(),
            Shelf::Proven => account.proven_until(),
            Shelf::Merits => account.good_until(),
            Shelf::Offenders => account.offends_until(),
        };
        Self { shelf, until }
    }
}

/// Every account's place.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    words: BTreeSet<(UnixTime, PeerId)>,
    proven: BTreeSet<(UnixTime, PeerId)>,
    merits: BTreeSet<(UnixTime, PeerId)>,
    offenders: BTreeSet<(UnixTime, PeerId)>,
}

impl Shelves {
    const fn shelf(&self, shelf: Shelf) -> &BTreeSet<(UnixTime, PeerId)> {
        match shelf {
            Shelf::Words => &self.words,
            Shelf::Proven => &self.proven,
            Shelf::Merits => &self.merits,
            Shelf::Offenders => &self.offenders,
        }
    }

    const fn shelf_mut(&mut self, shelf: Shelf) -> &mut BTreeSet<(UnixTime, PeerId)> {
        match shelf {
            Shelf::Words => &mut self.words,
            Shelf::Proven => &mut self.proven,
            Shelf::Merits => &mut self.merits,
            Shelf::Offenders => &mut self.offenders,
        }
    }

    pub(crate) fn is_full(&self, shelf: Shelf) -> bool {
        self.shelf(shelf).len() >= shelf.limit()
    }

    /// Puts an account in its place; returns who has to go for it.
    pub(crate) fn put(&mut self, peer: PeerId, place: Place) -> Option<PeerId> {
        let shelf = self.shelf_mut(place.shelf);
        shelf.insert((place.until, peer));
        let is_over = shelf.len() > place.shelf.limit();
        is_over.then(|| shelf.pop_first()).flatten().map(|(_, peer)| peer)
    }

    pub(crate) fn take(&mut self, peer: PeerId, place: Place) {
        self.shelf_mut(place.shelf).remove(&(place.until, peer));
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 4] {
        let shelves = [Shelf::Words, Shelf::Proven, Shelf::Merits, Shelf::Offenders];
        let of = |(shelf, (name, limit))| {
            let len = self.shelf(shelf).len();
            Occupancy { name, len, limit }
        };
        let mut named = shelves.into_iter().zip(SHELVES).map(of);
        let none = Occupancy { name: "", len: 0, limit: 0 };
        core::array::from_fn(|_| named.next().unwrap_or(none))
    }
}
