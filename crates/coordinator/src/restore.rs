//! What the journal says about the time before a restart.

use std::collections::BTreeMap;

use ensign_engine::Record;
use ensign_primitives::RequestId;
use ensign_wire::SignedRequest;

/// A request that our user had consented to and that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) request: SignedRequest,
    pub(crate) payload: Option<Vec<u8>>,
    /// The last attempt that was joined; none up to it is joined again.
    pub(crate) attempts: u16,
}

/// Replays the records into the requests that are open and those that have ended.
pub(crate) fn restore(records: Vec<Record>) -> (Vec<Open>, Vec<RequestId>) {
    let (mut open, mut ended): (BTreeMap<RequestId, Open>, Vec<RequestId>) = Default::default();
    for record in records {
        match record {
            Record::Consented { request, payload } => {
                let id = request.request.id();
                open.insert(id, Open { request: *request, payload, attempts: 0 });
            }
            Record::Joined { request, attempt } | Record::Burned { request, attempt } => {
                if let Some(known) = open.get_mut(&request) {
                    known.attempts = known.attempts.max(attempt);
                }
            }
            Record::Finished { request, .. } | Record::Closed { request } => {
                open.remove(&request);
                ended.push(request);
            }
        }
    }
    (open.into_values().collect(), ended)
}
