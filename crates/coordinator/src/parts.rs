//! What a driver is made from.

use ensign_deadline::Timeouts;
use ensign_engine::Allowances;
use ensign_primitives::{GroupId, Network, RequestId, UnixTime};
use ensign_psbt::Policy;
use ensign_signer::Randomness;
use ensign_store::{Opening, Store};
use ensign_transport::{Transport, TransportEvent};
use tokio::sync::mpsc;

use crate::{
    Keys,
    clock::Clock,
    handles::Handles,
    ledger::Past,
    opening::Opened,
    storage::{Answers, Storage},
};

/// What a driver is made from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) network: Network,
    pub(crate) keys: Keys,
    pub(crate) timeouts: Timeouts,
    pub(crate) allowances: Allowances,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) randomness: Randomness,
    pub(crate) transport: (Transport, mpsc::Receiver<TransportEvent>),
    pub(crate) storage: (Storage, Answers),
    pub(crate) opened: Before,
    pub(crate) handles: Handles,
}

/// What the store says about the time before.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) past: Past,
    pub(crate) found: Opening,
    pub(crate) voided: Vec<(RequestId, GroupId)>,
    pub(crate) void_until: Option<UnixTime>,
}

impl From<Opened> for (Box<dyn Store>, Before, Handles) {
    fn from(opened: Opened) -> Self {
        let Opened { store, past, found, voided, void_until, handles } = opened;
        (store, Before { past, found, voided, void_until }, handles)
    }
}
