//! One node in the book.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use ensign_primitives::{Instant, UnixTime};

use crate::{
    ADDRESSES_DIALLED_MAX, Area, FAILURES_OF_NEW_MAX, FAILURES_OF_TRIED_MAX, FAILURES_TIME,
    HORIZON, Listed, REDIAL_WAIT, places::Place,
};

/// One node in the book.
#[derive(Debug)]
pub(crate) struct Entry<R> {
    pub(crate) record: R,
    pub(crate) shelf: Shelf,
    pub(crate) place: Place,
    /// When it was last spoken of by a newer record, or reached.
    pub(crate) heard_at: UnixTime,
    /// Where and when it last answered as itself.
    pub(crate) reached: Option<(SocketAddr, UnixTime)>,
    /// When it was last dialled.
    pub(crate) dialled_at: Option<Instant>,
    /// Dials in a row that failed while others were reached in between.
    pub(crate) failures: u8,
    /// How many we had reached in all when the last failure counted.
    pub(crate) counted_at: u64,
}

/// Which table somebody is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    New,
    /// With the area and the network of the address where it answered.
    Tried(Area, IpAddr),
}

impl<R: Listed> Entry<R> {
    pub(crate) const fn is_tried(&self) -> bool {
        match self.shelf {
            Shelf::New => false,
            Shelf::Tried(..) => true,
        }
    }

    /// Returns where to dial: where it answered, then the first of its own.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let listed = self.record.addresses();
        let proven = self.reached.map(|(address, _)| address).filter(|it| listed.contains(it));
        let others = listed.iter().copied().filter(|it| Some(*it) != proven);
        proven.into_iter().chain(others).take(ADDRESSES_DIALLED_MAX).collect()
    }

    /// Returns whether nobody misses it. A clock that was set back makes nobody old.
    pub(crate) fn is_dead(&self, now: UnixTime) -> bool {
        if now.since(self.heard_at) > HORIZON {
            return true;
        }
        match self.reached {
            None => self.failures >= FAILURES_OF_NEW_MAX,
            Some((_, at)) => {
                self.failures >= FAILURES_OF_TRIED_MAX && now.since(at) > FAILURES_TIME
            }
        }
    }

    /// Returns whether a newcomer has its place: nobody misses it, or nobody has reached it and what it said of itself
    /// has ended, so that whoever fills places with nodes that are not there has to say so again each day.
    pub(crate) fn gives_way(&self, now: UnixTime) -> bool {
        self.is_dead(now) || (self.reached.is_none() && self.record.expires() <= now)
    }

    /// Returns whether it was not dialled a moment ago.
    pub(crate) fn has_rested(&self, now: Instant) -> bool {
        self.dialled_at.is_none_or(|at| now.since(at) >= REDIAL_WAIT)
    }
}
