//! One run or many, read from a folder and reduced to what is compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::Folder as _;
use crate::{
    Metric, REPORT_FILE, ReadError, Report, SweepReport, SweepRun, Verdict, metric, settings,
    sweep::SWEEP_FILE,
};

/// How deep below a folder runs are looked for: values of a sweep, then seeds.
const DEPTH_MAX: usize = 3;

/// What a comparison needs of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// Which of a sweep's values it belongs to; empty outside of sweeps.
    pub(crate) cell: String,
    pub(crate) seed: u64,
    pub(crate) commit: String,
    pub(crate) is_complete: bool,
    pub(crate) is_good: bool,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) metrics: BTreeMap<Metric, f64>,
    /// In seconds; a sweep does not keep them.
    pub(crate) latencies: Vec<f64>,
    pub(crate) signed: usize,
    pub(crate) intents: usize,
}

impl Measured {
    pub(crate) fn of(cell: String, report: &Report) -> Self {
        let mut settings = settings::values(&report.scenario);
        settings.insert("name".to_owned(), report.scenario.name.clone());
        Self {
            cell,
            seed: report.seed,
            commit: report.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
            is_complete: report.complete,
            is_good: report.is_good(),
            settings,
            metrics: metrics(report),
            latencies: metric::latencies(report),
            signed: report.signed(),
            intents: report.intents.len(),
        }
    }

    fn of_sweep(sweep: &SweepReport, run: &SweepRun) -> Self {
        let mut settings = settings::values(&sweep.scenario);
        settings.insert("name".to_owned(), sweep.scenario.name.clone());
        settings.insert(sweep.vary.clone(), run.value.clone());
        Self {
            cell: run.value.clone(),
            seed: run.seed,
            commit: sweep.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
            is_complete: run.verdict != Verdict::Partial,
            is_good: !run.verdict.is_bad(),
            settings,
            metrics: run.metrics.clone(),
            latencies: Vec::new(),
            signed: 0,
            intents: 0,
        }
    }
}

/// Every metric that a run has a value of.
pub(crate) fn metrics(report: &Report) -> BTreeMap<Metric, f64> {
    Metric::ALL.into_iter().filter_map(|metric| Some((metric, metric.of(report)?))).collect()
}

/// Reads the run of a folder, or those of a sweep, or all runs below it in order of their paths.
pub(crate) fn read(folder: &Path) -> Result<Vec<Measured>, ReadError> {
    if folder.join(SWEEP_FILE).is_file() {
        let sweep = SweepReport::read(folder)?;
        return Ok(sweep.runs.iter().map(|run| Measured::of_sweep(&sweep, run)).collect());
    }
    let mut found = Vec::new();
    find(folder, 0, &mut found)?;
    if found.is_empty() {
        return Err(ReadError::NoRuns { folder: folder.to_owned() });
    }
    found.iter().map(|path| Ok(Measured::of(cell(folder, path), &Report::read(path)?))).collect()
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    if folder.join(REPORT_FILE).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Ok(());
    }
    let unreadable = |kind| {
        if depth == 0 {
            Err(ReadError::Unreadable { path: folder.to_owned(), kind })
        } else {
            Ok(())
        }
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return unreadable(error.kind()),
    };
    let below: BTreeSet<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    below.iter().try_for_each(|path| find(path, depth + 1, found))
}

/// The path between a folder and that of a run, the run's own name aside.
fn cell(folder: &Path, run: &Path) -> String {
    let between = run.strip_prefix(folder).ok().and_then(Path::parent);
    between.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}
