//! How a connection fares.

use std::time::Duration;

/// How a connection fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How long there and back takes now, by QUIC's own estimate.
    pub round_trip: Duration,
    /// Bytes that came since it began, with everything that QUIC adds.
    pub bytes_in: u64,
    /// The same of what we sent.
    pub bytes_out: u64,
    /// Frames for the peer that did not leave because their lane was full.
    pub dropped: u32,
}
