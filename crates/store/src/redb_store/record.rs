//! How a record lies in redb: the time of its batch, a checksum, its bytes.
//!
//! redb verifies its pages when a store is opened and not when they are read later, so that each
//! record is checked when it is read.

use ensign_primitives::{UnixTime, sha256};

use crate::Table;

const HEAD_BYTES: usize = 16;

/// Returns the bytes that redb keeps.
pub(super) fn encode(table: Table, key: &[u8], written: UnixTime, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + value.len());
    bytes.extend_from_slice(&written.as_millis().to_be_bytes());
    bytes.extend_from_slice(&checksum(table, key, written, value));
    bytes.extend_from_slice(value);
    bytes
}

/// Reads them; `None` when they are not what was written.
pub(super) fn decode<'a>(
    table: Table,
    key: &[u8],
    bytes: &'a [u8],
) -> Option<(UnixTime, &'a [u8])> {
    let (written, rest) = bytes.split_first_chunk::<8>()?;
    let (check, value) = rest.split_first_chunk::<8>()?;
    let written = UnixTime::from_millis(u64::from_be_bytes(*written));
    (checksum(table, key, written, value) == *check).then_some((written, value))
}

/// Returns how long the value in them is.
pub(super) const fn value_len(bytes: &[u8]) -> usize {
    bytes.len().saturating_sub(HEAD_BYTES)
}

fn checksum(table: Table, key: &[u8], written: UnixTime, value: &[u8]) -> [u8; 8] {
    let place = [table.name().as_bytes(), &[0], key].concat();
    let parts = [&sha256(&place)[..], &written.as_millis().to_be_bytes(), value].concat();
    let [a, b, c, d, e, f, g, h, ..] = sha256(&parts);
    [a, b, c, d, e, f, g, h]
}
