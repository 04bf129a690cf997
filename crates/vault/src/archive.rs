//! Other files that travel with the keys: settings and groups.

use std::fmt;

/// Most files of an archive. Guess: settings, and a hundred groups ten times over.
pub const ARCHIVE_FILES_MAX: usize = 1024;

/// Small files by name, in the order in which they were added.
///
/// - A name has 1 to 255 bytes of UTF-8 and is never followed as a path here: the reader decides
///   which names it knows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Archive {
    files: Vec<(String, Vec<u8>)>,
}

/// Why files do not make an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Too many files.
    #[error("{seen} files, at most {ARCHIVE_FILES_MAX} go into an archive")]
    Files {
        /// How many.
        seen: usize,
    },
    /// A name is empty, too long, no UTF-8, or stands twice.
    #[error("file {index} of the archive has an unacceptable name")]
    Name {
        /// Which, from 0.
        index: usize,
    },
    /// The bytes end too early or go on too long.
    #[error("the archive does not hold together at byte {offset}")]
    Layout {
        /// Where, from 0.
        offset: usize,
    },
}

impl Archive {
    /// Adds a file.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Name`], [`ArchiveError::Files`].
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let index = self.files.len();
        if index >= ARCHIVE_FILES_MAX {
            return Err(ArchiveError::Files { seen: index + 1 });
        }
        let fits = (1..=usize::from(u8::MAX)).contains(&name.len());
        if !fits || self.files().any(|(known, _)| known == name) {
            return Err(ArchiveError::Name { index });
        }
        self.files.push((name.to_owned(), bytes));
        Ok(())
    }

    /// Returns names and contents.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut to = Vec::new();
        to.extend(u16::try_from(self.files.len()).unwrap_or(u16::MAX).to_be_bytes());
        for (name, bytes) in self.files() {
            to.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            to.extend(name.as_bytes());
            to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            to.extend(bytes);
        }
        to
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let mut reader = Reader { bytes, offset: 0 };
        let count = u16::from_be_bytes(reader.array()?).into();
        if count > ARCHIVE_FILES_MAX {
            return Err(ArchiveError::Files { seen: count });
        }
        let mut archive = Self::default();
        for index in 0..count {
            let [length] = reader.array()?;
            let name = str::from_utf8(reader.take(length.into())?);
            let name = name.map_err(|_| ArchiveError::Name { index })?;
            let length = u32::from_be_bytes(reader.array()?);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            archive.add(name, reader.take(length)?.to_vec())?;
        }
        if reader.offset < bytes.len() {
            return Err(ArchiveError::Layout { offset: reader.offset });
        }
        Ok(archive)
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files.iter().map(|(name, _)| name)).finish()
    }
}

/// Takes one field after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ArchiveError> {
        let end = self.offset.saturating_add(length);
        let taken = self.bytes.get(self.offset..end);
        let taken = taken.ok_or(ArchiveError::Layout { offset: self.offset })?;
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ArchiveError> {
        let offset = self.offset;
        self.take(N)?.try_into().map_err(|_| ArchiveError::Layout { offset })
    }
}
