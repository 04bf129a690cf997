//! Who kept its part in a session and who did not, as this node has seen it.

use alloc::vec::Vec;
use core::fmt;

use ensign_primitives::{PeerId, RequestId};
use ensign_session::Failure;

use crate::{Output, groups::Group};

/// How a node did its part in a session, as this node has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Its signature is in what we hold. Told of everybody but us.
    Finished {
        /// The request.
        request: RequestId,
    },
    /// We waited for it in vain. A claim, never a proof.
    Silent {
        /// The request.
        request: RequestId,
    },
}

impl fmt::Display for Conduct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished { .. } => f.write_str("it signed with us"),
            Self::Silent { .. } => f.write_str("it did not answer while we were signing"),
        }
    }
}

/// Says that everybody else did its part: a signature takes all of them.
pub(crate) fn finished(request: RequestId, group: Option<&Group>, own: &PeerId) -> Vec<Output> {
    let peers = group.into_iter().flat_map(|group| group.peers().iter());
    let conduct = Conduct::Finished { request };
    peers.filter(|peer| *peer != own).map(|peer| Output::Conduct { peer: *peer, conduct }).collect()
}

/// Says whom we waited for in vain ourselves; whom another signer names is hearsay.
pub(crate) fn silent(request: RequestId, group: Option<&Group>, failure: &Failure) -> Vec<Output> {
    if !failure.reason.is_claim() || failure.by.is_some() {
        return Vec::new();
    }
    let node = |who| group.and_then(|group| group.node_of(who));
    let conduct = Conduct::Silent { request };
    let silent = failure.culprits.iter().filter_map(|who| node(*who));
    silent.map(|peer| Output::Conduct { peer, conduct }).collect()
}
