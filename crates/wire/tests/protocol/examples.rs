//! One example of each message: the value, and the same bytes written by hand.

use ensign_identity::{NodeKey, Signature};
use ensign_primitives::{QueryId, SignerIndex, UnixTime, sha256};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Groups, Hello, Introduced, Kind, Limits, NonceAck,
    NonceShare, NoncesComplete, PROTOCOL_VERSION, PartialSigAck, PartialSigShare,
    PartialSigsComplete, Price, Proof, Refusal, Roles, Round0, SessionAbort, SessionAnnounce,
    SessionJoin, SessionReady, Signable, SignatureFinalized, Signed, SignerSet, Slot,
    ValidationError, Welcome,
};

use crate::{dht, dump::Dump, formation, gossip, story};

/// A message and its bytes.
pub(crate) struct Example {
    /// The name of the block in the document.
    pub(crate) name: &'static str,
    /// The value.
    pub(crate) frame: Frame,
    /// What it must encode to.
    pub(crate) dump: Dump,
}

/// Every example, in the order of the kinds; some kinds have two.
pub(crate) fn all() -> Vec<Example> {
    let connection =
        [hello(), ping(), pong(), price(), proof(), payload(), groups(), introduced(), welcome()];
    let group = [consent(), link_report(), evidence(), evidence_seen()];
    let gathering = [announce(), join(), join_fast(), ready()];
    let nonces = [nonce_share(), nonce_ack(), nonces_complete()];
    let signing = [partial_share(), partial_ack(), partials_complete(), finalized()];
    let trouble = [abort(), refusal()];
    let before = connection.into_iter().chain(group);
    let sessions = before.chain(gathering).chain(nonces).chain(signing).chain(trouble);
    sessions.chain(formation::examples()).chain(dht::examples()).chain(gossip::examples()).collect()
}

pub(crate) fn framed(name: &'static str, frame: Frame, kind: u8, body: Dump) -> Example {
    let dump = Dump::default()
        .variant(kind, &format!("kind: {name}"))
        .varint(body.bytes().len() as u64, "bytes of the body")
        .then(body);
    Example { name, frame, dump }
}

/// Every field before the signature.
pub(crate) fn envelope_content(node: &NodeKey, seq: u64, body: Dump) -> Dump {
    Dump::default()
        .variant(3, "version")
        .variant(3, "network: Regtest")
        .raw(node.peer_id().as_bytes(), "sender")
        .varint(seq, "seq")
        .varint(story::CREATED, "sent_at")
        .raw(story::session().as_bytes(), "session")
        .then(body)
}

/// A statement by signer `index`.
fn said(name: &'static str, index: u8, seq: u64, body: Body, fields: Dump) -> Example {
    let (node, session) = (story::node(index), story::session());
    let kind = body.kind().id();
    let statement = format!("statement: {name}");
    let content =
        envelope_content(&node, seq, Dump::default().variant(kind, &statement).then(fields));
    let length = content.bytes().len() as u64;
    let digest = Dump::default()
        .variant(3, "network")
        .u64_le(length, "length")
        .then(content.clone())
        .tagged_hash("ensign/envelope/v1");
    let fields = content.raw(&node.sign(&digest).0, "signature of the sender");
    let sent_at = UnixTime::from_millis(story::CREATED);
    let envelope = Envelope::sign(&node, story::NETWORK, session, seq, sent_at, body).unwrap();
    framed(name, Frame::Envelope(Box::new(envelope)), kind, fields)
}

fn hello() -> Example {
    let hello = Hello {
        roles: Roles::SIGNER,
        version_min: 3,
        version_max: 3,
        observed: Some("192.0.2.7:40321".parse().unwrap()),
        limits: Limits { payload_bytes: 1 << 20, messages: 1024, requests: 64 },
    };
    let fields = Dump::default()
        .raw(&[1], "roles: signer")
        .raw(&[3], "version_min")
        .raw(&[3], "version_max")
        .variant(1, "observed: present")
        .variant(0, "IPv4")
        .raw(&[192, 0, 2, 7], "address")
        .varint(40_321, "port")
        .varint(1 << 20, "payload_bytes")
        .varint(1024, "messages")
        .varint(64, "requests");
    framed("Hello", Frame::Hello(hello), 0, fields)
}

fn ping() -> Example {
    framed("Ping", Frame::Ping(QueryId(300)), 1, Dump::default().varint(300, "query"))
}

fn pong() -> Example {
    framed("Pong", Frame::Pong(QueryId(300)), 2, Dump::default().varint(300, "query"))
}

fn price() -> Example {
    let price = Price { version: 1, bits: 20, epoch: 3, seed: [0x5e; 32] };
    let fields = Dump::default()
        .raw(&[1], "version")
        .raw(&[20], "bits")
        .varint(3, "epoch")
        .raw(&[0x5e; 32], "seed");
    framed("Price", Frame::Price(price), 3, fields)
}

fn proof() -> Example {
    let proof = Proof { version: 1, epoch: 3, nonce: 405_867 };
    let fields = Dump::default().raw(&[1], "version").varint(3, "epoch").varint(405_867, "nonce");
    framed("Proof", Frame::Proof(proof), 4, fields)
}

fn payload() -> Example {
    let request = story::request().id();
    let fields = Dump::default()
        .raw(request.as_bytes(), "request")
        .varint(story::PAYLOAD.len() as u64, "bytes")
        .raw(story::PAYLOAD, "the payload");
    framed("Payload", Frame::Payload { request, bytes: story::PAYLOAD.to_vec() }, 0x11, fields)
}

fn groups() -> Example {
    let shared = vec![story::request().signers.group_id(story::NETWORK)];
    let fields = Dump::default().varint(1, "shared: 1").raw(shared[0].as_bytes(), "group");
    framed("Groups", Frame::Groups(Groups { shared }), 0x10, fields)
}

fn evidence() -> Example {
    let file = b"ensign-evidence-3\n...".to_vec();
    let fields = Dump::default().varint(file.len() as u64, "bytes").raw(&file, "the file");
    framed("Evidence", Frame::Evidence(file), 0x16, fields)
}

fn evidence_seen() -> Example {
    let name = sha256(b"ensign-evidence-3\n...");
    let fields = Dump::default().raw(&name, "name");
    framed("EvidenceSeen", Frame::EvidenceSeen(name), 0x17, fields)
}

fn introduced() -> Example {
    let (own, other) = (story::node(0).peer_id(), story::node(1).peer_id());
    let hint = Introduced::hint(story::NETWORK, &story::signer(0), (&own, &other));
    let fields = Dump::default().raw(&hint, "hint").raw(own.as_bytes(), "peer").then(delegation(0));
    let proof = story::delegation(0);
    framed("Delegation", Frame::Delegation(Introduced { hint, peer: own, proof }), 0x12, fields)
}

fn welcome() -> Example {
    let welcome = Welcome {
        clock: UnixTime::from_millis(story::CREATED),
        instance: [0xa7; 8],
        listening: vec!["[2001:db8::1]:7777".parse().unwrap()],
    };
    let v6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let fields = Dump::default()
        .varint(story::CREATED, "clock")
        .raw(&[0xa7; 8], "instance")
        .varint(1, "listening")
        .variant(1, "IPv6")
        .raw(&v6, "address")
        .varint(7777, "port");
    framed("Welcome", Frame::Welcome(welcome), 0x13, fields)
}

/// Every field of something signed, before its signature.
pub(crate) fn signed_content(node: &NodeKey, seq: u64, body: Dump) -> Dump {
    Dump::default()
        .variant(PROTOCOL_VERSION, "version")
        .variant(3, "network: Regtest")
        .raw(node.peer_id().as_bytes(), "sender")
        .varint(seq, "seq")
        .varint(story::CREATED, "sent_at")
        .then(body)
}

/// Something signed by the node of signer `index`, in a frame.
pub(crate) fn signed<T: Signable>(
    (name, kind): (&'static str, u8),
    index: u8,
    body: T,
    fields: Dump,
    frame: impl FnOnce(Box<Signed<T>>) -> Frame,
) -> Example {
    let node = story::node(index);
    let content = signed_content(&node, 1, fields);
    let length = content.bytes().len() as u64;
    let hashed = Dump::default().variant(3, "network").u64_le(length, "length");
    let digest = hashed.then(content.clone()).tagged_hash(T::TAG);
    let fields = content.raw(&node.sign(&digest).0, "signature of the sender");
    let sent_at = UnixTime::from_millis(story::CREATED);
    let signed = Signed::new(&node, story::NETWORK, 1, sent_at, body).unwrap();
    framed(name, frame(Box::new(signed)), kind, fields)
}

fn consent() -> Example {
    let fields = consent_fields();
    signed(("Consent", 0x14), 1, story::consent(), fields, Frame::Consent)
}

pub(crate) fn consent_fields() -> Dump {
    Dump::default()
        .raw(story::request().id().as_bytes(), "request")
        .varint(1, "signer")
        .then(delegation(1))
        .varint(1, "number")
        .variant(1, "agrees: true")
}

fn link_report() -> Example {
    let fields = link_report_fields();
    signed(("LinkReport", 0x15), 1, story::link_report(), fields, Frame::LinkReport)
}

pub(crate) fn link_report_fields() -> Dump {
    Dump::default()
        .raw(story::link_report().group.as_bytes(), "group")
        .varint(1, "bytes of the set: 1")
        .raw(&[0b011], "sees: 0, 1")
        .varint(1, "version")
}

/// The request of the story.
pub(crate) fn request_fields() -> Dump {
    let keys = (0..3).fold(Dump::default().varint(3, "signers"), |dump, index| {
        dump.raw(&story::signer(index).to_bytes(), &format!("key of signer {index}"))
    });
    let request = story::request();
    Dump::default()
        .variant(3, "network: Regtest")
        .variant(0, "scheme: Bip327")
        .then(keys)
        .varint(1, "messages")
        .raw(&request.messages[0].digest, "message 0: digest")
        .variant(2, "tweak: TaprootChild")
        .varint(2, "path: 2 steps")
        .varint(0, "step 0: 0")
        .varint(3, "step 1: 3")
        .variant(0, "merkle_root: absent")
        .variant(1, "payload: Psbt")
        .raw(&sha256(story::PAYLOAD), "digest")
        .varint(story::PAYLOAD.len() as u64, "len")
        .varint(4, "bytes of purpose")
        .raw(b"rent", "purpose: rent")
        .variant(0, "tx_type: Spend")
        .varint(150_000, "amount")
        .varint(0, "creator")
        .varint(story::CREATED, "created")
        .varint(story::CREATED + 3_600_000, "expires")
        .variant(0, "mode: Committed")
        .raw(&request.nonce, "nonce")
}

pub(crate) fn delegation(index: u8) -> Dump {
    let proof = story::delegation(index);
    Dump::default()
        .varint(proof.number, "delegation number")
        .varint(proof.expires.as_millis(), "delegation expires")
        .raw(&proof.signature.0, "signature of the signer key")
}

fn announce() -> Example {
    let request = story::signed_request();
    let fields = Dump::default()
        .varint(1, "attempt")
        .then(request_fields())
        .raw(request.peer.as_bytes(), "creator's node")
        .then(delegation(0))
        .raw(&request.signature.0, "signature of the request");
    let announce = SessionAnnounce { attempt: 1, request };
    said("SessionAnnounce", 0, 1, Body::SessionAnnounce(Box::new(announce)), fields)
}

fn join() -> Example {
    let commit = story::commitment(1);
    let fields = Dump::default()
        .varint(1, "signer")
        .then(delegation(1))
        .variant(0, "round 0: commit")
        .raw(&commit.commitment, "commitment");
    let join = SessionJoin {
        signer: SignerIndex(1),
        delegation: story::delegation(1),
        round0: Round0::Commit(commit),
    };
    said("SessionJoin", 1, 2, Body::SessionJoin(join), fields)
}

/// In mode fast the nonces stand where the commitment stood.
fn join_fast() -> Example {
    let fields = Dump::default()
        .varint(1, "signer")
        .then(delegation(1))
        .variant(1, "round 0: reveal")
        .then(nonces(1));
    let join = SessionJoin {
        signer: SignerIndex(1),
        delegation: story::delegation(1),
        round0: Round0::Reveal(vec![story::nonce(1)]),
    };
    let example = said("SessionJoin", 1, 2, Body::SessionJoin(join), fields);
    Example { name: "SessionJoin-fast", ..example }
}

fn nonces(index: u8) -> Dump {
    let nonce = story::nonce(index).0;
    Dump::default()
        .varint(1, "nonces")
        .raw(&nonce[..33], "nonce for message 0: R1")
        .raw(&nonce[33..], "nonce for message 0: R2")
}

fn signers(indexes: &[u16]) -> SignerSet {
    indexes.iter().copied().map(SignerIndex).collect()
}

fn ready() -> Example {
    let fields = Dump::default().varint(1, "bytes of the set").raw(&[0b001], "joined: 0");
    let body = Body::SessionReady(SessionReady { joined: signers(&[0]) });
    said("SessionReady", 1, 1, body, fields)
}

fn nonce_share() -> Example {
    let fields = Dump::default().varint(1, "signer").then(nonces(1)).raw(&story::SALT, "salt");
    let (signer, nonces) = (SignerIndex(1), vec![story::nonce(1)]);
    let share = NonceShare { signer, nonces, salt: story::SALT };
    said("NonceShare", 1, 3, Body::NonceShare(share), fields)
}

fn nonce_ack() -> Example {
    let digest = story::nonce_digest(&[0, 1]);
    let fields = Dump::default()
        .varint(1, "bytes of the set")
        .raw(&[0b011], "held: 0 and 1")
        .raw(&digest, "digest");
    let body = Body::NonceAck(NonceAck { held: signers(&[0, 1]), digest });
    said("NonceAck", 1, 4, body, fields)
}

fn nonces_complete() -> Example {
    let digest = story::nonce_digest(&[0, 1, 2]);
    let fields = Dump::default().varint(1, "signer").raw(&digest, "digest");
    let body = Body::NoncesComplete(NoncesComplete { signer: SignerIndex(1), digest });
    said("NoncesComplete", 1, 5, body, fields)
}

fn partial_share() -> Example {
    let nonces = story::nonce_digest(&[0, 1, 2]);
    let fields = Dump::default()
        .varint(1, "signer")
        .raw(&nonces, "digest of the nonces")
        .varint(1, "partials")
        .raw(&story::PARTIAL, "partial for message 0");
    let (signer, partials) = (SignerIndex(1), vec![story::PARTIAL]);
    let share = PartialSigShare { signer, nonces, partials };
    said("PartialSigShare", 1, 5, Body::PartialSigShare(share), fields)
}

fn partial_ack() -> Example {
    let everybody = [0, 1, 2];
    let ack = PartialSigAck {
        joins: story::held(Slot::Join, &everybody),
        nonces: story::held(Slot::NonceShare, &everybody),
        confirmations: story::held(Slot::NoncesComplete, &[]),
        partials: story::held(Slot::PartialSigShare, &[1, 2]),
    };
    let fields = Dump::default()
        .varint(1, "joins: bytes of the set")
        .raw(&[0b111], "0, 1 and 2")
        .raw(&ack.joins.digest, "digest")
        .varint(1, "nonces: bytes of the set")
        .raw(&[0b111], "0, 1 and 2")
        .raw(&ack.nonces.digest, "digest")
        .varint(0, "confirmations: bytes of the set")
        .raw(&ack.confirmations.digest, "digest")
        .varint(1, "partial signatures: bytes of the set")
        .raw(&[0b110], "1 and 2")
        .raw(&ack.partials.digest, "digest");
    said("PartialSigAck", 1, 6, Body::PartialSigAck(ack), fields)
}

fn partials_complete() -> Example {
    let digest = Body::PartialSigAck(story::all_held()).digest(story::NETWORK);
    let body = Body::PartialSigsComplete(PartialSigsComplete { digest });
    said("PartialSigsComplete", 1, 6, body, Dump::default().raw(&digest, "digest"))
}

fn finalized() -> Example {
    let fields =
        Dump::default().varint(1, "signatures").raw(&story::SIGNATURE, "signature of message 0");
    let signatures = vec![Signature(story::SIGNATURE)];
    let body = Body::SignatureFinalized(SignatureFinalized { signatures });
    said("SignatureFinalized", 1, 7, body, fields)
}

fn abort() -> Example {
    let fields = Dump::default()
        .variant(3, "reason: Timeout")
        .variant(1, "culprit: present")
        .varint(2, "culprit");
    let (reason, culprit) = (AbortReason::Timeout, Some(SignerIndex(2)));
    said("SessionAbort", 1, 4, Body::SessionAbort(SessionAbort { reason, culprit }), fields)
}

fn refusal() -> Example {
    let fields = Dump::default().variant(0x23, "refused: NonceShare").variant(4, "why: WrongCount");
    let (refused, why) = (Kind::NonceShare, Refusal::WrongCount);
    said("ValidationError", 1, 4, Body::ValidationError(ValidationError { refused, why }), fields)
}

#[test]
fn every_kind_has_an_example() {
    let kinds: Vec<_> = all().iter().map(|example| example.frame.kind()).collect();
    for kind in Kind::ALL {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn every_example_is_encoded_as_it_was_written_by_hand() {
    for example in all() {
        let bytes = example.dump.bytes();
        assert_eq!(example.frame.encode(), bytes, "{}", example.name);
        assert_eq!(Frame::decode_whole(&bytes, story::NETWORK), Ok(example.frame));
    }
}

#[test]
fn every_statement_and_the_request_of_the_examples_verify() {
    for example in all() {
        let Frame::Envelope(envelope) = example.frame else { continue };
        assert!(envelope.verify(), "{}", example.name);
    }
    assert!(story::signed_request().verify(UnixTime::from_millis(story::CREATED)).is_ok());
}
