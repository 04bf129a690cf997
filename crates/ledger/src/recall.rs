//! What the store knows of one request, asked on behalf of peers: reads only.

use core::ops::ControlFlow;

use ensign_primitives::RequestId;
use ensign_signing::Known;
use ensign_store::{Place, Store, Table};

use crate::{LedgerError, ledger::ending, read};

/// Looks a request up, over or begun.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn recall(store: &dyn Store, id: &RequestId) -> Result<Known, LedgerError> {
    for place in [Place::finished(id), Place::closed(id)] {
        if let Some((_, group, ending)) = read(store, &place)?.and_then(ending) {
            return Ok(Known::Over { group, ending });
        }
    }
    let mut is_begun = store.get(&Place::consent(id))?.is_some();
    store.scan(Table::Joins, id.as_bytes(), &mut |_| {
        is_begun = true;
        ControlFlow::Break(())
    })?;
    Ok(if is_begun { Known::Begun } else { Known::Nothing })
}
