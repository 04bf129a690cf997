//! What is told of a request in a few words, long after the rest of it is gone.

use ensign_primitives::{GroupId, RequestId, SignerIndex, UnixTime};
use ensign_psbt::{Summary, Txid};
use ensign_signing::{ATTEMPTS_MAX, is_retried};
use ensign_wire::{AbortReason, Payload, SignedRequest};
use serde::{Deserialize, Serialize};

use crate::Handle;

mod book;
pub use book::{Asked, Outlines};
mod waiting;

#[cfg(test)]
pub(crate) mod tests;

/// What is told of a request in a few words: which number it has here, what it was about, who
/// decided, how it ended.
///
/// It is kept for every request that our user was asked about or made, decided or not. It is a
/// memory for people: no decision of the protocol looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Its number in this home; `None` while the store has not taken one.
    pub handle: Option<Handle>,
    /// Who shall sign.
    pub group: GroupId,
    /// Who made it.
    pub creator: SignerIndex,
    /// Whether that is us.
    pub is_own: bool,
    /// One line, in its creator's words.
    pub purpose: String,
    /// When it was made, by its creator's clock.
    pub created: UnixTime,
    /// Until when it may be signed.
    pub expires: UnixTime,
    /// When our user was asked first; when it was proposed, for our own.
    pub asked: UnixTime,
    /// What is signed.
    pub work: OutlinedWork,
    /// What our user decided, and when; `None` for as long as nobody has, and for ever when it
    /// ended before.
    pub decided: Option<(UnixTime, Decision)>,
    /// How it ended, and when; `None` while it is open.
    pub ended: Option<(UnixTime, HowEnded)>,
}

/// What is signed, in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutlinedWork {
    /// A transaction.
    Psbt {
        /// Its id, in the order in which it is hashed; people read it backwards.
        txid: [u8; 32],
        /// What is spent of the group, in satoshi.
        spent: u64,
        /// What leaves the group, fee included, in satoshi.
        leaving: u64,
        /// The fee, in satoshi.
        fee: u64,
        /// The coins that are spent, each by its transaction and output.
        coins: Vec<([u8; 32], u32)>,
    },
    /// Bare messages.
    Blind {
        /// How many.
        messages: u16,
    },
    /// A drill: the group showed that it can sign.
    Drill,
}

/// What our user decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// A person said yes.
    Approved,
    /// A rule with this name said yes.
    ApprovedByRule(String),
    /// A person said no, or gave it up.
    Refused,
    /// A rule with this name said no.
    RefusedByRule(String),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HowEnded {
    /// With signatures.
    Signed,
    /// Its creator, or another signer that had consented, gave it up.
    Cancelled {
        /// Who; `None` for us.
        by: Option<SignerIndex>,
    },
    /// A signer refused it.
    Declined {
        /// Who; `None` for us.
        by: Option<SignerIndex>,
    },
    /// Its time was over.
    Expired,
    /// It was tried as often as allowed.
    AttemptsUsed,
    /// It failed.
    Failed {
        /// Why.
        reason: AbortReason,
        /// Whose doing that was, as far as anybody knows.
        who: Vec<SignerIndex>,
    },
    /// Our own node gave it up, for the reason that this code of the catalogue names.
    GaveUp {
        /// `E-<AREA>-<number>`.
        code: String,
    },
}

/// The coins of one signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCoins {
    /// Which one.
    pub signed: Signed,
    /// What it spends.
    pub coins: Vec<Coin>,
}

/// A request that is signed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its name.
    pub request: RequestId,
    /// What this home calls it.
    pub handle: Option<Handle>,
    /// When.
    pub at: UnixTime,
}

/// A coin by its transaction, in the order in which it is hashed, and its output.
pub type Coin = ([u8; 32], u32);

impl OutlinedWork {
    /// Outlines what was recomputed from a PSBT, or the messages of a request without one.
    pub fn new(request: &SignedRequest, summary: Option<&Summary>) -> Self {
        if request.request.payload == Payload::Drill {
            return Self::Drill;
        }
        let Some(summary) = summary else {
            let messages = u16::try_from(request.request.messages.len()).unwrap_or(u16::MAX);
            return Self::Blind { messages };
        };
        let coin = |input: &ensign_psbt::SpentInput| {
            (txid_bytes(&input.outpoint.txid), input.outpoint.vout)
        };
        Self::Psbt {
            txid: txid_bytes(&summary.txid),
            spent: summary.amount_spent(),
            leaving: summary.amount_leaving(),
            fee: summary.fee,
            coins: summary.inputs.iter().map(coin).collect(),
        }
    }
}

impl Outline {
    /// Begins the outline of a request that our user is asked about, or makes.
    pub fn new(
        request: &SignedRequest,
        summary: Option<&Summary>,
        is_own: bool,
        (now, decision): (UnixTime, Option<Decision>),
    ) -> Self {
        let asked = &request.request;
        Self {
            handle: None,
            group: asked.signers.group_id(asked.network),
            creator: asked.creator,
            is_own,
            purpose: asked.purpose.clone(),
            created: asked.created,
            expires: asked.expires,
            asked: now,
            work: OutlinedWork::new(request, summary),
            decided: decision.map(|decision| (now, decision)),
            ended: None,
        }
    }

    /// Whether our user was asked and never decided.
    pub const fn is_undecided(&self) -> bool {
        self.decided.is_none()
    }
}

impl HowEnded {
    /// Words the end of a request without signatures.
    ///
    /// - `gave_up`: the code of why our own node ended it, if it did.
    /// - `attempt`: which one was the last.
    pub fn new(
        failure: &ensign_session::Failure,
        gave_up: Option<&'static str>,
        attempt: u16,
    ) -> Self {
        if let Some(code) = gave_up {
            return Self::GaveUp { code: code.to_owned() };
        }
        let (by, is_last) = (failure.by, attempt >= ATTEMPTS_MAX);
        match failure.reason {
            AbortReason::Cancelled => Self::Cancelled { by },
            AbortReason::Declined => Self::Declined { by },
            AbortReason::Expired => Self::Expired,
            AbortReason::AttemptsUsed => Self::AttemptsUsed,
            reason if is_last && is_retried(reason) && failure.evidence.is_none() => {
                Self::AttemptsUsed
            }
            AbortReason::Timeout
            | AbortReason::PayloadMismatch
            | AbortReason::Equivocation
            | AbortReason::WrongCommitment
            | AbortReason::InvalidNonce
            | AbortReason::WrongPartialSig
            | AbortReason::ViewsDiffer
            | AbortReason::Internal
            | AbortReason::Dissolved => {
                let who = match (failure.accused, failure.by) {
                    (Some(accused), _) => vec![accused],
                    (None, Some(by)) if failure.culprits.is_empty() => vec![by],
                    (None, _) => failure.culprits.clone(),
                };
                Self::Failed { reason: failure.reason, who }
            }
        }
    }
}

impl Outline {
    /// Returns the coins that are signed for, if they are.
    pub fn signed_coins(self, request: RequestId) -> Option<SignedCoins> {
        match (self.ended, self.work) {
            (Some((at, HowEnded::Signed)), OutlinedWork::Psbt { coins, .. }) => {
                let signed = Signed { request, handle: self.handle, at };
                Some(SignedCoins { signed, coins })
            }
            _ => None,
        }
    }
}

fn txid_bytes(txid: &Txid) -> [u8; 32] {
    *AsRef::<[u8; 32]>::as_ref(txid)
}
