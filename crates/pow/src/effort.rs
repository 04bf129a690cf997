//! How much is asked: additive up, multiplicative down, nothing at rest.

use core::time::Duration;

use ensign_primitives::Instant;

/// How often the price moves. Guess: long enough for a puzzle to be solved at the price that was
/// told, and short enough that it is back at nothing well within a minute.
pub const EFFORT_PERIOD: Duration = Duration::from_secs(5);

/// How long places that were all taken count as taken while nobody comes. Guess: a stay of a stranger, after
/// which it has to come again; within a minute, with five steps down, the price is back at nothing.
pub const TAKEN_FOR: Duration = Duration::from_secs(30);

/// The first price. Specification: 20 zero bits; a tenth of a second of one core.
const BITS: u8 = 20;

/// The highest price. 24 bits are solved within ten seconds by one core of 9.8 million hashes a
/// second in 99 of 100 cases (4.6 times the mean of 1.7 s).
const BITS_MAX: u8 = 24;

/// What strangers pay under load. A setting; see the fields for the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Zero bits of the first price; 20 by default.
    pub bits: u8,
    /// Zero bits of the highest price, not below the first; 24 by default.
    pub bits_max: u8,
    /// After how many proofs of one address group within an hour it pays one bit more;
    /// [`PROOFS_PER_GROUP`](crate::PROOFS_PER_GROUP) by default.
    pub per_group: u32,
}

impl Default for Tariff {
    fn default() -> Self {
        Self { bits: BITS, bits_max: BITS_MAX, per_group: crate::PROOFS_PER_GROUP }
    }
}

/// What those who come find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// There was room for everybody.
    Room,
    /// Somebody took the last place, or all were taken and nobody came.
    Taken,
    /// Somebody came when every place was taken.
    Full,
    /// Somebody has paid, and places were taken by others who had paid as much.
    PaidFull,
}

/// The price, as it moves.
///
/// It moves once in [`EFFORT_PERIOD`], by the greatest demand of the period. Its steps are nothing, then
/// each number of bits from the first to the highest. One step up, when payers found no place; to half of
/// the steps, when there was room; when places were taken, but by none who paid as much, from nothing to
/// the first, else one step down and no further than the first: a crowd that pays no more is still there.
/// A full gate that is quiet has no room either, but from nothing it asks nothing.
#[derive(Clone, Debug)]
pub struct Effort {
    tariff: Tariff,
    /// Nothing, or which price: the first is 1.
    level: u8,
    worst: Demand,
    /// Until when places that were taken count as taken.
    taken_until: Instant,
    /// When the price moves next.
    moves_at: Instant,
}

impl Effort {
    /// Begins at nothing.
    pub fn new(tariff: Tariff, now: Instant) -> Self {
        let moves_at = now.after(EFFORT_PERIOD);
        Self { tariff, level: 0, worst: Demand::Room, taken_until: now, moves_at }
    }

    /// Notes what somebody has found.
    pub fn note(&mut self, now: Instant, demand: Demand) {
        self.roll(now);
        self.worst = self.worst.max(demand);
        self.taken_until = if demand == Demand::Room { now } else { now.after(TAKEN_FOR) };
    }

    /// Returns the price in zero bits; `None` for nothing.
    pub fn bits(&self, now: Instant) -> Option<u8> {
        let mut moved = self.clone();
        moved.roll(now);
        let above = moved.level.checked_sub(1)?;
        Some(self.tariff.bits.saturating_add(above).min(self.tariff.bits_max))
    }

    /// Moves the price for each period that is over. A period in which nobody came had room, but
    /// soon after the last place was taken, so that nothing is left to move after a few of them.
    fn roll(&mut self, now: Instant) {
        while self.moves_at <= now {
            if self.moves_at < self.taken_until {
                self.worst = self.worst.max(Demand::Taken);
            }
            self.level = self.moved();
            self.worst = Demand::Room;
            self.moves_at = self.moves_at.after(EFFORT_PERIOD);
            if self.level == 0 {
                self.moves_at = self.moves_at.max(now.after(EFFORT_PERIOD));
                return;
            }
        }
    }

    fn moved(&self) -> u8 {
        let top = self.tariff.bits_max.saturating_sub(self.tariff.bits).saturating_add(1);
        match self.worst {
            Demand::Room => self.level / 2,
            Demand::Taken => self.level.saturating_sub(1).max(self.level.min(1)),
            Demand::Full => self.level.saturating_sub(1).max(1),
            Demand::PaidFull => self.level.saturating_add(1).min(top),
        }
    }
}
