//! Places: who announces an address in a table of 1.2 million prefixes, who gives way among strangers, and
//! reading such a table.
#![allow(clippy::print_stdout, reason = "the size of the table is a result")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::{BatchSize, Criterion};
use ensign_diversity::{AddressGroups, Candidate, PrefixTable, Regard, evict};
use ensign_primitives::{Instant, LinkId};

/// The size of the table in the bar.
const LINES: u32 = 1_200_000;
/// Strangers that a node keeps by default, and the most nodes that it is connected with.
const PLACES: [u32; 2] = [64, 640];

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let text = text();
    let table = read(&text);
    println!("{} prefixes, {} KiB", table.prefixes(), table.bytes() >> 10);
    criterion.bench_function("prefixes/read_and_lay_out", |bench| {
        bench.iter_batched(|| (), |()| read(&text), BatchSize::PerIteration);
    });
    let mut number = 0_u32;
    criterion.bench_function("prefixes/origin_of", |bench| {
        bench.iter(|| {
            number = number.wrapping_add(2_654_435_769);
            table.origin_of(black_box(IpAddr::V4(Ipv4Addr::from_bits(number))))
        });
    });
    criterion.bench_function("prefixes/groups_of", |bench| {
        bench.iter(|| {
            number = number.wrapping_add(2_654_435_769);
            AddressGroups::of(black_box(IpAddr::V4(Ipv4Addr::from_bits(number))), &table)
        });
    });
    for places in PLACES {
        let held: Vec<_> = (0..places).map(|link| guest(link, &table)).collect();
        let newcomer = guest(places, &table);
        criterion.bench_function(&format!("places/evict/{places}"), |bench| {
            bench.iter(|| evict(black_box(&newcomer), held.iter().copied()));
        });
    }
    criterion.final_summary();
}

/// As in a real table: five of six are of IPv4, half of these within another one.
fn text() -> String {
    let mut text = String::new();
    for number in 0..LINES {
        let asn = number % 80_000;
        let written = match number % 6 {
            0 => writeln!(text, "{}\t48\t{asn}", Ipv6Addr::from_bits(u128::from(number) << 81)),
            at => {
                let length = if at % 2 == 0 { 23 } else { 24 };
                writeln!(text, "{}\t{length}\t{asn}", Ipv4Addr::from_bits(number << 9))
            }
        };
        written.expect("a string takes what is written");
    }
    text
}

fn read(text: &str) -> PrefixTable {
    let mut builder = PrefixTable::builder();
    for line in text.lines() {
        builder.line(line).expect("a line of ours");
    }
    builder.build()
}

fn guest(link: u32, table: &PrefixTable) -> Candidate {
    let address = IpAddr::V4(Ipv4Addr::from_bits(link.wrapping_mul(2_654_435_769)));
    let groups = AddressGroups::of(address, table);
    let since = Instant::from_micros(link.into());
    Candidate::new(LinkId(link.into()), since, groups, Regard::Guest)
}
