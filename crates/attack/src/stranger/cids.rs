//! An observer who reads connection ids in passing, and wants to know which belong to one node.
//!
//! quinn's hashed ids are three random bytes and five of a multiplicative hash of a fixed key with
//! them. The hash is linear: whoever multiplies the random part out holds a constant of the key.

use std::{hash::Hasher as _, sync::PoisonError};

use anyhow::Result;
use rustc_hash::FxHasher;

use super::relay::{ID_BYTES, Relay};
use crate::{
    figures::{Figure, Findings},
    line::{Caller, Door, Ears, stranger},
    scene::Scene,
};

/// Pairs of neighbouring ids that are looked at.
const PAIRS: usize = 1000;
/// How many of an id's bytes are random in the clear.
const NONCE_BYTES: usize = 3;
/// By how much the hash is rotated at its end.
const ROTATION: u32 = 26;
/// Bits of the hash that an id shows: the lowest of the rotated value.
const SHOWN_BITS: u32 = 40;
/// Bits below those that come out of the top of the value.
const LOW_BITS: u32 = SHOWN_BITS - ROTATION;

/// Collects ids from handshakes that pass by, and counts pairs with one constant.
///
/// # Errors
///
/// Fails if the system refuses a socket.
pub(crate) async fn cids(scene: &mut Scene<'_>) -> Result<Findings> {
    let door = scene.door();
    let relay = Relay::start(door.address).await?;
    let caller = Caller::bind(&door, super::FIRST_ADDRESS)?;
    let passing = Door { address: relay.address, ..door };
    while scene.left(std::time::Duration::MAX) > std::time::Duration::ZERO {
        if relay.ids.lock().unwrap_or_else(PoisonError::into_inner).len() > PAIRS {
            break;
        }
        // Only the first packets are of interest.
        if let Ok(connection) = caller.handshake(&passing, &stranger(&door)?, Ears::Open).await {
            connection.close(0_u32.into(), &[]);
        }
    }
    let ids: Vec<_> =
        relay.ids.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    let pairs = ids.iter().zip(ids.iter().skip(1)).take(PAIRS);
    let (mut seen, mut linked) = (0_u32, 0_u32);
    for (one, other) in pairs {
        seen += 1;
        linked += u32::from(are_linked(one, other));
    }
    let mut findings = Findings::default();
    findings.note("pairs of ids", f64::from(seen));
    if seen > 0 {
        findings.set(Figure::LinkedPairs, f64::from(linked));
    }
    Ok(findings)
}

/// What an id tells about its maker's constant: its lowest bits, and its highest up to a carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace {
    low: u64,
    high: u64,
}

fn trace(id: &[u8; ID_BYTES]) -> Trace {
    let nonce = id.get(..NONCE_BYTES).unwrap_or_default();
    let shown = id.iter().skip(NONCE_BYTES).rev().fold(0, |all, &byte| all << 8 | u64::from(byte));
    // With key zero the hash is the share of the random part alone.
    let mut hasher = FxHasher::default();
    hasher.write_u64(0);
    hasher.write(nonce);
    let share = hasher.finish().rotate_right(ROTATION);
    let top = 64 - ROTATION;
    let (shown_high, shown_low) = (shown & ((1 << ROTATION) - 1), shown >> ROTATION);
    Trace {
        low: shown_low.wrapping_sub(share) & ((1 << LOW_BITS) - 1),
        high: shown_high.wrapping_sub(share >> top) & ((1 << ROTATION) - 1),
    }
}

/// Whether one node made both.
fn are_linked(one: &[u8; ID_BYTES], other: &[u8; ID_BYTES]) -> bool {
    let (one, other) = (trace(one), trace(other));
    let apart = one.high.wrapping_sub(other.high) & ((1 << ROTATION) - 1);
    one.low == other.low && (apart <= 1 || apart == (1 << ROTATION) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As quinn makes them.
    fn hashed(key: u64, nonce: u32) -> [u8; ID_BYTES] {
        let mut id = [0; ID_BYTES];
        id[..NONCE_BYTES].copy_from_slice(&nonce.to_le_bytes()[..NONCE_BYTES]);
        let mut hasher = FxHasher::default();
        hasher.write_u64(key);
        hasher.write(&id[..NONCE_BYTES]);
        id[NONCE_BYTES..].copy_from_slice(&hasher.finish().to_le_bytes()[..ID_BYTES - NONCE_BYTES]);
        id
    }

    #[test]
    fn hashed_ids_of_one_key_are_linked_and_of_two_are_not() {
        for nonce in (1..2000).map(|number| number * 7919) {
            let one = hashed(0x0123_4567_89ab_cdef, nonce);
            assert!(are_linked(&one, &hashed(0x0123_4567_89ab_cdef, nonce + 1)), "{nonce}");
            assert!(!are_linked(&one, &hashed(0xfedc_ba98_7654_3210, nonce)), "{nonce}");
        }
    }

    #[test]
    fn ids_without_a_key_are_not_linked() {
        let ids: Vec<[u8; ID_BYTES]> = (0..2000_u64)
            .map(|seed| ensign_primitives::sha256(&seed.to_le_bytes())[..8].try_into().unwrap())
            .collect();
        assert!(ids.windows(2).all(|pair| !are_linked(&pair[0], &pair[1])));
    }
}
