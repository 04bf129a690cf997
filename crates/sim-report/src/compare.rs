//! What a change did: two runs, or two sets of runs, number by number.

use std::{collections::BTreeSet, fmt, path::Path};

use serde::Serialize;

use crate::{
    Better, Metric, ReadError,
    runs::{self, Measured},
    statistics::{self, Estimate},
};

mod text;

/// What a change did to runs.
///
/// [`Display`](fmt::Display) is a table for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The runs before.
    pub base: Side,
    /// The runs after.
    pub change: Side,
    /// How differences were estimated.
    pub method: Method,
    /// Keys of the scenario that are not the same on both sides.
    pub settings: Vec<Difference>,
    /// One row for each metric.
    pub rows: Vec<Row>,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Where it was read from.
    pub folder: String,
    /// How many runs it has.
    pub runs: usize,
    /// Their seeds.
    pub seeds: BTreeSet<u64>,
    /// Their commits.
    pub commits: BTreeSet<String>,
    /// How many were stopped early.
    pub partial: usize,
    /// In how many a checker fired or a demand was not met.
    pub bad: usize,
}

/// How differences were estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Both sides have the same seeds: Student's interval of the differences.
    Paired,
    /// They have not: Welch's interval.
    Unpaired,
    /// One run on each side: only what many intents tell has an interval, and it says nothing about
    /// other seeds.
    Single,
}

/// A key of the scenario that is not the same on both sides; several values are those of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// As in the file, with dots.
    pub key: String,
    /// Its values before.
    pub base: BTreeSet<String>,
    /// Its values after.
    pub change: BTreeSet<String>,
}

/// A metric on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Which.
    pub metric: Metric,
    /// Its mean before; `None` where no run has it.
    pub base: Option<Estimate>,
    /// Its mean after.
    pub change: Option<Estimate>,
    /// After less before.
    pub difference: Option<Estimate>,
    /// What follows.
    pub finding: Finding,
}

/// What follows from a difference and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// All of the interval is an improvement.
    Better,
    /// All of the interval is the contrary.
    Worse,
    /// All of the interval is above zero, of a metric that has no better and worse.
    Higher,
    /// As `Higher`, below zero.
    Lower,
    /// Not the slightest difference.
    Equal,
    /// Zero is within the interval.
    Unclear,
    /// There is no interval: one run on a side.
    Single,
    /// A side has no value at all.
    Unknown,
}

impl Comparison {
    /// Compares the runs below two folders, each a run or a folder of such folders.
    ///
    /// # Errors
    ///
    /// [`ReadError`] of the first report that cannot be read, or of a folder without any.
    pub fn read(base: &Path, change: &Path) -> Result<Self, ReadError> {
        let runs = [runs::read(base)?, runs::read(change)?];
        let [before, after] = &runs;
        let method = method(before, after);
        let row = |metric| row(metric, method, before, after);
        Ok(Self {
            base: Side::of(base, before),
            change: Side::of(change, after),
            method,
            settings: settings(before, after),
            rows: Metric::ALL.map(row).to_vec(),
        })
    }
}

impl Side {
    fn of(folder: &Path, runs: &[Measured]) -> Self {
        Self {
            folder: folder.display().to_string(),
            runs: runs.len(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            commits: runs.iter().map(|run| run.commit.clone()).collect(),
            partial: runs.iter().filter(|run| !run.is_complete).count(),
            bad: runs.iter().filter(|run| !run.is_good).count(),
        }
    }
}

impl Finding {
    fn of(metric: Metric, difference: Option<Estimate>) -> Self {
        let Some(Estimate { value, interval, .. }) = difference else { return Self::Unknown };
        let Some(interval) = interval else { return Self::Single };
        if value == 0.0 && interval.low == interval.high {
            return Self::Equal;
        }
        if interval.contains(0.0) {
            return Self::Unclear;
        }
        match (metric.better(), value > 0.0) {
            (Better::Higher, true) | (Better::Lower, false) => Self::Better,
            (Better::Higher, false) | (Better::Lower, true) => Self::Worse,
            (Better::Neither, true) => Self::Higher,
            (Better::Neither, false) => Self::Lower,
        }
    }
}

fn method(base: &[Measured], change: &[Measured]) -> Method {
    if base.len() == 1 && change.len() == 1 {
        return Method::Single;
    }
    let keys = |runs: &[Measured]| runs.iter().map(key).collect::<BTreeSet<_>>();
    let (before, after) = (keys(base), keys(change));
    let are_unique = before.len() == base.len() && after.len() == change.len();
    if are_unique && before == after { Method::Paired } else { Method::Unpaired }
}

/// What two runs that belong together have in common.
fn key(run: &Measured) -> (String, u64) {
    (run.cell.clone(), run.seed)
}

fn row(metric: Metric, method: Method, base: &[Measured], change: &[Measured]) -> Row {
    let values = |runs: &[Measured]| -> Vec<f64> {
        runs.iter().filter_map(|run| run.metrics.get(&metric).copied()).collect()
    };
    let (before, after) = (values(base), values(change));
    let difference = match (method, metric, base, change) {
        (Method::Paired, ..) => statistics::paired_difference(&pairs(metric, base, change)),
        (Method::Single, Metric::LatencyMean, [base], [change]) => {
            statistics::welch_difference(&base.latencies, &change.latencies)
        }
        (Method::Single, Metric::SignedShare, [base], [change]) => {
            let share = |run: &Measured| (run.signed, run.intents);
            statistics::proportion_difference(share(base), share(change))
        }
        (Method::Single | Method::Unpaired, ..) => statistics::welch_difference(&before, &after),
    };
    Row {
        metric,
        base: statistics::estimate(&before),
        change: statistics::estimate(&after),
        difference,
        finding: Finding::of(metric, difference),
    }
}

fn pairs(metric: Metric, base: &[Measured], change: &[Measured]) -> Vec<(f64, f64)> {
    let pairs = base.iter().filter_map(|before| {
        let after = change.iter().find(|after| key(after) == key(before))?;
        Some((*before.metrics.get(&metric)?, *after.metrics.get(&metric)?))
    });
    pairs.collect()
}

fn settings(base: &[Measured], change: &[Measured]) -> Vec<Difference> {
    let all = base.iter().chain(change).flat_map(|run| run.settings.keys());
    let keys: BTreeSet<&String> = all.collect();
    let differences = keys.into_iter().map(|key| {
        let values = |runs: &[Measured]| -> BTreeSet<String> {
            runs.iter().map(|run| run.settings.get(key).cloned().unwrap_or_default()).collect()
        };
        Difference { key: key.clone(), base: values(base), change: values(change) }
    });
    differences.filter(|difference| difference.base != difference.change).collect()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}
