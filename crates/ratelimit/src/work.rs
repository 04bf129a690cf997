//! What a frame costs to look at, in compute tokens, before a byte of it is decoded.

use ensign_wire::Kind;

/// Checking one signature: the unit. About 50 us of a core.
pub const VERIFY_TOKENS: u64 = 1;
/// Aggregating nonces. Specification.
pub const AGGREGATE_NONCES_TOKENS: u64 = 2;
/// Aggregating partial signatures, their checks included. Specification.
pub const AGGREGATE_SIGNATURES_TOKENS: u64 = 3;

/// Fewest bytes of a node record: its heads, a proof and a signature.
const NODE_RECORD_BYTES_MIN: usize = 128;

/// Bytes that one member takes in a roster or a certificate at least: a key, a node, two signatures.
const MEMBER_BYTES_MIN: usize = 32 + 32 + 64;

/// Bytes of an evidence file that cost a check. Guess: one message's nonces of a large group.
const EVIDENCE_BYTES_OF_CHECK: usize = 16 * 1024;

/// Returns what a frame of this kind costs; a frame without a signature costs as much as the smallest
/// with one, so that none is free. Introductions are, each connection has one; so are
/// proofs of work: one hash is looked at for each price, and what strangers share shall not lose them.
///
/// - `bytes`: of its body; what is longer has more signatures in it.
pub const fn tokens(kind: Kind, bytes: usize) -> u64 {
    match kind {
        Kind::Hello | Kind::Proof => 0,
        Kind::Ping
        | Kind::Pong
        | Kind::Price
        | Kind::Groups
        | Kind::Payload
        | Kind::Delegation
        | Kind::EvidenceSeen
        | Kind::Welcome
        | Kind::SessionReady
        | Kind::NonceAck
        | Kind::NoncesComplete
        | Kind::PartialSigAck
        | Kind::PartialSigsComplete
        | Kind::SessionAbort
        | Kind::ValidationError
        | Kind::FormationSeat
        | Kind::FormationSeated
        | Kind::FormationStatement => VERIFY_TOKENS,
        Kind::DhtFind
        | Kind::DhtStore
        | Kind::DhtHave
        | Kind::DhtPull
        | Kind::PeersAsk
        | Kind::GossipData
        | Kind::GossipControl => VERIFY_TOKENS,
        // None carries a signature; a dial costs a handshake, of which there is a budget of its own.
        Kind::DialBackAsk | Kind::DialBackTold | Kind::DialBack => VERIFY_TOKENS,
        // A signature for each node that it tells of.
        Kind::DhtReply | Kind::PeersTold => {
            VERIFY_TOKENS + (bytes / NODE_RECORD_BYTES_MIN) as u64 * VERIFY_TOKENS
        }
        // The envelope and the request; the word and the delegation; the envelope and the result.
        Kind::SessionAnnounce | Kind::Consent | Kind::LinkReport | Kind::SignatureFinalized => {
            2 * VERIFY_TOKENS
        }
        // Its statements and delegations, and for each message the nonces of all and a check.
        Kind::Evidence => {
            4 * VERIFY_TOKENS
                + (bytes / EVIDENCE_BYTES_OF_CHECK) as u64 * AGGREGATE_SIGNATURES_TOKENS
        }
        Kind::SessionJoin | Kind::NonceShare => VERIFY_TOKENS + AGGREGATE_NONCES_TOKENS,
        Kind::PartialSigShare => VERIFY_TOKENS + AGGREGATE_SIGNATURES_TOKENS,
        Kind::FormationRoster | Kind::FormationCertificate => {
            VERIFY_TOKENS + (bytes / MEMBER_BYTES_MIN) as u64
        }
    }
}

/// As [`tokens`], of a node that we neither know nor want: it forms no group with us, so that nobody reads its
/// rosters and certificates, however long they are.
pub const fn tokens_of_stranger(kind: Kind, bytes: usize) -> u64 {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else costs the same of anybody")]
    match kind {
        Kind::FormationRoster | Kind::FormationCertificate => VERIFY_TOKENS,
        _ => tokens(kind, bytes),
    }
}
