//! The keys of one pair, one direction and one day.

use alloc::vec::Vec;
use core::{fmt, net::SocketAddr, time::Duration};

use chacha20poly1305::{
    ChaCha20Poly1305, Key as CipherKey, Nonce,
    aead::{AeadInOut as _, KeyInit as _},
};
use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime};
use ensign_wire::{
    DHT_RECORD_LIFETIME_MAX, DhtRecord, Key, Published, RECORD_CLOCK_AHEAD_MAX, RENDEZVOUS_BYTES,
    RecordKind,
};
use zeroize::{Zeroize as _, Zeroizing};

use crate::addresses::{self, PLAIN_BYTES};

/// How long one key is used, counted from 1970. The design: a day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of a nonce. RFC 8439, 2.3.
const NONCE_BYTES: usize = 12;
/// Bytes of a tag. RFC 8439, 2.5.
const TAG_BYTES: usize = 16;

const _: () = assert!(NONCE_BYTES + PLAIN_BYTES + TAG_BYTES == RENDEZVOUS_BYTES);

/// By which one node publishes for another one on one day, and that one reads. Move-only, never printed.
pub struct DayKey {
    network: Network,
    publisher: NodeKey,
    seal: Zeroizing<[u8; 32]>,
}

impl DayKey {
    /// Derives the key by which we publish for `reader`; `None` when that is no point on the curve.
    pub fn ours(me: &NodeKey, network: Network, reader: &PeerId, day: u64) -> Option<Self> {
        Self::derive((me, reader), network, [&me.peer_id(), reader], day)
    }

    /// Derives the key by which `publisher` publishes for us; `None` when that is no point on the curve.
    pub fn theirs(me: &NodeKey, network: Network, publisher: &PeerId, day: u64) -> Option<Self> {
        Self::derive((me, publisher), network, [publisher, &me.peer_id()], day)
    }

    fn derive(
        (me, other): (&NodeKey, &PeerId),
        network: Network,
        [publisher, reader]: [&PeerId; 2],
        day: u64,
    ) -> Option<Self> {
        let shared = me.shared_secret(other)?;
        let root = TaggedHasher::new("ensign/rendezvous/v1", network)
            .bytes(shared.dangerous_bytes())
            .bytes(publisher.as_bytes())
            .bytes(reader.as_bytes())
            .u64(day);
        let root = Zeroizing::new(root.finish());
        let of = |tag| TaggedHasher::new(tag, network).bytes(&*root).finish();
        // All but one in 2^128 are keys.
        let publisher = NodeKey::from_secret_bytes(of("ensign/rendezvous-publisher/v1")).ok()?;
        let seal = Zeroizing::new(of("ensign/rendezvous-seal/v1"));
        Some(Self { network, publisher, seal })
    }

    /// Returns where the record lies.
    pub fn key(&self) -> Key {
        Key::of(self.network, RecordKind::RENDEZVOUS, &self.publisher.peer_id(), 0)
    }

    /// Seals and signs where we are; `None` when there is no address that can be dialled. Of many addresses the first
    /// [`ADDRESSES_PER_RENDEZVOUS_MAX`](crate::ADDRESSES_PER_RENDEZVOUS_MAX) are said.
    ///
    /// - `seq`: above that of the record before, above 0.
    pub fn seal(&self, (seq, at): (u64, UnixTime), to: &[SocketAddr]) -> Option<DhtRecord> {
        let plain = addresses::encode(to)?;
        let nonce = TaggedHasher::new("ensign/rendezvous-nonce/v1", self.network)
            .bytes(&*self.seal)
            .u64(seq)
            .bytes(&plain)
            .finish();
        let nonce: [u8; NONCE_BYTES] = *nonce.first_chunk()?;
        let mut sealed = Vec::with_capacity(RENDEZVOUS_BYTES);
        sealed.extend(plain);
        self.cipher().encrypt_in_place(&Nonce::from(nonce), &[], &mut sealed).ok()?;
        let body = [nonce.as_slice(), &sealed].concat();
        let expires = at.after(DHT_RECORD_LIFETIME_MAX);
        let said = Published { kind: RecordKind::RENDEZVOUS, slot: 0, expires, body };
        DhtRecord::new(&self.publisher, self.network, (seq, at), said).ok()
    }

    /// Returns where the other node says that it is; `None` when the record is not its, or was changed. Its signature
    /// need not be verified before.
    pub fn open(&self, record: &DhtRecord) -> Option<Vec<SocketAddr>> {
        if record.key() != self.key() {
            return None;
        }
        let (nonce, sealed) = record.said().body.split_first_chunk::<NONCE_BYTES>()?;
        let mut plain = sealed.to_vec();
        self.cipher().decrypt_in_place(&Nonce::from(*nonce), &[], &mut plain).ok()?;
        if plain.len() != PLAIN_BYTES {
            return None;
        }
        addresses::decode(&plain)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        let mut key = CipherKey::from(*self.seal);
        let cipher = ChaCha20Poly1305::new(&key);
        key.zeroize();
        cipher
    }
}

impl fmt::Debug for DayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DayKey(secret)")
    }
}

/// Returns the number of the day of which a moment is.
pub const fn day(at: UnixTime) -> u64 {
    at.as_millis() / DAY.as_millis() as u64
}

/// Returns the days whose records may hold at a moment, of which at most two are: this one first, yesterday while what
/// was published before midnight holds, tomorrow while a clock that is ahead may say that it has begun.
pub fn days_of_interest(now: UnixTime) -> impl Iterator<Item = u64> {
    let today = day(now);
    // A clock that is behind publishes for yesterday after midnight too.
    let behind = (DHT_RECORD_LIFETIME_MAX + RECORD_CLOCK_AHEAD_MAX).as_millis() as u64;
    let behind = UnixTime::from_millis(now.as_millis().saturating_sub(behind));
    let others = [day(behind), day(now.after(RECORD_CLOCK_AHEAD_MAX))];
    core::iter::once(today).chain(others.into_iter().filter(move |it| *it != today))
}
