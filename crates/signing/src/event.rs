//! What the machine is told, asks for and reports.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use ensign_equivocation::Evidence;
use ensign_identity::{DelegationError, DelegationProof, Signature, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{GroupId, Network, PeerId, RequestId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials, Unsigned};
use ensign_wire::{
    AbortReason, Consent, Envelope, Groups, Introduced, Kind, LinkReport, Signed, SignedRequest,
    Welcome,
};
use serde::{Deserialize, Serialize};

use crate::{
    CaseFile, CommandError, Conduct, Delegated, Horizon, Known, Offense, Opening, Undecided, Wait,
};

/// What a node sent to this machine, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// For whom a node speaks; of a stranger too.
    Delegation(Introduced),
    /// What a member tells members alone.
    Welcome(Welcome),
    /// Which groups it shares with us, by its own list.
    Groups(Groups),
    /// What a request's messages were computed from.
    Payload {
        /// The request.
        request: RequestId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A signed statement about a session.
    Statement(Box<Envelope>),
    /// A signer's word on a request.
    Consent(Box<Signed<Consent>>),
    /// An evidence file.
    Evidence(Vec<u8>),
    /// The name of an evidence file that the sender has.
    EvidenceSeen([u8; 32]),
    /// Whom a member of a group sees.
    LinkReport(Box<Signed<LinkReport>>),
}

/// What the world tells the machine.
#[derive(Debug)]
pub enum Input {
    /// A node is connected and has introduced itself.
    Up {
        /// The node.
        peer: PeerId,
    },
    /// It is connected no more.
    Down {
        /// The node.
        peer: PeerId,
    },
    /// Frames for a node were dropped on their way, and payloads may be among them: what has not been
    /// seen to arrive is sent once more, with pauses ([`RESEND_PAUSE`](crate::RESEND_PAUSE)).
    Dropped {
        /// The node.
        peer: PeerId,
    },
    /// A message came. One of a node that is not connected is ignored, and so is one that is for
    /// members only and comes from somebody else.
    Message {
        /// The node that brought it.
        peer: PeerId,
        /// What it says.
        message: Message,
    },
    /// Answers [`Output::Signer`].
    Signer(SignerAnswer),
    /// Answers [`Output::Persist`]: the record is durable.
    Persisted {
        /// The token of the request.
        token: u64,
    },
    /// Answers [`Output::Recall`].
    Recalled {
        /// The request that was asked about.
        request: RequestId,
        /// What the store knows of it, every record included that was to be written before.
        known: Known,
    },
}

/// Whether a node has shown, on the connection that it has, that it speaks for a member of our groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It does.
    Member,
    /// It does not.
    Stranger,
}

/// What the machine asks of the world, oldest first.
#[derive(Debug)]
pub enum Output {
    /// From here on the node counts as this, until its connection ends.
    Standing {
        /// The node.
        peer: PeerId,
        /// What it is to us.
        standing: Standing,
    },
    /// Keep a connection to this node.
    Want {
        /// The node.
        peer: PeerId,
    },
    /// Nothing is wanted of this node any more.
    Forget {
        /// The node.
        peer: PeerId,
    },
    /// Send this frame; drop it when there is no connection.
    Send {
        /// The node.
        peer: PeerId,
        /// What it carries.
        kind: Kind,
        /// Header and body.
        frame: Arc<[u8]>,
    },
    /// Ask the signer; questions are put to it in this order.
    Signer(SignerQuestion),
    /// Make the record durable and answer with [`Input::Persisted`].
    Persist {
        /// Names this request.
        token: u64,
        /// What to keep.
        record: Record,
    },
    /// Write the record down with the next one that is persisted, or within
    /// [`NOTE_PAUSE`](crate::NOTE_PAUSE); nobody waits for it. A later note of the same place takes the
    /// place of an earlier one.
    Note(Record),
    /// Look up what the store knows of a request and answer with [`Input::Recalled`]. No flush: it
    /// is asked on behalf of peers.
    Recall {
        /// The request.
        request: RequestId,
    },
    /// A node kept its part, or did not: what this node has seen itself.
    Conduct {
        /// The node.
        peer: PeerId,
        /// What it did.
        conduct: Conduct,
    },
    /// A node did wrong; what that costs is not decided here.
    Offense {
        /// The node.
        peer: PeerId,
        /// What it did.
        offense: Offense,
    },
    /// Something for the application.
    Event(Event),
}

/// What the signer is asked; it may take its time.
#[derive(Debug)]
pub enum SignerQuestion {
    /// Make nonces; answered by [`SignerAnswer::Nonces`].
    Nonces {
        /// For which attempt at which request.
        order: Order,
        /// What the messages were computed from, for a signer that shows it.
        payload: Option<Arc<[u8]>>,
    },
    /// Sign; answered by [`SignerAnswer::Partials`]. The burn mark is durable.
    Partials {
        /// The session that asks.
        session: SessionId,
        /// Each signer's public nonces, in key order; one for each message.
        nonces: Vec<Vec<PubNonce>>,
    },
    /// Erase the nonces of a session that ended without a use for them.
    Forget {
        /// The session.
        session: SessionId,
    },
    /// Let our node speak for the signer key; answered by [`SignerAnswer::Delegated`].
    Delegate {
        /// On which chain.
        network: Network,
        /// Our node.
        peer: PeerId,
        /// In the place of which others, and until when.
        terms: Terms,
    },
}

/// What the signer answers. A failure ends the attempt.
#[derive(Debug)]
pub enum SignerAnswer {
    /// To [`SignerQuestion::Nonces`].
    Nonces {
        /// The session that asked.
        session: SessionId,
        /// What the signer made, or why there is none.
        result: Result<OwnNonces, Unsigned>,
    },
    /// To [`SignerQuestion::Partials`].
    Partials {
        /// The session that asked.
        session: SessionId,
        /// What the signer made, or why there is none.
        result: Result<OwnPartials, Unsigned>,
    },
    /// To [`SignerQuestion::Delegate`]. It is verified; a failure ends nothing.
    Delegated(Result<DelegationProof, Unsigned>),
}

/// What must survive a crash. The driver writes it to its journal as it is.
///
/// Stores name a variant by its position: a new one comes last, and none moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Our user consented to this request.
    Consented {
        /// What was consented to.
        request: Box<SignedRequest>,
        /// What it was computed from.
        payload: Option<Vec<u8>>,
    },
    /// We joined this attempt; it is never joined again.
    Joined {
        /// The request.
        request: RequestId,
        /// Which attempt.
        attempt: u16,
        /// What the join says in round 0, as a hash: a second join that says something else is seen.
        said: [u8; 32],
    },
    /// Our nonces for this attempt count as used from here on.
    Burned {
        /// The request.
        request: RequestId,
        /// Which attempt.
        attempt: u16,
    },
    /// The request has its signatures.
    Finished {
        /// The request.
        request: RequestId,
        /// Whose it is.
        group: GroupId,
        /// One per message.
        signatures: Vec<Signature>,
    },
    /// The request is over without signatures, for good. Written for requests that our user decided
    /// about.
    Closed {
        /// The request.
        request: RequestId,
        /// Whose it is.
        group: GroupId,
        /// Why, as members that missed the end are told.
        reason: AbortReason,
    },
    /// Our partial signatures for this attempt, durable before they are sent. They may be sent again,
    /// after a restart too; they are never computed again.
    Partials {
        /// The request.
        request: RequestId,
        /// Which attempt.
        attempt: u16,
        /// The digest of the nonce set that they are for.
        nonces: [u8; 32],
        /// One per message.
        partials: Vec<[u8; 32]>,
    },
    /// Requests of one creator's that ended before our user had decided.
    Undecided(Undecided),
    /// How far time has come.
    Horizon(Horizon),
    /// Who did wrong, or did not answer. Nothing waits for it, and it may be too large for a store.
    Case(CaseFile),
    /// Our user decided anew about a request that was consented to before; the highest number holds.
    Decided {
        /// The request.
        request: RequestId,
        /// From 2: the consent itself is the first.
        number: u32,
        /// Whether our user agrees; if not, the consent is withdrawn.
        agrees: bool,
    },
    /// Which node speaks for a key, by the highest number.
    Delegated(Delegated),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With signatures, one per message.
    Signed(Vec<Signature>),
    /// Without.
    Closed(AbortReason),
}

/// Why there is no other delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDelegated {
    /// The signer makes none.
    Unsigned(Unsigned),
    /// What it made does not hold.
    Invalid(DelegationError),
    /// The key speaks through another node: it is not taken back by itself.
    Elsewhere,
}

/// A request that waits for our user's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its name.
    pub id: RequestId,
    /// The group that shall sign.
    pub group: GroupId,
    /// What is asked; signed by its creator, verified.
    pub request: Arc<SignedRequest>,
    /// What the messages were computed from; its digest is the request's, its meaning is for the
    /// driver to check.
    pub payload: Option<Arc<[u8]>>,
}

/// Something for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A member of one of our groups is connected.
    PeerUp {
        /// The node.
        peer: PeerId,
        /// How far its clock is ahead of ours, in milliseconds.
        clock_offset_millis: i64,
    },
    /// A member's connection is gone.
    PeerDown {
        /// The node.
        peer: PeerId,
    },
    /// A member does not have this group of ours: its user has to form it too.
    GroupUnknown {
        /// The member's node.
        peer: PeerId,
        /// Our group.
        group: GroupId,
    },
    /// A member that did not have this group of ours has it now.
    GroupKnown {
        /// The member's node.
        peer: PeerId,
        /// Our group.
        group: GroupId,
    },
    /// A node says that it has a group with us, and we do not have it.
    GroupMissing {
        /// The node, of a member of another group.
        peer: PeerId,
        /// The group, by its claim.
        group: GroupId,
    },
    /// The node of a member is connected, and has not shown that it speaks for it; nothing of a group is
    /// sent to it. Mostly its user has not formed the group yet.
    NotShown {
        /// The node.
        peer: PeerId,
        /// The key that it should speak for.
        signer: SignerKey,
    },
    /// A member's key speaks through another node from here on, in every group.
    NodeChanged {
        /// The member's key.
        signer: SignerKey,
        /// The node that has lost its standing.
        from: PeerId,
        /// The node that has its place.
        to: PeerId,
        /// The number of its delegation.
        number: u64,
    },
    /// Our own signer key has let another node speak for it: two nodes of one key are alive, or this one was
    /// replaced.
    OwnKeyElsewhere {
        /// The other node.
        peer: PeerId,
        /// The number of its delegation; above ours, it has taken our place.
        number: u64,
        /// Whether it has.
        is_newer: bool,
    },
    /// Two processes with one member's identity run, and push each other off.
    PeerCopied {
        /// The member's node.
        peer: PeerId,
    },
    /// A request of another signer waits for a decision.
    Review(Review),
    /// A request was made before what we know begins, and is refused: an attempt at it may have been
    /// joined. Its end follows.
    Void(Review),
    /// Our user's consent to a request is durable.
    ConsentDurable {
        /// The request.
        request: RequestId,
    },
    /// It is durable that a request is over without signatures, and will never go on.
    EndDurable {
        /// The request.
        request: RequestId,
    },
    /// An attempt at a request began.
    Attempt {
        /// The request.
        request: RequestId,
        /// Which attempt, from 1.
        attempt: u16,
        /// Which signer's node opened it, and why; `None` when we did.
        opened_by: Option<Opening>,
    },
    /// What a request waits for has changed, as long as not all have joined an attempt at it.
    Waiting {
        /// The request.
        request: RequestId,
        /// What it waits for.
        wait: Box<Wait>,
    },
    /// Our user's consent to a request is withdrawn, and that is durable; the question comes again as
    /// [`Event::Review`].
    Withdrawn {
        /// The request.
        request: RequestId,
    },
    /// Every signer's node has said that it holds the signatures of a request, and we hold them too.
    Everybody {
        /// The request.
        request: RequestId,
    },
    /// A member's node is convicted by its own signatures.
    Convicted {
        /// The node.
        peer: PeerId,
        /// The proof.
        evidence: Box<Evidence>,
        /// The name of the [case](Record::Case) that shows it to strangers.
        case: Option<[u8; 32]>,
    },
    /// Another delegation of our signer key's is in use from here on.
    Delegated(DelegationProof),
    /// The delegation in use stays, whether it holds or not.
    NotDelegated(NotDelegated),
    /// A session reports. An attempt that failed is reported here only when another follows.
    Session {
        /// The request.
        request: RequestId,
        /// The attempt that reports.
        attempt: u16,
        /// What it reports.
        event: ensign_session::Event,
    },
    /// The request is over without a signature, for good.
    Closed {
        /// The request.
        request: RequestId,
        /// How many attempts there were.
        attempt: u16,
        /// Why the last one ended.
        failure: Box<ensign_session::Failure>,
    },
    /// A request from before a restart does not go on: its group is there, and there is no room, or it
    /// is over.
    NotResumed {
        /// The request.
        request: RequestId,
        /// Why not.
        why: CommandError,
    },
}
