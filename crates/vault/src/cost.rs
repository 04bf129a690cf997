//! What each guess of a passphrase costs: the parameters of Argon2id, and their bounds.

use std::fmt;

/// Most memory that a header may ask for, in KiB: 1 GiB.
///
/// Guess: four times [`Cost::STANDARD`], and still less than any machine has that runs a node.
pub const MEMORY_KIB_MAX: u32 = 1 << 20;

/// Most work that a header may ask for: memory times passes, in KiB, 8 GiB.
///
/// Bounds the time: ten times [`Cost::STANDARD`], 8 to 11 s on the machine of that measurement.
pub const WORK_KIB_MAX: u64 = 8 << 20;

/// Most lanes that a header may ask for. Guess: as many threads as one would spend on unlocking.
pub const LANES_MAX: u8 = 16;

/// Argon2 wants eight blocks of 1 KiB for each lane ([RFC 9106], section 3.1).
///
/// [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106#section-3.1
const KIB_PER_LANE_MIN: u32 = 8;

/// The cost of deriving a key from a passphrase by Argon2id, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u8,
}

/// Why parameters are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// More memory than [`MEMORY_KIB_MAX`], or less than Argon2 wants for its lanes.
    #[error("{seen} KiB of memory, accepted are {min} to {MEMORY_KIB_MAX}")]
    Memory {
        /// How much.
        seen: u32,
        /// How much at least.
        min: u32,
    },
    /// No pass, or memory times passes beyond [`WORK_KIB_MAX`].
    #[error(
        "{passes} passes over {memory_kib} KiB, accepted are 1 pass to {WORK_KIB_MAX} KiB in all"
    )]
    Passes {
        /// How many passes.
        passes: u32,
        /// Over how much memory.
        memory_kib: u32,
    },
    /// No lane, or more than [`LANES_MAX`].
    #[error("{seen} lanes, accepted are 1 to {LANES_MAX}")]
    Lanes {
        /// How many.
        seen: u8,
    },
}

impl Cost {
    /// What new files get: 256 MiB, 3 passes, 1 lane.
    ///
    /// Takes 0.63 to 0.71 s in a release build on a machine with two AMD EPYC cores, other work on
    /// both (up to 1.1 s in a debug build). The second recommended option of [RFC 9106, section 4],
    /// 64 MiB with 3 passes and 4 lanes, takes 0.16 to 0.20 s there: less than a person would wait,
    /// so memory is raised, which costs whoever builds a machine for guessing most. One lane,
    /// because this implementation runs lanes one after the other: more would help that machine
    /// only.
    ///
    /// [RFC 9106, section 4]: https://www.rfc-editor.org/rfc/rfc9106#section-4
    pub const STANDARD: Self = Self { memory_kib: 256 << 10, passes: 3, lanes: 1 };

    /// Takes parameters of Argon2id, version 0x13.
    ///
    /// - `memory_kib`: at least 8 per lane, at most [`MEMORY_KIB_MAX`].
    /// - `passes`: at least 1; times memory at most [`WORK_KIB_MAX`].
    /// - `lanes`: 1 to [`LANES_MAX`].
    ///
    /// # Errors
    ///
    /// [`CostError`] with the first number that is out of bounds.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u8) -> Result<Self, CostError> {
        if lanes == 0 || lanes > LANES_MAX {
            return Err(CostError::Lanes { seen: lanes });
        }
        let min = KIB_PER_LANE_MIN * lanes as u32;
        if memory_kib < min || memory_kib > MEMORY_KIB_MAX {
            return Err(CostError::Memory { seen: memory_kib, min });
        }
        if passes == 0 || memory_kib as u64 * passes as u64 > WORK_KIB_MAX {
            return Err(CostError::Passes { passes, memory_kib });
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Returns the memory, in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Returns the number of passes over the memory.
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Returns the number of lanes.
    pub const fn lanes(self) -> u8 {
        self.lanes
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_kib, passes, lanes } = self;
        match memory_kib % 1024 {
            0 => write!(f, "argon2id, {} MiB", memory_kib / 1024)?,
            _ => write!(f, "argon2id, {memory_kib} KiB")?,
        }
        write!(f, ", {passes} pass{}", if *passes == 1 { "" } else { "es" })?;
        write!(f, ", {lanes} lane{}", if *lanes == 1 { "" } else { "s" })
    }
}
