//! What became of the intents, by mode, and after how many attempts.

use std::collections::BTreeMap;

use crate::{IntentReport, Outcome, Report, figures, statistics, units};

/// Attempts from which on intents are counted together.
const ATTEMPTS_SHOWN: u32 = 10;

/// Tables of what became of the intents.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) names: Vec<&'static str>,
    pub(crate) rows: Vec<OutcomeRow>,
    pub(crate) attempts: Vec<Bar>,
}

#[derive(Debug)]
pub(crate) struct OutcomeRow {
    pub(crate) name: String,
    pub(crate) is_total: bool,
    pub(crate) counts: Vec<String>,
    pub(crate) all: String,
    pub(crate) share: String,
    pub(crate) interval: String,
}

/// A row with a bar.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) count: String,
    /// Of the longest bar, in percent.
    pub(crate) width: String,
}

impl Outcomes {
    pub(crate) fn of(report: &Report) -> Self {
        let rows = figures::modes(report).into_iter().map(|mode| {
            let intents = report.intents.iter().filter(|intent| intent.mode == mode);
            OutcomeRow::new(mode.to_owned(), &intents.collect::<Vec<_>>())
        });
        let mut rows: Vec<_> = rows.collect();
        let all = OutcomeRow::new("all".to_owned(), &report.intents.iter().collect::<Vec<_>>());
        rows.push(OutcomeRow { is_total: true, ..all });
        let (honest, hostile): (Vec<_>, Vec<_>) =
            report.intents.iter().partition(|intent| intent.honest);
        if !hostile.is_empty() {
            rows.push(OutcomeRow::new("all signers honest".to_owned(), &honest));
            rows.push(OutcomeRow::new("with a hostile signer".to_owned(), &hostile));
        }
        let names = Outcome::ALL.map(Outcome::name).to_vec();
        Self { names, rows, attempts: attempts(report) }
    }
}

impl OutcomeRow {
    fn new(name: String, intents: &[&IntentReport]) -> Self {
        let count = |outcome| intents.iter().filter(|intent| intent.outcome == outcome).count();
        let signed = count(Outcome::Signed);
        let interval = statistics::wilson(signed, intents.len()).map(|interval| {
            format!("{} to {}", units::percent(interval.low), units::percent(interval.high))
        });
        Self {
            name,
            is_total: false,
            counts: Outcome::ALL.map(|outcome| units::count(count(outcome) as u64)).to_vec(),
            all: units::count(intents.len() as u64),
            share: units::share(signed as u64, intents.len() as u64),
            interval: interval.unwrap_or_else(|| units::NONE.to_owned()),
        }
    }
}

fn attempts(report: &Report) -> Vec<Bar> {
    let mut counts = BTreeMap::<u32, u64>::new();
    for intent in &report.intents {
        *counts.entry(intent.attempts.min(ATTEMPTS_SHOWN)).or_default() += 1;
    }
    let longest = counts.values().copied().max().unwrap_or(1);
    let bars = counts.into_iter().map(|(attempts, count)| Bar {
        name: match attempts {
            ATTEMPTS_SHOWN => format!("{attempts} or more"),
            _ => attempts.to_string(),
        },
        count: units::count(count),
        width: format!("{:.1}", count as f64 / longest as f64 * 100.0),
    });
    bars.collect()
}
