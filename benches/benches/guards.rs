//! What a frame and a handshake cost the guards, from a million distinct sources.
//!
//! `all_guards` is a stranger's frame at its worst: its sender is looked up, it is beyond its budget or not, and it
//! is noted in the watch and against its sender's name. All books are full before it is timed.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use criterion::Criterion;
use ensign_primitives::{Instant, Now, PeerId, UnixTime};
use ensign_ratelimit::{Asker, HandshakeLimits, Handshakes, StrangerBudgets, StrangerLimits};
use ensign_reputation::{Config, Mark, Reputation};
use ensign_watch::{Act, Distance, Note, Watch};
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
    // Once for all samples: what is timed has a million sources behind it.
    let (mut guards, mut sources) = (Guards::new(), sources());
    sources.by_ref().take(SOURCES as usize).for_each(|source| guards.judge(source));
    criterion.bench_function("guards/all_guards", |bencher| {
        bencher.iter(|| {
            let Some(source) = sources.next() else { return };
            guards.judge(source);
        });
    });
    criterion.final_summary();
}

struct Guards {
    budgets: StrangerBudgets,
    watch: Watch,
    reputation: Reputation,
}

impl Guards {
    fn new() -> Self {
        let now = Now { instant: Instant::default(), unix: UnixTime::default() };
        Self {
            budgets: StrangerBudgets::new(StrangerLimits::default()),
            watch: Watch::new(now),
            reputation: Reputation::new(Config::default(), now, Vec::new()),
        }
    }

    fn judge(&mut self, (instant, peer, ip): (Instant, PeerId, IpAddr)) {
        let now = Now { instant, unix: UnixTime::from_millis(1) };
        black_box(self.reputation.bars(now.unix, &peer, false));
        let asker = Asker { peer, ip, has_paid: false };
        let _ = black_box(self.budgets.take(instant, asker, (Kind::Ping, 8)));
        let what = &"more pings than its budget";
        let (distance, act) = (Distance::Far, Act::Charged);
        self.watch
            .note(now, &Note { whom: peer, distance, remote: Some(ip), act, what, points: 5 });
        black_box(self.reputation.mark(now, peer, Mark::Offense, what));
    }
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
