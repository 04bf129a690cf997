//! The open network: one example of each message, written by hand after `docs/protocol/dht.md`.

use ensign_primitives::{QueryId, UnixTime};
use ensign_wire::{
    Answer, Around, DhtFind, DhtHave, DhtMessage, DhtPull, DhtRecord, DhtReply, DhtStore,
    DialBackAsk, DialBackNonce, DialBackOutcome, DialBackRefusal, DialBackTold, Frame, Had, Key,
    Node, NodeRecord, PeersMessage, Proof, Published, ReachMessage, RecordKind, Role, Signable,
    StoreRefusal, Wants,
};

use crate::{
    dump::Dump,
    examples::{Example, framed},
    hashes::{Hash, network, with_length},
    story,
};

/// A day after the story began.
const EXPIRES: u64 = story::CREATED + 86_400_000;
const PROOF: Proof = Proof { version: 1, epoch: 688, nonce: 77 };
const BODY: &[u8] = b"sealed";

fn node() -> Node {
    let addresses = vec!["192.0.2.7:40321".parse().unwrap()];
    let expires = UnixTime::from_millis(EXPIRES);
    Node { role: Role::Signer, addresses, expires, proof: PROOF }
}

fn node_record() -> NodeRecord {
    let issued = UnixTime::from_millis(story::CREATED);
    NodeRecord::new(&story::node(1), story::NETWORK, issued, node()).unwrap()
}

/// What stands before the body of whatever is signed.
fn head(seq: u64) -> Dump {
    Dump::default()
        .variant(3, "version")
        .variant(3, "network: Regtest")
        .raw(story::node(1).peer_id().as_bytes(), "sender")
        .varint(seq, "seq")
        .varint(story::CREATED, "sent_at")
}

fn node_content() -> Dump {
    head(story::CREATED / 1000)
        .variant(0, "role: Signer")
        .varint(1, "addresses")
        .variant(0, "IPv4")
        .raw(&[192, 0, 2, 7], "address")
        .varint(40_321, "port")
        .varint(EXPIRES, "expires")
        .variant(1, "version of the proof")
        .varint(688, "epoch of the proof")
        .varint(77, "number of the proof")
}

fn sealed(content: Dump, tag: &str) -> Dump {
    let hashed = network().then(with_length(content.clone(), "length"));
    content.raw(&story::node(1).sign(&hashed.tagged_hash(tag)).0, "signature of the sender")
}

/// A record as it stands in a message: its length first.
fn part(fields: Dump, name: &str) -> Dump {
    Dump::default().varint(fields.bytes().len() as u64, name).then(fields)
}

fn node_part() -> Dump {
    part(sealed(node_content(), Node::TAG), "bytes of the node record")
}

fn published() -> Published {
    let expires = UnixTime::from_millis(story::CREATED + 3_600_000);
    Published { kind: RecordKind::RENDEZVOUS, slot: 3, expires, body: BODY.to_vec() }
}

fn record() -> DhtRecord {
    let issued = UnixTime::from_millis(story::CREATED);
    DhtRecord::new(&story::node(1), story::NETWORK, (5, issued), published()).unwrap()
}

fn record_content() -> Dump {
    head(5)
        .variant(2, "kind: rendezvous")
        .variant(3, "slot")
        .varint(story::CREATED + 3_600_000, "expires")
        .varint(BODY.len() as u64, "bytes of the body")
        .raw(BODY, "body")
}

fn record_part() -> Dump {
    part(sealed(record_content(), Published::TAG), "bytes of the record")
}

fn around() -> Around {
    Around { key: record().key(), target: Key([0x7a; 32]), region: u64::MAX / 4 }
}

fn around_fields() -> Dump {
    Dump::default()
        .raw(&record().key().0, "key")
        .raw(&[0x7a; 32], "target")
        .varint(u64::MAX / 4, "region")
}

const NONCE: DialBackNonce = DialBackNonce([0xd1; 16]);

fn nonce() -> Dump {
    Dump::default().raw(&NONCE.0, "nonce")
}

fn dial_back_ask() -> Example {
    let ask = DialBackAsk { nonce: NONCE, address: ([192, 0, 2, 7], 40321).into() };
    let fields = nonce().variant(0, "IPv4").raw(&[192, 0, 2, 7], "address").varint(40321, "port");
    framed("DialBackAsk", Frame::Reach(ReachMessage::Ask(ask)), 0x52, fields)
}

fn dial_back_told() -> Example {
    let outcome = DialBackOutcome::Refused(DialBackRefusal::TooOften);
    let told = ReachMessage::Told(DialBackTold { nonce: NONCE, outcome });
    let fields = nonce().variant(2, "outcome: Refused").variant(3, "TooOften");
    framed("DialBackTold", Frame::Reach(told), 0x53, fields)
}

/// One example of each message.
pub(crate) fn examples() -> [Example; 10] {
    let query = QueryId(9);
    let asked = || Dump::default().varint(9, "query").then(around_fields());
    let (wants, asker) = (Wants::Value, Some(node_record()));
    let find = DhtMessage::Find(DhtFind { query, around: around(), wants, asker });
    let find_fields =
        asked().variant(2, "wants: Value").variant(1, "asker: present").then(node_part());
    let store = DhtMessage::Store(DhtStore { query, around: around(), record: record() });
    let (answer, nodes) = (Answer::Value(record()), vec![node_record()]);
    let reply = DhtMessage::Reply(DhtReply { query, answer, nodes });
    let reply_fields = Dump::default()
        .varint(9, "query")
        .variant(1, "answer: Value")
        .then(record_part())
        .varint(1, "nodes")
        .then(node_part());
    let key16 = record().key().first_half();
    let have = DhtMessage::Have(DhtHave { records: vec![Had { key16, seq: 5, ttl: 2 }] });
    let have_fields = Dump::default()
        .varint(1, "records")
        .raw(&key16, "key16")
        .varint(5, "seq")
        .variant(2, "ttl");
    let pull = DhtMessage::Pull(DhtPull { query, key16 });
    let pull_fields = Dump::default().varint(9, "query").raw(&key16, "key16");
    let told = PeersMessage::Told(vec![node_record()]);
    let told_fields = Dump::default().varint(1, "nodes").then(node_part());
    [
        framed("DhtFind", Frame::Dht(find), 0x40, find_fields),
        framed("DhtStore", Frame::Dht(store), 0x41, asked().then(record_part())),
        framed("DhtReply", Frame::Dht(reply), 0x42, reply_fields),
        framed("DhtHave", Frame::Dht(have), 0x43, have_fields),
        framed("DhtPull", Frame::Dht(pull), 0x44, pull_fields),
        framed("PeersAsk", Frame::Peers(PeersMessage::Ask), 0x50, Dump::default()),
        framed("PeersTold", Frame::Peers(told), 0x51, told_fields),
        dial_back_ask(),
        dial_back_told(),
        framed("DialBack", Frame::Reach(ReachMessage::DialBack(NONCE)), 0x54, nonce()),
    ]
}

/// One example of each hash.
pub(crate) fn hashes() -> [Hash; 6] {
    let peer = story::node(1).peer_id();
    let key = network().variant(2, "kind").variant(3, "slot").raw(peer.as_bytes(), "publisher");
    let position = network()
        .variant(1, "version of the proof")
        .raw(peer.as_bytes(), "node")
        .u64_le(688, "epoch of the proof")
        .u64_le(77, "number of the proof");
    let challenge = network()
        .variant(1, "version of the proof")
        .variant(3, "purpose: a position")
        .raw(peer.as_bytes(), "node")
        .raw(&[0; 32], "seed")
        .u64_le(688, "epoch of the proof");
    let challenge_hash = challenge.tagged_hash("ensign/pow-challenge/v1");
    let work = network().raw(&challenge_hash, "challenge").u64_le(77, "number of the proof");
    let work_hash = work.tagged_hash("ensign/pow-work/v1");
    let bits = work_hash.iter().take_while(|byte| **byte == 0).count() as u8 * 8
        + work_hash.iter().find(|byte| **byte != 0).unwrap().leading_zeros() as u8;
    assert_eq!(node_record().verify_work(bits), Ok(()));
    assert!(node_record().verify_work(bits + 1).is_err());
    let signed = |content| network().then(with_length(content, "bytes of the content"));
    [
        Hash { tag: "ensign/dht-key/v1", fields: key, computed: record().key().0 },
        Hash {
            tag: "ensign/node-position/v1",
            fields: position,
            computed: node_record().position().0,
        },
        Hash { tag: "ensign/pow-challenge/v1", fields: challenge, computed: challenge_hash },
        Hash { tag: "ensign/pow-work/v1", fields: work, computed: work_hash },
        Hash { tag: Node::TAG, fields: signed(node_content()), computed: *node_record().digest() },
        Hash {
            tag: Published::TAG,
            fields: signed(record_content()),
            computed: *record().digest(),
        },
    ]
}

/// The numbers of the choices in these messages.
pub(crate) fn variants(line: impl Fn(&[StoreRefusal]) -> String) -> String {
    use StoreRefusal as R;
    line(&[
        R::Client,
        R::UnknownKind,
        R::Expired,
        R::Future,
        R::Older,
        R::TooFar,
        R::Publisher,
        R::Full,
        R::Invalid,
    ])
}
