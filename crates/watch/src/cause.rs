//! Why something was done, and when.

use alloc::{borrow::ToOwned, string::String};
use core::fmt::{self, Display, Write};

use ensign_primitives::UnixTime;

use crate::Act;

/// How many causes of one peer are kept, the latest. Its users' word: five.
pub const CAUSES_KEPT: usize = 5;

/// Most bytes of a cause's words; what is longer is cut. Guess: one line of a terminal.
pub const WORDS_BYTES_MAX: usize = 120;

/// Why something was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What was done.
    pub act: Act,
    /// Why, as it was the first time: what is like it but for its numbers counts as the same.
    pub what: String,
    /// When it was the first time.
    pub first: UnixTime,
    /// When it was the last time.
    pub last: UnixTime,
    /// How often.
    pub times: u64,
    /// What it cost, in points.
    pub points: u64,
}

impl Cause {
    pub(crate) fn new(now: UnixTime, act: Act, what: &str, points: u32) -> Self {
        let (what, points) = (what.to_owned(), points.into());
        Self { act, what, first: now, last: now, times: 1, points }
    }

    pub(crate) fn is_like(&self, act: Act, what: &str) -> bool {
        let worded = |text: &'_ str| -> [u8; WORDS_BYTES_MAX] {
            let mut letters = [0; WORDS_BYTES_MAX];
            let kept = text.bytes().filter(|byte| !byte.is_ascii_digit());
            letters.iter_mut().zip(kept).for_each(|(letter, byte)| *letter = byte);
            letters
        };
        self.act == act && (self.what == what || worded(&self.what) == worded(what))
    }

    pub(crate) fn again(&mut self, now: UnixTime, points: u32) {
        // A clock that was set back does not make a cause older.
        self.last = self.last.max(now);
        self.times = self.times.saturating_add(1);
        self.points = self.points.saturating_add(points.into());
    }
}

/// Words on their way, cut at a bound, without memory of their own.
pub(crate) struct Words {
    bytes: [u8; WORDS_BYTES_MAX],
    len: usize,
}

impl Words {
    pub(crate) fn of(what: &dyn Display) -> Self {
        let mut words = Self { bytes: [0; WORDS_BYTES_MAX], len: 0 };
        // It fails where it is cut.
        let _cut = write!(words, "{what}");
        words
    }

    pub(crate) fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.len).unwrap_or_default();
        str::from_utf8(written).unwrap_or_default()
    }
}

impl Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            let end = self.len + letter.len_utf8();
            let Some(room) = self.bytes.get_mut(self.len..end) else { return Err(fmt::Error) };
            letter.encode_utf8(room);
            self.len = end;
        }
        Ok(())
    }
}
