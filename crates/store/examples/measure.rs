//! Measures the durable store in a folder: commits, flushes, and opening with many open requests.
//!
//! `cargo run --release -p ensign-store --example measure -- FOLDER [REQUESTS]`
#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a measurement for people")]

use std::{env, fs, path::Path, time::Instant};

use ensign_primitives::{RequestId, UnixTime};
use ensign_store::{Batch, Place, RedbStore, Store, StoreOptions};

/// Bytes of a request with a few signers, and of a small PSBT.
const REQUEST_BYTES: usize = 600;
const CONSENT_BYTES: usize = 3_000;
const COMMITS: u64 = 500;

fn main() {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let requests = arguments.next().map_or(10_000, |number| number.parse().expect("a number"));
    let folder = Path::new(&folder);
    if env::var_os("OPEN_ONLY").is_none() {
        let (mut store, _) = RedbStore::open(folder, &StoreOptions::default()).expect("a store");
        fill(&mut store, requests);
        commits(&mut store, "requests with consents, two flushes", |id, _| {
            vec![(Place::request(id), REQUEST_BYTES), (Place::consent(id), CONSENT_BYTES)]
        });
        commits(&mut store, "burn marks", |id, number| vec![(Place::burn(id, number), 100)]);
        commits(&mut store, "partials", |id, number| vec![(Place::partial(id, number), 300)]);
    }
    let start = Instant::now();
    let (store, opening) = RedbStore::open(folder, &StoreOptions::default()).expect("a store");
    println!("opening: {:?}, {opening:?}", start.elapsed());
    println!("size: {:?}", store.size().expect("a size"));
    println!("memory: {}", memory());
}

fn id(number: u32) -> RequestId {
    let mut bytes = [number.to_le_bytes()[0].wrapping_mul(151); 32];
    bytes[1..5].copy_from_slice(&number.to_be_bytes());
    RequestId::from_bytes(bytes)
}

fn fill(store: &mut RedbStore, requests: u32) {
    let start = Instant::now();
    for first in (0..requests).step_by(100) {
        let mut batch = Batch::new(UnixTime::from_millis(1));
        for number in first..(first + 100).min(requests) {
            let id = id(number);
            batch.put(Place::request(&id), vec![1; REQUEST_BYTES]).expect("a value");
            batch.put(Place::consent(&id), vec![2; CONSENT_BYTES]).expect("a value");
            batch.put(Place::join(&id, 1), vec![3; 100]).expect("a value");
            batch.put(Place::burn(&id, 1), vec![4; 100]).expect("a value");
        }
        store.commit(&batch).expect("room");
    }
    println!("{requests} requests in batches of 100: {:?}", start.elapsed());
}

fn commits(
    store: &mut RedbStore,
    what: &str,
    changes: impl Fn(&RequestId, u16) -> Vec<(Place, usize)>,
) {
    let flushes = store.flushes();
    let mut times = Vec::new();
    for number in 0..COMMITS {
        let mut batch = Batch::new(UnixTime::from_millis(2));
        for (place, length) in changes(&id(5_000_000 + number as u32), number as u16) {
            batch.put(place, vec![5; length]).expect("a value");
        }
        let start = Instant::now();
        store.commit(&batch).expect("room");
        times.push(start.elapsed());
    }
    times.sort();
    let flushes = store.flushes() - flushes;
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: {flushes} flushes in {COMMITS} commits, p50 {half:?}, p99 {most:?}");
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines.collect::<Vec<_>>().join(", ")
}
