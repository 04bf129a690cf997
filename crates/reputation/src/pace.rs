//! How often what strangers do is written down.

use core::time::Duration;

use ensign_primitives::Instant;

/// How long each record that nobody waits for takes up. Guess: a disk that nobody hears.
const PAUSE: Duration = Duration::from_secs(1);

/// How many may be written at once. Guess: what a bad connection gives in one go.
const BURST: u32 = 32;

/// When the next record may be written: the theoretical time of GCRA (ITU-T I.371).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace(Instant);

impl Pace {
    /// Takes one, if there is one to take.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.0 <= now.after(PAUSE * (BURST - 1));
        if is_due {
            self.0 = self.0.max(now).after(PAUSE);
        }
        is_due
    }
}
