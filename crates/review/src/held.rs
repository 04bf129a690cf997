//! What waits for another yes: nothing of it has reached the signer, or the disk.

use std::{collections::BTreeMap, sync::Arc};

use ensign_primitives::RequestId;
use ensign_session::Order;
use ensign_signing::Record;

/// For each request whose yes has become void, what its present attempt waits for. The engine takes
/// it for a signer, or a disk, that takes its time.
#[derive(Debug, Default)]
pub struct Held(BTreeMap<RequestId, HeldBack>);

/// What is held back of one attempt.
#[derive(Debug, Default)]
pub struct HeldBack {
    /// The order for nonces, with the payload.
    pub order: Option<(Order, Option<Arc<[u8]>>)>,
    /// The burn mark, with the engine's token: no partial signature is made before it is durable.
    pub burn: Option<(u64, Record)>,
}

impl Held {
    /// Holds an order back. A later attempt's takes the place of an earlier one's.
    pub fn hold_order(&mut self, order: Order, payload: Option<Arc<[u8]>>) {
        let id = order.request.request.id();
        self.0.insert(id, HeldBack { order: Some((order, payload)), burn: None });
    }

    /// Holds a burn mark back.
    pub fn hold_burn(&mut self, id: RequestId, token: u64, record: Record) {
        self.0.insert(id, HeldBack { order: None, burn: Some((token, record)) });
    }

    /// Returns what is to go on, because there is another yes.
    pub fn release(&mut self, id: &RequestId) -> HeldBack {
        self.0.remove(id).unwrap_or_default()
    }

    /// Forgets what an attempt waited for that is over.
    pub fn forget(&mut self, id: &RequestId) {
        self.0.remove(id);
    }
}
