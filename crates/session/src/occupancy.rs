//! How full a session is, for whoever watches it from outside.

use ensign_primitives::{Occupancy, SIGNERS_MAX};

use crate::Session;

/// Most statements that convict: two for each signer, each of whom is convicted once.
const PROOFS_MAX: usize = 2 * SIGNERS_MAX;

impl Session {
    /// Returns how full each collection is that can grow after the session was made.
    ///
    /// Always the same names in the same order. What has one entry for each signer or message is
    /// not listed: it has its size from the start.
    ///
    /// Cost: a few reads; no allocation.
    pub fn occupancy(&self) -> [Occupancy; 6] {
        let [own, outputs] = self.voice.occupancy();
        [
            self.statements.occupancy("session statements"),
            self.sequences.occupancy("session sequence numbers"),
            self.duplicates.occupancy("session duplicates"),
            own,
            Occupancy {
                name: "session statements that convict",
                len: self.proofs.len(),
                limit: PROOFS_MAX,
            },
            outputs,
        ]
    }
}
