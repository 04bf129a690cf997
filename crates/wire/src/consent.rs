//! What members of a group say beside sessions: that a user agrees to a request, and whom a node sees.

use ensign_identity::DelegationProof;
use ensign_primitives::{GroupId, Network, RequestId, SignerIndex};
use serde::{Deserialize, Serialize};

use crate::{DecodeError, Signable, SignerSet, codec};

/// Revision of the rules by which the messages of this [version](crate::PROTOCOL_VERSION) are used. It
/// rises with each change of what an honest node does that changes no byte on the wire.
pub const RULES_REVISION: u16 = 1;

/// Says whether a signer's user agrees to a request: about the request itself, whatever attempts there are.
///
/// Of one signer's consents to one request the one with the highest number holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The request, and with it everything that was shown.
    pub request: RequestId,
    /// Whom the sender speaks for.
    pub signer: SignerIndex,
    /// That the signer key lets the sender's node speak.
    pub delegation: DelegationProof,
    /// From 1; rises each time that the user decides anew.
    pub number: u32,
    /// Whether the user agrees; if not, an earlier consent is withdrawn.
    pub agrees: bool,
}

impl Signable for Consent {
    const TAG: &'static str = "ensign/consent/v1";

    fn validate(&self, _: Network) -> Result<(), DecodeError> {
        codec::signer_index(self.signer)?;
        codec::in_range("consent number", self.number.into(), 1..=u32::MAX.into())
    }
}

/// Says which members of a group a node is connected with and has admitted. When it was
/// [said](crate::Signed::sent_at) tells the sender's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// The group.
    pub group: GroupId,
    /// Whom the sender sees, itself included.
    pub sees: SignerSet,
    /// The sender's [`RULES_REVISION`].
    pub version: u16,
}

impl Signable for LinkReport {
    const TAG: &'static str = "ensign/link-report/v1";

    fn validate(&self, _: Network) -> Result<(), DecodeError> {
        self.sees.validate()
    }
}
