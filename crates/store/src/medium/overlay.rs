//! A file that keeps its writes in memory, so that checking it changes nothing.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

const BLOCK_BYTES: u64 = 4096;

/// What is written goes to memory, in blocks; what is read comes from there or from the file below.
pub(crate) struct Overlay {
    below: Arc<dyn StorageBackend>,
    above: Mutex<Above>,
}

struct Above {
    length: u64,
    /// How much of the file below still counts: a cut stays a cut.
    below_length: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(crate) fn new(below: Arc<dyn StorageBackend>) -> io::Result<Self> {
        let length = below.len()?;
        let above = Above { length, below_length: length, blocks: BTreeMap::new() };
        Ok(Self { below, above: Mutex::new(above) })
    }

    fn above(&self) -> MutexGuard<'_, Above> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the block as it is now, zero where there is nothing.
    fn block(&self, above: &Above, index: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = above.blocks.get(&index) {
            return Ok(block.clone());
        }
        let start = index * BLOCK_BYTES;
        let there = above.below_length.saturating_sub(start).min(BLOCK_BYTES);
        let mut block = vec![0; BLOCK_BYTES as usize];
        if let Some(part) = block.get_mut(..there as usize).filter(|part| !part.is_empty()) {
            self.below.read(start, part)?;
        }
        Ok(block)
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").finish_non_exhaustive()
    }
}

/// Cuts a range into pieces that lie in one block each: block, offset in it, length.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + length as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        let inside = at % BLOCK_BYTES;
        let piece = (BLOCK_BYTES - inside).min(end.checked_sub(at)?);
        let block = at / BLOCK_BYTES;
        at += piece;
        (piece > 0).then_some((block, inside as usize, piece as usize))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.above().length)
    }

    fn read(&self, offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        let above = self.above();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > above.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (index, inside, length) in pieces(offset, out.len()) {
            let block = self.block(&above, index)?;
            let (piece, rest) = out.split_at_mut(length);
            piece.copy_from_slice(block.get(inside..inside + length).unwrap_or_default());
            out = rest;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut above = self.above();
        above.below_length = above.below_length.min(length);
        above.length = length;
        // What lies behind the end is gone, also when the file grows again.
        let last = length / BLOCK_BYTES;
        above.blocks.retain(|index, _| *index <= last);
        if let Some(block) = above.blocks.get_mut(&last) {
            block.iter_mut().skip((length % BLOCK_BYTES) as usize).for_each(|byte| *byte = 0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        let mut above = self.above();
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > above.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (index, inside, length) in pieces(offset, data.len()) {
            let mut block = self.block(&above, index)?;
            let (piece, rest) = data.split_at(length);
            if let Some(target) = block.get_mut(inside..inside + length) {
                target.copy_from_slice(piece);
            }
            above.blocks.insert(index, block);
            data = rest;
        }
        Ok(())
    }
}
