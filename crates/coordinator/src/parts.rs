//! What a driver is made from.

use ensign_deadline::Timeouts;
use ensign_engine::{
    Limits, Restored, Strangers, formation,
    overlay::{self, OverlayConfig},
    peers, signing,
};
use ensign_ledger::{Before, Entry, Handles};
use ensign_primitives::Network;
use ensign_psbt::Policy;
use ensign_signer::Randomness;
use ensign_transport::{Arrivals, Transport};

use crate::{Keys, clock::Clock, storage::Storage};

/// What a driver is made from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) network: Network,
    pub(crate) keys: Keys,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) strangers: Strangers,
    pub(crate) overlay: Option<OverlayConfig>,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) randomness: Randomness,
    pub(crate) transport: (Transport, Arrivals),
    pub(crate) storage: Storage,
    pub(crate) before: Before,
    pub(crate) handles: Handles,
}

/// Takes what is known from before a restart, of each child of the engine; the rest is read with its group.
pub(crate) fn restored(before: &mut Before, network: Network) -> Restored {
    let (void_until, may_be_old) = (before.void_until, before.found.may_have_missed());
    let past = &mut before.past;
    let signing = signing::Restored {
        ended: std::mem::take(&mut past.ended),
        undecided: std::mem::take(&mut past.undecided),
        proofs: std::mem::take(&mut past.proofs),
        horizon: past.horizon,
        delegated: std::mem::take(&mut past.delegated),
        void_until,
        // What our user said yes to, and what it was asked about, is read again with its group.
        ..signing::Restored::default()
    };
    let records = std::mem::take(&mut past.formations);
    Restored {
        signing,
        peers: peers::Restored { addresses: std::mem::take(&mut past.addresses) },
        formation: formation::Restored { records, may_be_old },
        reputation: std::mem::take(&mut past.reputation),
        overlay: overlay::Restored {
            book: past.neighbours.restored(network),
            position: past.position,
            looks: past.looks.take().map(|(at, reaches)| overlay::Looks { at, reaches }),
        },
    }
}

// What the hash table's estimate remembers, the ledger keeps.
const _: () = assert!(ensign_ledger::LOOKS_MAX == overlay::dht::ESTIMATES_KEPT);

/// Returns where what is known of the open network is kept.
pub(crate) fn outside(record: &overlay::Record) -> Entry {
    match record {
        overlay::Record::Book(note) => ensign_ledger::neighbour(note),
        overlay::Record::Position(proof) => ensign_ledger::position(*proof),
        overlay::Record::Looks(looks) => ensign_ledger::looks(looks.at, &looks.reaches),
    }
}
