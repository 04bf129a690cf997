//! Fields that are written back byte for byte where the crate `bitcoin` would say the same in
//! another way: taproot trees, whose leaves it puts in an order of its own, and an explicit
//! version 0, which it leaves out. A combiner that met both ways would see two values for one key.
//! And those that only PSBTs of version 2 have, which it does not know.

use std::collections::BTreeMap;

use bitcoin::Transaction;

use crate::layout::{self, Field, MAGIC, Map};
use crate::version2::{self, is_of_version_2};

const OUT_TAP_TREE: u8 = 0x06;
const GLOBAL_VERSION: u8 = 0xfb;

/// The pairs of such fields, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    version: Option<Vec<u8>>,
    /// By output.
    trees: BTreeMap<usize, Vec<u8>>,
    /// The fields of version 2, in order; `None` in version 0.
    later: Option<Vec<(Map, Vec<u8>)>>,
}

impl Kept {
    /// Keeps a field if it is one of those.
    pub(crate) fn take_in(&mut self, field: &Field<'_>) {
        match (field.map, field.key_type) {
            (Map::Global, GLOBAL_VERSION) => self.version = Some(field.raw.to_vec()),
            (map, key_type) if is_of_version_2(map, key_type) => {
                self.later.get_or_insert_default().push((map, field.raw.to_vec()));
            }
            (Map::Output(index), OUT_TAP_TREE) => {
                self.trees.insert(index, field.raw.to_vec());
            }
            _ => {}
        }
    }

    /// Notes that all is signed: where inputs and outputs could be added, they can no more.
    pub(crate) fn seal(&mut self) {
        for (map, raw) in self.later.iter_mut().flatten() {
            *raw = version2::sealed(*map, raw);
        }
    }

    /// Puts the fields into what `bitcoin` has written of a PSBT with this transaction.
    pub(crate) fn put_back(&self, written: Vec<u8>, tx: &Transaction) -> Vec<u8> {
        if *self == Self::default() {
            return written;
        }
        let written = self.put_back_in_version_0(written);
        match &self.later {
            None => written,
            Some(later) => version2::of_version_0(&written, tx, later),
        }
    }

    fn put_back_in_version_0(&self, written: Vec<u8>) -> Vec<u8> {
        // What stands at these places gives way; the places ascend.
        let (mut version_at, mut trees) = (MAGIC.len(), Vec::new());
        let walked = layout::walk(&written, |field| {
            let end = field.offset + field.raw.len();
            match field.map {
                // Fields of a map ascend by type.
                Map::Global if field.key_type < GLOBAL_VERSION => version_at = end,
                Map::Output(index) if field.key_type == OUT_TAP_TREE => {
                    trees.extend(self.trees.get(&index).map(|tree| (field.offset..end, tree)));
                }
                Map::Output(_) | Map::Input(_) | Map::Global => {}
            }
            Ok(())
        });
        debug_assert!(walked.is_ok(), "what was written reads back");
        // Version 2 writes its own.
        let version = self.version.iter().filter(|_| self.later.is_none());
        let version = version.map(|version| (version_at..version_at, version));
        let (mut whole, mut copied) = (Vec::with_capacity(written.len()), 0);
        for (place, field) in version.chain(trees) {
            whole.extend(written.get(copied..place.start).unwrap_or_default());
            whole.extend(field);
            copied = place.end;
        }
        whole.extend(written.get(copied..).unwrap_or_default());
        whole
    }
}
