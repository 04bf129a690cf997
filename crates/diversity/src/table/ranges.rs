//! Prefixes laid out as ranges, each from its start to the next one's.

use alloc::vec::Vec;

use crate::{Country, Origin};

/// An address as a number: 32 bits of IPv4, or the first 64 of IPv6.
pub(super) trait Bits: Copy + Ord {
    /// The last address of a prefix that begins at `self`.
    fn last_of(self, length: u8) -> Self;
    /// The address after this one; `None` after the last of all.
    fn next(self) -> Option<Self>;
}

impl Bits for u32 {
    fn last_of(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(length.into()).unwrap_or_default()
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Bits for u64 {
    fn last_of(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(length.into()).unwrap_or_default()
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// No autonomous system has this number (RFC 7607).
const NOBODY: u32 = 0;

/// No country: no letters are zero.
const NOWHERE: [u8; 2] = [0; 2];

/// One prefix, before all are laid out. Ordered by start, the widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix<A> {
    start: A,
    length: u8,
    asn: u32,
    country: [u8; 2],
}

impl<A> Prefix<A> {
    pub(super) fn new(start: A, length: u8, origin: Origin) -> Self {
        let country = origin.country.map_or(NOWHERE, |Country(letters)| letters);
        Self { start, length, asn: origin.asn, country }
    }
}

/// Ranges in order of their starts, in columns: 8 bytes each for IPv4 and 12 for IPv6, and two more for
/// the country if any prefix has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges<A> {
    starts: Vec<A>,
    /// Of each range.
    asns: Vec<u32>,
    /// Of each range; empty when no prefix has one.
    countries: Vec<[u8; 2]>,
}

impl<A> Ranges<A> {
    /// Returns how many bytes they take.
    pub(super) const fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<A>()
            + self.asns.capacity() * size_of::<u32>()
            + self.countries.capacity() * size_of::<[u8; 2]>()
    }
}

impl<A: Bits> Ranges<A> {
    /// Lays prefixes out; of equal ones that of the greatest number counts.
    pub(super) fn of(mut prefixes: Vec<Prefix<A>>) -> Self {
        prefixes.shrink_to_fit();
        prefixes.sort_unstable();
        let has_countries = prefixes.iter().any(|prefix| prefix.country != NOWHERE);
        // Twice, so that memory is taken for as many as there are: at most two for each prefix.
        let mut len = 0;
        lay_out(&prefixes, |_| len += 1);
        let countries_len = if has_countries { len } else { 0 };
        let mut ranges = Self {
            starts: Vec::with_capacity(len),
            asns: Vec::with_capacity(len),
            countries: Vec::with_capacity(countries_len),
        };
        lay_out(&prefixes, |range| {
            ranges.starts.push(range.start);
            ranges.asns.push(range.origin.asn);
            if has_countries {
                ranges.countries.push(range.origin.country);
            }
        });
        ranges
    }

    pub(super) fn get(&self, address: A) -> Option<Origin> {
        let at = self.starts.partition_point(|start| *start <= address).checked_sub(1)?;
        let asn = self.asns.get(at).copied().filter(|asn| *asn != NOBODY)?;
        let country = self.countries.get(at).copied().filter(|letters| *letters != NOWHERE);
        Some(Origin { asn, country: country.map(Country) })
    }
}

/// Who announces a range, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    asn: u32,
    country: [u8; 2],
}

/// Nobody announces what lies between prefixes.
const UNANNOUNCED: Stored = Stored { asn: NOBODY, country: NOWHERE };

/// From here to the start of the next one.
#[derive(Clone, Copy, Debug)]
struct Range<A> {
    start: A,
    origin: Stored,
}

/// Tells the ranges in order, no two neighbours of one origin.
fn lay_out<A: Bits>(sorted: &[Prefix<A>], mut tell: impl FnMut(Range<A>)) {
    let mut pending: Option<Range<A>> = None;
    let mut told = UNANNOUNCED;
    let mut put = |start: Option<A>, origin: Stored| {
        let Some(start) = start else { return };
        if let Some(earlier) = pending.filter(|earlier| earlier.start < start)
            && earlier.origin != told
        {
            told = earlier.origin;
            tell(earlier);
        }
        pending = Some(Range { start, origin });
    };
    // The prefixes that are not at their end, each within the one before it: no more than bits.
    let mut open: Vec<(A, Stored)> = Vec::new();
    for prefix in sorted {
        close(&mut open, Some(prefix.start), &mut put);
        let origin = Stored { asn: prefix.asn, country: prefix.country };
        open.push((prefix.start.last_of(prefix.length), origin));
        put(Some(prefix.start), origin);
    }
    close(&mut open, None, &mut put);
    if let Some(last) = pending.filter(|last| last.origin != told) {
        tell(last);
    }
}

/// Ends the prefixes that lie before an address, or all: what follows each is of the one around it.
fn close<A: Bits>(
    open: &mut Vec<(A, Stored)>,
    before: Option<A>,
    put: &mut impl FnMut(Option<A>, Stored),
) {
    while let Some((last, _)) = open.pop_if(|(last, _)| before.is_none_or(|start| *last < start)) {
        let around = open.last().map_or(UNANNOUNCED, |(_, origin)| *origin);
        put(last.next(), around);
    }
}
