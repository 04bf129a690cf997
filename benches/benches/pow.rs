//! What a proof of work costs on this machine: to solve 20 bits on one core and on all, and to check it.
//!
//! Each row is the median of puzzles that differ in their seeds; luck makes single ones differ by an order of
//! magnitude.
#![allow(clippy::print_stdout, reason = "the medians are the result")]
#![allow(
    clippy::disallowed_methods,
    reason = "what is measured is the time that passes on all cores"
)]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{available_parallelism, scope},
    time::{Duration, Instant},
};

use ensign_engine::pow::{Purpose, Puzzle, Solver};
use ensign_primitives::{Network, PeerId};

const PUZZLES: u64 = 101;
const TRIES: u32 = 1 << 14;

fn main() {
    // `cargo test` passes this: then once through is enough, and with few bits.
    let is_test = std::env::args().any(|arg| arg == "--test");
    let (puzzles, bits) = if is_test { (1, 8) } else { (PUZZLES, 20) };
    let cores = available_parallelism().map_or(1, |cores| cores.get() as u32);
    for parts in [1, cores] {
        let times: Vec<_> = (0..puzzles).map(|seed| solve(&puzzle(seed, bits), parts)).collect();
        println!("pow/solve {bits} bits on {parts} cores: {}", spread(times));
    }
    let puzzle = puzzle(0, bits);
    let since = Instant::now();
    let checks = if is_test { 1 } else { 1_000_000 };
    let zero_bits: u64 = (0..checks).map(|nonce| u64::from(puzzle.bits_of(nonce))).sum();
    let each = since.elapsed() / u32::try_from(checks).unwrap_or(1);
    println!("pow/check: {each:?} each ({zero_bits} zero bits)");
}

fn puzzle(number: u64, bits: u8) -> Puzzle {
    let mut seed = [0x5e; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let key = PeerId::from_bytes([7; 32]);
    Puzzle { purpose: Purpose::Gate, network: Network::Bitcoin, key, seed, epoch: 1, bits }
}

fn solve(puzzle: &Puzzle, parts: u32) -> Duration {
    let (since, is_over) = (Instant::now(), AtomicBool::new(false));
    scope(|scope| {
        for part in 0..parts {
            let (mut solver, is_over) = (Solver::part(puzzle, 0, (part, parts)), &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    if solver.step(TRIES).is_some() {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    since.elapsed()
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let at = |percent: usize| times.get(last * percent / 100).copied().unwrap_or_default();
    format!("median {:?}, p99 {:?}", at(50), at(99))
}
