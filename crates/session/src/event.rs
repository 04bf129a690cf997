//! What a session is told, asks for and reports.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_musig::PubNonce;
use ensign_primitives::{Instant, PeerId, SessionId, SignerIndex};
use ensign_wire::{AbortReason, Envelope, Kind, PubNonceBytes, Refusal};

use crate::{Offense, Order, OwnFault, OwnNonces, OwnPartials, Unsigned};

/// What the world tells a session.
#[derive(Debug)]
pub enum Input {
    /// A decoded envelope about this session; nothing about it is verified yet.
    Envelope {
        /// The node whose connection brought it.
        from: PeerId,
        /// The statement.
        envelope: Box<Envelope>,
    },
    /// Answers [`Output::NeedNonces`].
    Nonces(OwnNonces),
    /// Answers [`Output::NeedNonces`]: there will be none, and the attempt ends.
    NoNonces(Unsigned),
    /// Answers [`Output::NeedPartials`].
    Partials(OwnPartials),
    /// Answers [`Output::NeedPartials`]: there will be none, and the attempt ends.
    NoPartials(Unsigned),
    /// Answers [`Output::Persist`]: the record is durable.
    Persisted {
        /// The token of the request.
        token: u64,
    },
    /// A connection to a signer's node is up.
    Connected {
        /// The signer.
        signer: SignerIndex,
    },
}

/// What a session asks of the world, oldest first.
#[derive(Debug)]
pub enum Output {
    /// Send this frame to a signer's node; drop it when there is no connection.
    Send {
        /// The signer.
        to: SignerIndex,
        /// What the frame carries.
        kind: Kind,
        /// Header and body.
        frame: Arc<[u8]>,
    },
    /// Have the signer make our nonces and answer with [`Input::Nonces`] or [`Input::NoNonces`].
    NeedNonces(Order),
    /// Have the signer sign and answer with [`Input::Partials`] or [`Input::NoPartials`]. Our burn
    /// mark is durable.
    NeedPartials {
        /// The attempt.
        session: SessionId,
        /// Each signer's public nonces, in key order; one for each message.
        nonces: Vec<Vec<PubNonce>>,
    },
    /// Have the signer erase our nonces: the attempt ended without a use for them. What was asked
    /// of it before is asked before.
    ForgetNonces {
        /// The attempt.
        session: SessionId,
    },
    /// Make the record durable and answer with [`Input::Persisted`].
    Persist {
        /// Names this request within the session.
        token: u64,
        /// What to keep.
        record: Record,
    },
    /// A signer's nonces were taken; the caller checks that no other session has seen them.
    NoncesSeen {
        /// Whose they are.
        signer: SignerIndex,
        /// The nonces.
        nonces: Vec<PubNonceBytes>,
    },
    /// Something for the application.
    Event(Event),
    /// A peer did wrong.
    Offense {
        /// The node at fault.
        peer: PeerId,
        /// What it did.
        offense: Offense,
    },
}

/// What must survive a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// We joined this attempt; never join it again.
    Joined {
        /// The attempt.
        session: SessionId,
        /// What the join says in round 0, as a hash: a second join that says something else is seen.
        said: [u8; 32],
    },
    /// Our nonces for this attempt count as used from here on.
    Burned {
        /// The attempt.
        session: SessionId,
    },
    /// Our partial signatures for this attempt. They may be sent again, and are never computed
    /// again.
    Partials {
        /// The attempt.
        session: SessionId,
        /// The digest of the nonce set that they are for.
        nonces: [u8; 32],
        /// One per message.
        partials: Vec<[u8; 32]>,
    },
    /// The attempt gave these signatures.
    Finished {
        /// The attempt.
        session: SessionId,
        /// One per message.
        signatures: Vec<[u8; 64]>,
    },
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// We have not joined: our user has not decided, or the join is not durable yet.
    Gathering,
    /// We have joined; other joins are missing. In mode fast they carry the nonces.
    Committing,
    /// All have joined and we have revealed our nonces; others are missing.
    Revealing,
    /// All nonces are here; partial signatures are missing.
    Signing,
    /// The signatures are here and verify.
    Complete,
    /// The attempt is over without a signature.
    Aborted,
}

/// Something for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A signer's node has the request and waits for its user.
    Acknowledged(SignerIndex),
    /// A signer joined; its consent is signed.
    Joined(SignerIndex),
    /// A signer's nonces are here and open its commitment.
    Revealed(SignerIndex),
    /// Mode strict: a signer confirmed the nonce set.
    Confirmed(SignerIndex),
    /// A signer's partial signatures are here.
    Signed(SignerIndex),
    /// A signer holds the final signatures too. Told once ours are durable and the others have been
    /// told: who has heard it of everybody may leave.
    PeerDone(SignerIndex),
    /// The session moved on.
    Phase(Phase),
    /// The session waits for these signers.
    Waiting {
        /// Whom for.
        on: Vec<SignerIndex>,
        /// Since when.
        since: Instant,
    },
    /// These signers' nodes have not even acknowledged the request.
    Unreachable(Vec<SignerIndex>),
    /// A signer's node refused one of our messages.
    Refused {
        /// Whose node.
        by: SignerIndex,
        /// What it refused.
        refused: Kind,
        /// Why.
        why: Refusal,
    },
    /// The signatures are here and verify. May follow [`Event::Failed`]: a signature that exists
    /// outranks a failure.
    Done(Box<Finished>),
    /// The attempt is over without a signature.
    Failed(Box<Failure>),
}

/// A finished session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// One BIP340 signature per message, in order, each verified.
    pub signatures: Vec<[u8; 64]>,
    /// What each signer contributed, in key order; `None` where a peer brought the signatures
    /// before the contribution came.
    pub signers: Vec<SignerRecord>,
}

/// What one signer contributed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignerRecord {
    /// The public nonces, one per message.
    pub nonces: Option<Vec<PubNonceBytes>>,
    /// The partial signatures, one per message.
    pub partials: Option<Vec<[u8; 32]>>,
}

/// Why an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub reason: AbortReason,
    /// Who ended it: a signer, or `None` when this node did.
    pub by: Option<SignerIndex>,
    /// Whom this node holds responsible: proven where there is evidence, else silent when its own
    /// wait was over. Empty when another signer ended it.
    pub culprits: Vec<SignerIndex>,
    /// Whom the signer that ended it names; hearsay.
    pub accused: Option<SignerIndex>,
    /// The proof, where there is one.
    pub evidence: Option<Evidence>,
    /// What went wrong on our own side, where that ended it.
    pub own: Option<OwnFault>,
    /// The phase in which it ended.
    pub phase: Phase,
}
