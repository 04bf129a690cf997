//! How full a node is: every collection that can grow, next to its bound.

use ensign_primitives::Occupancy;

use crate::Engine;

impl Engine {
    /// Returns how full each collection is that can grow, with the constant that bounds it; the
    /// children's too.
    ///
    /// Always the same names in the same order. Meant for the moment after a drain: then no output
    /// waits.
    ///
    /// Cost: that of [`Signing::occupancy`](ensign_signing::Signing::occupancy).
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let waiting =
            Occupancy { name: "outputs after a drain", len: self.outputs.len(), limit: 0 };
        let hall = self.gate.occupancy().into_iter().chain([self.guards.occupancy(), waiting]);
        hall.chain(self.signing.occupancy()).chain(self.peers.occupancy())
    }
}
