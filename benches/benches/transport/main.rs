//! The transport beside raw quinn in the same run: handshakes, frames, memory.
//!
//! Raw quinn has Ed25519 raw public keys both ways, no resumption (a resumed handshake proves
//! nothing anew), and the defaults of quinn, rustls and aws-lc-rs for the rest. Rounds of both
//! alternate, so that whatever else the machine does hits both; the table shows medians.
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench that cannot run fails")]

mod frames;
mod handshakes;
mod memory;
mod ours;
mod raw;

use std::process::Command;

use tokio::runtime::Builder;

/// Rounds of which the median counts.
const ROUNDS: usize = 9;

/// Parts of this bench; each can be named on the command line.
const PARTS: [&str; 4] = ["memory", "memory-raw", "handshakes", "frames"];

fn main() {
    // `cargo test` passes this: then once through, and little of it, is enough.
    let quick = std::env::args().any(|arg| arg == "--test");
    let named: Vec<String> = std::env::args().filter(|arg| PARTS.contains(&&**arg)).collect();
    if named.is_empty() {
        PARTS.iter().for_each(|part| run_alone(part, quick));
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for part in named {
        runtime.block_on(runtime.spawn(async move { run(&part, quick).await })).unwrap();
    }
}

/// Runs a part in a process of its own: what the others leave in the allocator would change it.
fn run_alone(part: &str, quick: bool) {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.arg(part).args(quick.then_some("--test"));
    assert!(process.status().unwrap().success(), "{part} failed");
}

async fn run(part: &str, quick: bool) {
    let rounds = if quick { 1 } else { ROUNDS };
    match part {
        "memory" => memory::print_ours(if quick { 5 } else { 40 }).await,
        "memory-raw" => memory::print_raw(if quick { 5 } else { 40 }).await,
        "handshakes" => handshakes::print(rounds, if quick { 16 } else { 1000 }).await,
        _ => frames::print(rounds, if quick { 1000 } else { 300_000 }).await,
    }
}

/// Prints one line: ours, raw, and the ratio that has a bar.
fn print_rates(what: &str, mut ours: Vec<f64>, mut raw: Vec<f64>, bar: f64) {
    ours.sort_by(f64::total_cmp);
    raw.sort_by(f64::total_cmp);
    let median = |rates: &[f64]| rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN);
    let range = |rates: &[f64]| {
        let at = |index: usize| rates.get(index).copied().unwrap_or(f64::NAN);
        format!("{:.0}..{:.0}", at(0), at(rates.len().saturating_sub(1)))
    };
    println!(
        "{what}: ours {:.0}/s ({}), raw quinn {:.0}/s ({}), ratio {:.2} (bar {bar:.2})",
        median(&ours),
        range(&ours),
        median(&raw),
        range(&raw),
        median(&ours) / median(&raw),
    );
}
