//! Tests of the crate: in time that a test makes, with puzzles of few bits.

mod effort;
mod payer;
mod puzzle;
mod toll;
mod vector;

use core::time::Duration;

use ensign_primitives::{Instant, Network, PeerId};
use ensign_wire::{Price, Proof};

use crate::{Puzzle, Solver};

const NETWORK: Network = Network::Regtest;

fn at(time: Duration) -> Instant {
    Instant::from_micros(0).after(time)
}

fn seconds(seconds: u64) -> Instant {
    at(Duration::from_secs(seconds))
}

fn peer(number: u64) -> PeerId {
    let mut id = [7; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    PeerId::from_bytes(id)
}

fn solve(puzzle: &Puzzle) -> Proof {
    let mut solver = Solver::new(puzzle, 0);
    loop {
        if let Some(proof) = solver.step(1024) {
            return proof;
        }
    }
}

fn solved(price: Price, key: PeerId) -> Proof {
    solve(&Puzzle::of_price(NETWORK, key, price))
}
