//! Values of every message, drawn at random within their limits, and a few fixed ones.

use std::{
    boxed::Box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    string::String,
    sync::LazyLock,
    vec,
    vec::Vec,
};

use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_primitives::{
    KEY_PATH_STEPS_MAX, KeyPath, MESSAGES_MAX, Network, QueryId, RequestId, SIGNERS_MAX, SessionId,
    SignerIndex, UnixTime,
};
use proptest::{array, collection::vec, option, prelude::*, sample};

use crate::{
    ADDRESSES_MAX, AbortReason, Body, Consent, Envelope, Frame, GroupKeys, Held, Hello, KeyTweak,
    Kind, Limits, LinkReport, Message, Mode, NonceAck, NonceCommit, NonceShare, NoncesComplete,
    PAYLOAD_BYTES_MAX, PartialSigAck, PartialSigShare, PartialSigsComplete, Payload, Price, Proof,
    PubNonceBytes, REQUEST_LIFETIME_MAX, Refusal, Roles, Round0, Scheme, SessionAbort,
    SessionAnnounce, SessionJoin, SessionReady, SignatureFinalized, Signed, SignedRequest,
    SignerSet, SigningRequest, TxType, ValidationError,
};

pub(super) const NETWORK: Network = Network::Regtest;
pub(super) const NOW: UnixTime = UnixTime::from_millis(1_760_000_000_000);
pub(super) const SESSION: SessionId = SessionId::from_bytes([0x5e; 32]);

static NODE_KEYS: LazyLock<Vec<NodeKey>> = LazyLock::new(|| {
    (1..=SIGNERS_MAX as u16)
        .map(|number| {
            let mut secret = [0x11; 32];
            secret[..2].copy_from_slice(&number.to_be_bytes());
            NodeKey::from_secret_bytes(secret).unwrap()
        })
        .collect()
});

/// One of [`SIGNERS_MAX`] fixed keys.
pub(super) fn node_key(index: usize) -> &'static NodeKey {
    &NODE_KEYS[index]
}

/// The signer key with the same secret as [`node_key`]: a delegation by it is a node signature.
pub(super) fn signer_key(index: usize) -> SignerKey {
    let mut bytes = [2; 33];
    bytes[1..].copy_from_slice(node_key(index).peer_id().as_bytes());
    SignerKey::from_bytes(&bytes).unwrap()
}

/// The permission of signer `signer` for node `peer` to speak.
pub(super) fn delegation(signer: usize, peer: usize, network: Network) -> DelegationProof {
    let expires = UnixTime::from_millis(NOW.as_millis() + 86_400_000);
    let peer = node_key(peer).peer_id();
    let digest =
        Delegation::digest(&signer_key(signer), &peer, network, Terms { number: 1, expires });
    DelegationProof { number: 1, expires, signature: node_key(signer).sign(&digest) }
}

fn key_paths() -> impl Strategy<Value = KeyPath> {
    let steps = vec(0..1_u32 << 31, 0..=KEY_PATH_STEPS_MAX);
    steps.prop_map(|steps| KeyPath::new(&steps).unwrap())
}

/// A request by signer 0 of three, for two messages.
pub(super) fn fixed_request() -> SigningRequest {
    SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new((0..3).map(signer_key).collect()).unwrap(),
        messages: Vec::from([
            Message { digest: [1; 32], tweak: KeyTweak::None },
            Message { digest: [2; 32], tweak: KeyTweak::ADDRESS },
        ]),
        payload: Payload::Blind,
        purpose: String::from("rent"),
        tx_type: TxType::Spend,
        amount: 50_000,
        creator: SignerIndex(0),
        created: NOW,
        expires: NOW.after(REQUEST_LIFETIME_MAX),
        mode: Mode::Committed,
        nonce: [9; 16],
    }
}

/// A body of `kind` with the least in it.
pub(super) fn smallest(kind: Kind) -> Body {
    let signer = SignerIndex(0);
    let digest = [4; 32];
    match kind {
        Kind::SessionAnnounce => {
            let proof = delegation(0, 0, NETWORK);
            let request = SignedRequest::sign(fixed_request(), node_key(0), proof).unwrap();
            Body::SessionAnnounce(Box::new(SessionAnnounce { attempt: 1, request }))
        }
        Kind::SessionJoin => Body::SessionJoin(SessionJoin {
            signer,
            delegation: delegation(0, 0, NETWORK),
            round0: Round0::Commit(NonceCommit { commitment: digest }),
        }),
        Kind::SessionReady => Body::SessionReady(SessionReady { joined: SignerSet::default() }),
        Kind::NonceShare => Body::NonceShare(NonceShare {
            signer,
            nonces: Vec::from([PubNonceBytes([3; 66])]),
            salt: digest,
        }),
        Kind::NonceAck => Body::NonceAck(NonceAck { held: SignerSet::default(), digest }),
        Kind::NoncesComplete => Body::NoncesComplete(NoncesComplete { signer, digest }),
        Kind::PartialSigShare => Body::PartialSigShare(PartialSigShare {
            signer,
            nonces: digest,
            partials: Vec::from([[5; 32]]),
        }),
        Kind::PartialSigAck => Body::PartialSigAck(PartialSigAck::default()),
        Kind::PartialSigsComplete => Body::PartialSigsComplete(PartialSigsComplete { digest }),
        Kind::SignatureFinalized => Body::SignatureFinalized(SignatureFinalized {
            signatures: Vec::from([Signature([6; 64])]),
        }),
        Kind::SessionAbort => {
            Body::SessionAbort(SessionAbort { reason: AbortReason::Declined, culprit: None })
        }
        Kind::ValidationError => Body::ValidationError(ValidationError {
            refused: Kind::NonceShare,
            why: Refusal::WrongCount,
        }),
        Kind::Hello
        | Kind::Ping
        | Kind::Pong
        | Kind::Price
        | Kind::Proof
        | Kind::Payload
        | Kind::Groups
        | Kind::Evidence
        | Kind::EvidenceSeen
        | Kind::Delegation
        | Kind::Welcome
        | Kind::Consent
        | Kind::LinkReport
        | Kind::FormationSeat
        | Kind::FormationSeated
        | Kind::FormationRoster
        | Kind::FormationStatement
        | Kind::FormationCertificate
        | Kind::DhtFind
        | Kind::DhtStore
        | Kind::DhtReply
        | Kind::DhtHave
        | Kind::DhtPull
        | Kind::PeersAsk
        | Kind::PeersTold
        | Kind::DialBackAsk
        | Kind::DialBackTold
        | Kind::DialBack
        | Kind::GossipData
        | Kind::GossipControl => {
            panic!("{kind:?} is no statement")
        }
    }
}

/// Every kind that an envelope carries.
pub(super) fn body_kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL
        .into_iter()
        .filter(|kind| (Kind::SessionAnnounce..=Kind::ValidationError).contains(kind))
}

/// `body`, signed by node 0.
pub(super) fn signed(body: Body) -> Envelope {
    Envelope::sign(node_key(0), NETWORK, SESSION, 1, NOW, body).unwrap()
}

/// `body` in an envelope by node 0, without its frame header.
pub(super) fn body_bytes(body: Body) -> Vec<u8> {
    signed(body).encode()
}

/// Any frame, each kind equally often.
pub(super) fn frames() -> impl Strategy<Value = Frame> {
    prop_oneof![
        1 => hellos().prop_map(Frame::Hello),
        1 => any::<u64>().prop_map(|number| Frame::Ping(QueryId(number))),
        1 => any::<u64>().prop_map(|number| Frame::Pong(QueryId(number))),
        1 => prices(),
        1 => proofs(),
        1 => payloads(),
        1 => groups(),
        1 => consents(),
        1 => link_reports(),
        1 => introduced(),
        1 => welcomes(),
        1 => vec(any::<u8>(), 1..300).prop_map(Frame::Evidence),
        1 => any::<[u8; 32]>().prop_map(Frame::EvidenceSeen),
        1 => super::formations::formations().prop_map(Frame::Formation),
        5 => super::dht::messages().prop_map(Frame::Dht),
        2 => super::dht::peers_messages().prop_map(Frame::Peers),
        2 => super::dht::reach_messages().prop_map(Frame::Reach),
        2 => super::gossip::messages().prop_map(Frame::Gossip),
        12 => envelopes().prop_map(|envelope| Frame::Envelope(Box::new(envelope))),
    ]
}

fn groups() -> impl Strategy<Value = Frame> {
    proptest::collection::btree_set(any::<[u8; 32]>(), 0..=4).prop_map(|ids| {
        let shared = ids.into_iter().map(ensign_primitives::GroupId::from_bytes).collect();
        Frame::Groups(crate::Groups { shared })
    })
}

fn consents() -> impl Strategy<Value = Frame> {
    let words = (any::<[u8; 32]>(), signers(), delegations(), 1..=u32::MAX, any::<bool>());
    words.prop_map(|(request, signer, delegation, number, agrees)| {
        let request = RequestId::from_bytes(request);
        let consent = Consent { request, signer, delegation, number, agrees };
        Frame::Consent(Box::new(Signed::new(node_key(0), NETWORK, 1, NOW, consent).unwrap()))
    })
}

fn link_reports() -> impl Strategy<Value = Frame> {
    let words = (any::<[u8; 32]>(), vec(signers(), 0..=8), any::<u16>());
    words.prop_map(|(group, sees, version)| {
        let group = ensign_primitives::GroupId::from_bytes(group);
        let report = LinkReport { group, sees: sees.into_iter().collect(), version };
        Frame::LinkReport(Box::new(Signed::new(node_key(0), NETWORK, 1, NOW, report).unwrap()))
    })
}

fn introduced() -> impl Strategy<Value = Frame> {
    (any::<[u8; 8]>(), any::<[u8; 32]>(), delegations()).prop_map(|(hint, peer, proof)| {
        Frame::Delegation(crate::Introduced {
            hint,
            peer: ensign_primitives::PeerId::from_bytes(peer),
            proof,
        })
    })
}

fn welcomes() -> impl Strategy<Value = Frame> {
    (any::<(u64, [u8; 8])>(), vec(addresses(), 0..=ADDRESSES_MAX)).prop_map(
        |((clock, instance), listening)| {
            let clock = UnixTime::from_millis(clock);
            Frame::Welcome(crate::Welcome { clock, instance, listening })
        },
    )
}

/// Any envelope with a valid signature.
pub(super) fn envelopes() -> impl Strategy<Value = Envelope> {
    (0..SIGNERS_MAX, any::<[u8; 32]>(), any::<u64>(), any::<u64>(), bodies()).prop_map(
        |(key, session, seq, sent_at, body)| {
            let (session, sent_at) =
                (SessionId::from_bytes(session), UnixTime::from_millis(sent_at));
            Envelope::sign(node_key(key), NETWORK, session, seq, sent_at, body).unwrap()
        },
    )
}

/// Any statement, each kind equally often.
pub(super) fn bodies() -> impl Strategy<Value = Body> {
    let announce = (1..=u16::MAX, signed_requests())
        .prop_map(|(attempt, request)| SessionAnnounce { attempt, request });
    let join = (signers(), delegations(), round0s())
        .prop_map(|(signer, delegation, round0)| SessionJoin { signer, delegation, round0 });
    let share = (signers(), nonces(), digests()).prop_map(|(signer, nonces, salt)| NonceShare {
        signer,
        nonces,
        salt,
    });
    let nonce_ack = (signer_sets(), digests()).prop_map(|(held, digest)| NonceAck { held, digest });
    let complete =
        (signers(), digests()).prop_map(|(signer, digest)| NoncesComplete { signer, digest });
    let partials = (signers(), digests(), vec(digests(), 1..=4))
        .prop_map(|(signer, nonces, partials)| PartialSigShare { signer, nonces, partials });
    let finalized =
        vec(signatures(), 1..=4).prop_map(|signatures| SignatureFinalized { signatures });
    let abort = (abort_reasons(), option::of(signers()))
        .prop_map(|(reason, culprit)| SessionAbort { reason, culprit });
    let refusal = (sample::select(Kind::ALL.to_vec()), refusals())
        .prop_map(|(refused, why)| ValidationError { refused, why });
    prop_oneof![
        announce.prop_map(|announce| Body::SessionAnnounce(Box::new(announce))),
        join.prop_map(Body::SessionJoin),
        signer_sets().prop_map(|joined| Body::SessionReady(SessionReady { joined })),
        share.prop_map(Body::NonceShare),
        nonce_ack.prop_map(Body::NonceAck),
        complete.prop_map(Body::NoncesComplete),
        partials.prop_map(Body::PartialSigShare),
        (held_sets(), held_sets(), held_sets(), held_sets()).prop_map(
            |(joins, nonces, confirmations, partials)| {
                Body::PartialSigAck(PartialSigAck { joins, nonces, confirmations, partials })
            }
        ),
        digests().prop_map(|digest| Body::PartialSigsComplete(PartialSigsComplete { digest })),
        finalized.prop_map(Body::SignatureFinalized),
        abort.prop_map(Body::SessionAbort),
        refusal.prop_map(Body::ValidationError),
    ]
}

fn prices() -> impl Strategy<Value = Frame> {
    (any::<u8>(), 1_u8..=64, any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(version, bits, epoch, seed)| Frame::Price(Price { version, bits, epoch, seed }))
}

fn proofs() -> impl Strategy<Value = Frame> {
    (any::<u8>(), any::<u64>(), any::<u64>())
        .prop_map(|(version, epoch, nonce)| Frame::Proof(Proof { version, epoch, nonce }))
}

fn hellos() -> impl Strategy<Value = Hello> {
    let limits = any::<(u32, u16, u16)>().prop_map(|(payload_bytes, messages, requests)| Limits {
        payload_bytes,
        messages,
        requests,
    });
    (any::<u8>(), any::<(u8, u8)>(), option::of(addresses()), limits).prop_map(
        |(roles, (a, b), observed, limits)| Hello {
            roles: Roles(roles),
            version_min: a.min(b),
            version_max: a.max(b),
            observed,
            limits,
        },
    )
}

fn addresses() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        any::<[u8; 16]>().prop_map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
    ];
    (ip, any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn payloads() -> impl Strategy<Value = Frame> {
    (any::<[u8; 32]>(), vec(any::<u8>(), 1..300)).prop_map(|(request, bytes)| Frame::Payload {
        request: RequestId::from_bytes(request),
        bytes,
    })
}

fn signed_requests() -> impl Strategy<Value = SignedRequest> {
    (requests(), 0..SIGNERS_MAX, delegations()).prop_map(|(request, peer, delegation)| {
        SignedRequest::sign(request, node_key(peer), delegation).unwrap()
    })
}

/// Any request on [`NETWORK`], for at most nine signers.
pub(super) fn requests() -> impl Strategy<Value = SigningRequest> {
    let times = (any::<u64>(), 1..=REQUEST_LIFETIME_MAX.as_millis() as u64)
        .prop_map(|(created, lifetime)| (created.min(u64::MAX - lifetime), lifetime));
    let purpose = "\\PC{0,40}".prop_filter("fits", |text| text.len() <= 256);
    let what = (vec(messages(), 1..=4), payload_digests(), purpose, tx_types(), any::<u64>());
    let who = (sample::subsequence((0..SIGNERS_MAX).collect::<Vec<_>>(), 1..=9), any::<u16>());
    (what, who, times, modes(), any::<[u8; 16]>()).prop_map(
        |((messages, payload, purpose, tx_type, amount), (keys, creator), times, mode, nonce)| {
            super::request::as_drill(SigningRequest {
                network: NETWORK,
                scheme: Scheme::Bip327,
                creator: SignerIndex(creator % keys.len() as u16),
                signers: GroupKeys::new(keys.into_iter().map(signer_key).collect()).unwrap(),
                messages,
                payload,
                purpose,
                tx_type,
                amount,
                created: UnixTime::from_millis(times.0),
                expires: UnixTime::from_millis(times.0 + times.1),
                mode,
                nonce,
            })
        },
    )
}

fn messages() -> impl Strategy<Value = Message> {
    let tweak = prop_oneof![
        Just(KeyTweak::None),
        (key_paths(), option::of(digests()))
            .prop_map(|(path, merkle_root)| KeyTweak::Taproot { path, merkle_root }),
    ];
    (digests(), tweak).prop_map(|(digest, tweak)| Message { digest, tweak })
}

fn payload_digests() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::Blind),
        (digests(), 1..=PAYLOAD_BYTES_MAX as u32)
            .prop_map(|(digest, len)| Payload::Psbt { digest, len }),
        Just(Payload::Drill),
    ]
}

fn round0s() -> impl Strategy<Value = Round0> {
    prop_oneof![
        digests().prop_map(|commitment| Round0::Commit(NonceCommit { commitment })),
        nonces().prop_map(Round0::Reveal),
    ]
}

fn delegations() -> impl Strategy<Value = DelegationProof> {
    (any::<(u64, u64)>(), signatures()).prop_map(|((number, expires), signature)| DelegationProof {
        number,
        expires: UnixTime::from_millis(expires),
        signature,
    })
}

fn nonces() -> impl Strategy<Value = Vec<PubNonceBytes>> {
    let nonce = (array::uniform32(any::<u8>()), array::uniform32(any::<u8>()), any::<[u8; 2]>())
        .prop_map(|(a, b, c)| {
            let bytes: Vec<u8> = a.into_iter().chain(b).chain(c).collect();
            PubNonceBytes(bytes.try_into().unwrap())
        });
    vec(nonce, 1..=4)
}

fn signatures() -> impl Strategy<Value = Signature> {
    (array::uniform32(any::<u8>()), array::uniform32(any::<u8>())).prop_map(|(low, high)| {
        let bytes: Vec<u8> = low.into_iter().chain(high).collect();
        Signature(bytes.try_into().unwrap())
    })
}

fn digests() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>()
}

fn signers() -> impl Strategy<Value = SignerIndex> {
    (0..SIGNERS_MAX as u16).prop_map(SignerIndex)
}

/// Any set of at most ten signers.
pub(super) fn signer_sets() -> impl Strategy<Value = SignerSet> {
    vec(signers(), 0..=10).prop_map(|signers| signers.into_iter().collect())
}

fn held_sets() -> impl Strategy<Value = Held> {
    (signer_sets(), any::<[u8; 32]>()).prop_map(|(signers, digest)| Held { signers, digest })
}

fn modes() -> impl Strategy<Value = Mode> {
    sample::select(&[Mode::Committed, Mode::Fast, Mode::Strict][..])
}

fn tx_types() -> impl Strategy<Value = TxType> {
    use TxType::{Channel, CoinJoin, Custody, Escrow, Spend, Swap};
    sample::select(&[Spend, Swap, CoinJoin, Custody, Escrow, Channel][..])
}

fn abort_reasons() -> impl Strategy<Value = AbortReason> {
    use AbortReason::{
        AttemptsUsed, Cancelled, Declined, Dissolved, Equivocation, Expired, Internal,
        InvalidNonce, PayloadMismatch, Timeout, ViewsDiffer, WrongCommitment, WrongPartialSig,
    };
    sample::select(
        &[
            Declined,
            PayloadMismatch,
            Expired,
            Timeout,
            Equivocation,
            WrongCommitment,
            InvalidNonce,
            WrongPartialSig,
            ViewsDiffer,
            Internal,
            Cancelled,
            AttemptsUsed,
            Dissolved,
        ][..],
    )
}

fn refusals() -> impl Strategy<Value = Refusal> {
    use Refusal::{Busy, ClockSkew, InvalidRequest, NotDelegated, UnknownGroup, WrongCount};
    sample::select(&[UnknownGroup, InvalidRequest, NotDelegated, ClockSkew, WrongCount, Busy][..])
}

/// The request with every list as long as it may be.
pub(super) fn largest_request() -> SigningRequest {
    let path = KeyPath::new(&[u32::MAX >> 1; KEY_PATH_STEPS_MAX]).unwrap();
    let tweak = KeyTweak::Taproot { path, merkle_root: Some([0xff; 32]) };
    SigningRequest {
        signers: GroupKeys::new((0..SIGNERS_MAX).map(signer_key).collect()).unwrap(),
        messages: std::vec![Message { digest: [0xff; 32], tweak }; MESSAGES_MAX],
        payload: Payload::Psbt { digest: [0xff; 32], len: PAYLOAD_BYTES_MAX as u32 },
        purpose: "x".repeat(crate::PURPOSE_BYTES_MAX),
        amount: u64::MAX,
        creator: SignerIndex((SIGNERS_MAX - 1) as u16),
        ..fixed_request()
    }
}
