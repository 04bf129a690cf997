//! Ten thousand identities of one network, site or provider try to get into a table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ensign_dht::{Dht, DhtConfig, Input, Verifier};
use ensign_diversity::PrefixTable;
use ensign_primitives::{Instant, Now, StateMachine as _};
use ensign_wire::{RecordRules, Role, Scope};

use super::Size;
use crate::{
    draw::{Draw, seed_of},
    figures::{Demand, Line},
    host::meet,
    people::{NETWORK, People, START, proof},
};

/// Contacts of one group in a bucket, and in the table.
const MOST: (f64, f64) = (2.0, 10.0);

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

fn lines(size: Size, people: &People, kind: Kind) -> [Line; 2] {
    let what = kind.what;
    let (bucket, table) = capture(size, people, kind.address, kind.prefixes);
    let (in_bucket, in_table) = MOST;
    [
        Line::number(format!("of one {what}: in a bucket"), bucket, "", Demand::AtMost(in_bucket)),
        Line::number(format!("of one {what}: in the table"), table, "", Demand::AtMost(in_table)),
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
        let remote = SocketAddr::new(address(at), 4000);
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
