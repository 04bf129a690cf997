//! What runs of the simulator found, as folders that people and programs read: pages with plots, tables,
//! sweeps over a setting, and comparisons of two of them.
//!
//! The data is [`Report`], which the kernel makes; here it is written, read, put into words and compared. The
//! command line is the program `ensign-sim`.
//!
//! Absent on purpose: a clock. Nothing here runs an engine.

mod folder;
pub use folder::{FORMAT, Folder, REPORT_FILE, ReadError};
mod verdict;
pub use verdict::{Told, Verdict};
pub mod compare;
pub use compare::Comparison;
pub mod sweep;
pub use sweep::{SweepReport, SweepRun};
pub mod bars;
mod metric;
pub use metric::{Better, Metric};
pub mod statistics;

mod csv;
mod figures;
mod page;
mod plot;
mod runs;
mod settings;
mod units;

use ensign_sim::report::{FailureReport, IntentReport, Outcome, Report, Sample, Traffic};
#[cfg(test)]
use ensign_sim::report::{FaultCounts, Unmet};

#[cfg(test)]
mod tests;
