//! Against a real DNS server, with the zone that [`zone`](crate::zone) writes.

use std::sync::Arc;

use hickory_resolver::proto::{rr::Name, serialize::txt::Parser};
use hickory_server::{
    Server,
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::{Reason, zone};

const HEAD: &str = "\
$ORIGIN example.org.
@ 3600 IN SOA ns.example.org. admin.example.org. 1 3600 600 86400 60
@ 3600 IN NS ns.example.org.
ns 3600 IN A 127.0.0.1
";

/// Serves a zone of example.org, until it is dropped.
async fn serve(lines: &str) -> (SocketAddr, Server<Catalog>) {
    let origin = Name::from_ascii("example.org.").unwrap();
    let parser = Parser::new(format!("{HEAD}{lines}"), None, Some(origin.clone()));
    let (origin, records) = parser.parse().unwrap();
    let handler: InMemoryZoneHandler =
        InMemoryZoneHandler::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny)
            .unwrap();
    let mut catalog = Catalog::new();
    catalog.upsert(origin.into(), vec![Arc::new(handler)]);
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let mut server = Server::new(catalog);
    server.register_socket(udp);
    server.register_listener(tcp, LONG, 16);
    (address, server)
}

#[tokio::test]
async fn a_zone_is_read_back_by_who_asks_for_it() {
    let long = SeedRecord {
        addresses: (1..=4)
            .map(|port| {
                format!("[2a00:1450:4001:81b:ffff:ffff:ffff:{port}]:65535").parse().unwrap()
            })
            .collect(),
        ..node(2)
    };
    let lines = zone("seed", &[node(1), long.clone()]) + &zone("@", &[node(3)]);
    let (address, _server) = serve(&lines).await;
    let answer = seeds(address).ask_one(&name("seed.example.org"), ENTROPY).await.unwrap();
    assert_eq!(answer.records, 2);
    assert_eq!(answer.refused, []);
    for node in [node(1), long] {
        assert!(answer.nodes.contains(&node), "{node}");
    }
    let apex = seeds(address).ask_one(&name("Example.ORG."), ENTROPY).await.unwrap();
    assert_eq!(apex.nodes, [node(3)]);
}

#[tokio::test]
async fn more_nodes_than_a_datagram_holds_come_over_tcp() {
    let nodes: Vec<_> = (1..=12).map(node).collect();
    let (address, _server) = serve(&zone("seed", &nodes)).await;
    let answer = seeds(address).ask_one(&name("seed.example.org"), ENTROPY).await.unwrap();
    assert_eq!(answer.records, 12);
    assert_eq!(peers(&answer.nodes), peers(&nodes));
}

#[tokio::test]
async fn an_alias_leads_to_a_seed_of_another_name() {
    let lines = zone("b", &[node(1)]) + "seed 60 IN CNAME b\nlost 60 IN CNAME nowhere\n";
    let (address, _server) = serve(&lines).await;
    let answer = seeds(address).ask_one(&name("seed.example.org"), ENTROPY).await.unwrap();
    assert_eq!(answer.nodes, [node(1)]);
    let error = seeds(address).ask_one(&name("lost.example.org"), ENTROPY).await.unwrap_err();
    assert!(matches!(error.reason, Reason::NoName | Reason::NoRecord | Reason::Alias), "{error}");
}

#[tokio::test]
async fn names_that_are_no_seeds_say_why() {
    let other = SeedRecord { network: Network::Bitcoin, ..node(1) };
    let lines = zone("main", &[other]) + "mail 60 IN TXT \"v=spf1 -all\"\nhost 60 IN A 127.0.0.1\n";
    let (address, _server) = serve(&lines).await;
    for (seed, what, advice) in [
        ("nobody.example.org", "there is no such name", "spelled"),
        ("host.example.org", "has no TXT record", "`ensign net zone`"),
        ("mail.example.org", "none of its 1 TXT records", "`ensign net zone`"),
        ("main.example.org", "it is for bitcoin, this node is on signet", "this home's network"),
        ("seed.example.net", "error 5", "another DNS server"),
    ] {
        let error = seeds(address).ask_one(&name(seed), ENTROPY).await.unwrap_err();
        assert!(error.to_string().contains(&format!("seed {seed}: ")), "{error}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.reason.advice().contains(advice), "{error}: {}", error.reason.advice());
    }
}

#[tokio::test]
async fn several_seeds_are_asked_and_one_that_fails_is_named() {
    let lines: String = (0..4u8)
        .map(|seed| {
            let nodes: Vec<_> = (1 + 10 * seed..=6 + 10 * seed).map(node).collect();
            zone(&format!("s{seed}"), &nodes)
        })
        .collect();
    let (address, _server) = serve(&lines).await;
    let names = ["s0", "s1", "nobody", "s1"].map(|it| name(&format!("{it}.example.org")));
    let answers = seeds(address).ask(&names, ENTROPY).await;
    assert_eq!(answers.candidates.len(), 8, "two seeds, four of each");
    let [failure] = &answers.failures[..] else { panic!("{answers:?}") };
    assert_eq!((&failure.seed, &failure.reason), (&names[2], &Reason::NoName));
    // Enough said by three: a fourth is not asked.
    let names = ["s0", "s1", "s2", "s3"].map(|it| name(&format!("{it}.example.org")));
    let answers = seeds(address).ask(&names, ENTROPY).await;
    let mut asked: Vec<_> = answers.candidates.iter().map(|it| it.seed.clone()).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!((answers.candidates.len(), asked.len()), (18, 3));
    assert_eq!(answers, seeds(address).ask(&names, ENTROPY).await, "one entropy, one outcome");
}
