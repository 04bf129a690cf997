//! What a scenario has that says nothing.

use std::time::Duration;

use super::{
    Adversaries, ClockErrors, Cpu, Demand, Disk, Faults, Latency, Link, Load, Mode, NatShares,
    Partition, Range, Scenario,
};

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            about: String::new(),
            nodes: 30,
            overlay: 0,
            // Whom the overlay lets call, a node does not want itself: its idle connections stay.
            strangers_kept: ensign_engine::PEERS_MAX as u32,
            strangers_stay: Duration::from_secs(24 * 3600),
            length: Duration::from_secs(60),
            load: Load::default(),
            link: Link::default(),
            nat: NatShares::default(),
            clock: ClockErrors::default(),
            disk: Disk::default(),
            cpu: Cpu::default(),
            faults: Faults::default(),
            adversaries: Adversaries::default(),
            demand: Demand::default(),
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            signers: 3,
            groups: 0,
            requests: 1,
            first: Duration::from_secs(2),
            spread: Duration::from_secs(1),
            messages: 1,
            payload_bytes: 0,
            modes: vec![Mode::Committed, Mode::Fast, Mode::Strict],
            think: Range::millis(0, 200),
            decline: 0.0,
            proposals_max: 5,
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Latency::Uniform { of: Range::millis(10, 50) },
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            bandwidth: 0,
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self { latency: Range::millis(1, 5) }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            from: Duration::ZERO,
            until: Duration::ZERO,
            crashes: 0.0,
            lost_disks: 0.0,
            downtime: Range::millis(500, 5000),
            stops: 0.0,
            sleeps: 0.0,
            breaks: 0.0,
            partition: Partition::None,
            partition_share: 0.3,
            crash_points: false,
        }
    }
}

impl Default for Demand {
    fn default() -> Self {
        Self { within: Duration::from_secs(30), liveness: true }
    }
}
