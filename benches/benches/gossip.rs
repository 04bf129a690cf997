//! Gossip: what a message costs a node that hears it, has it judged and hands it on.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use ensign_gossip::{Gossip, GossipConfig, Input, Output, Verdict};
use ensign_primitives::{Direction, Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{GossipControl, GossipData, GossipMessage, Topic};

const NETWORK: Network = Network::Regtest;
/// As many as an address book dials, and as many again that dial; and the most that a node has.
const LINKS: [u16; 2] = [24, 500];
/// As an advert.
const BYTES: usize = 300;
/// Messages that are remembered already.
const KNOWN: u32 = 1000;

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    for links in LINKS {
        criterion.bench_function(&format!("gossip/forward/{links} links"), |bench| {
            let data = message(KNOWN + 1);
            bench.iter_batched_ref(
                || router(links),
                |it| forward(it, &data),
                BatchSize::LargeInput,
            );
        });
        criterion.bench_function(&format!("gossip/duplicate/{links} links"), |bench| {
            let mut router = router(links);
            let data = message(KNOWN / 2);
            bench.iter(|| hear(&mut router, black_box(&data)));
        });
    }
    criterion.final_summary();
}

fn now() -> Now {
    Now { instant: Instant::from_micros(1_000_000), unix: UnixTime::from_millis(1_760_000_000_000) }
}

fn peer(number: u16) -> PeerId {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn topic() -> Topic {
    Topic::of(NETWORK, "advert")
}

fn message(number: u32) -> GossipData {
    let mut data = number.to_be_bytes().to_vec();
    data.resize(BYTES, 0);
    GossipData { topic: topic(), data: data.into() }
}

/// A router in the midst of things: a mesh, and messages that it remembers.
fn router(links: u16) -> Gossip {
    let mut gossip = Gossip::new(GossipConfig::new(NETWORK), [7; 32]);
    gossip.subscribe(now(), topic()).expect("the first topic");
    for number in 0..links {
        let [high, low] = number.to_be_bytes();
        let (peer, remote) = (peer(number), ([8, high, low, 1], 4000).into());
        let direction =
            if number.is_multiple_of(2) { Direction::Outbound } else { Direction::Inbound };
        gossip.handle_input(now(), Input::Up { peer, remote, direction });
        let topics = GossipControl::Topics { joined: vec![topic()], left: Vec::new() };
        let message = GossipMessage::Control(topics);
        gossip.handle_input(now(), Input::Message { from: peer, message });
    }
    (0..KNOWN).for_each(|number| {
        forward(&mut gossip, &message(number));
    });
    gossip
}

/// A message comes, is accepted, and leaves; returns how many frames did.
fn forward(gossip: &mut Gossip, data: &GossipData) -> usize {
    let from = peer(1);
    let message = GossipMessage::Data(data.clone());
    gossip.handle_input(now(), Input::Message { from, message });
    let mut frames = 0;
    while let Some(output) = gossip.poll_output() {
        match output {
            Output::Validate { id, .. } => {
                gossip.handle_input(now(), Input::Judged { id, verdict: Verdict::Accept });
            }
            Output::Send { to, bytes, message } => {
                frames += black_box(message.encode()).len().min(1);
                gossip.handle_input(now(), Input::Taken { peer: to, bytes });
            }
            Output::Offense { .. } | Output::Event(_) => {}
        }
    }
    frames
}

/// A message comes that is known.
fn hear(gossip: &mut Gossip, data: &GossipData) {
    let message = GossipMessage::Data(data.clone());
    gossip.handle_input(now(), Input::Message { from: peer(3), message });
    while gossip.poll_output().is_some() {}
}
