//! Many runs in which one number of the scenario is varied.

use std::{collections::BTreeMap, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::Told as _;
use crate::{
    Metric, ReadError, Report, Verdict,
    csv::Table,
    folder, runs,
    statistics::{self, Estimate},
};
use ensign_sim::Scenario;

mod page;

/// What runs with varied values of one key found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// What was run, before the key was varied.
    pub scenario: Scenario,
    /// The key, as given: `loss`, `link.loss`.
    pub vary: String,
    /// The commit that was run, where it is known.
    pub commit: Option<String>,
    /// Whether every run took place and ran to its end.
    pub complete: bool,
    /// The values in the order in which they were first run.
    pub cells: Vec<Cell>,
    /// Every run.
    pub runs: Vec<SweepRun>,
}

/// The runs with one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The value.
    pub value: String,
    /// How many runs there were.
    pub runs: usize,
    /// How many of them were good.
    pub good: usize,
    /// The mean of each metric over the seeds, of runs that have it.
    pub metrics: BTreeMap<Metric, Estimate>,
}

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRun {
    /// The value of the varied key.
    pub value: String,
    /// The seed.
    pub seed: u64,
    /// How it came out.
    pub verdict: Verdict,
    /// The same in a sentence.
    pub headline: String,
    /// The command that repeats it.
    pub command: String,
    /// Every metric that it has a value of.
    pub metrics: BTreeMap<Metric, f64>,
}

impl SweepRun {
    /// Keeps of a run what a sweep needs.
    ///
    /// - `value`: of the varied key, as it is to be shown.
    /// - `command`: repeats exactly this run.
    pub fn new(value: impl Into<String>, command: impl Into<String>, report: &Report) -> Self {
        Self {
            value: value.into(),
            seed: report.seed,
            verdict: report.verdict(),
            headline: report.headline(),
            command: command.into(),
            metrics: runs::metrics(report),
        }
    }
}

impl SweepReport {
    /// Puts runs together by value.
    pub fn new(scenario: Scenario, vary: impl Into<String>, runs: Vec<SweepRun>) -> Self {
        let mut groups: Vec<(&str, Vec<&SweepRun>)> = Vec::new();
        for run in &runs {
            match groups.iter_mut().find(|(value, _)| *value == run.value) {
                Some((_, group)) => group.push(run),
                None => groups.push((&run.value, vec![run])),
            }
        }
        Self {
            scenario,
            vary: vary.into(),
            commit: None,
            complete: runs.iter().all(|run| run.verdict != Verdict::Partial),
            cells: groups.iter().map(|(value, group)| Cell::of(value, group)).collect(),
            runs,
        }
    }

    /// Returns whether no run was bad; a run that was stopped early is not.
    pub fn is_good(&self) -> bool {
        self.bad().next().is_none()
    }

    /// Returns the runs in which a checker fired or a demand was not met.
    pub fn bad(&self) -> impl Iterator<Item = &SweepRun> {
        self.runs.iter().filter(|run| run.verdict.is_bad())
    }

    /// Writes `sweep.json`, `sweep.csv` (a line for each value), `runs.csv` (a line for each run) and
    /// `report.html` into a folder, which is made where it does not exist.
    ///
    /// # Errors
    ///
    /// As the file system reports, with the file's path.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        folder::create(folder)?;
        folder::write_json(&folder.join(SWEEP_FILE), self)?;
        folder::write_text(&folder.join("report.html"), &page::html(self)?)?;
        folder::write_text(&folder.join("sweep.csv"), &self.cells_table())?;
        folder::write_text(&folder.join("runs.csv"), &self.runs_table())
    }

    /// Reads back what [`write`](Self::write) has written.
    ///
    /// # Errors
    ///
    /// [`ReadError`], saying which file and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        folder::read_json(folder, SWEEP_FILE)
    }

    fn cells_table(&self) -> String {
        let mut head = vec!["value".to_owned(), "runs".to_owned(), "good".to_owned()];
        for metric in Metric::ALL {
            head.extend(["", "-low", "-high"].map(|what| format!("{}{what}", metric.key())));
        }
        let mut table = Table::default();
        table.line(head);
        for cell in &self.cells {
            let mut line = vec![cell.value.clone(), cell.runs.to_string(), cell.good.to_string()];
            for metric in Metric::ALL {
                let estimate = cell.metrics.get(&metric);
                let interval = estimate.and_then(|it| it.interval);
                line.push(known(estimate.map(|it| it.value)));
                line.push(known(interval.map(|it| it.low)));
                line.push(known(interval.map(|it| it.high)));
            }
            table.line(line);
        }
        table.into_text()
    }

    fn runs_table(&self) -> String {
        let mut head = vec!["value".to_owned(), "seed".to_owned(), "verdict".to_owned()];
        head.extend(Metric::ALL.map(|metric| metric.key().to_owned()));
        let mut table = Table::default();
        table.line(head);
        for run in &self.runs {
            let verdict = run.verdict.name().to_owned();
            let mut line = vec![run.value.clone(), run.seed.to_string(), verdict];
            line.extend(Metric::ALL.map(|metric| known(run.metrics.get(&metric).copied())));
            table.line(line);
        }
        table.into_text()
    }
}

impl Cell {
    fn of(value: &str, runs: &[&SweepRun]) -> Self {
        let metrics = Metric::ALL.into_iter().filter_map(|metric| {
            let values = runs.iter().filter_map(|run| run.metrics.get(&metric).copied());
            Some((metric, statistics::estimate(&values.collect::<Vec<_>>())?))
        });
        Self {
            value: value.to_owned(),
            runs: runs.len(),
            good: runs.iter().filter(|run| run.verdict == Verdict::Good).count(),
            metrics: metrics.collect(),
        }
    }
}

/// The file of a sweep that the others follow from.
pub const SWEEP_FILE: &str = "sweep.json";

fn known(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
