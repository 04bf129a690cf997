//! Every tagged hash over the wire's values, with the bytes that go into it.

use ensign_identity::Delegation;
use ensign_primitives::UnixTime;
use ensign_wire::{Body, Envelope, Introduced, SessionReady, Signable, Signed, SignerSet, Slot};

use crate::{
    dht,
    dump::Dump,
    examples::{
        consent_fields, envelope_content, link_report_fields, request_fields, signed_content,
    },
    formation, gossip, story,
};

/// A tag, the hashed fields after the two hashes of the tag, and what the crate computes.
pub(crate) struct Hash {
    pub(crate) tag: &'static str,
    pub(crate) fields: Dump,
    pub(crate) computed: [u8; 32],
}

pub(crate) fn network() -> Dump {
    Dump::default().variant(3, "network: Regtest")
}

/// Prefixes `fields` with how many bytes they have.
pub(crate) fn with_length(fields: Dump, name: &str) -> Dump {
    Dump::default().u64_le(fields.bytes().len() as u64, name).then(fields)
}

fn nonce(index: u8) -> Dump {
    let bytes = story::nonce(index).0;
    Dump::default()
        .raw(&bytes[..33], &format!("nonce of signer {index}: R1"))
        .raw(&bytes[33..], &format!("nonce of signer {index}: R2"))
}

/// One example of each hash.
pub(crate) fn all() -> Vec<Hash> {
    vec![
        group(),
        drill(),
        request(),
        session(),
        delegation(),
        hint(),
        envelope(),
        consent(),
        link_report(),
        commitment(),
        nonces(),
        statement(),
        statements(),
    ]
    .into_iter()
    .chain(formation::hashes())
    .chain(dht::hashes())
    .chain(gossip::hashes())
    .collect()
}

fn group() -> Hash {
    let keys = (0..3).fold(network().u64_le(3, "signers"), |dump, index| {
        dump.raw(&story::signer(index).to_bytes(), &format!("key of signer {index}"))
    });
    let computed = *story::request().signers.group_id(story::NETWORK).as_bytes();
    Hash { tag: "ensign/group/v1", fields: keys, computed }
}

fn drill() -> Hash {
    let request = story::request();
    let group = request.signers.group_id(story::NETWORK);
    let fields =
        network().raw(group.as_bytes(), "group").raw(&request.nonce, "nonce of the request");
    Hash { tag: "ensign/drill/v1", fields, computed: request.drill_message().digest }
}

fn request() -> Hash {
    let fields = network().then(with_length(request_fields(), "bytes of the request"));
    Hash { tag: "ensign/request/v1", fields, computed: *story::request().id().as_bytes() }
}

fn session() -> Hash {
    let fields = network().raw(story::request().id().as_bytes(), "request id").u64_le(1, "attempt");
    Hash { tag: "ensign/session/v1", fields, computed: *story::session().as_bytes() }
}

fn delegation() -> Hash {
    let (signer, peer) = (story::signer(0), story::node(0).peer_id());
    let terms = story::delegation(0).terms();
    let fields = network()
        .raw(&signer.to_bytes(), "signer key")
        .raw(peer.as_bytes(), "node")
        .u64_le(terms.number, "number")
        .u64_le(terms.expires.as_millis(), "expires");
    let computed = Delegation::digest(&signer, &peer, story::NETWORK, terms);
    Hash { tag: "ensign/delegation/v2", fields, computed }
}

fn hint() -> Hash {
    let (signer, sender, receiver) =
        (story::signer(0), story::node(0).peer_id(), story::node(1).peer_id());
    let fields = network()
        .raw(&signer.to_bytes(), "signer key")
        .raw(sender.as_bytes(), "sender")
        .raw(receiver.as_bytes(), "receiver");
    let tag = "ensign/delegation-hint/v1";
    let computed = fields.tagged_hash(tag);
    let hint = Introduced::hint(story::NETWORK, &signer, (&sender, &receiver));
    assert_eq!(computed[..8], hint);
    Hash { tag, fields, computed }
}

fn envelope() -> Hash {
    let body = Body::SessionReady(SessionReady { joined: SignerSet::default() });
    let sent_at = UnixTime::from_millis(story::CREATED);
    let envelope =
        Envelope::sign(&story::node(1), story::NETWORK, story::session(), 1, sent_at, body);
    let body =
        Dump::default().variant(0x22, "statement: SessionReady").varint(0, "bytes of the set");
    let content = envelope_content(&story::node(1), 1, body);
    let fields = network().then(with_length(content, "bytes of the content"));
    Hash { tag: "ensign/envelope/v1", fields, computed: *envelope.unwrap().digest() }
}

fn signed<T: Signable>(body: T, fields: Dump) -> Hash {
    let content = signed_content(&story::node(1), 1, fields);
    let fields = network().then(with_length(content, "bytes of the content"));
    let sent_at = UnixTime::from_millis(story::CREATED);
    let signed = Signed::new(&story::node(1), story::NETWORK, 1, sent_at, body).unwrap();
    Hash { tag: T::TAG, fields, computed: *signed.digest() }
}

fn consent() -> Hash {
    signed(story::consent(), consent_fields())
}

fn link_report() -> Hash {
    signed(story::link_report(), link_report_fields())
}

fn commitment() -> Hash {
    let fields = network()
        .raw(story::session().as_bytes(), "session")
        .u64_le(1, "signer")
        .raw(&story::signer(1).to_bytes(), "key of the signer")
        .raw(&story::SALT, "salt")
        .u64_le(1, "nonces")
        .then(nonce(1));
    Hash { tag: "ensign/nonce-commit/v1", fields, computed: story::commitment(1).commitment }
}

fn nonces() -> Hash {
    let fields = (0..2).fold(network().raw(story::session().as_bytes(), "session"), |dump, at| {
        dump.u64_le(at.into(), "signer").u64_le(1, "nonces").then(nonce(at))
    });
    Hash { tag: "ensign/nonce-set/v1", fields, computed: story::nonce_digest(&[0, 1]) }
}

fn statement() -> Hash {
    let body = Dump::default()
        .variant(0x25, "statement: NoncesComplete")
        .varint(1, "signer")
        .raw(&story::nonce_digest(&[0, 1, 2]), "digest");
    let fields = network().then(with_length(body, "bytes of the statement"));
    let computed = story::statement(Slot::NoncesComplete, 1).digest(story::NETWORK);
    Hash { tag: "ensign/statement/v1", fields, computed }
}

fn statements() -> Hash {
    let slot = Slot::PartialSigShare;
    let fields = (1..3).fold(network().raw(story::session().as_bytes(), "session"), |dump, at| {
        dump.u64_le(at.into(), "signer")
            .raw(&story::statement(slot, at).digest(story::NETWORK), "statement")
    });
    Hash { tag: "ensign/statement-set/v1", fields, computed: story::held(slot, &[1, 2]).digest }
}

#[test]
fn every_hash_is_over_the_bytes_that_the_document_lists() {
    for hash in all() {
        assert_eq!(hash.fields.tagged_hash(hash.tag), hash.computed, "{}", hash.tag);
    }
}
