//! The append-only file of earlier versions, read once to fill a store.
//!
//! Layout: the line `ensign-journal-1`, then entries. An entry is its length (four bytes, little
//! endian), the first eight bytes of the SHA-256 of its content, and the content: one postcard
//! [`Record`]. A crash can tear the last entry only; opening cuts it off. Damage anywhere else is an
//! error, and nothing is overwritten.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use ensign_engine::Record;
use ensign_primitives::sha256;
use ensign_wire::PAYLOAD_BYTES_MAX;

const MAGIC: &[u8] = b"ensign-journal-1\n";
const ENTRY_HEADER_BYTES: usize = 12;
/// Most bytes of one entry: a payload and an announcement, with room.
const ENTRY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 256 * 1024;

/// A journal that is open; nobody else has it.
#[derive(Debug)]
pub(crate) struct Journal {
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the lock"))]
    file: File,
    #[cfg(test)]
    path: PathBuf,
}

/// Why a journal cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JournalError {
    /// The operating system refuses.
    #[error("{}: {kind}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// The file is no journal of this version.
    #[error("{} is no journal of this version", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Another journal of this or another process has the file.
    #[error("{} is in use", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// An entry before the last one is damaged; nothing was changed.
    #[error("{} is damaged at offset {offset}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the entry begins.
        offset: usize,
    },
}

impl Journal {
    /// Opens the file, makes it when missing, and reads every record in it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`], [`JournalError::NotAJournal`], [`JournalError::InUse`] or
    /// [`JournalError::Damaged`]; the file is unchanged then.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        let failed = |error: io::Error| io_error(path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        // A device or a pipe may have no end.
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(JournalError::NotAJournal { path: path.to_owned() });
        }
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        // A file shorter than its first line was torn while it was made.
        let whole = if MAGIC.starts_with(&bytes) {
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            file.write_all(MAGIC).map_err(failed)?;
            return finish_open(file, path, MAGIC.len(), Vec::new());
        } else {
            bytes.strip_prefix(MAGIC)
        };
        let entries = whole.ok_or_else(|| JournalError::NotAJournal { path: path.to_owned() })?;
        let (records, end) = read_entries(entries).map_err(|offset| JournalError::Damaged {
            path: path.to_owned(),
            offset: MAGIC.len() + offset,
        })?;
        finish_open(file, path, MAGIC.len() + end, records)
    }

    #[cfg(test)]
    pub(crate) fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), JournalError> {
        let mut bytes = Vec::new();
        for record in records {
            let entry = postcard::to_allocvec(record).unwrap_or_default();
            bytes.extend_from_slice(&(entry.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&checksum(&entry));
            bytes.extend_from_slice(&entry);
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(|error| io_error(&self.path, &error))
    }
}

/// Keeps every other journal off the file for as long as it is open. A file system without locks
/// cannot be asked.
fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(io_error(path, &error)),
    }
}

/// Cuts a torn tail off and makes the file's existence durable.
fn finish_open(
    mut file: File,
    path: &Path,
    end: usize,
    records: Vec<Record>,
) -> Result<(Journal, Vec<Record>), JournalError> {
    let failed = |error: io::Error| io_error(path, &error);
    file.set_len(end as u64).map_err(failed)?;
    file.seek(SeekFrom::Start(end as u64)).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    let journal = Journal {
        file,
        #[cfg(test)]
        path: path.to_owned(),
    };
    Ok((journal, records))
}

/// Reads entries up to a torn tail; returns them and where the last whole one ends, or the offset
/// of an entry that is damaged although others follow it.
fn read_entries(bytes: &[u8]) -> Result<(Vec<Record>, usize), usize> {
    let (mut records, mut offset) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(offset..).unwrap_or_default();
        let Some((header, after)) = rest.split_at_checked(ENTRY_HEADER_BYTES) else { break };
        let (length, sum) = header.split_at(4);
        let length = length.try_into().map_or(0, u32::from_le_bytes) as usize;
        let Some((content, following)) = after.split_at_checked(length) else {
            // A length that could never have been written is damage, not a torn write.
            if length > ENTRY_BYTES_MAX {
                return Err(offset);
            }
            break;
        };
        let record = (checksum(content) == *sum).then(|| postcard::from_bytes(content).ok());
        match record.flatten() {
            Some(record) => records.push(record),
            None if following.is_empty() => break,
            None => return Err(offset),
        }
        offset += ENTRY_HEADER_BYTES + length;
    }
    Ok((records, offset))
}

fn checksum(content: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(content);
    [a, b, c, d, e, f, g, h]
}

fn io_error(path: &Path, error: &io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), kind: error.kind() }
}

#[cfg(test)]
mod tests {
    use ensign_primitives::RequestId;

    use super::*;

    fn record(byte: u8) -> Record {
        Record::Joined {
            request: RequestId::from_bytes([byte; 32]),
            attempt: byte.into(),
            said: [3; 32],
        }
    }

    fn written(records: &[Record]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, found) = Journal::open(&path).unwrap();
        assert_eq!(found, []);
        journal.append(records).unwrap();
        (folder, path)
    }

    #[test]
    fn records_come_back_in_order() {
        let records = [record(1), record(2), record(3)];
        let (_folder, path) = written(&records);
        assert_eq!(Journal::open(&path).unwrap().1, records);
    }

    #[test]
    fn file_cut_at_any_byte_keeps_every_whole_record_and_goes_on() {
        let (_folder, path) = written(&[record(1), record(2)]);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (mut journal, found) = Journal::open(&path).unwrap();
            assert!([record(1), record(2)].starts_with(&found), "cut at {length}");
            journal.append(&[record(9)]).unwrap();
            drop(journal);
            let expected = [found, vec![record(9)]].concat();
            assert_eq!(Journal::open(&path).unwrap().1, expected, "cut at {length}");
        }
    }

    #[test]
    fn flipped_byte_in_a_record_that_others_follow_is_named_and_nothing_changes() {
        let (_folder, path) = written(&[record(1), record(2)]);
        let whole = std::fs::read(&path).unwrap();
        let first = MAGIC.len() + ENTRY_HEADER_BYTES;
        let mut damaged = whole.clone();
        damaged[first] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert_eq!(error, JournalError::Damaged { path: path.clone(), offset: MAGIC.len() });
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }

    #[test]
    fn file_that_another_journal_has_open_is_refused() {
        let (_folder, path) = written(&[record(1)]);
        let open = Journal::open(&path).unwrap();
        assert_eq!(Journal::open(&path).err(), Some(JournalError::InUse { path: path.clone() }));
        drop(open);
        assert_eq!(Journal::open(&path).unwrap().1, [record(1)]);
    }

    #[cfg(unix)]
    #[test]
    fn device_is_refused_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        assert_eq!(Journal::open(&path).err(), Some(JournalError::NotAJournal { path }));
    }

    #[test]
    fn folder_that_is_missing_is_an_error_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("journal");
        let kind = io::ErrorKind::NotFound;
        assert_eq!(Journal::open(&path).err(), Some(JournalError::Io { path, kind }));
    }

    #[test]
    fn foreign_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        std::fs::write(&path, "my notes, longer than the first line").unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::NotAJournal { .. })));
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("my notes"));
    }
}
