//! Failed attempts: what came first, counted, and each with its replay.

use std::collections::{BTreeMap, BTreeSet};

use super::Replay;
use crate::{FailureReport, Report, units};

/// Most failed attempts that are shown.
pub(crate) const FAILURES_SHOWN: usize = 200;

/// Most lines of an attempt's excerpt that are shown.
const EXCERPT_LINES: usize = 60;

/// Longest line of an excerpt, in characters.
const EXCERPT_COLUMNS: usize = 200;

/// Failed attempts that have the same first cause but for names and numbers in it.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) words: String,
    pub(crate) count: String,
    pub(crate) share: String,
    /// In percent of all.
    pub(crate) width: String,
    pub(crate) intents: String,
}

/// The failed attempts that are shown.
#[derive(Debug)]
pub(crate) struct Failures {
    pub(crate) rows: Vec<FailureRow>,
    pub(crate) listed: String,
    pub(crate) all: String,
    /// How many more `failures.csv` has.
    pub(crate) more_listed: usize,
    /// How many more there were, which nothing tells one by one.
    pub(crate) more_counted: u64,
}

#[derive(Debug)]
pub(crate) struct FailureRow {
    pub(crate) number: usize,
    pub(crate) intent: u32,
    pub(crate) turn: u32,
    pub(crate) attempt: u16,
    pub(crate) began: String,
    pub(crate) lasted: String,
    pub(crate) node: u32,
    pub(crate) said: String,
    pub(crate) first_cause: String,
    pub(crate) command: String,
    pub(crate) excerpt: Vec<String>,
    pub(crate) more_lines: usize,
}

/// Counts failed attempts by first cause, the most frequent first.
pub(crate) fn causes(report: &Report) -> Vec<Cause> {
    let mut groups = BTreeMap::<String, Vec<&FailureReport>>::new();
    for failure in &report.failures {
        groups.entry(without_names(&failure.first_cause)).or_default().push(failure);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, failures)| usize::MAX - failures.len());
    let all = report.failures.len() as u64;
    let causes = groups.into_iter().map(|(words, failures)| {
        let texts: BTreeSet<_> = failures.iter().map(|it| it.first_cause.as_str()).collect();
        let intents: BTreeSet<_> = failures.iter().map(|it| it.intent).collect();
        let (count, only) = (failures.len() as u64, texts.first().filter(|_| texts.len() == 1));
        Cause {
            words: only.map_or(words, |text| (*text).to_owned()),
            count: units::count(count),
            share: units::share(count, all),
            width: format!("{:.1}", count as f64 / all as f64 * 100.0),
            intents: units::count(intents.len() as u64),
        }
    });
    causes.take(FAILURES_SHOWN).collect()
}

impl Failures {
    pub(crate) fn of(report: &Report, replay: &Replay) -> Self {
        let (all, listed) = (report.failed_attempts(), report.failures.len());
        let shown = (1..).zip(&report.failures).take(FAILURES_SHOWN);
        Self {
            rows: shown.map(|(number, failure)| row(number, failure, replay)).collect(),
            listed: units::count(listed as u64),
            all: units::count(all),
            more_listed: listed.saturating_sub(FAILURES_SHOWN),
            more_counted: all.saturating_sub(listed as u64),
        }
    }
}

fn row(number: usize, failure: &FailureReport, replay: &Replay) -> FailureRow {
    let lines = failure.excerpt.iter().take(EXCERPT_LINES);
    FailureRow {
        number,
        intent: failure.intent,
        turn: failure.turn,
        attempt: failure.attempt,
        began: units::moment(failure.began),
        lasted: units::seconds(failure.ended.saturating_sub(failure.began) as f64 / 1e6),
        node: failure.node,
        said: failure.said.clone(),
        first_cause: failure.first_cause.clone(),
        command: replay.request(&failure.request),
        excerpt: lines.map(|line| line.chars().take(EXCERPT_COLUMNS).collect()).collect(),
        more_lines: failure.excerpt.len().saturating_sub(EXCERPT_LINES),
    }
}

/// A cause without the words that hold a digit: which node, when, how long.
fn without_names(cause: &str) -> String {
    let words = cause.split(' ').map(|word| {
        if !word.contains(|letter: char| letter.is_ascii_digit()) {
            return word.to_owned();
        }
        let rest = word.trim_end_matches(|letter: char| letter.is_ascii_punctuation());
        format!("…{}", word.get(rest.len()..).unwrap_or_default())
    });
    words.collect::<Vec<_>>().join(" ")
}
