//! What can be wrong with a scenario.

use std::fmt;

use thiserror::Error;

/// What is wrong with a scenario, in a file or set on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file is no TOML.
    #[error("{line}{message}")]
    Syntax {
        /// Where.
        line: Line,
        /// What the parser says.
        message: String,
    },
    /// A key that there is not.
    #[error("{line}unknown key `{key}`, the nearest is `{nearest}`")]
    UnknownKey {
        /// Its path.
        key: String,
        /// What was most likely meant.
        nearest: &'static str,
        /// Where.
        line: Line,
    },
    /// The last part of a path, and several keys end with it.
    #[error("`{key}` is more than one key: {}", .keys.join(", "))]
    AmbiguousKey {
        /// What was given.
        key: String,
        /// All that it can mean.
        keys: Vec<&'static str>,
    },
    /// A value of the wrong kind.
    #[error("{line}{key} = {value}: expected {expected}")]
    WrongValue {
        /// The key's path.
        key: String,
        /// What was given, as TOML.
        value: String,
        /// What is needed.
        expected: String,
        /// Where.
        line: Line,
    },
    /// A value beyond what makes sense.
    #[error("{line}{key} = {value} is outside {range}")]
    OutOfRange {
        /// The key's path.
        key: String,
        /// What was given, as TOML.
        value: String,
        /// From where to where.
        range: String,
        /// Where.
        line: Line,
    },
    /// An adversary that there is not.
    #[error("{line}{key}: no adversary is called `{name}`, the nearest is `{nearest}`")]
    UnknownAdversary {
        /// The key's path.
        key: String,
        /// What was given.
        name: String,
        /// What was most likely meant.
        nearest: &'static str,
        /// Where.
        line: Line,
    },
    /// Values that each make sense and together do not.
    #[error("{key} = {value} {rule}")]
    Contradiction {
        /// The key to change, most likely.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it breaks, with the other value.
        rule: Rule,
    },
}

/// What two keys owe each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// Faults end before they begin.
    #[error("is before faults.from = {from}")]
    EndsBeforeItBegins {
        /// When they begin.
        from: String,
    },
    /// Something happens after the run.
    #[error("is after the end of the run, length = {length}")]
    AfterTheEnd {
        /// How long the run is.
        length: String,
    },
    /// Faults are wished for, but not for any time.
    #[error("has no effect while faults.until is not after faults.from")]
    NoTimeForFaults,
    /// Groups need more nodes than there are.
    #[error("needs {needed} nodes, and nodes = {nodes}")]
    TooFewNodes {
        /// How many the groups need.
        needed: u64,
        /// How many there are.
        nodes: u32,
    },
    /// A group has no honest signer.
    #[error("leaves no honest signer while load.signers = {signers}")]
    NobodyHonest {
        /// Signers of a group.
        signers: u32,
    },
    /// Somebody is hostile and nothing says how.
    #[error("needs a kind in {kinds}")]
    NoKind {
        /// The key that would say.
        kinds: &'static str,
    },
    /// Regions do not have one latency each to each.
    #[error("is not square: {rows} rows, and row {row} has {cells} numbers")]
    NotSquare {
        /// How many rows.
        rows: usize,
        /// The first row that differs, from 1; 0 when there is none at all.
        row: usize,
        /// How many numbers it has.
        cells: usize,
    },
    /// Shares of one whole add up to more.
    #[error("and the other shares of nat add up to more than 1")]
    MoreThanAll,
    /// The run ends before the demand is due.
    #[error("after {since} is due at {due}, after the end of the run, length = {length}")]
    DueAfterTheEnd {
        /// When the last request was made or everything healed.
        since: String,
        /// When the demand must be met.
        due: String,
        /// How long the run is.
        length: String,
    },
}

/// The line of a file, from 1; none for what does not come from a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, "line {line}: "))
    }
}
