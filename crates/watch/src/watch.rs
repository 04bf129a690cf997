//! The book of what was done.

use core::fmt::{self, Display};
use core::net::IpAddr;

use ensign_primitives::{Now, Occupancy, PeerId, UnixTime};

use crate::{
    Act, Counts, Entry,
    cause::Words,
    shelf::{Group, Shelf},
};

/// Most of those whom we know or want that are watched. Guess: every member of a few large groups.
pub const NEAR_WATCHED_MAX: usize = 1024;

/// Most others that are watched. Guess: more than a person reads; all of it is about 2 MiB.
pub const FAR_WATCHED_MAX: usize = 1024;

/// How near somebody is to us, which decides who is forgotten for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// A member, or a node that we want.
    Near,
    /// Anybody else.
    Far,
}

/// What was done, and why.
#[derive(Clone, Copy)]
pub struct Note<'a> {
    /// To whom, whose identity is proven.
    pub whom: PeerId,
    /// How near it is to us.
    pub distance: Distance,
    /// Where it speaks from, where that is known.
    pub remote: Option<IpAddr>,
    /// What was done.
    pub act: Act,
    /// Why, in words that a person reads; those that differ in their numbers count as the same.
    pub what: &'a dyn Display,
    /// What it costs, in points.
    pub points: u32,
}

impl fmt::Debug for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}: {}", self.whom, self.act, self.what)
    }
}

/// The book of what was done.
#[derive(Debug)]
pub struct Watch {
    since: UnixTime,
    near: Shelf,
    far: Shelf,
    totals: Counts,
}

impl Watch {
    /// Begins with nothing done.
    pub fn new(now: Now) -> Self {
        let (near, far) = (Shelf::new(NEAR_WATCHED_MAX), Shelf::new(FAR_WATCHED_MAX));
        Self { since: now.unix, near, far, totals: Counts::default() }
    }

    /// Notes what was done.
    ///
    /// Cost: some look-ups in trees of at most [`FAR_WATCHED_MAX`] entries; what is kept grows only by a
    /// cause that is like none of those kept.
    pub fn note(&mut self, now: Now, note: &Note<'_>) {
        self.totals.add(note.act, note.points);
        let (shelf, other) = match note.distance {
            Distance::Near => (&mut self.near, &mut self.far),
            Distance::Far => (&mut self.far, &mut self.near),
        };
        // Whoever has come nearer, or is none of ours any more, takes its causes along.
        let moved = other.remove(&note.whom);
        let known = moved.as_ref().or_else(|| shelf.get(&note.whom));
        let remote = note.remote.or_else(|| known?.remote);
        let group = match note.distance {
            // A member is one wherever it is.
            Distance::Near => Group::default(),
            Distance::Far => Group::of(remote),
        };
        if let Some(entry) = moved {
            shelf.put(note.whom, group, entry);
        }
        let words = Words::of(note.what);
        shelf.touch(note.whom, group).take(now.unix, note, words.as_str());
    }

    /// Returns what was done to somebody; `None` if nothing, or so long ago that it is forgotten.
    pub fn get(&self, whom: &PeerId) -> Option<&Entry> {
        self.near.get(whom).or_else(|| self.far.get(whom))
    }

    /// Returns everybody to whom something was done: whom we know or want, then the others, each the
    /// latest first.
    pub fn entries(&self) -> impl Iterator<Item = (&PeerId, &Entry)> {
        self.near.iter().chain(self.far.iter())
    }

    /// Returns how often what was done to anybody, also to those who are forgotten.
    pub const fn totals(&self) -> Counts {
        self.totals
    }

    /// Returns since when it watches.
    pub const fn since(&self) -> UnixTime {
        self.since
    }

    /// Returns how full it is.
    pub fn occupancy(&self) -> [Occupancy; 2] {
        let of = |name, shelf: &Shelf, limit| Occupancy { name, len: shelf.len(), limit };
        [
            of("near ones watched", &self.near, NEAR_WATCHED_MAX),
            of("far ones watched", &self.far, FAR_WATCHED_MAX),
        ]
    }
}
