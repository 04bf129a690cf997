//! Which place of which bucket somebody has: a keyed hash, so that nobody else can choose it.

use ensign_primitives::{Network, PeerId, TaggedHasher};

use crate::{
    Area, BUCKET_PLACES, NEW_BUCKETS, NEW_BUCKETS_PER_SOURCE, SAMPLE_CLASSES, TRIED_BUCKETS,
    TRIED_BUCKETS_PER_AREA,
};

/// One place in one bucket of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) bucket: u64,
    cell: u64,
}

/// The secret of one book.
#[derive(Clone)]
pub(crate) struct Secret(TaggedHasher);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn new(network: Network, secret: &[u8; 32]) -> Self {
        Self(TaggedHasher::new("ensign/book/v1", network).bytes(secret))
    }

    /// The place in *new*: what one source says of one area is in one bucket, and all that it says in a few.
    pub(crate) fn in_new(&self, peer: &PeerId, area: Area, source: Area) -> Place {
        let (area, source) = (area.bytes(), source.bytes());
        let spread = self.draw(1, &area, &source) % NEW_BUCKETS_PER_SOURCE;
        let bucket = self.draw(2, &source, &spread.to_le_bytes()) % NEW_BUCKETS;
        Place { bucket, cell: self.cell(3, bucket, peer) }
    }

    /// The place in *tried*: the nodes of one area are in a few buckets.
    pub(crate) fn in_tried(&self, peer: &PeerId, area: Area) -> Place {
        let spread = self.draw(4, peer.as_bytes(), &[]) % TRIED_BUCKETS_PER_AREA;
        let bucket = self.draw(5, &area.bytes(), &spread.to_le_bytes()) % TRIED_BUCKETS;
        Place { bucket, cell: self.cell(6, bucket, peer) }
    }

    /// The kind of an asker.
    pub(crate) fn class(&self, asker: Area) -> u64 {
        self.draw(7, &asker.bytes(), &[]) % SAMPLE_CLASSES
    }

    /// Where somebody stands in the order that one class of askers sees during one period.
    pub(crate) fn rank(&self, peer: &PeerId, class: u64, period: u64) -> u64 {
        let when = [class.to_le_bytes(), period.to_le_bytes()];
        self.draw(8, peer.as_bytes(), when.as_flattened())
    }

    fn cell(&self, use_of: u8, bucket: u64, peer: &PeerId) -> u64 {
        self.draw(use_of, &bucket.to_le_bytes(), peer.as_bytes()) % BUCKET_PLACES
    }

    fn draw(&self, use_of: u8, first: &[u8], second: &[u8]) -> u64 {
        let hash = self.0.clone().bytes(&[use_of]).var_bytes(first).var_bytes(second).finish();
        let mut number = [0; 8];
        number.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        u64::from_le_bytes(number)
    }
}
