//! How many handshakes callers may begin, and who begins beside a flood.

use std::net::Ipv4Addr;

use ensign_ratelimit::{Allowance, FirstPacketLimits, HandshakeLimits};

use super::node::{Node, Raw, config, dial, endpoint, key};
use crate::{quic, tls::Identity};

/// So many, and none of them comes back before a test is over.
const fn only(burst: u64) -> Allowance {
    Allowance { burst, per_minute: 1 }
}

/// Two of callers that prove nothing, then two and three of each address.
const LIMITS: HandshakeLimits = HandshakeLimits {
    unproven: only(2),
    few: only(2),
    few_of_site: only(100),
    few_of_block: only(100),
    few_in_all: only(100),
    of_address: only(3),
    of_network: only(4),
    in_all: only(100),
    known: only(0),
    packets: FirstPacketLimits::DEFAULT,
};

/// Dials so often, each time as a stranger; returns how many handshakes are done.
async fn strangers(victim: &Node, from: Ipv4Addr, times: usize) -> usize {
    let mut moved = config();
    moved.listen = (from, 0).into();
    let identity = Identity::new(key(7), config().network);
    let (endpoint, _) = endpoint(&moved, &key(7), &identity);
    let mut done = 0;
    for _ in 0..times {
        let dialled = dial(&endpoint, victim, &identity, quic::connection(&config())).await;
        done += usize::from(dialled.is_ok());
    }
    done
}

#[tokio::test]
async fn address_begins_as_many_handshakes_as_it_may_and_others_begin_theirs() {
    let mut limited = config();
    limited.handshakes = LIMITS;
    let mut victim = Node::start_with(limited, key(8)).await;
    let host = |last| Ipv4Addr::new(127, 0, 0, last);
    assert_eq!(strangers(&victim, host(1), 20).await, 2 + 2 + 3);
    assert_eq!(victim.transport.refused(), 13);
    // A member at another address of that network, and one of another network.
    for (number, address) in [(5, host(2)), (6, Ipv4Addr::new(127, 1, 1, 1))] {
        let mut moved = config();
        moved.listen = (address, 0).into();
        let mut member = Node::start_with(moved, key(number)).await;
        victim.transport.expect(member.id);
        member.dial(&victim);
        assert_eq!(member.connected().await, (victim.id, true));
    }
    // What the network has left is one, and the second address has one of its few besides.
    assert_eq!(strangers(&victim, host(2), 20).await, 1 + 1);
    assert_eq!(strangers(&victim, host(3), 20).await, 2);
    assert_eq!(strangers(&victim, Ipv4Addr::new(127, 2, 1, 1), 20).await, 2 + 3);
    drop(victim.events.try_recv());
}

#[tokio::test]
async fn whoever_holds_a_connection_loses_nothing_when_its_address_asks_too_much() {
    let mut limited = config();
    limited.handshakes = LIMITS;
    let mut victim = Node::start_with(limited, key(8)).await;
    let raw = Raw::choosing(&victim, key(6)).await;
    assert_eq!(victim.connected().await.0, raw.id);
    assert_eq!(strangers(&victim, Ipv4Addr::LOCALHOST, 20).await, 1 + 2 + 3);
    assert!(raw.connection.close_reason().is_none());
}

#[tokio::test]
async fn first_packets_beyond_what_is_looked_at_go_unread_and_a_member_elsewhere_gets_in() {
    let mut limited = config();
    limited.handshakes.packets = FirstPacketLimits {
        few: only(4),
        few_in_all: only(100),
        in_all: only(3),
        ..FirstPacketLimits::DEFAULT
    };
    let mut victim = Node::start_with(limited, key(8)).await;
    let flooder = std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), 0)).unwrap();
    let mut packet = [0; 1200];
    // A first packet of QUIC version 1, with an id of eight bytes.
    packet[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
    let at = victim.transport.local_addr();
    for _ in 0..50 {
        // One that is too short costs nothing, and takes nothing from who sends it.
        flooder.send_to(&packet[..1199], at).unwrap();
        flooder.send_to(&packet, at).unwrap();
    }
    let mut moved = config();
    moved.listen = (Ipv4Addr::new(127, 0, 0, 2), 0).into();
    let mut member = Node::start_with(moved, key(5)).await;
    victim.transport.expect(member.id);
    member.dial(&victim);
    assert_eq!(member.connected().await, (victim.id, true));
    assert_eq!(victim.connected().await.0, member.id);
    assert_eq!(victim.transport.packets_dropped(), 50 - 4 - 3);
}

#[tokio::test]
async fn member_comes_back_to_where_it_was_although_strangers_have_taken_all_handshakes() {
    let mut limited = config();
    limited.handshakes = HandshakeLimits {
        unproven: only(0),
        few_in_all: only(2),
        in_all: only(1),
        known: only(2),
        ..LIMITS
    };
    let mut victim = Node::start_with(limited, key(8)).await;
    let mut moved = config();
    moved.listen = (Ipv4Addr::new(127, 1, 1, 1), 0).into();
    let mut member = Node::start_with(moved.clone(), key(5)).await;
    victim.transport.expect(member.id);
    member.dial(&victim);
    assert_eq!(member.connected().await, (victim.id, true));
    assert_eq!(victim.connected().await.0, member.id);
    assert_eq!(strangers(&victim, Ipv4Addr::new(127, 0, 0, 1), 9).await, 1 + 1);
    assert_eq!(strangers(&victim, Ipv4Addr::new(127, 2, 1, 1), 9).await, 0);
    member.transport.close().await;
    victim.disconnected().await;
    let mut member = Node::start_with(moved, key(5)).await;
    member.dial(&victim);
    assert_eq!(member.connected().await, (victim.id, true));
}
