//! What a request has us sign, for `request show`: outputs and fee of a PSBT, or the bytes of a
//! bare message.

use ensign_coordinator::{Records, RequestEntry};
use ensign_primitives::RequestId;
use ensign_wire::Payload;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::Result;
use crate::group::SignerGroup;
use crate::request::{self, Asked};
use crate::store::ledger_failure;

/// What is signed, in words and as fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkView {
    pub(crate) text: String,
    pub(crate) fields: Map<String, Value>,
}

/// Fields of the event `request` that say what is signed.
const FIELDS: [&str; 6] = ["messages", "txid", "inputs", "outputs", "fee_sat", "vsize"];

impl WorkView {
    /// Takes what was shown to the user.
    pub(crate) fn of(asked: &Asked<'_>) -> Self {
        let line = serde_json::to_value(request::line("request", asked));
        let mut fields = match line {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => Map::new(),
        };
        fields.retain(|name, _| FIELDS.contains(&name.as_str()));
        Self { text: request::work(asked), fields }
    }

    /// Recomputes it from what is kept; `None` where a PSBT is not, because nobody consented yet.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn read(
        records: Records<'_>,
        id: &RequestId,
        groups: &[SignerGroup],
    ) -> Result<Option<Self>> {
        let entries = records.requests().map_err(|error| ledger_failure(&error))?;
        let Some(entry) = entries.into_iter().find(|entry| entry.id == *id) else {
            return Ok(None);
        };
        let RequestEntry { group, request: Some(request), .. } = entry else { return Ok(None) };
        let payload = records.payload(id).map_err(|error| ledger_failure(&error))?;
        let keys = groups.iter().find(|known| known.id() == group).map(|group| &group.keys);
        let summary = payload.zip(keys).and_then(|(payload, keys)| {
            let psbt = ensign_psbt::parse(&payload).ok()?;
            Some(Box::new(ensign_psbt::analyze(&psbt, keys).ok()?.summary))
        });
        if summary.is_none() && request.request.payload != Payload::Blind {
            return Ok(None);
        }
        Ok(Some(Self::of(&Asked {
            request: &request,
            handle: None,
            group: None,
            summary: summary.as_deref(),
            notes: &[],
            digest: None,
        })))
    }
}
