//! Resident memory of an idle connection, per side.
//!
//! All nodes live in this process and end up connected each to each. A ring comes first, so that
//! every endpoint has touched its own buffers before the count begins.

use crate::{ours::Node, raw};

pub(crate) async fn print_ours(nodes: u16) {
    println!("idle connection, per side: ours {:.1} KiB (bar 48 KiB)", ours(nodes).await);
}

pub(crate) async fn print_raw(nodes: u16) {
    println!("idle connection, per side: raw quinn {:.1} KiB", raw(nodes).await);
}

async fn ours(count: u16) -> f64 {
    let mut nodes = Vec::new();
    for number in 0..count {
        nodes.push(Node::start(number).await);
    }
    let (ring, rest) = pairs(count.into());
    for &(one, two) in &ring {
        link(&mut nodes, one, two).await;
    }
    let before = resident_kib();
    for &(one, two) in &rest {
        link(&mut nodes, one, two).await;
    }
    (resident_kib() - before) / (2 * rest.len()) as f64
}

async fn link(nodes: &mut [Node], one: usize, two: usize) {
    nodes[one].dial(&nodes[two]);
    for node in [one, two] {
        let link = nodes[node].connected().await;
        nodes[node].transport.admit(link);
    }
}

async fn raw(count: u16) -> f64 {
    let nodes: Vec<quinn::Endpoint> = (0..count).map(|_| raw::endpoint()).collect();
    let (ring, rest) = pairs(count.into());
    let mut connections = Vec::new();
    for &(one, two) in &ring {
        connections.push(raw::connect(&nodes[one], &nodes[two]).await);
    }
    let before = resident_kib();
    for &(one, two) in &rest {
        connections.push(raw::connect(&nodes[one], &nodes[two]).await);
    }
    let per_side = (resident_kib() - before) / (2 * rest.len()) as f64;
    drop(connections);
    per_side
}

type Pairs = Vec<(usize, usize)>;

/// Returns the pairs of neighbours in a ring, and all others.
fn pairs(count: usize) -> (Pairs, Pairs) {
    let all = (0..count).flat_map(|two| (0..two).map(move |one| (one, two)));
    all.partition(|&(one, two)| two - one == 1 || two - one == count - 1)
}

fn resident_kib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4.0
}
