//! How far a run is, told while it runs.

use std::{
    io::{self, Write},
    time::Duration,
};

use ensign_sim::Progress;

use super::{Console, launch::Stopwatch, text};

/// Tells the progress of one run: one line that is written over where somebody watches, else a
/// line for each tenth.
pub(super) struct Teller<'a, 'b> {
    console: &'a mut Console<'b>,
    watch: Stopwatch,
    /// Real time of the line before.
    told_at: Duration,
    /// Tenths of the run that have been told.
    tenths: u128,
}

impl<'a, 'b> Teller<'a, 'b> {
    pub(super) fn new(console: &'a mut Console<'b>, watch: Stopwatch) -> Self {
        Self { console, watch, told_at: Duration::ZERO, tenths: 0 }
    }

    /// Tells how far the run is, when it is time to.
    pub(super) fn tell(&mut self, progress: &Progress) -> io::Result<()> {
        let elapsed = self.watch.elapsed();
        let is_over = progress.simulated >= progress.length;
        if self.console.is_watched {
            if elapsed.saturating_sub(self.told_at) < REDRAW_INTERVAL && !is_over {
                return Ok(());
            }
            self.told_at = elapsed;
            // Back to the start of the line, and clear what a longer one has left.
            write!(self.console.err, "\r\x1b[K{}", line(progress, elapsed))?;
            return self.console.err.flush();
        }
        let tenths = progress.simulated.as_micros() * 10 / progress.length.as_micros().max(1);
        if tenths <= self.tenths {
            return Ok(());
        }
        self.tenths = tenths;
        writeln!(self.console.err, "{}", line(progress, elapsed))
    }

    /// Clears the line that was written over.
    pub(super) fn end(self) -> io::Result<()> {
        if self.console.is_watched {
            write!(self.console.err, "\r\x1b[K")?;
            self.console.err.flush()?;
        }
        Ok(())
    }
}

/// A terminal is written to this often at most.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The line, at most 80 letters for runs of less than a day.
fn line(progress: &Progress, elapsed: Duration) -> String {
    let Progress { simulated, length, events, proposed, signed, violations } = *progress;
    let percent = simulated.as_micros() * 100 / length.as_micros().max(1);
    let rate = text::rate(events as f64 / elapsed.as_secs_f64().max(1e-3));
    let open = proposed.saturating_sub(signed);
    let mut line = format!(
        "{:.1} of {:.0} s ({percent} %)  {rate} events/s  {signed} signed, {open} open",
        simulated.as_secs_f64(),
        length.as_secs_f64()
    );
    if violations > 0 {
        line += &format!("  {violations} violations");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(simulated: u64) -> Progress {
        Progress {
            simulated: Duration::from_secs(simulated),
            length: Duration::from_secs(150),
            events: 120_000,
            proposed: 30,
            signed: 27,
            violations: 0,
        }
    }

    fn told(is_watched: bool) -> String {
        let mut err = Vec::new();
        let mut console =
            Console { out: Box::new(io::sink()), err: Box::new(&mut err), is_watched };
        let mut teller = Teller::new(&mut console, Stopwatch::start());
        for second in 1..=150 {
            teller.tell(&progress(second)).unwrap();
        }
        teller.end().unwrap();
        drop(console);
        String::from_utf8(err).unwrap()
    }

    #[test]
    fn a_line_says_time_speed_and_sessions() {
        assert_eq!(
            line(&progress(30), Duration::from_secs(1)),
            "30.0 of 150 s (20 %)  120 k events/s  27 signed, 3 open"
        );
    }

    #[test]
    fn violations_are_told_at_once() {
        let progress = Progress { violations: 2, ..progress(30) };
        assert!(line(&progress, Duration::from_secs(1)).ends_with("2 violations"));
    }

    #[test]
    fn without_a_terminal_each_tenth_has_one_line() {
        let told = told(false);
        assert_eq!(told.lines().count(), 10, "{told}");
        assert!(!told.contains('\r'), "{told}");
    }

    #[test]
    fn on_a_terminal_one_line_is_written_over_and_cleared() {
        let told = told(true);
        assert!(!told.contains('\n'), "{told}");
        assert!(told.ends_with("\r\x1b[K"), "{told}");
    }
}
