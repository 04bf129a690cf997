//! Tells a store that goes on from one that was restored, copied or moved.
//!
//! Each opening begins a generation: an epoch that counts up and a random mark. The generation stands in
//! the data file and in the mark file beside it. Opening compares the two and then begins the next
//! generation in three steps:
//!
//! 1. The mark file is replaced: the new generation, and the one that the data file still has.
//! 2. The new generation is committed to the data file, together with the mark file's [`Witness`].
//! 3. The first note is written to the mark file: from here on the old generation does not count.
//!
//! While the store is open, each commit is counted in the data file and, once durable, in the note.
//!
//! | crash | mark file | data file | next opening |
//! |---|---|---|---|
//! | before 1 | old, noted | old | as it would have been |
//! | after 1 | new, no note | old, which the mark file names | as it would have been: nothing was done in the new generation |
//! | after 2 | new, no note | new | goes on: nothing was done in between |
//! | after 3 | new, noted | new | goes on |
//! | of the machine, later | a note that may be late | new | goes on: a data file may be ahead of its note |
//!
//! What was found is kept in both files until the caller says that it has acted on it
//! ([`RedbStore::acknowledge`](crate::RedbStore::acknowledge)), so that a crash in between does not
//! forget it.

use ensign_primitives::sha256;

use crate::medium::{NOTE_OFFSET, Witness};

/// What opening a store found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// There was none.
    New,
    /// It is as it was left.
    Continued,
    /// The data is older than what was seen: a backup was restored, or a disk lost what it had
    /// promised to keep.
    RolledBack {
        /// The generation of the data, 0 when there is no data.
        store_epoch: u64,
        /// The newest generation that is known; `None` when the mark file is gone.
        seen_epoch: Option<u64>,
    },
    /// Data and mark file fit together and are copies: a backup of the whole folder was restored, or
    /// the folder was copied.
    Copied,
    /// The folder was made on another machine, and the caller allowed its use here.
    Moved,
}

impl Opening {
    /// Whether something may have happened that the store does not know, so that every attempt it
    /// knows of, and attempts it does not know of, must count as begun.
    pub const fn may_have_missed(self) -> bool {
        match self {
            Self::New | Self::Continued => false,
            Self::RolledBack { .. } | Self::Copied | Self::Moved => true,
        }
    }
}

/// A generation as the data file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) epoch: u64,
    pub(crate) mark: [u8; 32],
    pub(crate) machine: [u8; 32],
    pub(crate) witness: Option<Witness>,
    /// What is not acted on yet.
    pub(crate) found: Opening,
}

/// The mark file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MarkFile {
    pub(crate) generation: Generation,
    /// The generation that the data file had before, and its commits.
    pub(crate) previous: Option<(u64, [u8; 32], u64)>,
    /// How many commits were seen in this generation; `None` before step 3.
    pub(crate) seen: Option<u64>,
}

/// What the two files say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    /// The data file's generation, and its commits.
    pub(crate) data: Option<(Generation, u64)>,
    pub(crate) mark: Option<MarkFile>,
    /// What the system says about the mark file.
    pub(crate) witness: Option<Witness>,
    pub(crate) machine: [u8; 32],
}

/// Compares what the two files say.
pub(crate) fn judge(sight: &Sight) -> Opening {
    let Some((data, commits)) = sight.data else {
        return match sight.mark {
            // A crash in step 1 of the very first opening.
            None | Some(MarkFile { previous: None, seen: None, .. }) => Opening::New,
            Some(mark) => {
                Opening::RolledBack { store_epoch: 0, seen_epoch: Some(mark.generation.epoch) }
            }
        };
    };
    if data.machine != sight.machine {
        return Opening::Moved;
    }
    let Some(mark) = sight.mark else {
        return Opening::RolledBack { store_epoch: data.epoch, seen_epoch: None };
    };
    let seen_epoch = Some(mark.generation.epoch.max(data.epoch));
    let rolled_back = Opening::RolledBack { store_epoch: data.epoch, seen_epoch };
    let is_current = (data.epoch, data.mark) == (mark.generation.epoch, mark.generation.mark);
    match (is_current, mark.seen, mark.previous) {
        (true, seen, _) if commits < seen.unwrap_or(0) => rolled_back,
        (true, ..) if is_copy(data.witness, sight.witness) => Opening::Copied,
        (true, ..) => data.found.pending(),
        (false, None, Some((epoch, previous, seen)))
            if (epoch, previous) == (data.epoch, data.mark) && commits >= seen =>
        {
            mark.generation.found.pending()
        }
        (false, ..) => rolled_back,
    }
}

/// A system that says nothing about a file cannot be asked.
fn is_copy(then: Option<Witness>, now: Option<Witness>) -> bool {
    matches!((then, now), (Some(then), Some(now)) if then != now)
}

impl Opening {
    /// What an opening finds that finds nothing new.
    pub(crate) const fn pending(self) -> Self {
        match self {
            Self::New => Self::Continued,
            found @ (Self::Continued | Self::RolledBack { .. } | Self::Copied | Self::Moved) => {
                found
            }
        }
    }

    fn encode(self) -> [u8; 24] {
        let (kind, store, seen) = match self {
            Self::New => (0, 0, None),
            Self::Continued => (1, 0, None),
            Self::RolledBack { store_epoch, seen_epoch } => (2, store_epoch, seen_epoch),
            Self::Copied => (3, 0, None),
            Self::Moved => (4, 0, None),
        };
        let mut writer = Writer::default();
        writer.put(&[kind, u8::from(seen.is_some()), 0, 0, 0, 0, 0, 0]);
        writer.number(store);
        writer.number(seen.unwrap_or(0));
        writer.exactly()
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let [kind, seen_known, ..] = reader.array::<8>()?;
        let (store_epoch, seen) = (reader.number()?, reader.number()?);
        match kind {
            0 => Some(Self::New),
            1 => Some(Self::Continued),
            2 => Some(Self::RolledBack {
                store_epoch,
                seen_epoch: (seen_known == 1).then_some(seen),
            }),
            3 => Some(Self::Copied),
            4 => Some(Self::Moved),
            _ => None,
        }
    }
}

impl Generation {
    /// Bytes of [`encode`](Self::encode).
    const BYTES: usize = 8 + 32 + 32 + 24 + 24;

    pub(crate) fn encode(&self) -> [u8; Self::BYTES] {
        let mut writer = Writer::default();
        writer.number(self.epoch);
        writer.put(&self.mark);
        writer.put(&self.machine);
        writer.number(u64::from(self.witness.is_some()));
        writer.number(self.witness.map_or(0, |witness| witness.number));
        writer.number(self.witness.map_or(0, |witness| witness.made));
        writer.put(&self.found.encode());
        writer.exactly()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read(&mut Reader(bytes))
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (epoch, mark, machine) = (reader.number()?, reader.array()?, reader.array()?);
        let known = reader.number()? == 1;
        let witness = Witness { number: reader.number()?, made: reader.number()? };
        let found = Opening::decode(reader)?;
        Some(Self { epoch, mark, machine, witness: known.then_some(witness), found })
    }
}

const MAGIC: &[u8; 16] = b"ensign-mark-1\n\0\0";
const CHECK_BYTES: usize = 16;
const NOTE_BYTES: usize = 24;

impl MarkFile {
    /// Returns the file as step 1 writes it: the note is not part of it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.put(MAGIC);
        writer.put(&self.generation.encode());
        let (epoch, mark, commits) = self.previous.unwrap_or_default();
        writer.number(u64::from(self.previous.is_some()));
        writer.number(epoch);
        writer.put(&mark);
        writer.number(commits);
        let check = check::<CHECK_BYTES>(&writer.0);
        writer.put(&check);
        let mut bytes = writer.0;
        bytes.resize(NOTE_OFFSET as usize + NOTE_BYTES, 0);
        bytes
    }

    /// Reads a file; `None` when it is damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.array::<16>()? != *MAGIC {
            return None;
        }
        let generation = Generation::read(&mut reader)?;
        let known = reader.number()? == 1;
        let previous = (reader.number()?, reader.array()?, reader.number()?);
        let body = bytes.get(..bytes.len() - reader.0.len())?;
        if check::<CHECK_BYTES>(body) != reader.array()? {
            return None;
        }
        let seen = bytes.get(NOTE_OFFSET as usize..).and_then(|note| read_note(&generation, note));
        Some(Self { generation, previous: known.then_some(previous), seen })
    }
}

/// Returns the note for a number of commits.
pub(crate) fn note(generation: &Generation, commits: u64) -> [u8; NOTE_BYTES] {
    let mut writer = Writer::default();
    writer.number(commits);
    let body = [&generation.mark, writer.0.as_slice()].concat();
    writer.put(&check::<16>(&body));
    writer.exactly()
}

fn read_note(generation: &Generation, bytes: &[u8]) -> Option<u64> {
    let commits = Reader(bytes).number()?;
    (bytes.get(..NOTE_BYTES)? == note(generation, commits)).then_some(commits)
}

fn check<const N: usize>(bytes: &[u8]) -> [u8; N] {
    sha256(bytes).first_chunk().copied().unwrap_or([0; N])
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.put(&number.to_be_bytes());
    }

    /// Returns what was written, as long as its array.
    fn exactly<const N: usize>(&self) -> [u8; N] {
        debug_assert_eq!(self.0.len(), N, "a layout that does not fill its array");
        self.0.first_chunk().copied().unwrap_or([0; N])
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}
