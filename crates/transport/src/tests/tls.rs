//! The handshake by itself, without QUIC.

use std::{env, fmt::Write as _, fs, path::Path, sync::Arc};

use ensign_identity::{NodeKey, Signature, verify};
use ensign_primitives::Network;
use rustls::{ClientConnection, HandshakeKind, NamedGroup, ServerConnection};

use super::node::key;
use crate::tls::{Identity, digest, spki};

/// Carries all that either side has to say to the other, until both are silent.
fn converse(client: &mut ClientConnection, server: &mut ServerConnection) {
    while client.wants_write() || server.wants_write() {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        client.write_tls(&mut to_server).unwrap();
        server.read_tls(&mut to_server.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        server.write_tls(&mut to_client).unwrap();
        client.read_tls(&mut to_client.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
}

#[test]
fn handshake_is_full_each_time_and_its_key_exchange_is_hybrid() {
    let (ours, theirs) = (key(1), key(2));
    let peer = theirs.peer_id();
    let server = Arc::new(Identity::new(theirs, Network::Regtest).server().unwrap());
    let (client, found) = Identity::new(ours, Network::Regtest).client(peer).unwrap();
    let client = Arc::new(client);
    for _ in 0..2 {
        let mut server = ServerConnection::new(Arc::clone(&server)).unwrap();
        let name = "ensign".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::clone(&client), name).unwrap();
        converse(&mut client, &mut server);
        assert!(!client.is_handshaking() && !server.is_handshaking());
        let group = client.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(server.server_name(), None);
        assert_eq!(found.get(), Some(&peer));
    }
}

/// What a server signs: RFC 8446 section 4.4.3.
fn message(transcript: &[u8; 32]) -> Vec<u8> {
    [&[0x20; 64][..], b"TLS 1.3, server CertificateVerify", &[0], transcript].concat()
}

/// A name and its bytes, at most 32 on a line.
fn rows(name: &str, bytes: &[u8]) -> String {
    bytes.chunks(32).enumerate().fold(String::new(), |mut text, (at, chunk)| {
        let hex = chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let name = if at == 0 { format!("  {name}") } else { String::new() };
        writeln!(text, "{}", format!("{hex:<64}{name}").trim_end()).unwrap();
        text
    })
}

/// The block of the page, from a key and a transcript.
fn example() -> String {
    let (secret, transcript) = ([1; 32], [0x5a; 32]);
    let node = NodeKey::from_secret_bytes(secret).unwrap();
    let message = message(&transcript);
    let hashed = digest(Network::Regtest, &message);
    let signature = node.sign(&hashed);
    assert!(verify(&node.peer_id(), &hashed, &Signature(signature.0)));
    [
        rows("secret of the node key", &secret),
        rows("the key as it is shown: 56 bytes", &spki(&node.peer_id())),
        rows("message: 130 bytes", &message),
        rows("its tagged hash on regtest", &hashed),
        rows("signature, with 32 zero bytes as the auxiliary randomness of BIP340", &signature.0),
    ]
    .concat()
}

#[test]
fn page_of_the_transport_shows_the_signature_of_a_handshake() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/transport.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("```hex tls\n").unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    if env::var_os("ENSIGN_BLESS").is_some() {
        fs::write(path, format!("{before}```hex tls\n{}```{after}", example())).unwrap();
        return;
    }
    assert_eq!(shown, example(), "stale: run `ENSIGN_BLESS=1 cargo test -p ensign-transport page`");
}
