//! How often other nodes drop our connection for one that this process did not make: a second process
//! with our identity is there.

use std::{collections::BTreeMap, time::Duration};

use ensign_primitives::{Instant, PeerId};

/// How many connections are dropped so before it is told. Two nodes that dial each other at once drop
/// one; a third one in a row is nobody's chance.
const PUSHES_TOLD: u32 = 3;
/// Within which time they are counted together. Guess: dialling pauses for half a minute at most.
const PUSHES_WITHIN: Duration = Duration::from_secs(60);

/// What each node dropped since the first that counts. Bounded by its caller: only members are entered.
#[derive(Debug, Default)]
pub struct PushedOff(BTreeMap<PeerId, Pushes>);

#[derive(Debug)]
struct Pushes {
    /// Which process of the node it was: one that restarts forgets which connection it had.
    by: Option<[u8; 8]>,
    since: Instant,
    count: u32,
}

impl PushedOff {
    /// Counts a connection that a node dropped for another; returns whether it is to be told, once
    /// in a minute.
    ///
    /// - `by`: the process of the node, by the number that it drew when it started.
    pub fn see(&mut self, peer: PeerId, by: Option<[u8; 8]>, now: Instant) -> bool {
        let pushes = self.0.entry(peer).or_insert(Pushes { by, since: now, count: 0 });
        if pushes.by != by || now.since(pushes.since) > PUSHES_WITHIN {
            *pushes = Pushes { by, since: now, count: 0 };
        }
        pushes.count = pushes.count.saturating_add(1);
        pushes.count == PUSHES_TOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId::from_bytes([1; 32]);

    fn at(second: u64) -> Instant {
        Instant::from_micros(second * 1_000_000)
    }

    #[test]
    fn third_connection_that_one_process_drops_within_a_minute_is_told_once() {
        let mut pushed = PushedOff::default();
        let told: Vec<bool> = (0..6).map(|at_| pushed.see(PEER, Some([1; 8]), at(at_))).collect();
        assert_eq!(told, [false, false, true, false, false, false]);
        assert!(!pushed.see(PEER, Some([1; 8]), at(3600)), "those of an hour ago are forgotten");
    }

    #[test]
    fn restarts_of_the_other_node_count_for_nothing() {
        let mut pushed = PushedOff::default();
        assert!((0..20).all(|number| !pushed.see(PEER, Some([number; 8]), at(u64::from(number)))));
    }
}
