//! What the journal says about the time before a restart.

use std::collections::BTreeMap;

use ensign_engine::{Ending, Record};
use ensign_primitives::{GroupId, RequestId};
use ensign_wire::SignedRequest;

/// A request that our user had consented to and that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) request: SignedRequest,
    pub(crate) payload: Option<Vec<u8>>,
    /// The last attempt that was joined; none up to it is joined again.
    pub(crate) attempts: u16,
}

/// A request that has ended, and how.
pub(crate) type Ended = (RequestId, GroupId, Ending);

/// Replays the records into the requests that are open and those that have ended, in order.
pub(crate) fn restore(records: Vec<Record>) -> (Vec<Open>, Vec<Ended>) {
    let (mut open, mut ended): (BTreeMap<RequestId, Open>, Vec<Ended>) = Default::default();
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
            Record::Finished { request, group, signatures } => {
                open.remove(&request);
                ended.push((request, group, Ending::Signed(signatures)));
            }
            Record::Closed { request, group, reason } => {
                open.remove(&request);
                ended.push((request, group, Ending::Closed(reason)));
            }
        }
    }
    (open.into_values().collect(), ended)
}
