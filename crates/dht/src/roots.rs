//! Further contacts that are known, uniformly over all positions: the roots from which walks start.
//!
//! A walk whose roots are few is captured by the first hostile answers (measured: at two hostile nodes of
//! three .891 of the records are found without these, .997 with them).

use alloc::{collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use ensign_primitives::{Occupancy, UnixTime};
use ensign_wire::{NodeRecord, Scope};

use crate::{ROOT_CELLS, ROOTS_PER_CELL, ROOTS_PER_NETWORK, locality::shared_network};

/// Known contacts beside the table.
#[derive(Debug)]
pub(crate) struct Roots {
    scope: Scope,
    cells: BTreeMap<u8, Vec<NodeRecord>>,
    networks: BTreeMap<IpAddr, usize>,
}

impl Roots {
    pub(crate) const fn new(scope: Scope) -> Self {
        Self { scope, cells: BTreeMap::new(), networks: BTreeMap::new() }
    }

    /// Enters a verified record. Who is in stays; a full cell takes nobody.
    pub(crate) fn learn(&mut self, record: NodeRecord) {
        if record.address().is_none() {
            return;
        }
        let home = self.home(&record);
        let scope = self.scope;
        let cell = self.cells.entry(cell_of(&record)).or_default();
        if let Some(known) = cell.iter_mut().find(|it| it.peer() == record.peer()) {
            // Elsewhere it would count for another network.
            if known.seq() < record.seq() && home_in(scope, known) == home {
                *known = record;
            }
            return;
        }
        let near = home.and_then(|home| self.networks.get(&home)).copied().unwrap_or_default();
        if cell.len() < ROOTS_PER_CELL && near < ROOTS_PER_NETWORK {
            home.map(|home| self.networks.insert(home, near + 1));
            cell.push(record);
        }
    }

    /// Forgets a node that does not answer.
    pub(crate) fn forget(&mut self, record: &NodeRecord) {
        let Some(cell) = self.cells.get_mut(&cell_of(record)) else { return };
        let Some(at) = cell.iter().position(|it| it.peer() == record.peer()) else { return };
        let gone = cell.swap_remove(at);
        self.leave(&gone);
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: UnixTime) {
        let cells = self.cells.values_mut();
        let gone: Vec<_> =
            cells.flat_map(|cell| cell.extract_if(.., |it| it.node().expires <= now)).collect();
        gone.iter().for_each(|it| self.leave(it));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodeRecord> {
        self.cells.values().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.values().map(Vec::len).sum()
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { name: "dht roots", len: self.len(), limit: ROOT_CELLS * ROOTS_PER_CELL }
    }

    fn home(&self, record: &NodeRecord) -> Option<IpAddr> {
        home_in(self.scope, record)
    }

    fn leave(&mut self, gone: &NodeRecord) {
        let Some(home) = self.home(gone) else { return };
        if let Some(near) = self.networks.get_mut(&home) {
            *near = near.saturating_sub(1);
            if *near == 0 {
                self.networks.remove(&home);
            }
        }
    }
}

/// Returns the network of a node, if it shares one with others.
fn home_in(scope: Scope, record: &NodeRecord) -> Option<IpAddr> {
    record.address().and_then(|it| shared_network(scope, it.ip()))
}

fn cell_of(record: &NodeRecord) -> u8 {
    let [first, ..] = record.position().0;
    first >> 4
}
