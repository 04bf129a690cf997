//! What an earlier version of the protocol left in a store.

use ensign_identity::Signature;
use ensign_primitives::{PeerId, UnixTime};
use ensign_signing::Record;
use ensign_store::Table;
use ensign_wire::SigningRequest;

/// A request as it was signed up to protocol version 2: its creator's delegation had no number.
type Consented = (SigningRequest, PeerId, (UnixTime, Signature), Signature, Option<Vec<u8>>);

/// `Record::Consented` is the first of the records.
const CONSENTED: u8 = 0;

/// Returns the request of such a record; nothing of any other.
pub(crate) fn request(table: Table, value: &[u8]) -> Option<SigningRequest> {
    if !matches!(table, Table::Consents | Table::Requests) {
        return None;
    }
    let Some((&CONSENTED, fields)) = value.split_first() else { return None };
    if postcard::from_bytes::<Record>(value).is_ok() {
        return None;
    }
    let ((request, ..), rest) = postcard::take_from_bytes::<Consented>(fields).ok()?;
    rest.is_empty().then_some(request)
}

/// Whether a record is of a request that nobody can sign any more, because its creator's delegation is one of
/// an earlier version. It counts as none: what was joined, burned or ended of it stands in tables of its
/// own, so that it never comes back.
pub(super) fn is_void(table: Table, value: &[u8]) -> bool {
    request(table, value).is_some()
}
