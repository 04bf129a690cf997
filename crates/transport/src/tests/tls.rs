//! The handshake by itself, without QUIC.

use std::sync::Arc;

use ensign_primitives::Network;
use rustls::{ClientConnection, HandshakeKind, NamedGroup, ServerConnection};

use super::node::key;
use crate::tls::Identity;

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
