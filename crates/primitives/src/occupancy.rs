//! How full a bounded collection is.

/// How full one bounded collection is, for whoever watches a component from outside.
///
/// A simulator checks after every event that each is within its limit; an operator sees which one
/// runs full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Which collection; the same on every call.
    pub name: &'static str,
    /// How much it holds now; in entries unless the name ends in another unit.
    pub len: usize,
    /// How much it may hold, in the same unit.
    pub limit: usize,
}

impl Occupancy {
    /// Returns whether the collection holds no more than it may.
    pub const fn is_within_limit(&self) -> bool {
        self.len <= self.limit
    }

    /// Raises `len` to `len` of another collection under the same name, when that holds more.
    #[must_use]
    pub fn or_fuller(self, len: usize) -> Self {
        Self { len: self.len.max(len), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_collection_is_within_its_limit_and_one_more_is_not() {
        let full = Occupancy { name: "places", len: 2, limit: 2 };
        assert!(full.is_within_limit());
        assert!(!full.or_fuller(3).is_within_limit());
        assert_eq!(full.or_fuller(1), full);
    }
}
