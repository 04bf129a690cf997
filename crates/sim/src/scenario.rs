//! What a run is made from: every number of it, with its default and its range.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod error;
pub use error::{Line, Rule, ScenarioError};
mod file;
pub use file::Steps;
mod keys;
pub use keys::Key;
pub mod ranges;
mod shipped;
pub use shipped::Shipped;

mod defaults;
mod latency;
mod rules;
mod shape;
mod span;
mod template;
#[cfg(test)]
mod tests;

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
    /// How many nodes there are, within [`NODES`](ranges::NODES).
    pub nodes: u32,
    /// How many strangers each node is connected to besides its groups, within
    /// [`OVERLAY`](ranges::OVERLAY).
    pub overlay: u32,
    /// How many strangers that it did not call itself each node keeps connected, within
    /// [`STRANGERS_KEPT`](ranges::STRANGERS_KEPT).
    pub strangers_kept: u32,
    /// How long it keeps each, within [`PAUSE`](ranges::PAUSE).
    #[serde(with = "span")]
    pub strangers_stay: Duration,
    /// How much virtual time a run lasts, within [`LENGTH`](ranges::LENGTH).
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
    /// Signers of each group, within [`SIGNERS`](ranges::SIGNERS).
    pub signers: u32,
    /// How many groups, within [`GROUPS`](ranges::GROUPS); 0 makes as many as nodes divide into, each
    /// node in one of them.
    pub groups: u32,
    /// How many requests each group makes, within [`REQUESTS`](ranges::REQUESTS).
    pub requests: u32,
    /// When the first request is made at the earliest, within [`MOMENT`](ranges::MOMENT).
    #[serde(with = "span")]
    pub first: Duration,
    /// Over how much time the requests of a group are spread, within [`MOMENT`](ranges::MOMENT).
    #[serde(with = "span")]
    pub spread: Duration,
    /// Messages of each request, within [`MESSAGES`](ranges::MESSAGES).
    pub messages: u32,
    /// Bytes of the payload that goes with it, within [`PAYLOAD_BYTES`](ranges::PAYLOAD_BYTES); 0 signs
    /// bare messages.
    pub payload_bytes: u32,
    /// The order of rounds, at least one; requests take them in turn.
    pub modes: Vec<Mode>,
    /// How long a person thinks before saying yes, within [`PAUSE`](ranges::PAUSE).
    pub think: Range,
    /// The share of people who say no, a [`SHARE`](ranges::SHARE).
    pub decline: f64,
    /// How often a person proposes again what ended for no fault of anybody's will, within
    /// [`PROPOSALS`](ranges::PROPOSALS).
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

/// How long a packet takes one way, every duration within [`LATENCY`](ranges::LATENCY).
///
/// Written `"20ms"`, `"10ms..50ms"`, `{ median = "40ms", sigma = 0.5, floor = "5ms" }` or
/// `{ millis = [[5, 80], [80, 5]], jitter = "5ms" }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "latency::Form", into = "latency::Form")]
pub enum Latency {
    /// Always the same.
    Constant {
        /// How long.
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
        median: Duration,
        /// The standard deviation of the logarithm, within [`SIGMA`](ranges::SIGMA).
        sigma: f64,
        /// No packet takes less.
        floor: Duration,
    },
    /// By the regions of sender and receiver; nodes take regions in turn.
    Regions {
        /// Milliseconds from the region of the row to that of the column, each within
        /// [`LATENCY_MILLIS`](ranges::LATENCY_MILLIS); square.
        millis: Vec<Vec<u32>>,
        /// Up to this much is added, evenly spread.
        jitter: Duration,
    },
}

/// What lies between two nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    /// How long a packet takes one way.
    pub latency: Latency,
    /// The share of packets that is lost and sent again later, within [`LOSS`](ranges::LOSS).
    pub loss: f64,
    /// The share of frames that arrives twice, a [`SHARE`](ranges::SHARE).
    pub duplicate: f64,
    /// The share of frames held back by another latency; later frames of their stream wait for them,
    /// other streams pass; a [`SHARE`](ranges::SHARE).
    pub reorder: f64,
    /// Bits per second a node can send, within [`BANDWIDTH`](ranges::BANDWIDTH); 0 means no limit.
    pub bandwidth: u64,
}

/// The share of nodes behind each kind of NAT, together at most 1; the rest is open.
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
    /// The share of nodes whose clock is wrong, a [`SHARE`](ranges::SHARE).
    pub share: f64,
    /// Wall clocks are at most this far off, either way, within
    /// [`CLOCK_OFFSET`](ranges::CLOCK_OFFSET).
    #[serde(with = "span")]
    pub offset: Duration,
    /// Clocks run at most this many millionths too fast or slow, within
    /// [`DRIFT_PPM`](ranges::DRIFT_PPM).
    pub drift_ppm: u32,
}

/// How slow disks are, and what they lose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Disk {
    /// How long until a record is durable, within [`LATENCY`](ranges::LATENCY).
    pub latency: Range,
}

/// How slow processors are; zero means infinitely fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cpu {
    /// What each handled message costs, within [`COST`](ranges::COST).
    #[serde(with = "span")]
    pub message: Duration,
    /// What each operation on the curve costs, within [`COST`](ranges::COST).
    #[serde(with = "span")]
    pub curve: Duration,
}

/// What goes wrong, and when it stops going wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Faults {
    /// When faults begin, within [`MOMENT`](ranges::MOMENT).
    #[serde(with = "span")]
    pub from: Duration,
    /// When everything heals, within [`MOMENT`](ranges::MOMENT); loss, duplication and reordering stop,
    /// too. Not later than `from` means that no faults come, and that the links never heal.
    #[serde(with = "span")]
    pub until: Duration,
    /// Crashes of each node in an hour, a [`RATE`](ranges::RATE).
    pub crashes: f64,
    /// Crashes of each node in an hour that take its disk with them, a [`RATE`](ranges::RATE). Its keys
    /// survive; what was on the disk is never there again.
    pub lost_disks: f64,
    /// How long a crashed, stopped or sleeping node is away, within [`PAUSE`](ranges::PAUSE).
    pub downtime: Range,
    /// Orderly stops of each node in an hour, a [`RATE`](ranges::RATE).
    pub stops: f64,
    /// How often each node falls asleep in an hour, a [`RATE`](ranges::RATE): its process stops and keeps
    /// its memory, its wall clock goes on, and its monotonic clock does not.
    pub sleeps: f64,
    /// Broken connections of each node in an hour, a [`RATE`](ranges::RATE).
    pub breaks: f64,
    /// How nodes are cut off from each other.
    pub partition: Partition,
    /// The share of nodes on the smaller side of the partition, a [`SHARE`](ranges::SHARE).
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
    /// The share of groups that have hostile signers, a [`SHARE`](ranges::SHARE).
    pub groups: f64,
    /// How many signers of such a group are hostile, and act together, within
    /// [`HOSTILE_SIGNERS`](ranges::HOSTILE_SIGNERS); at most all but one.
    pub signers: u32,
    /// What they do, by name; groups take them in turn.
    pub kinds: Vec<String>,
    /// How many nodes outside all groups are hostile, besides [`Scenario::nodes`], within
    /// [`STRANGERS`](ranges::STRANGERS).
    pub strangers: u32,
    /// What those do, by name, in turn.
    pub stranger_kinds: Vec<String>,
}

/// What must be true at the end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Demand {
    /// Requests whose signers are all honest must have their signatures this long after the faults
    /// have healed, or after they were made, whichever is later. Within [`MOMENT`](ranges::MOMENT).
    #[serde(with = "span")]
    pub within: Duration,
    /// Whether that is demanded at all: a scenario in which clocks are too wrong to sign has no such
    /// demand.
    pub liveness: bool,
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
