//! What a run is made from: every number of it, with its default and its range.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

mod span;

/// Everything that decides a run, besides its seed.
///
/// Written as TOML; every key has a default, so that a file says only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// How many nodes there are: 2 to 100,000.
    pub nodes: u32,
    /// How many strangers each node is connected to besides its groups: 0 to 100.
    pub overlay: u32,
    /// How much virtual time a run lasts: 1 s to 24 h.
    #[serde(with = "span")]
    pub length: Duration,
    /// Who signs with whom, and how often.
    pub load: Load,
    /// What lies between two nodes.
    pub link: Link,
    /// How nodes can be reached.
    pub nat: NatShares,
    /// How wrong clocks are.
    pub clock: ClockErrors,
    /// How slow disks are, and what they lose.
    pub disk: Disk,
    /// How slow processors are.
    pub cpu: Cpu,
    /// What goes wrong, and when it stops going wrong.
    pub faults: Faults,
    /// Who is hostile.
    pub adversaries: Adversaries,
    /// What must be true at the end.
    pub demand: Demand,
}

/// Who signs with whom, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Load {
    /// Signers of each group: 2 to 64.
    pub signers: u32,
    /// How many groups; 0 makes as many as nodes divide into, each node in one of them.
    pub groups: u32,
    /// How many requests each group makes: 0 to 1,000.
    pub requests: u32,
    /// When the first request is made at the earliest.
    #[serde(with = "span")]
    pub first: Duration,
    /// Over how much time the requests of a group are spread.
    #[serde(with = "span")]
    pub spread: Duration,
    /// Messages of each request: 1 to 1,024.
    pub messages: u32,
    /// Bytes of the payload that goes with it: 0 (bare messages) to 1 MiB.
    pub payload_bytes: u32,
    /// The order of rounds; requests take them in turn.
    pub modes: Vec<Mode>,
    /// How long a person thinks before saying yes.
    pub think: Range,
    /// The share of people who say no: 0 to 1.
    pub decline: f64,
    /// How often a person proposes again what ended for no fault of anybody's will: 0 to 100.
    pub proposals_max: u32,
}

/// How a session runs; as [`ensign_wire::Mode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is documented on the mode of the wire")]
pub enum Mode {
    Committed,
    Fast,
    Strict,
}

/// A range of durations, written `"10ms..50ms"`, or one duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range {
    /// The least.
    pub min: Duration,
    /// The most.
    pub max: Duration,
}

/// How long a packet takes one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum Latency {
    /// Always the same.
    Constant {
        /// How long.
        #[serde(with = "span")]
        of: Duration,
    },
    /// Evenly spread.
    Uniform {
        /// From where to where.
        of: Range,
    },
    /// Long-tailed, as measured on the internet.
    LogNormal {
        /// Half of the packets take less.
        #[serde(with = "span")]
        median: Duration,
        /// The standard deviation of the logarithm: 0 to 3.
        sigma: f64,
        /// No packet takes less.
        #[serde(with = "span")]
        floor: Duration,
    },
    /// By the regions of sender and receiver; nodes take regions in turn.
    Regions {
        /// Milliseconds from the region of the row to that of the column.
        millis: Vec<Vec<u32>>,
        /// Up to this much is added, evenly spread.
        #[serde(with = "span")]
        jitter: Duration,
    },
}

/// What lies between two nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    /// How long a packet takes one way.
    pub latency: Latency,
    /// The share of packets that is lost and sent again later: 0 to 0.9.
    pub loss: f64,
    /// The share of frames that arrives twice: 0 to 1.
    pub duplicate: f64,
    /// The share of frames held back by another latency; later frames of their stream wait for them,
    /// other streams pass: 0 to 1.
    pub reorder: f64,
    /// Bits per second a node can send; 0 means no limit.
    pub bandwidth: u64,
}

/// The share of nodes behind each kind of NAT; the rest is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NatShares {
    /// Reachable by everybody once it has sent anything.
    pub full_cone: f64,
    /// Reachable by whom it has sent to.
    pub restricted: f64,
    /// A new port for every destination.
    pub symmetric: f64,
}

/// How wrong clocks are; each node draws its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClockErrors {
    /// The share of nodes whose clock is wrong: 0 to 1.
    pub share: f64,
    /// Wall clocks are at most this far off, either way.
    #[serde(with = "span")]
    pub offset: Duration,
    /// Clocks run at most this many millionths too fast or slow: 0 to 100,000.
    pub drift_ppm: u32,
}

/// How slow disks are, and what they lose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Disk {
    /// How long until a record is durable.
    pub latency: Range,
}

/// How slow processors are; zero means infinitely fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cpu {
    /// What each handled message costs.
    #[serde(with = "span")]
    pub message: Duration,
    /// What each operation on the curve costs.
    #[serde(with = "span")]
    pub curve: Duration,
}

/// What goes wrong, and when it stops going wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Faults {
    /// When faults begin.
    #[serde(with = "span")]
    pub from: Duration,
    /// When everything heals; loss, duplication and reordering stop, too.
    #[serde(with = "span")]
    pub until: Duration,
    /// Crashes of each node in an hour: 0 to 10,000.
    pub crashes: f64,
    /// How long a crashed or stopped node is away.
    pub downtime: Range,
    /// Orderly stops of each node in an hour: 0 to 10,000.
    pub stops: f64,
    /// Broken connections of each node in an hour: 0 to 10,000.
    pub breaks: f64,
    /// How nodes are cut off from each other.
    pub partition: Partition,
    /// The share of nodes on the smaller side of the partition: 0 to 1.
    pub partition_share: f64,
    /// Each group has one signer that crashes at one boundary of its first session: the first group
    /// before its first record, and so on through every record, every sending, signer and mode.
    pub crash_points: bool,
}

/// How nodes are cut off from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// Not at all.
    #[default]
    None,
    /// Nothing passes between the two sides.
    Full,
    /// Half of the pairs across the two sides are cut.
    Partial,
    /// Nothing passes from the larger side to the smaller one.
    OneWay,
}

/// Who is hostile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Adversaries {
    /// The share of groups that have hostile signers: 0 to 1.
    pub groups: f64,
    /// How many signers of such a group are hostile, and act together: 0 to all but one.
    pub signers: u32,
    /// What they do, by name; groups take them in turn.
    pub kinds: Vec<String>,
    /// How many nodes outside all groups are hostile, besides the nodes counted above.
    pub strangers: u32,
    /// What those do, by name, in turn.
    pub stranger_kinds: Vec<String>,
}

/// What must be true at the end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Demand {
    /// Requests whose signers are all honest must have their signatures this long after the faults
    /// have healed, or after they were made, whichever is later.
    #[serde(with = "span")]
    pub within: Duration,
    /// Whether that is demanded at all: a scenario in which clocks are too wrong to sign has no such
    /// demand.
    pub liveness: bool,
}

/// The nodes a run may have.
pub const NODES: RangeInclusive<u32> = 2..=100_000;

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            about: String::new(),
            nodes: 30,
            overlay: 0,
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
            downtime: Range::millis(500, 5000),
            stops: 0.0,
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

impl From<Mode> for ensign_wire::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Committed => Self::Committed,
            Mode::Fast => Self::Fast,
            Mode::Strict => Self::Strict,
        }
    }
}

impl Range {
    /// Makes a range from milliseconds.
    pub const fn millis(min: u64, max: u64) -> Self {
        Self { min: Duration::from_millis(min), max: Duration::from_millis(max) }
    }
}
