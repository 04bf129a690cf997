//! Ten thousand identities of one network, site or provider try to get into a table.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ensign_dht::{Dht, DhtConfig, Input, Verifier};
use ensign_diversity::PrefixTable;
use ensign_primitives::{Instant, Now, PeerId, StateMachine as _};
use ensign_wire::{RecordRules, Role, Scope};

use super::Size;
use crate::{
    draw::{Draw, seed_of},
    figures::{Demand, Line},
    host::meet,
    people::{NETWORK, People, START, proof},
    street::{Card, Street},
};

/// Contacts of one group in a bucket, and in the table.
const MOST: (f64, f64) = (2.0, 10.0);
/// Honest nodes in the book, and by how many others it hears of the crowd.
const KNOWN: u32 = 300;
const SOURCES: u32 = 40;
/// How often, and after how long each time, it is looked who has a connection: two days in all.
const LOOKS: u32 = 200;
const LOOK: Duration = Duration::from_secs(900);
const PORT: u16 = 4000;

/// Addresses that have something in common.
struct Kind {
    what: &'static str,
    address: fn(u32) -> IpAddr,
    prefixes: PrefixTable,
}

pub(super) fn run(size: Size) -> Vec<Line> {
    let people = People::new(size.seed, size.nodes + 1);
    let kinds = [
        Kind { what: "/24", address: in_network, prefixes: PrefixTable::default() },
        Kind { what: "/48", address: in_site, prefixes: PrefixTable::default() },
        Kind { what: "provider", address: at_provider, prefixes: provider() },
    ];
    kinds.into_iter().flat_map(|it| lines(size, &people, it)).collect()
}

/// How many outbound connections, and places of *tried*, they get of a book whose others are alive.
fn outbound(size: Size, kind: &Kind) -> (f64, f64) {
    let known: Vec<Card> = (0..KNOWN).map(Card::lone).collect();
    let mut street = Street::new(size.seed, &known, Vec::new(), kind.prefixes.clone());
    known.iter().for_each(|it| street.lives(it));
    street.pass(Duration::from_secs(10));
    let crowd = (1..=size.nodes).map(|at| {
        Card::at(
            KNOWN + SOURCES + at,
            SocketAddr::new((kind.address)(at), PORT + (at / 250) as u16),
        )
    });
    let crowd: Vec<Card> = crowd.collect();
    for (card, source) in crowd.iter().zip((0..SOURCES).cycle()) {
        street.lives(card);
        street.learns(card.clone(), &Card::lone(KNOWN + source));
    }
    let crowd: BTreeSet<PeerId> = crowd.iter().map(Card::peer).collect();
    let mut most = 0;
    for _ in 0..LOOKS {
        street.pass(LOOK);
        most = most.max(street.outbound().iter().filter(|it| crowd.contains(it)).count());
    }
    let tried = crowd.iter().filter(|it| street.is_tried(it)).count();
    (most as f64, tried as f64)
}

fn lines(size: Size, people: &People, kind: Kind) -> [Line; 4] {
    let what = kind.what;
    let (places, tried) = outbound(size, &kind);
    let (bucket, table) = capture(size, people, kind.address, kind.prefixes);
    let (in_bucket, in_table) = MOST;
    [
        Line::number(format!("of one {what}: in a bucket"), bucket, "", Demand::AtMost(in_bucket)),
        Line::number(format!("of one {what}: in the table"), table, "", Demand::AtMost(in_table)),
        Line::number(format!("of one {what}: outbound"), places, "", Demand::AtMost(1.0)),
        Line::number(
            format!("of one {what}: tried in its book"),
            tried,
            "",
            Demand::AtMost(in_table),
        ),
    ]
}

/// How many of one bucket, and of all, they get.
fn capture(
    size: Size,
    people: &People,
    address: fn(u32) -> IpAddr,
    prefixes: PrefixTable,
) -> (f64, f64) {
    let now = Now { instant: Instant::from_micros(1), unix: START };
    let rules = RecordRules { network: NETWORK, bits: 0, scope: Scope::Global };
    let mut config = DhtConfig::new(rules, Role::Signer);
    config.refresh_interval = None;
    let verify = Box::new(Verifier::new());
    let seed = seed_of(size.seed, "capture", 0);
    let mut dht = Dht::with(config, people.peer(0), seed, verify, prefixes.into());
    let mut draw = Draw::new(size.seed, "capture", 1);
    for at in 1..=size.nodes {
        let remote = SocketAddr::new(address(at), PORT);
        let record = people.record(at, remote, proof(people.peer(at), draw.number(), 0));
        dht.handle_input(now, Input::Learned { record: record.clone() });
        meet(&mut dht, now, &record, remote);
    }
    let table = dht.table(now);
    let in_bucket = |bucket| table.iter().filter(|it| it.bucket == bucket).count();
    let most = (0..256).map(in_bucket).max().unwrap_or_default();
    (most as f64, table.len() as f64)
}

const fn in_network(at: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(16, 0, 0, 1 + (at % 250) as u8))
}

fn in_site(at: u32) -> IpAddr {
    let first = Ipv6Addr::new(0x2a00, 0x1234, 1, 0, 0, 0, 0, 0).to_bits();
    IpAddr::V6(Ipv6Addr::from_bits(first | u128::from(at) << 64 | 1))
}

/// A /24 each, all announced by one.
fn at_provider(at: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(u32::from_be_bytes([16, 0, 0, 1]) + (at << 8)))
}

/// Says that one provider announces them all.
fn provider() -> PrefixTable {
    let mut table = PrefixTable::builder();
    table.line("16.0.0.0\t8\t64500").expect("a line of the table");
    table.build()
}
