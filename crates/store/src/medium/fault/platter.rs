//! What lies on the disk: durable bytes, and changes that a crash may take.

use std::{collections::BTreeMap, io};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng as _;

use super::SECTOR_BYTES;

/// The files of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum File {
    Data,
    Fresh,
    Mark,
    FreshMark,
}

/// A change of one file.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Bytes at a place; the file grows when it must.
    Write { offset: u64, bytes: Vec<u8> },
    /// Another length; what is new is zero.
    Length(u64),
    /// Another content.
    Replace(Vec<u8>),
    /// Takes the place of this file, with the content of another one, which is gone then.
    Take(File),
}

type Files = BTreeMap<File, Vec<u8>>;

#[derive(Debug, Default)]
pub(super) struct Platter {
    durable: Files,
    /// What a read sees.
    live: Files,
    pending: Vec<(File, Change)>,
}

impl Platter {
    pub(super) fn change(&mut self, file: File, change: Change) {
        apply(&mut self.live, file, &change);
        self.pending.push((file, change));
    }

    /// Makes the changes of one file durable, in their order.
    pub(super) fn flush(&mut self, file: File) {
        for (of, change) in std::mem::take(&mut self.pending) {
            if of == file {
                apply(&mut self.durable, of, &change);
            } else {
                self.pending.push((of, change));
            }
        }
    }

    /// Keeps a random part of what is not durable: of a write each sector by itself, of the rest all
    /// or nothing.
    pub(super) fn crash(&mut self, chance: &mut ChaCha20Rng) {
        for (file, change) in std::mem::take(&mut self.pending) {
            match change {
                Change::Write { offset, bytes } => {
                    for (sector, part) in sectors(offset, &bytes) {
                        if heads(chance) && self.durable.contains_key(&file) {
                            let change = Change::Write { offset: sector, bytes: part.to_vec() };
                            apply(&mut self.durable, file, &change);
                        }
                    }
                }
                // A rename is seen only with the content that was flushed before it.
                whole @ (Change::Length(_) | Change::Replace(_) | Change::Take(_)) => {
                    if heads(chance) {
                        apply(&mut self.durable, file, &whole);
                    }
                }
            }
        }
        self.live = self.durable.clone();
    }

    pub(super) fn put_back(&mut self, file: File, content: Option<Vec<u8>>) {
        self.pending.retain(|(of, _)| *of != file);
        for files in [&mut self.durable, &mut self.live] {
            match &content {
                Some(bytes) => files.insert(file, bytes.clone()),
                None => files.remove(&file),
            };
        }
    }

    pub(super) fn now(&self, file: File) -> Option<Vec<u8>> {
        self.live.get(&file).cloned()
    }

    pub(super) fn length(&self, file: File) -> Option<u64> {
        self.live.get(&file).map(|bytes| bytes.len() as u64)
    }

    pub(super) fn read(&self, file: File, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.live.get(&file).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = start..start.saturating_add(out.len());
        out.copy_from_slice(bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fn heads(chance: &mut ChaCha20Rng) -> bool {
    chance.next_u32().is_multiple_of(2)
}

/// Cuts a write where the sectors of the disk begin.
fn sectors(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let (mut at, mut rest) = (offset, bytes);
    std::iter::from_fn(move || {
        let room = SECTOR_BYTES - (at % SECTOR_BYTES as u64) as usize;
        let (part, after) = rest.split_at(room.min(rest.len()));
        let sector = at;
        (at, rest) = (at + part.len() as u64, after);
        (!part.is_empty()).then_some((sector, part))
    })
}

fn apply(files: &mut Files, file: File, change: &Change) {
    match change {
        Change::Write { offset, bytes } => {
            let content = files.entry(file).or_default();
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(bytes.len());
            content.resize(content.len().max(end), 0);
            if let Some(target) = content.get_mut(start..end) {
                target.copy_from_slice(bytes);
            }
        }
        Change::Length(length) => {
            let length = usize::try_from(*length).unwrap_or(usize::MAX);
            files.entry(file).or_default().resize(length, 0);
        }
        Change::Replace(bytes) => {
            files.insert(file, bytes.clone());
        }
        Change::Take(from) => {
            if let Some(bytes) = files.remove(from) {
                files.insert(file, bytes);
            }
        }
    }
}
