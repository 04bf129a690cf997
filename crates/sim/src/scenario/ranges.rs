//! The values that each number of a scenario may have.

use std::{ops::RangeInclusive, time::Duration};

/// Nodes of a run.
pub const NODES: RangeInclusive<u64> = 2..=100_000;

/// Strangers that each node is connected to.
pub const OVERLAY: RangeInclusive<u64> = 0..=100;

/// Strangers that each node keeps connected, whom it did not call: as many as it has places.
pub const STRANGERS_KEPT: RangeInclusive<u64> = 0..=ensign_engine::PEERS_MAX as u64;

/// Virtual time of a run.
pub const LENGTH: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;

/// Moments within a run.
pub const MOMENT: RangeInclusive<Duration> = Duration::ZERO..=DAY;

/// Signers of a group.
pub const SIGNERS: RangeInclusive<u64> = 2..=64;

/// Groups of a run.
pub const GROUPS: RangeInclusive<u64> = 0..=50_000;

/// Requests of a group.
pub const REQUESTS: RangeInclusive<u64> = 0..=1_000;

/// Messages of a request; the most that the wire carries.
pub const MESSAGES: RangeInclusive<u64> = 1..=ensign_primitives::MESSAGES_MAX as u64;

/// Bytes of a payload; the most that the wire carries.
pub const PAYLOAD_BYTES: RangeInclusive<u64> = 0..=ensign_wire::PAYLOAD_BYTES_MAX as u64;

/// How long people think, and processes are away.
pub const PAUSE: RangeInclusive<Duration> = Duration::ZERO..=DAY;

/// How often a person proposes again.
pub const PROPOSALS: RangeInclusive<u64> = 0..=100;

/// Shares and probabilities.
pub const SHARE: RangeInclusive<f64> = 0.0..=1.0;

/// The share of packets lost: with more, eight losses in a row are no longer rare, and the model
/// delivers after these.
pub const LOSS: RangeInclusive<f64> = 0.0..=0.9;

/// How long packets travel and disks write.
pub const LATENCY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);

/// The same in milliseconds.
pub const LATENCY_MILLIS: RangeInclusive<u64> = 0..=60_000;

/// Standard deviations of the logarithm of latencies: at 3 the slowest of 1,000 packets takes
/// 10,000 times the median.
pub const SIGMA: RangeInclusive<f64> = 0.0..=3.0;

/// Bits per second.
pub const BANDWIDTH: RangeInclusive<u64> = 0..=1_000_000_000_000;

/// How far clocks are off.
pub const CLOCK_OFFSET: RangeInclusive<Duration> = Duration::ZERO..=DAY;

/// How far clocks drift, in millionths: at most a tenth.
pub const DRIFT_PPM: RangeInclusive<u64> = 0..=100_000;

/// What a step of a processor costs.
pub const COST: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1);

/// Faults of each node in an hour: at most about three a second.
pub const RATE: RangeInclusive<f64> = 0.0..=10_000.0;

/// Hostile signers of a group.
pub const HOSTILE_SIGNERS: RangeInclusive<u64> = 0..=63;

/// Hostile nodes outside all groups.
pub const STRANGERS: RangeInclusive<u64> = 0..=100_000;

const DAY: Duration = Duration::from_secs(24 * 3600);
