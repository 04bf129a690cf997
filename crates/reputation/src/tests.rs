//! Cases for scores, shelves and records.

mod limits;
mod property;
mod records;
mod scores;

use core::time::Duration;

use ensign_primitives::{Instant, Now, PeerId, UnixTime};

use crate::{Config, Mark, Reputation};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A moment so long after the tests begin.
fn after(duration: Duration) -> Now {
    let start = UnixTime::from_millis(1_760_000_000_000);
    Now { instant: Instant::default().after(duration), unix: start.after(duration) }
}

fn start() -> Now {
    after(Duration::ZERO)
}

fn peer(number: u64) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn reputation() -> Reputation {
    Reputation::new(Config::default(), start(), std::vec![])
}

/// What one node stands at after marks of it, all at the start.
fn score_of(marks: &[Mark], later: Duration) -> i32 {
    let mut reputation = reputation();
    for mark in marks {
        reputation.mark(start(), peer(1), *mark, &"a test");
    }
    reputation.score(after(later).unix, &peer(1))
}
