//! The open network at the next start: who answered, whom to dial first, and the work behind our position.
//!
//! All of it is hints: a row that cannot be read is none, and whoever is restored has to prove again who it is.

use core::net::{IpAddr, SocketAddr};
use std::{collections::BTreeSet, ops::ControlFlow};

use ensign_book::{ANCHORS_MAX, Kept, Note, Restored, TRIED_MAX};
use ensign_primitives::{Network, PeerId, UnixTime};
use ensign_store::{NEIGHBOURS_MAX, Place, Store, Table};
use ensign_wire::{NodeRecord, Proof};

use crate::{Entry, LedgerError};

// What the address book holds, the store keeps.
const _: () = assert!(TRIED_MAX <= NEIGHBOURS_MAX);

/// The first byte of each row.
const VERSION: u8 = 1;

/// Under which name the anchors lie.
const ANCHORS: &str = "anchors";

/// Under which name the work behind our position lies.
const POSITION: &str = "position";

/// Most looks at random points that are kept: as many as the hash table's estimate remembers, which its user asserts.
pub const LOOKS_MAX: usize = 16;

/// Under which name what was seen of the network's size lies.
const LOOKS: &str = "looks";

/// Keeps a note of the address book, or removes what a note before has kept.
pub fn neighbour(note: &Note<NodeRecord>) -> Entry {
    match note {
        Note::Kept(kept) => {
            Entry { place: Place::neighbour(&kept.record.peer()), value: Some(row_of(kept)) }
        }
        Note::Gone { peer } => Entry { place: Place::neighbour(peer), value: None },
        Note::Anchors(peers) => {
            let names = peers.iter().take(ANCHORS_MAX).flat_map(|peer| *peer.as_bytes());
            let value = core::iter::once(VERSION).chain(names).collect();
            Entry { place: Place::overlay(ANCHORS), value: Some(value) }
        }
    }
}

/// Keeps the work behind our position, in the place of the one before.
pub fn position(proof: Proof) -> Entry {
    let mut value = vec![VERSION, proof.version];
    value.extend(proof.epoch.to_be_bytes());
    value.extend(proof.nonce.to_be_bytes());
    Entry { place: Place::overlay(POSITION), value: Some(value) }
}

/// Keeps what the last looks at random points have shown, in the place of what was before.
///
/// - `at`: when the last of them was.
/// - `reaches`: of each, at most [`LOOKS_MAX`]; further ones are left out.
pub fn looks(at: UnixTime, reaches: &[u64]) -> Entry {
    let mut value = vec![VERSION];
    value.extend(at.as_millis().to_be_bytes());
    value.extend(reaches.iter().take(LOOKS_MAX).flat_map(|reach| reach.to_be_bytes()));
    Entry { place: Place::overlay(LOOKS), value: Some(value) }
}

/// Reads what the last looks have shown, and when.
pub(crate) fn read_looks(store: &dyn Store) -> Result<Option<(UnixTime, Vec<u64>)>, LedgerError> {
    let found = store.get(&Place::overlay(LOOKS))?;
    Ok(found.and_then(|found| {
        let mut row = Row::of(&found.value)?;
        let at = UnixTime::from_millis(row.number()?);
        let (reaches, rest) = row.0.as_chunks::<8>();
        let fits = rest.is_empty() && reaches.len() <= LOOKS_MAX;
        fits.then(|| (at, reaches.iter().map(|reach| u64::from_be_bytes(*reach)).collect()))
    }))
}

/// Reads the work behind our position. Whoever takes it checks it: the node's key or the epoch may be another.
pub(crate) fn read_position(store: &dyn Store) -> Result<Option<Proof>, LedgerError> {
    let found = store.get(&Place::overlay(POSITION))?;
    Ok(found.and_then(|found| {
        let mut row = Row::of(&found.value)?;
        let [version] = row.array()?;
        let proof = Proof { version, epoch: row.number()?, nonce: row.number()? };
        row.0.is_empty().then_some(proof)
    }))
}

/// Who answered in the open network, as the store has it: node records are not decoded yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    /// At most [`TRIED_MAX`], who answered longest ago first.
    kept: Vec<(PeerId, Kept<Vec<u8>>)>,
    /// At most [`ANCHORS_MAX`].
    anchors: Vec<PeerId>,
}

impl Neighbours {
    /// Reads them; of more than [`TRIED_MAX`] those who answered last.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`] when the store cannot be read.
    pub(crate) fn read(store: &dyn Store) -> Result<Self, LedgerError> {
        let mut latest = BTreeSet::new();
        store.scan(Table::Neighbours, &[], &mut |row| {
            let peer = row.key.try_into().ok().map(PeerId::from_bytes);
            if let (Some(peer), Some(kept)) = (peer, read_row(row.value)) {
                latest.insert((kept.reached_at, peer, kept.address, kept.record));
            }
            if latest.len() > TRIED_MAX {
                latest.pop_first();
            }
            ControlFlow::Continue(())
        })?;
        let kept = latest.into_iter().map(|(reached_at, peer, address, record)| {
            (peer, Kept { record, address, reached_at })
        });
        let anchors = store.get(&Place::overlay(ANCHORS))?;
        let anchors = anchors.and_then(|found| read_anchors(&found.value)).unwrap_or_default();
        Ok(Self { kept: kept.collect(), anchors })
    }

    /// Decodes them for a node on `network`. A record of another network is left out, and one of another node
    /// than the row is of; signatures and work are not verified.
    pub fn restored(&self, network: Network) -> Restored<NodeRecord> {
        let kept = self.kept.iter().filter_map(|(peer, kept)| {
            let record = NodeRecord::decode(&kept.record, network).ok()?;
            let kept = Kept { record, address: kept.address, reached_at: kept.reached_at };
            (kept.record.peer() == *peer).then_some(kept)
        });
        Restored { kept: kept.collect(), anchors: self.anchors.clone() }
    }
}

/// Encodes a row: version, when the node answered last, where, and its record.
fn row_of(kept: &Kept<NodeRecord>) -> Vec<u8> {
    let mut row = vec![VERSION];
    row.extend(kept.reached_at.as_millis().to_be_bytes());
    match kept.address.ip() {
        IpAddr::V4(ip) => {
            row.push(4);
            row.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            row.push(6);
            row.extend(ip.octets());
        }
    }
    row.extend(kept.address.port().to_be_bytes());
    row.extend(kept.record.encode());
    row
}

fn read_row(bytes: &[u8]) -> Option<Kept<Vec<u8>>> {
    let mut row = Row::of(bytes)?;
    let reached_at = UnixTime::from_millis(row.number()?);
    let ip: IpAddr = match row.array()? {
        [4] => row.array::<4>()?.into(),
        [6] => row.array::<16>()?.into(),
        [_] => return None,
    };
    let address = SocketAddr::new(ip, u16::from_be_bytes(row.array()?));
    Some(Kept { record: row.0.to_vec(), address, reached_at })
}

fn read_anchors(bytes: &[u8]) -> Option<Vec<PeerId>> {
    let (names, rest) = Row::of(bytes)?.0.as_chunks::<32>();
    let fits = rest.is_empty() && names.len() <= ANCHORS_MAX;
    fits.then(|| names.iter().map(|name| PeerId::from_bytes(*name)).collect())
}

/// What is left of a row.
struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    /// Begins to read; `None` for a row of another version.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == VERSION).then_some(Self(rest))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}
