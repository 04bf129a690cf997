//! What a run says while it goes on.

use std::io::Write as _;

use ensign_sim_quic::Progress;

/// Says once per simulated second how far the run is.
#[derive(Debug, Default)]
pub(crate) struct Narrator {
    told: Option<u64>,
}

impl Narrator {
    pub(crate) fn tell(&mut self, progress: Progress) {
        let Progress { elapsed, done, groups } = progress;
        let second = elapsed.as_secs();
        if self.told == Some(second) && done < groups {
            return;
        }
        self.told = Some(second);
        let seconds = elapsed.as_secs_f64();
        let _ = writeln!(std::io::stderr(), "{seconds:>9.3} s: {done} of {groups} groups signed");
    }
}
