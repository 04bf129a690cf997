//! What is kept, and where in the store each record lies.

use core::fmt;

use ensign_primitives::{PeerId, RequestId};
use ensign_wire::PAYLOAD_BYTES_MAX;

/// Most bytes of a record that carries a request, an announcement or one value per message; of a
/// claim, which names its request.
///
/// 1,024 messages with their tweaks and 256 signers take about 100 KiB; the rest is room.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Most bytes of a consent: the request and the payload it was computed from.
pub const CONSENT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + RECORD_BYTES_MAX;

/// Most bytes of evidence: the request, the delegations and two signed envelopes.
pub const EVIDENCE_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes of what is kept about one peer, and of a named value.
pub const SMALL_BYTES_MAX: usize = 16 * 1024;

/// Most bytes of a key: the longest name of a value that has one.
pub const KEY_BYTES_MAX: usize = 64;

/// What kind of record it is.
///
/// The store does not look into records; whoever uses it decides their encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Requests that wait for our user's decision, with the payload. Key: [`RequestId`].
    Requests,
    /// What our user consented to, with the payload. Key: [`RequestId`].
    Consents,
    /// Attempts that we joined. Key: [`RequestId`], attempt.
    Joins,
    /// What else is known about an attempt. Key: [`RequestId`], attempt.
    Marks,
    /// Attempts whose nonces count as used. Key: [`RequestId`], attempt.
    Burns,
    /// Partial signatures as they were sent: to be sent again, never computed again. Key:
    /// [`RequestId`], attempt.
    Partials,
    /// Requests with their signatures. Key: [`RequestId`].
    Finished,
    /// Requests that are over without signatures. Key: [`RequestId`].
    Closed,
    /// What anybody can verify. Key: the evidence's digest.
    Evidence,
    /// What somebody said and nobody can verify. Key: the claim's digest.
    Claims,
    /// Where peers were reached. Key: [`PeerId`].
    Addresses,
    /// How peers behaved. Key: [`PeerId`].
    Reputation,
    /// Requests of a creator's that ended before our user decided. Key: [`PeerId`].
    Undecided,
    /// Single values by name. What the store itself writes down is elsewhere.
    Meta,
    /// What is told of a request in a few words, whether or not our user decided about it. Key:
    /// [`RequestId`].
    Outlines,
    /// What our user was shown of what they consented to. Key: [`RequestId`].
    Shown,
    /// Groups that form, and the certificates of those that did. Key: the group's name.
    Formations,
    /// What our user decided last about a request that they had consented to before. Key: [`RequestId`].
    Decisions,
    /// Which node speaks for a signer key, by the highest number; never forgotten. Key: the 33 bytes of
    /// the signer key.
    Delegations,
    /// Nodes of the open network that answered us. Key: [`PeerId`].
    Neighbours,
    /// What else is worth knowing of the open network at the next start, by name.
    Overlay,
}

impl Table {
    /// Every table, in the order of their numbers on disk.
    pub const ALL: [Self; 21] = [
        Self::Requests,
        Self::Consents,
        Self::Joins,
        Self::Marks,
        Self::Burns,
        Self::Partials,
        Self::Finished,
        Self::Closed,
        Self::Evidence,
        Self::Claims,
        Self::Addresses,
        Self::Reputation,
        Self::Undecided,
        Self::Meta,
        Self::Outlines,
        Self::Shown,
        Self::Formations,
        Self::Decisions,
        Self::Delegations,
        Self::Neighbours,
        Self::Overlay,
    ];

    /// Returns the name, which is also its name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Consents => "consents",
            Self::Joins => "joins",
            Self::Marks => "marks",
            Self::Burns => "burns",
            Self::Partials => "partials",
            Self::Finished => "finished",
            Self::Closed => "closed",
            Self::Evidence => "evidence",
            Self::Claims => "claims",
            Self::Addresses => "addresses",
            Self::Reputation => "reputation",
            Self::Undecided => "undecided",
            Self::Meta => "meta",
            Self::Outlines => "outlines",
            Self::Shown => "shown",
            Self::Formations => "formations",
            Self::Decisions => "decisions",
            Self::Delegations => "delegations",
            Self::Neighbours => "neighbours",
            Self::Overlay => "overlay",
        }
    }

    /// Returns the most bytes that a value may have.
    pub const fn value_bytes_max(self) -> usize {
        match self {
            Self::Requests | Self::Consents => CONSENT_BYTES_MAX,
            Self::Evidence => EVIDENCE_BYTES_MAX,
            Self::Joins
            | Self::Marks
            | Self::Burns
            | Self::Partials
            | Self::Finished
            | Self::Closed
            | Self::Claims
            | Self::Outlines
            | Self::Shown
            | Self::Formations => RECORD_BYTES_MAX,
            Self::Addresses
            | Self::Reputation
            | Self::Undecided
            | Self::Meta
            | Self::Decisions
            | Self::Delegations
            | Self::Neighbours
            | Self::Overlay => SMALL_BYTES_MAX,
        }
    }

    /// Whether a record begins work or could be missed, so that a store that is nearly full refuses
    /// it; the others carry work on that runs, and have a reserve.
    pub const fn is_new_work(self) -> bool {
        match self {
            Self::Requests
            | Self::Consents
            | Self::Shown
            | Self::Evidence
            | Self::Claims
            | Self::Addresses
            | Self::Reputation
            | Self::Neighbours
            | Self::Overlay => true,
            Self::Joins
            | Self::Marks
            | Self::Burns
            | Self::Partials
            | Self::Finished
            | Self::Closed
            | Self::Undecided
            | Self::Meta
            | Self::Formations
            | Self::Decisions
            | Self::Outlines
            | Self::Delegations => false,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where one record lies: its table and its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    table: Table,
    length: u8,
    key: [u8; KEY_BYTES_MAX],
}

impl Place {
    /// A request that waits for our user's decision.
    pub fn request(request: &RequestId) -> Self {
        Self::new(Table::Requests, &[request.as_bytes()])
    }

    /// A consent of our user.
    pub fn consent(request: &RequestId) -> Self {
        Self::new(Table::Consents, &[request.as_bytes()])
    }

    /// An attempt that we joined.
    pub fn join(request: &RequestId, attempt: u16) -> Self {
        Self::attempt(Table::Joins, request, attempt)
    }

    /// What else is known about an attempt.
    pub fn mark(request: &RequestId, attempt: u16) -> Self {
        Self::attempt(Table::Marks, request, attempt)
    }

    /// An attempt whose nonces count as used.
    pub fn burn(request: &RequestId, attempt: u16) -> Self {
        Self::attempt(Table::Burns, request, attempt)
    }

    /// The partial signatures that were sent in an attempt.
    pub fn partial(request: &RequestId, attempt: u16) -> Self {
        Self::attempt(Table::Partials, request, attempt)
    }

    /// A request with its signatures.
    pub fn finished(request: &RequestId) -> Self {
        Self::new(Table::Finished, &[request.as_bytes()])
    }

    /// A request that is over without signatures.
    pub fn closed(request: &RequestId) -> Self {
        Self::new(Table::Closed, &[request.as_bytes()])
    }

    /// What is told of a request.
    pub fn outline(request: &RequestId) -> Self {
        Self::new(Table::Outlines, &[request.as_bytes()])
    }

    /// What our user was shown of what they consented to.
    pub fn shown(request: &RequestId) -> Self {
        Self::new(Table::Shown, &[request.as_bytes()])
    }

    /// What our user decided last, after a consent.
    pub fn decision(request: &RequestId) -> Self {
        Self::new(Table::Decisions, &[request.as_bytes()])
    }

    /// Evidence, by its digest.
    pub fn evidence(digest: &[u8; 32]) -> Self {
        Self::new(Table::Evidence, &[digest])
    }

    /// A claim, by its digest.
    pub fn claim(digest: &[u8; 32]) -> Self {
        Self::new(Table::Claims, &[digest])
    }

    /// Where a peer was reached.
    pub fn addresses(peer: &PeerId) -> Self {
        Self::new(Table::Addresses, &[peer.as_bytes()])
    }

    /// How a peer behaved.
    pub fn reputation(peer: &PeerId) -> Self {
        Self::new(Table::Reputation, &[peer.as_bytes()])
    }

    /// What a creator asked that ended undecided.
    pub fn undecided(creator: &PeerId) -> Self {
        Self::new(Table::Undecided, &[creator.as_bytes()])
    }

    /// Which node speaks for a key.
    pub fn delegation(signer: &[u8; 33]) -> Self {
        Self::new(Table::Delegations, &[signer])
    }

    /// A node of the open network that answered us.
    pub fn neighbour(peer: &PeerId) -> Self {
        Self::new(Table::Neighbours, &[peer.as_bytes()])
    }

    /// What else is worth knowing of the open network at the next start.
    ///
    /// - `name`: at most [`KEY_BYTES_MAX`] bytes; more are cut off.
    pub fn overlay(name: &str) -> Self {
        Self::new(Table::Overlay, &[name.as_bytes()])
    }

    /// A group that forms, or has formed.
    ///
    /// - `name`: at most [`KEY_BYTES_MAX`] bytes; more are cut off.
    pub fn formation(name: &str) -> Self {
        Self::new(Table::Formations, &[name.as_bytes()])
    }

    /// A single value.
    ///
    /// - `name`: at most [`KEY_BYTES_MAX`] bytes; more are cut off.
    pub fn meta(name: &str) -> Self {
        Self::new(Table::Meta, &[name.as_bytes()])
    }

    /// Returns the place of a key that [`scan`](crate::Store::scan) showed, to remove it or to read
    /// it again; `None` for a key longer than [`KEY_BYTES_MAX`].
    pub fn found(table: Table, key: &[u8]) -> Option<Self> {
        (key.len() <= KEY_BYTES_MAX).then(|| Self::new(table, &[key]))
    }

    /// Returns the table.
    pub const fn table(&self) -> Table {
        self.table
    }

    /// Returns the key: a name of 32 bytes, then the attempt, big endian, where there is one.
    pub fn key(&self) -> &[u8] {
        self.key.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Returns the request that the key begins with; `None` when it is shorter.
    pub fn request_id(&self) -> Option<RequestId> {
        request_of(self.key())
    }

    /// Returns the attempt at the end of the key; `None` for a table without.
    pub fn attempt_number(&self) -> Option<u16> {
        attempt_of(self.key())
    }

    fn attempt(table: Table, request: &RequestId, attempt: u16) -> Self {
        Self::new(table, &[request.as_bytes(), &attempt.to_be_bytes()])
    }

    fn new(table: Table, parts: &[&[u8]]) -> Self {
        let (mut key, mut length) = ([0; KEY_BYTES_MAX], 0_u8);
        let bytes = parts.iter().copied().flatten();
        for (slot, byte) in key.iter_mut().zip(bytes) {
            *slot = *byte;
            length += 1;
        }
        Self { table, length, key }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.table)?;
        if self.table == Table::Meta {
            return write!(f, "{}", String::from_utf8_lossy(self.key()));
        }
        self.key().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns the request that a key begins with.
pub fn request_of(key: &[u8]) -> Option<RequestId> {
    key.first_chunk::<32>().copied().map(RequestId::from_bytes)
}

/// Returns the attempt of a key that has one.
pub fn attempt_of(key: &[u8]) -> Option<u16> {
    let (_, rest) = key.split_first_chunk::<32>()?;
    rest.try_into().ok().map(u16::from_be_bytes)
}
