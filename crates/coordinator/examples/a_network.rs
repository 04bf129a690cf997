//! Nodes of an open network on loopback that know one address find each other by their identity.
//!
//! Run it with `cargo run --release --package ensign-coordinator --example a_network -- 20`. Each node has an
//! address in a network of its own, 127.0.1.1, 127.0.2.1 and so on, because what is near in the network of
//! addresses counts little; Linux listens there without more.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{
    error::Error,
    net::{Ipv4Addr, SocketAddr},
    time::Instant,
};

use ensign_coordinator::{
    Coordinator, Event, Events, Keys,
    overlay::{Event as Network, OverlayConfig},
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{Network as Chain, PeerId};
use ensign_wire::{Role, Scope};

/// Few bits, so that twenty positions are worked for in no time; the open network asks for 26.
const BITS: u8 = 8;

/// How many nodes without further words.
const NODES: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(NODES), |it| it.parse())?;
    let count = usize::clamp(count, 2, 250);
    let folder = tempfile::tempdir()?;
    let mut nodes: Vec<(Coordinator, Events)> = Vec::new();
    let mut first = Vec::new();
    let began = Instant::now();
    for number in 0..count {
        let role = if number == 0 { Role::Bootstrap } else { Role::Signer };
        let config = OverlayConfig {
            bits: BITS,
            scope: Scope::Local,
            first: first.clone(),
            ..OverlayConfig::new(Chain::Regtest, role)
        };
        let home = folder.path().join(number.to_string());
        let at = SocketAddr::from((Ipv4Addr::new(127, 0, 1 + number as u8, 1), 0));
        let builder = Coordinator::builder(Chain::Regtest, fresh_keys()?, home).new_keys();
        let (node, events) = builder.listen(at).open(config).start().await?;
        if first.is_empty() {
            first.push((node.node(), vec![node.local_addr()]));
        }
        nodes.push((node, events));
    }
    for (_, events) in &mut nodes {
        until(events, |event| matches!(event, Network::Joined { .. })).await?;
    }
    println!("{count} nodes have joined within {:.1?}", began.elapsed());
    for (_, events) in &mut nodes {
        until(events, |event| matches!(event, Network::Published { .. })).await?;
    }
    println!("and have published where they are after {:.1?}", began.elapsed());
    let mut times = Vec::new();
    let (mut asked, mut missed) = (0, 0);
    for (seeker, _) in &nodes {
        for (sought, _) in nodes.iter().filter(|(it, _)| it.node() != seeker.node()) {
            let walked = seeker.find_node(sought.node()).await?;
            times.push(walked.took);
            asked += walked.hops.len();
            let is_found = walked
                .found
                .as_ref()
                .is_some_and(|record| is_of(record, sought.node(), sought.local_addr()));
            if !is_found {
                missed += 1;
                let known = seeker.network().await?.network.contacts;
                println!(
                    "{} did not find {}: it knows {known} contacts and asked {} nodes",
                    seeker.local_addr(),
                    sought.local_addr(),
                    walked.hops.len(),
                );
            }
        }
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    println!(
        "{} searches, {missed} in vain: half of them within {:.1?}, 99 of 100 within {:.1?}, {:.1} questions each",
        times.len(),
        at(50),
        at(99),
        asked as f64 / times.len() as f64,
    );
    let (first, _) = nodes.first().ok_or("no node")?;
    let status = first.network().await?;
    println!(
        "the first node knows {} contacts and thinks that there are {} nodes",
        status.network.contacts,
        status.network.nodes.map_or_else(|| "?".to_owned(), |it| it.to_string()),
    );
    for (node, _) in nodes {
        node.shutdown().await;
    }
    if missed > 0 { Err("not everybody was found".into()) } else { Ok(()) }
}

fn is_of(record: &ensign_wire::NodeRecord, peer: PeerId, address: SocketAddr) -> bool {
    record.peer() == peer && record.node().addresses == [address]
}

/// Waits for what a node tells of the network.
async fn until(
    events: &mut Events,
    is_it: impl Fn(&Network) -> bool,
) -> Result<(), Box<dyn Error>> {
    while let Some(event) = events.next().await {
        if let Event::Network(event) = event
            && is_it(&event)
        {
            return Ok(());
        }
    }
    Err("the coordinator stopped".into())
}

fn fresh_keys() -> Result<Keys, Box<dyn Error>> {
    let (mut node, mut signer) = ([0; 32], [0; 32]);
    getrandom::fill(&mut node)?;
    getrandom::fill(&mut signer)?;
    let node_key = NodeKey::from_secret_bytes(node)?;
    Ok(Keys::new(Chain::Regtest, node_key, SecKey::from_secret_bytes(signer)?)?)
}
