//! `ensign net zone` and `ensign net seed`: a zone that is served by a real DNS server and read back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_server::{
    Server,
    proto::{rr::Name, serialize::txt::Parser},
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Runtime;

use crate::ensign::Signer;

const HEAD: &str = "\
$ORIGIN example.org.
@ 3600 IN SOA ns.example.org. admin.example.org. 1 3600 600 86400 60
@ 3600 IN NS ns.example.org.
";

/// How long a connection to the server may be silent: longer than any test.
const SILENCE: Duration = Duration::from_secs(600);

/// Serves the zone example.org on loopback, until the runtime is dropped.
pub(crate) fn serve(lines: &str) -> (SocketAddr, Runtime, Server<Catalog>) {
    let origin = Name::from_ascii("example.org.").unwrap();
    let (origin, records) =
        Parser::new(format!("{HEAD}{lines}"), None, Some(origin)).parse().unwrap();
    let zone: InMemoryZoneHandler =
        InMemoryZoneHandler::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny)
            .unwrap();
    let mut catalog = Catalog::new();
    catalog.upsert(origin.into(), vec![Arc::new(zone)]);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut server = Server::new(catalog);
    let address = runtime.block_on(async {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        server.register_socket(udp);
        server.register_listener(tcp, SILENCE, 16);
        address
    });
    (address, runtime, server)
}

fn node(signer: &Signer) -> String {
    signer.json(&["key", "show"]).succeeded().last()["node"].as_str().unwrap().to_owned()
}

#[test]
fn a_zone_that_is_printed_is_read_back_by_who_asks_for_it() {
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(Signer::init);
    let zone = alice.text(&["net", "zone", "--name", "seed", &bob.code()]).succeeded().stdout;
    assert_eq!(zone.lines().count(), 2, "{zone}");
    let said = alice.json(&["net", "zone", "--name", "seed"]).succeeded().last();
    assert_eq!(
        (&said["event"], &said["name"], &said["warnings"]),
        (&json!("zone"), &json!("seed"), &json!([]))
    );
    let (address, _runtime, _server) = serve(&zone);
    let resolver = address.to_string();
    let ask = ["net", "seed", "seed.example.org", "nobody.example.org", "--resolver", &resolver];
    let told = carol.json(&ask).succeeded().lines();
    let [seed, candidates @ ..] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        (&seed["seed"], &seed["nodes"], &seed["records"]),
        (&json!("seed.example.org"), &json!(2), &json!(2))
    );
    let mut seen: Vec<_> =
        candidates.iter().map(|it| it["node"].as_str().unwrap().to_owned()).collect();
    seen.sort_unstable();
    let mut named = [node(&alice), node(&bob)];
    named.sort_unstable();
    assert_eq!(seen, named);
    let told = carol.text(&ask).succeeded();
    assert!(told.stdout.starts_with("seed.example.org: 2 records, 2 nodes taken\n"), "{told:?}");
    assert!(
        told.stderr.contains("seed nobody.example.org: there is no such name; check how"),
        "{told:?}"
    );
    let ask = ["net", "seed", "nobody.example.org", "--resolver", &resolver];
    let refused = carol.json(&ask).refused(8, "E-NET-015");
    assert!(refused["what"].as_str().unwrap().contains("there is no such name"), "{refused}");
}

#[test]
fn what_no_stranger_can_dial_is_in_no_zone() {
    let on_signet = |addresses: &[&str]| {
        let signer = Signer::new();
        let mut init =
            vec!["init", "--name", "dora", "--no-passphrase", "--listen", "127.0.0.1:4820"];
        addresses.iter().for_each(|address| init.extend(["--advertise", address]));
        signer.text(&init).succeeded();
        signer
    };
    let dora = on_signet(&["8.8.8.8:4820", "dora.example.org:4820", "192.168.1.7:4820"]);
    let zone = dora.text(&["net", "zone"]).succeeded();
    let expect =
        format!("@\t3600\tIN\tTXT \"v=ensign1 net=signet node={} at=8.8.8.8:4820\"\n", node(&dora));
    assert_eq!(zone.stdout, expect);
    for part in [
        "dora.example.org:4820 of dora is left out: a seed names addresses by number",
        "192.168.1.7:4820 of dora is left out",
    ] {
        assert!(zone.stderr.contains(part), "{}", zone.stderr);
    }
    let near = on_signet(&["192.168.1.7:4820"]);
    let refused = near.json(&["net", "zone"]).refused(2, "E-NET-014");
    assert!(refused["what"].as_str().unwrap().contains("192.168.1.7:4820 of dora"), "{refused}");
    let other = Signer::init("erin");
    let refused = dora.json(&["net", "zone", &other.code()]).refused(2, "E-NET-014");
    assert!(refused["what"].as_str().unwrap().contains("erin is on regtest"), "{refused}");
    dora.json(&["net", "zone", "--name", "no_name"]).refused(2, "E-USE-001");
    dora.json(&["net", "seed"]).refused(2, "E-USE-001");
    dora.json(&["net", "seed", "a.example", "--resolver", "x"]).refused(2, "E-USE-001");
}
