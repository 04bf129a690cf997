//! The one place where clocks are read.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::available_parallelism,
    time::Duration,
};

use ensign_primitives::{Instant, Now, UnixTime};
use ensign_signer::unix_now;
use ensign_solving::Workers;
use tokio::time::Instant as TokioInstant;

/// Both clocks of a node; instants count from its making.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    origin: TokioInstant,
    wall: Wall,
}

#[derive(Clone, Debug)]
enum Wall {
    /// The machine's.
    System,
    /// This at the origin, and then as fast as the runtime's clock.
    Simulated(WallClock),
}

/// The wall clock of a simulated node: goes as fast as the runtime's, until somebody sets it.
/// Clones are the same clock.
#[derive(Clone, Debug)]
pub struct WallClock(Arc<AtomicU64>);

impl WallClock {
    /// Makes a clock that says `unix` when its node starts.
    pub fn new(unix: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(unix.as_millis())))
    }

    /// Sets it forward.
    pub fn set_forward(&self, by: Duration) {
        self.change(|at| at.after(by));
    }

    /// Sets it back.
    pub fn set_back(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.change(|at| UnixTime::from_millis(at.as_millis().saturating_sub(millis)));
    }

    fn change(&self, set: impl Fn(UnixTime) -> UnixTime) {
        let change = |millis| Some(set(UnixTime::from_millis(millis)).as_millis());
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, change);
    }

    pub(crate) fn at_origin(&self) -> UnixTime {
        UnixTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self { origin: TokioInstant::now(), wall: Wall::System }
    }

    pub(crate) fn simulated(wall: WallClock) -> Self {
        Self { origin: TokioInstant::now(), wall: Wall::Simulated(wall) }
    }

    pub(crate) fn now(&self) -> Now {
        let elapsed = self.origin.elapsed();
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let unix = match &self.wall {
            Wall::System => unix_now(),
            Wall::Simulated(wall) => wall.at_origin().after(elapsed),
        };
        Now { instant: Instant::from_micros(micros), unix }
    }

    /// Returns who solves puzzles: every core but one, which is left to the node, or virtual time.
    pub(crate) fn workers(&self) -> Workers {
        let cores = || available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1);
        match &self.wall {
            Wall::System => Workers::Threads(u32::try_from(cores()).unwrap_or(1)),
            Wall::Simulated(_) => Workers::Simulated,
        }
    }

    /// Converts a machine's instant for the runtime's timers.
    pub(crate) fn at(&self, instant: Instant) -> TokioInstant {
        let since_origin = Duration::from_micros(instant.as_micros());
        self.origin.checked_add(since_origin).unwrap_or(self.origin)
    }
}
