//! How long a signing frame waits behind 4 MiB of payloads for the same peer, on loopback.
//!
//! `cargo run --release -p ensign-transport --example lanes [runs]`. In each run the payloads are
//! queued at once; one signing frame is sent right behind them, and one whenever a payload has
//! arrived. A wait is the time from `send` until the receiver's owner has the frame. Both nodes are in
//! this process and their owners do nothing else.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot run fails")]

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc, time::Duration};

use ensign_identity::NodeKey;
use ensign_primitives::{LinkId, Network, PeerId};
use ensign_transport::{Arrivals, Transport, TransportConfig, TransportEvent};
use ensign_wire::Kind;
use tokio::time::Instant;

/// Payloads of one run: 4 MiB in all.
const PAYLOADS: usize = 16;
const PAYLOAD_BYTES: usize = 256 * 1024;

/// Runs when none are named.
const RUNS: usize = 60;

/// As a nonce of one message.
const FRAME_BYTES: usize = 200;

struct Node {
    transport: Transport,
    events: Arrivals,
    id: PeerId,
}

impl Node {
    async fn start(secret: u8) -> Self {
        let key = Arc::new(NodeKey::from_secret_bytes([secret; 32]).unwrap());
        let id = key.peer_id();
        let mut config = TransportConfig::new((Ipv4Addr::LOCALHOST, 0).into(), Network::Regtest);
        // The default takes 4 MiB less what a queued frame costs beyond its bytes.
        config.bulk_queue_bytes_max = 2 * PAYLOADS * PAYLOAD_BYTES;
        let (transport, events) = Transport::bind(config, key).await.unwrap();
        Self { transport, events, id }
    }

    /// Waits for a connection, and treats whoever is at its other end as known.
    async fn admit(&mut self) -> LinkId {
        loop {
            if let TransportEvent::Up { link, .. } = self.events.recv().await.unwrap() {
                self.transport.admit(link);
                return link;
            }
        }
    }

    fn send(&self, to: LinkId, kind: Kind, len: usize) {
        self.transport.send(to, kind, frame(kind, len).into()).unwrap();
    }
}

/// A header, and a body that nobody decodes.
fn frame(kind: Kind, len: usize) -> Vec<u8> {
    let (mut frame, mut rest) = (vec![kind.id()], len);
    while rest >= 0x80 {
        frame.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    frame.push(rest as u8);
    frame.resize(frame.len() + len, 7);
    frame
}

/// What one run showed.
struct Run {
    /// Of the frame right behind the payloads.
    first: Duration,
    /// Of the frames in the midst of them.
    others: Vec<Duration>,
    /// Until the last payload was there.
    payloads: Duration,
}

async fn run((one, link): (&Node, LinkId), two: &mut Node) -> Run {
    let start = Instant::now();
    (0..PAYLOADS).for_each(|_| one.send(link, Kind::Payload, PAYLOAD_BYTES));
    let mut sent = VecDeque::from([Instant::now()]);
    one.send(link, Kind::NonceAck, FRAME_BYTES);
    let (mut waits, mut arrived, mut payloads) = (Vec::new(), 0, Duration::ZERO);
    while arrived < PAYLOADS || !sent.is_empty() {
        let TransportEvent::Frame { kind, .. } = two.events.recv().await.unwrap() else { continue };
        if kind == Kind::NonceAck {
            waits.extend(sent.pop_front().map(|since| since.elapsed()));
            continue;
        }
        arrived += 1;
        payloads = start.elapsed();
        if arrived < PAYLOADS {
            sent.push_back(Instant::now());
            one.send(link, Kind::NonceAck, FRAME_BYTES);
        }
    }
    Run { first: waits.remove(0), others: waits, payloads }
}

/// Waits on an idle connection, for comparison.
async fn quiet((one, link): (&Node, LinkId), two: &mut Node) -> Duration {
    let start = Instant::now();
    one.send(link, Kind::NonceAck, FRAME_BYTES);
    two.events.recv().await.unwrap();
    start.elapsed()
}

fn print(what: &str, mut waits: Vec<Duration>) {
    waits.sort();
    let at = |hundredth: usize| waits.get((waits.len() * hundredth / 100).min(waits.len() - 1));
    let millis = |hundredth| at(hundredth).map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e3);
    let (p50, p99, most) = (millis(50), millis(99), millis(100));
    println!("{what}: p50 {p50:.2} ms, p99 {p99:.2} ms, most {most:.2} ms, {} times", waits.len());
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let runs = std::env::args().nth(1).map_or(RUNS, |runs| runs.parse().unwrap());
    let (mut one, mut two) = (Node::start(1).await, Node::start(2).await);
    one.transport.dial(two.id, two.transport.local_addr());
    let link = one.admit().await;
    two.admit().await;
    let (mut idle, mut all) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        idle.push(quiet((&one, link), &mut two).await);
        all.push(run((&one, link), &mut two).await);
    }
    print("idle connection", idle);
    print("signing frame right behind 4 MiB", all.iter().map(|run| run.first).collect());
    print("signing frames in their midst", all.iter().flat_map(|run| run.others.clone()).collect());
    print("the 4 MiB themselves", all.iter().map(|run| run.payloads).collect());
}
