//! The bytes of a vault: what stands in front, and where the sealed entries lie.

use ensign_identity::SignerKey;
use ensign_primitives::{Network, PeerId, UnixTime};
use sha2::{Digest as _, Sha256};

use crate::{Cost, CostError};

/// How a vault begins.
pub const MAGIC: [u8; 8] = *b"ensvault";
/// The version that this crate writes, and the only one that it reads.
pub(crate) const VERSION: u16 = 1;
const KDF_ARGON2ID: u8 = 1;
const CIPHER_XCHACHA20_POLY1305: u8 = 1;

/// Most entries. Guess: a node key, an archive, and more signer keys than anybody keeps.
pub const ENTRIES_MAX: usize = 64;
/// Most bytes of a file. Guess: an archive of a hundred groups of a hundred members is 3 MiB.
pub const FILE_BYTES_MAX: usize = 8 << 20;

pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const NONCE_BYTES: usize = 24;
pub(crate) const CHECK_BYTES: usize = 16;
/// Bytes that sealing adds to an entry.
pub(crate) const TAG_BYTES: usize = 16;
/// A compressed public key.
pub(crate) const NAME_BYTES: usize = 33;
const HEADER_BYTES: usize = 92;
const HEAD_BYTES: usize = 1 + NAME_BYTES + 4;
const CHECKSUM_BYTES: usize = 32;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// The keys that a home works with.
    Home,
    /// A copy to keep elsewhere.
    Backup,
    /// A signer key alone, for a process that only signs.
    Signer,
}

/// What an entry is, and for a key its public part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Node(PeerId),
    Signer(SignerKey),
    Archive,
}

/// One line of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) name: Name,
    /// Bytes before sealing.
    pub(crate) length: usize,
}

/// Everything in front of the sealed entries. Authenticated by each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) purpose: Purpose,
    pub(crate) network: Network,
    pub(crate) created: UnixTime,
    pub(crate) cost: Cost,
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) check: [u8; CHECK_BYTES],
    pub(crate) heads: Vec<Head>,
}

/// A byte of the header that stands for one of a few things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// What the file is for.
    Purpose,
    /// The chain.
    Network,
    /// How the key is derived.
    KeyDerivation,
    /// How entries are sealed.
    Cipher,
    /// What an entry is.
    EntryKind,
}

/// Why bytes are no vault that can be unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// They do not begin as a vault does.
    #[error("it is no vault: it does not begin with `ensvault`")]
    NotAVault,
    /// Another version wrote it; the checksum fits, so it is not damaged.
    #[error("it has version {seen} of the format, this program knows version {VERSION}")]
    Version {
        /// The version.
        seen: u16,
    },
    /// It was cut off or has grown.
    #[error("it has {seen} bytes instead of {expected}: it was cut off or added to")]
    Length {
        /// How many bytes there are.
        seen: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A byte has changed.
    #[error("its checksum does not fit: bytes have changed")]
    Checksum,
    /// Unlocking it would cost too much.
    #[error("it asks for too much work: {0}")]
    Cost(#[from] CostError),
    /// A byte has no meaning in this version.
    #[error("{field:?} {seen} is not known")]
    Unknown {
        /// Which.
        field: Field,
        /// Its value.
        seen: u8,
    },
    /// There are no entries, too many, or two of a kind that stands once.
    #[error("it has {seen} entries that do not go together, accepted are 1 to {ENTRIES_MAX}")]
    Entries {
        /// How many.
        seen: u8,
    },
    /// An entry's public key is none, or it has another length than its kind has.
    #[error("entry {index} is malformed")]
    Entry {
        /// Which, from 0.
        index: usize,
    },
}

impl FormatError {
    /// Tells whether the file has changed since it was written, by accident most likely.
    pub const fn is_damage(self) -> bool {
        matches!(self, Self::Length { .. } | Self::Checksum)
    }
}

impl Front {
    /// Returns the bytes in front of the sealed entries.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.front_bytes());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(narrow(self.file_bytes()).to_be_bytes());
        bytes.extend([purpose_id(self.purpose), self.network.id()]);
        bytes.extend(self.created.as_millis().to_be_bytes());
        bytes.push(KDF_ARGON2ID);
        bytes.extend(self.cost.memory_kib().to_be_bytes());
        bytes.extend(self.cost.passes().to_be_bytes());
        bytes.push(self.cost.lanes());
        bytes.extend(self.salt);
        bytes.push(CIPHER_XCHACHA20_POLY1305);
        bytes.extend(self.nonce);
        bytes.extend(self.check);
        bytes.push(u8::try_from(self.heads.len()).unwrap_or(u8::MAX));
        for head in &self.heads {
            let (kind, name) = head.name.to_bytes();
            bytes.push(kind);
            bytes.extend(name);
            bytes.extend(narrow(head.length).to_be_bytes());
        }
        bytes
    }

    fn front_bytes(&self) -> usize {
        HEADER_BYTES + HEAD_BYTES * self.heads.len()
    }

    /// Returns how long the whole file is.
    pub(crate) fn file_bytes(&self) -> usize {
        let sealed: usize = self.heads.iter().map(|head| head.length + TAG_BYTES).sum();
        self.front_bytes() + sealed + CHECKSUM_BYTES
    }

    /// Returns the index, the head and the sealed bytes of each entry.
    pub(crate) fn sealed<'a>(
        &'a self,
        file: &'a [u8],
    ) -> impl Iterator<Item = (u8, &'a Head, &'a [u8])> {
        let mut rest = file.get(self.front_bytes()..).unwrap_or_default();
        (0..).zip(&self.heads).map_while(move |(index, head)| {
            let (sealed, after) = rest.split_at_checked(head.length + TAG_BYTES)?;
            rest = after;
            Some((index, head, sealed))
        })
    }

    /// Reads a whole file, and checks everything that needs no passphrase.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, FormatError> {
        let begin = file.get(..MAGIC.len()).unwrap_or(file);
        if !MAGIC.starts_with(begin) {
            return Err(FormatError::NotAVault);
        }
        if file.len() < HEADER_BYTES + CHECKSUM_BYTES {
            let expected = HEADER_BYTES + CHECKSUM_BYTES;
            return Err(FormatError::Length { seen: file.len(), expected });
        }
        let (body, checksum) = file.split_at(file.len().saturating_sub(CHECKSUM_BYTES));
        let intact = checksum_of(body) == *checksum;
        let mut reader = Reader { rest: body, file_bytes: file.len() };
        let _magic: [u8; MAGIC.len()] = reader.array()?;
        let version = u16::from_be_bytes(reader.array()?);
        if version != VERSION && intact {
            return Err(FormatError::Version { seen: version });
        }
        let expected = widen(u32::from_be_bytes(reader.array()?));
        if version == VERSION && file.len() != expected {
            return Err(FormatError::Length { seen: file.len(), expected });
        }
        if !intact {
            return Err(FormatError::Checksum);
        }
        let front = reader.front()?;
        match front.file_bytes() {
            expected if expected == file.len() => Ok(front),
            expected => Err(FormatError::Length { seen: file.len(), expected }),
        }
    }
}

/// Takes one field after the other.
struct Reader<'a> {
    rest: &'a [u8],
    file_bytes: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let missing = N.saturating_sub(self.rest.len());
        let expected = self.file_bytes.saturating_add(missing);
        let short = FormatError::Length { seen: self.file_bytes, expected };
        let (taken, rest) = self.rest.split_first_chunk().ok_or(short)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn front(&mut self) -> Result<Front, FormatError> {
        let purpose = purpose_of(self.byte()?)?;
        let network = self.byte()?;
        let network = Network::ALL
            .into_iter()
            .find(|known| known.id() == network)
            .ok_or(FormatError::Unknown { field: Field::Network, seen: network })?;
        let created = UnixTime::from_millis(u64::from_be_bytes(self.array()?));
        self.expect(Field::KeyDerivation, KDF_ARGON2ID)?;
        let memory_kib = u32::from_be_bytes(self.array()?);
        let passes = u32::from_be_bytes(self.array()?);
        let cost = Cost::new(memory_kib, passes, self.byte()?)?;
        let salt = self.array()?;
        self.expect(Field::Cipher, CIPHER_XCHACHA20_POLY1305)?;
        let (nonce, check) = (self.array()?, self.array()?);
        let heads = self.heads()?;
        Ok(Front { purpose, network, created, cost, salt, nonce, check, heads })
    }

    fn expect(&mut self, field: Field, known: u8) -> Result<(), FormatError> {
        match self.byte()? {
            seen if seen == known => Ok(()),
            seen => Err(FormatError::Unknown { field, seen }),
        }
    }

    fn heads(&mut self) -> Result<Vec<Head>, FormatError> {
        let count = self.byte()?;
        if count == 0 || usize::from(count) > ENTRIES_MAX {
            return Err(FormatError::Entries { seen: count });
        }
        let heads = (0..count.into()).map(|index| self.head(index));
        let heads: Vec<Head> = heads.collect::<Result<_, _>>()?;
        if !go_together(&heads) {
            return Err(FormatError::Entries { seen: count });
        }
        Ok(heads)
    }

    fn head(&mut self, index: usize) -> Result<Head, FormatError> {
        let malformed = FormatError::Entry { index };
        let (kind, name) = (self.byte()?, self.array::<NAME_BYTES>()?);
        let length = widen(u32::from_be_bytes(self.array()?));
        let name = match kind {
            1 => Name::node(name).ok_or(malformed)?,
            2 => Name::Signer(SignerKey::from_bytes(&name).map_err(|_| malformed)?),
            3 if name == [0; NAME_BYTES] => Name::Archive,
            3 => return Err(malformed),
            seen => return Err(FormatError::Unknown { field: Field::EntryKind, seen }),
        };
        let fits = match name {
            Name::Node(_) | Name::Signer(_) => length == 32,
            Name::Archive => length <= FILE_BYTES_MAX,
        };
        if fits { Ok(Head { name, length }) } else { Err(malformed) }
    }
}

impl Name {
    fn node(bytes: [u8; NAME_BYTES]) -> Option<Self> {
        // Checks that it is a point; an x-only key stands for the one with an even y.
        SignerKey::from_bytes(&bytes).ok()?;
        let (even, x) = bytes.split_first()?;
        let x: [u8; 32] = x.try_into().ok()?;
        (*even == 2).then(|| Self::Node(PeerId::from_bytes(x)))
    }

    fn to_bytes(self) -> (u8, [u8; NAME_BYTES]) {
        match self {
            Self::Node(peer) => {
                let mut bytes = [2; NAME_BYTES];
                bytes.iter_mut().skip(1).zip(peer.as_bytes()).for_each(|(to, from)| *to = *from);
                (1, bytes)
            }
            Self::Signer(key) => (2, key.to_bytes()),
            Self::Archive => (3, [0; NAME_BYTES]),
        }
    }
}

/// At most one node key, at most one archive, no signer key twice.
pub(crate) fn go_together(heads: &[Head]) -> bool {
    let node = |head: &&Head| matches!(head.name, Name::Node(_));
    let twice = |(index, head): (usize, &Head)| {
        heads.iter().skip(index + 1).any(|other| other.name == head.name)
    };
    heads.iter().filter(node).count() <= 1 && !heads.iter().enumerate().any(twice)
}

/// Returns the checksum that ends a file: it tells accidents apart from a wrong passphrase.
pub(crate) fn checksum_of(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    Sha256::digest(body).into()
}

const fn purpose_id(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Home => 1,
        Purpose::Backup => 2,
        Purpose::Signer => 3,
    }
}

const fn purpose_of(id: u8) -> Result<Purpose, FormatError> {
    match id {
        1 => Ok(Purpose::Home),
        2 => Ok(Purpose::Backup),
        3 => Ok(Purpose::Signer),
        seen => Err(FormatError::Unknown { field: Field::Purpose, seen }),
    }
}

/// Lengths of files are bounded far below this.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
