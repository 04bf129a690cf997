//! A node falls asleep with everything it has in memory, and wakes up later.

use ensign_engine::peers::DialFailure;
use ensign_primitives::Instant;

use super::{Host, Scene, transport::Change};
use crate::{NodeIndex, Seen, event::What};

/// A node that is asleep.
#[derive(Debug)]
pub(super) struct Sleep {
    since: Instant,
    /// Whose answer to a dial never comes.
    dialled: Vec<NodeIndex>,
    /// What it does or hears of when it is awake again.
    missed: Vec<What>,
}

impl Host {
    /// Its process stands still; its peers notice when they hear nothing.
    pub(super) fn fall_asleep(&mut self, scene: &mut Scene<'_>) {
        self.see(scene, Seen::Slept);
        let dialled = self.transport.asked().collect();
        self.transport.die(&mut self.desk.turn(scene));
        self.asleep = Some(Sleep { since: scene.now, dialled, missed: Vec::new() });
        let pause = self.desk.random.within(scene.plan.scenario.faults.downtime);
        let at = scene.now.after(pause);
        self.desk.turn(scene).later(at, What::Wake);
    }

    /// What happens to a node that is asleep: packets are lost, its alarm does not ring, its disk and its
    /// person are met when it is awake.
    pub(super) fn sleep_through(&mut self, scene: &mut Scene<'_>, what: What) {
        if let What::Wake = what {
            return self.wake_up(scene);
        }
        let waits = matches!(
            what,
            What::Written { .. }
                | What::Solved { .. }
                | What::DialFailed { .. }
                | What::Free
                | What::Person(_)
        );
        if waits && let Some(asleep) = &mut self.asleep {
            asleep.missed.push(what);
        }
    }

    fn wake_up(&mut self, scene: &mut Scene<'_>) {
        let Some(asleep) = self.asleep.take() else { return };
        self.clock.stand_still(asleep.since, scene.now);
        self.timer = None;
        self.see(scene, Seen::Awoke);
        let gone = self.links.keys().map(|peer| Change::Down(*peer));
        let failed =
            asleep.dialled.iter().map(|peer| Change::DialFailed(*peer, DialFailure::TimedOut));
        let changes = gone.chain(failed).collect();
        self.apply(scene, changes);
        for what in asleep.missed {
            self.handle(scene, what);
        }
        self.drain(scene);
    }
}
