//! Finding it: a step at a time, so that whoever runs it can stop and tell how far it is.

use ensign_primitives::TaggedHasher;
use ensign_wire::Proof;

use crate::{POW_VERSION, Puzzle, puzzle::zero_bits};

/// Tries one number after the other. Equal parts find equal proofs after equally many tries.
#[derive(Clone, Debug)]
pub struct Solver {
    work: TaggedHasher,
    epoch: u64,
    bits: u8,
    next: u64,
    tried: u64,
}

impl Solver {
    /// Begins with this number.
    pub fn new(puzzle: &Puzzle, start: u64) -> Self {
        Self::part(puzzle, start, (0, 1))
    }

    /// Begins one of several that share the work: each tries its own range of numbers, so that none
    /// does what another does. The ranges are so long that none comes to its end.
    ///
    /// - `start`: the first number of the first part.
    /// - `(part, parts)`: which of how many; 0 parts count as 1, and a part beyond them as the last.
    pub fn part(puzzle: &Puzzle, start: u64, (part, parts): (u32, u32)) -> Self {
        let parts = parts.max(1);
        let ahead = u64::MAX / u64::from(parts) * u64::from(part.min(parts - 1));
        let next = start.wrapping_add(ahead);
        Self { work: puzzle.work(), epoch: puzzle.epoch, bits: puzzle.bits, next, tried: 0 }
    }

    /// Tries so many numbers more, and returns the first that solves the puzzle. Called again after that, it
    /// looks for the next one.
    ///
    /// Cost: one compression of SHA-256 a try.
    pub fn step(&mut self, tries: u32) -> Option<Proof> {
        for _ in 0..tries {
            let nonce = self.next;
            self.next = nonce.wrapping_add(1);
            self.tried += 1;
            if zero_bits(self.work.clone(), nonce) >= self.bits {
                return Some(Proof { version: POW_VERSION, epoch: self.epoch, nonce });
            }
        }
        None
    }

    /// Returns how many numbers were tried. The whole takes `2^bits` in the mean, and in one of a
    /// hundred cases more than 4.6 times as many.
    pub const fn tried(&self) -> u64 {
        self.tried
    }
}
