//! What a frame and a handshake cost the budgets, from a million distinct sources.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use criterion::Criterion;
use ensign_primitives::{Instant, PeerId};
use ensign_ratelimit::{Asker, HandshakeLimits, Handshakes, StrangerBudgets, StrangerLimits};
use ensign_wire::Kind;

/// How many sources take turns.
const SOURCES: u32 = 1_000_000;
/// Between two frames: a hundred thousand of them a second.
const PAUSE: Duration = Duration::from_micros(10);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("guards/stranger_frame", |bencher| {
        let mut budgets = StrangerBudgets::new(StrangerLimits::default());
        let mut sources = sources();
        bencher.iter(|| {
            let Some((now, peer, ip)) = sources.next() else { return };
            let _ =
                black_box(budgets.take(now, Asker { peer, ip, has_paid: false }, (Kind::Ping, 8)));
        });
    });
    criterion.bench_function("guards/handshake", |bencher| {
        let mut handshakes = Handshakes::new(HandshakeLimits::default());
        let mut sources = sources();
        bencher.iter(|| {
            let Some((now, _, ip)) = sources.next() else { return };
            black_box(handshakes.proven(now, ip));
        });
    });
    criterion.final_summary();
}

fn sources() -> impl Iterator<Item = (Instant, PeerId, IpAddr)> {
    let mut now = Instant::default();
    (0..SOURCES).cycle().map(move |number| {
        now = now.after(PAUSE);
        let mut peer = [7; 32];
        peer[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        (now, PeerId::from_bytes(peer), Ipv4Addr::from_bits(number.wrapping_mul(4099)).into())
    })
}
