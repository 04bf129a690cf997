//! The driver under simulation: production coordinators over the production transport, quinn and
//! rustls, in one thread, over a network in memory and with tokio's time paused.
//!
//! [`run`] plays a whole scenario, [`run_crashes`] one in which disks fail; [`Net`] and [`Wallet`] are its parts, for tests that tell a story
//! of their own. `ensign-sim` simulates engines without a driver, and thousands of them; here it is
//! the driver that is judged, with packets lost, late, doubled and out of order.
//!
//! Invariants:
//!
//! - Equal seeds give equal packets: the same lengths from and to the same nodes at the same times.
//!   [`Trace`] hashes exactly this. The bytes differ, because TLS draws its keys from the operating
//!   system.
//! - Nobody waits for real time: time goes on only when no task has anything left to do, then at
//!   once to the next timer.
//! - Keys, nonces and signatures are real.
//!
//! How far from reality: a packet's fate does not depend on its size or on how many are under way,
//! because links have no bandwidth and no queue; computing takes no time; tokio's timers count whole
//! milliseconds, so a packet arrives at the next whole one.

mod link;
pub use link::{Latency, Links};
mod trace;
pub use trace::{Fate, Packet, Trace, Traffic};
mod net;
pub use net::Net;
mod machine;
mod socket;
pub use machine::{Machine, Mishap};
mod wallet;
pub use wallet::{NETWORK, START, Stopped, Told, Wallet, address, keys};
mod scenario;
pub use scenario::{Plan, Scenario};
mod run;
mod task;
pub use run::{GroupOutcome, Outcome, Progress, RunError, run, runtime};
mod crash;
pub use crash::{CrashPlan, CrashReport, Point, PointOutcome, run_crashes};
mod report;
pub use report::{Report, write_packets};
