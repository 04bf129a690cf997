//! Every key of a scenario file: its path, its meaning, and what it may hold.

use super::{
    ranges::{
        BANDWIDTH, CLOCK_OFFSET, COST, DRIFT_PPM, GROUPS, HOSTILE_SIGNERS, LATENCY, LATENCY_MILLIS,
        LENGTH, LOSS, MESSAGES, MOMENT, NODES, OVERLAY, PAUSE, PAYLOAD_BYTES, PROPOSALS, RATE,
        REQUESTS, SHARE, SIGMA, SIGNERS, STRANGERS, STRANGERS_KEPT,
    },
    shape::Shape,
};

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Sections and name, with dots between.
    pub path: &'static str,
    /// What it means, in a sentence or two.
    pub about: &'static str,
    /// What it may hold.
    pub(super) shape: Shape,
}

impl Key {
    /// The path without its sections.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The section that holds it; empty at the top.
    pub(super) fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// What it may hold, in words.
    pub fn expected(&self) -> String {
        self.shape.to_string()
    }
}

/// What each section is about, in the order of a file.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("load", "Who signs with whom, and how often."),
    ("link", "What lies between two nodes."),
    ("nat", "The share of nodes behind each kind of NAT; the rest is open."),
    ("clock", "How wrong clocks are; each node draws its own."),
    ("disk", "How slow disks are."),
    ("cpu", "How slow processors are; 0s means infinitely fast."),
    ("faults", "What goes wrong, and when it stops going wrong."),
    ("adversaries", "Who is hostile."),
    ("demand", "What must be true at the end."),
];

const fn key(path: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { path, about, shape }
}

/// Every key, in the order of a file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("name", Shape::Text, "What it is called."),
    key("about", Shape::Text, "What it shows, in a sentence."),
    key("nodes", Shape::Whole(NODES), "How many nodes there are."),
    key("overlay", Shape::Whole(OVERLAY), "How many strangers each node is connected to besides its groups."),
    key("strangers-kept", Shape::Whole(STRANGERS_KEPT), "How many strangers that it did not call itself each node keeps connected; beyond it one gives way."),
    key("strangers-stay", Shape::Span(PAUSE), "How long it keeps each of them."),
    key("length", Shape::Span(LENGTH), "How much virtual time a run lasts."),

    key("load.signers", Shape::Whole(SIGNERS), "Signers of each group."),
    key("load.groups", Shape::Whole(GROUPS), "How many groups; 0 makes as many as nodes divide into, each node in one of them."),
    key("load.requests", Shape::Whole(REQUESTS), "How many requests each group makes."),
    key("load.first", Shape::Span(MOMENT), "When the first request is made at the earliest."),
    key("load.spread", Shape::Span(MOMENT), "Over how much time the requests of a group are spread."),
    key("load.messages", Shape::Whole(MESSAGES), "Messages of each request."),
    key("load.payload-bytes", Shape::Whole(PAYLOAD_BYTES), "Bytes of the payload that goes with a request; 0 signs bare messages."),
    key("load.modes", Shape::SomeOf(&["committed", "fast", "strict"]), "The order of rounds; requests take them in turn."),
    key("load.think", Shape::Spans(PAUSE), "How long a person thinks before saying yes."),
    key("load.decline", Shape::Real(SHARE), "The share of people who say no."),
    key("load.proposals-max", Shape::Whole(PROPOSALS), "How often a person proposes again what ended for no fault of anybody's will."),

    key("link.latency", Shape::Spans(LATENCY), "How long a packet takes one way: always the same (\"20ms\"), evenly spread (\"10ms..50ms\"), log-normal ({ median = \"40ms\", sigma = 0.5, floor = \"5ms\" }), or by regions, which nodes take in turn ({ millis = [[5, 80], [80, 5]], jitter = \"5ms\" })."),
    key("link.latency.median", Shape::Span(LATENCY), "Log-normal: half of the packets take less."),
    key("link.latency.sigma", Shape::Real(SIGMA), "Log-normal: the standard deviation of the logarithm."),
    key("link.latency.floor", Shape::Span(LATENCY), "Log-normal: no packet takes less."),
    key("link.latency.millis", Shape::Matrix(LATENCY_MILLIS), "Regions: milliseconds from the region of the row to that of the column."),
    key("link.latency.jitter", Shape::Span(LATENCY), "Regions: up to this much is added, evenly spread."),
    key("link.loss", Shape::Real(LOSS), "The share of packets that is lost and sent again later."),
    key("link.duplicate", Shape::Real(SHARE), "The share of frames that arrives twice."),
    key("link.reorder", Shape::Real(SHARE), "The share of frames held back by another latency; later frames of their stream wait for them, other streams pass."),
    key("link.bandwidth", Shape::Whole(BANDWIDTH), "Bits per second that a node can send; 0 means no limit."),

    key("nat.full-cone", Shape::Real(SHARE), "Reachable by everybody once it has sent anything."),
    key("nat.restricted", Shape::Real(SHARE), "Reachable by whom it has sent to."),
    key("nat.symmetric", Shape::Real(SHARE), "A new port for every destination."),

    key("clock.share", Shape::Real(SHARE), "The share of nodes whose clock is wrong."),
    key("clock.offset", Shape::Span(CLOCK_OFFSET), "Wall clocks are at most this far off, either way."),
    key("clock.drift-ppm", Shape::Whole(DRIFT_PPM), "Clocks run at most this many millionths too fast or slow."),

    key("disk.latency", Shape::Spans(LATENCY), "How long until a record is durable."),

    key("cpu.message", Shape::Span(COST), "What each handled message costs."),
    key("cpu.curve", Shape::Span(COST), "What each operation on the curve costs."),

    key("faults.from", Shape::Span(MOMENT), "When faults begin."),
    key("faults.until", Shape::Span(MOMENT), "When everything heals; loss, duplication and reordering stop, too. Not later than `from` means that no faults come, and that the links never heal."),
    key("faults.crashes", Shape::Real(RATE), "Crashes of each node in an hour."),
    key("faults.lost-disks", Shape::Real(RATE), "Crashes of each node in an hour that take its disk with them."),
    key("faults.downtime", Shape::Spans(PAUSE), "How long a crashed, stopped or sleeping node is away."),
    key("faults.stops", Shape::Real(RATE), "Orderly stops of each node in an hour."),
    key("faults.sleeps", Shape::Real(RATE), "How often each node falls asleep in an hour: its process stops and keeps its memory, and its clocks part."),
    key("faults.breaks", Shape::Real(RATE), "Broken connections of each node in an hour."),
    key("faults.partition", Shape::OneOf(&["none", "full", "partial", "one-way"]), "How nodes are cut off from each other: not at all, nothing passes between the two sides, half of the pairs across are cut, or nothing passes from the larger side to the smaller one."),
    key("faults.partition-share", Shape::Real(SHARE), "The share of nodes on the smaller side of the partition."),
    key("faults.crash-points", Shape::Flag, "Each group has one signer that crashes at one boundary of its first session: the first group before its first record, and so on through every record, every sending, signer and mode."),

    key("adversaries.groups", Shape::Real(SHARE), "The share of groups that have hostile signers."),
    key("adversaries.signers", Shape::Whole(HOSTILE_SIGNERS), "How many signers of such a group are hostile, and act together; at most all but one."),
    key("adversaries.kinds", Shape::Acts, "What they do; groups take them in turn."),
    key("adversaries.strangers", Shape::Whole(STRANGERS), "How many nodes outside all groups are hostile, besides `nodes`."),
    key("adversaries.stranger-kinds", Shape::Acts, "What those do, in turn."),

    key("demand.within", Shape::Span(MOMENT), "Requests whose signers are all honest must have their signatures this long after the faults have healed, or after they were made, whichever is later."),
    key("demand.liveness", Shape::Flag, "Whether that is demanded at all."),
];

/// Returns the key of exactly this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Returns whether the path is a section.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.section() == path && !path.is_empty())
}

/// Returns the key that a person means most likely.
pub(super) fn nearest(path: &str) -> &'static str {
    let name = path.rsplit('.').next().unwrap_or(path);
    let likeness = |key: &&Key| {
        let whole = strsim::normalized_damerau_levenshtein(path, key.path);
        // A right name in the wrong section is nearly as good as a slip of the pen.
        let own = strsim::normalized_damerau_levenshtein(name, key.name()) * 0.9;
        whole.max(own)
    };
    let nearest = KEYS.iter().rev().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.map_or("name", |key| key.path)
}

/// Returns the section that a person means most likely.
pub(super) fn nearest_section(path: &str) -> &'static str {
    nearest_of(path, SECTIONS.iter().map(|(name, _)| *name)).unwrap_or("load")
}

/// Returns the word that a person means most likely.
pub(super) fn nearest_of<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(word, known);
    words.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
