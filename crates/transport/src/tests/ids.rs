//! Connection ids, which every observer of a packet reads.

use std::{
    collections::BTreeSet,
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use ensign_identity::NodeKey;
use ensign_primitives::QueryId;
use ensign_wire::Frame;
use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit},
};
use quinn_proto::{ConnectionIdGenerator, HashedConnectionIdGenerator};

use super::node::{LOOPBACK, Node, config, key};
use crate::{Transport, TransportEvent, chance::Chance, quic};

/// Connections to one node.
const CONNECTIONS: usize = 46;

/// How many pairs their ids make: more than 1,000.
const PAIRS: usize = CONNECTIONS * (CONNECTIONS - 1) / 2;

/// rustc-hash 2 of the three bytes with which an id of quinn's hashed generator begins.
fn hash_of_nonce(nonce: [u64; 3]) -> u64 {
    let one = 0x243f_6a88_85a3_08d3 ^ nonce[0];
    let two = 0x1319_8a2e_0370_7344 ^ (nonce[2] << 8 | nonce[1]);
    let product = u128::from(one) * u128::from(two);
    (product as u64) ^ ((product >> 64) as u64) ^ 3
}

/// The 40 bits of a node's constant that such an id shows: the low 14, and from bit 38 on.
fn constant(id: &[u8]) -> (u64, u64) {
    let nonce = [id[0], id[1], id[2]].map(u64::from);
    let shown = id[3..8].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
    let sum = shown.rotate_right(26);
    let hash = hash_of_nonce(nonce).wrapping_mul(0xf135_7aea_2e62_a9c5);
    let low = sum.wrapping_sub(hash) & 0x3fff;
    (low, (sum >> 38).wrapping_sub(hash >> 38) & 0x3ff_ffff)
}

/// Tells whether two ids show the same constant; the upper part up to a carry.
fn linked(one: &[u8], two: &[u8]) -> bool {
    let ((low_one, high_one), (low_two, high_two)) = (constant(one), constant(two));
    let apart = high_one.wrapping_sub(high_two) & 0x3ff_ffff;
    low_one == low_two && [0, 1, 0x3ff_ffff].contains(&apart)
}

fn linked_pairs(ids: &[Vec<u8>]) -> usize {
    let pairs =
        ids.iter().enumerate().flat_map(|(at, one)| ids[..at].iter().map(move |two| (one, two)));
    pairs.filter(|(one, two)| linked(one, two)).count()
}

#[test]
fn ids_of_a_generator_with_a_key_are_all_linked_by_this_measure() {
    let mut hashed = HashedConnectionIdGenerator::from_key(0x0123_4567_89ab_cdef);
    let ids: Vec<_> = (0..CONNECTIONS).map(|_| hashed.generate_cid().to_vec()).collect();
    assert_eq!(linked_pairs(&ids), PAIRS);
}

#[tokio::test]
async fn regression_packets_to_one_node_could_be_linked_by_their_connection_ids() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let socket = Arc::new(Tapped { socket: quic::udp(LOOPBACK).unwrap(), seen: seen.clone() });
    let (transport, mut events) =
        Transport::start(config(), key(8), socket, Chance::System).unwrap();
    for number in 1..=CONNECTIONS {
        let mut secret = [1; 32];
        secret[0] = number as u8;
        let secret = Arc::new(NodeKey::from_secret_bytes(secret).unwrap());
        let mut caller = Node::start(secret).await;
        caller.transport.dial(key(8).peer_id(), transport.local_addr());
        caller.connected().await;
        // The first frames may travel in one datagram with the end of the handshake.
        while seen.lock().unwrap().len() < number {
            caller.send(key(8).peer_id(), &Frame::Ping(QueryId(1))).unwrap();
            while !matches!(events.recv().await, Some(TransportEvent::Frame { .. })) {}
        }
    }
    let ids: Vec<_> = seen.lock().unwrap().iter().cloned().collect();
    assert!(ids.len() >= CONNECTIONS, "{} ids", ids.len());
    assert_eq!(linked_pairs(&ids), 0);
}

/// A socket that reads along: the connection ids of packets with a short header.
#[derive(Debug)]
struct Tapped {
    socket: Arc<dyn AsyncUdpSocket>,
    seen: Arc<Mutex<BTreeSet<Vec<u8>>>>,
}

impl AsyncUdpSocket for Tapped {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = self.socket.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = received {
            for (buf, meta) in bufs.iter().zip(meta.iter()).take(count) {
                let packets = buf[..meta.len].chunks(meta.stride.max(1));
                let short = packets.filter(|packet| packet.len() > 9 && packet[0] & 0xc0 == 0x40);
                self.seen.lock().unwrap().extend(short.map(|packet| packet[1..9].to_vec()));
            }
        }
        received
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
