//! What a home keeps of a group besides its members: its certificate, how far its addresses have been
//! handed out, and its last drill.

use ensign_identity::Signature;
use ensign_primitives::UnixTime;
use ensign_wire::{SigningRequest, drill_message};
use serde::{Deserialize, Serialize};

use crate::words;

/// How far a group has come that was made of pasted codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Confirmation {
    /// All members shall confirm it to each other: the node that runs sees to it.
    Awaited,
    /// Our user did not want to confirm it.
    Refused,
}

/// What is kept of a group besides its members. Groups of earlier versions have nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upkeep {
    /// The certificate, in hex: that each member has confirmed the same group.
    pub(crate) certificate: Option<String>,
    /// How far it is from that, if it was made of pasted codes; none for a group of an earlier version.
    pub(crate) confirmation: Option<Confirmation>,
    /// The first receiving address that was not handed out yet, by its index.
    pub(crate) next_address: u32,
    /// The first change address that is not known to be used, by its index.
    pub(crate) next_change: u32,
    /// The last drill in which all have signed.
    pub(crate) drill: Option<Drill>,
}

/// A drill in which all have signed, with what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drill {
    /// When, by the clock of this home.
    pub(crate) at_ms: u64,
    /// The nonce of its request, in hex: with the group it gives what was signed.
    pub(crate) nonce: String,
    /// The signature, in hex.
    pub(crate) signature: String,
    /// When a backup of this home had been read back last, at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup_ms: Option<u64>,
}

impl Drill {
    /// Takes the outcome of a request for a drill.
    pub(crate) fn new(
        at: UnixTime,
        request: &SigningRequest,
        signature: &[u8; 64],
        backup: Option<UnixTime>,
    ) -> Self {
        Self {
            at_ms: at.as_millis(),
            nonce: hex::encode(request.nonce),
            signature: hex::encode(signature),
            backup_ms: backup.map(UnixTime::as_millis),
        }
    }

    /// Whether the group has signed it. Cost: one signature check.
    pub(crate) fn is_of(&self, group: &ensign_psbt::Group) -> bool {
        let (mut nonce, mut signature) = ([0; 16], [0; 64]);
        let is_hex = hex::decode_to_slice(&self.nonce, &mut nonce).is_ok()
            && hex::decode_to_slice(&self.signature, &mut signature).is_ok();
        let message = drill_message(group.network(), group.keys(), &nonce);
        let key = group.key_agg_ctx(message.tweak).map(|key| key.agg_key());
        is_hex
            && key.is_ok_and(|key| {
                ensign_musig::verify_schnorr(&key, &message.digest, &Signature(signature).0)
            })
    }

    /// Says when it was, for a person.
    pub(crate) fn when(&self) -> String {
        words::date(UnixTime::from_millis(self.at_ms))
    }
}

/// Says how old our backup is, for whoever is asked about a drill.
///
/// - `read_back`: when a backup was read back last.
pub(crate) fn backup_age(now: UnixTime, read_back: Option<UnixTime>) -> String {
    match read_back {
        Some(at) => {
            let age = words::duration(std::time::Duration::from_secs(now.since(at).as_secs()));
            format!("your backup: read back {age} ago, on {}", words::date(at))
        }
        None => String::from(
            "your backup: NEVER read back. All keys are needed for every payment: `ensign key backup \
             FILE`, and\n`ensign key drill FILE` proves it",
        ),
    }
}
