//! A sweep as one page.

use std::{collections::BTreeSet, io};

use askama::Template;

use super::{Cell, SweepReport, SweepRun};
use crate::{
    Metric,
    figures::Figure,
    plot::{Axis, BLUE, Layer, Plot},
    settings::Settings,
    statistics::{self, Estimate},
    units,
};

/// Most bad runs that are shown.
const BAD_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "sweep.html")]
struct Page<'a> {
    report: &'a SweepReport,
    title: String,
    tone: &'static str,
    headline: String,
    facts: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
    metrics: Vec<&'static str>,
    rows: Vec<Row>,
    bad: Vec<&'a SweepRun>,
    bad_more: usize,
    settings: Settings,
}

struct Row {
    value: String,
    good: String,
    good_interval: String,
    cells: Vec<(String, String)>,
}

pub(crate) fn html(report: &SweepReport) -> io::Result<String> {
    let shown: Vec<Metric> = Metric::ALL.into_iter().filter(|it| is_shown(report, *it)).collect();
    let axis = Horizontal::of(report);
    let figures: io::Result<Vec<_>> = shown.iter().map(|it| axis.figure(report, *it)).collect();
    let bad: Vec<&SweepRun> = report.bad().collect();
    let page = Page {
        report,
        title: format!("{}: {} varied", report.scenario.name, report.vary),
        tone: match (report.is_good(), report.complete) {
            (false, _) => "bad",
            (true, false) => "partial",
            (true, true) => "good",
        },
        headline: headline(report, bad.len()),
        facts: facts(report),
        figures: figures?,
        metrics: shown.iter().map(|metric| metric.title()).collect(),
        rows: report.cells.iter().map(|cell| row(cell, &shown)).collect(),
        bad_more: bad.len().saturating_sub(BAD_SHOWN),
        bad: bad.into_iter().take(BAD_SHOWN).collect(),
        settings: Settings::of(&report.scenario),
    };
    page.render().map_err(io::Error::other)
}

/// Whether there is anything to see: nobody needs a plot of no violations.
fn is_shown(report: &SweepReport, metric: Metric) -> bool {
    let is_count = matches!(metric, Metric::Violations | Metric::Unmet);
    let mut values = report.cells.iter().filter_map(|cell| cell.metrics.get(&metric));
    values.any(|estimate| !is_count || estimate.value > 0.0)
}

fn headline(report: &SweepReport, bad: usize) -> String {
    let runs = units::count(report.runs.len() as u64);
    let partial = if report.complete { "" } else { " The sweep was stopped early." };
    match bad {
        0 => {
            format!("Good: in none of {runs} runs a checker fired or a demand was unmet.{partial}")
        }
        _ => {
            let values: BTreeSet<_> = report.bad().map(|run| &run.value).collect();
            let (bad, values) = (units::count(bad as u64), values.len());
            let cells = report.cells.len();
            format!("{bad} of {runs} runs were bad, at {values} of {cells} values.{partial}")
        }
    }
}

fn facts(report: &SweepReport) -> Vec<(&'static str, String)> {
    let seeds: BTreeSet<u64> = report.runs.iter().map(|run| run.seed).collect();
    let range = match (seeds.first(), seeds.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.to_string(),
        (None, _) => units::NONE.to_owned(),
    };
    vec![
        ("varied", report.vary.clone()),
        ("values", report.cells.len().to_string()),
        ("seeds", format!("{}: {range}", seeds.len())),
        ("runs", units::count(report.runs.len() as u64)),
        ("commit", report.commit.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("nodes", units::count(u64::from(report.scenario.nodes))),
    ]
}

fn row(cell: &Cell, metrics: &[Metric]) -> Row {
    let interval = statistics::wilson(cell.good, cell.runs).map(|interval| {
        format!("{} to {}", units::percent(interval.low), units::percent(interval.high))
    });
    let text = |metric: &Metric| {
        let Some(estimate) = cell.metrics.get(metric) else {
            return (units::NONE.to_owned(), String::new());
        };
        let half = estimate.interval.map(|it| (it.high - it.low) / 2.0);
        let half = half.map(|half| format!("± {}", metric.text(half)));
        (metric.text(estimate.value), half.unwrap_or_default())
    };
    Row {
        value: cell.value.clone(),
        good: format!("{} of {}", cell.good, cell.runs),
        good_interval: interval.unwrap_or_default(),
        cells: metrics.iter().map(text).collect(),
    }
}

/// The varied values on an axis: as numbers where all of them are, side by side otherwise.
struct Horizontal {
    axis: Axis,
    values: Vec<f64>,
}

impl Horizontal {
    fn of(report: &SweepReport) -> Self {
        let names: Vec<&str> = report.cells.iter().map(|cell| cell.value.as_str()).collect();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| number(name)).collect();
        let numbers = numbers.filter(|numbers| !numbers.is_empty());
        let places = (0..names.len()).map(|at| at as f64);
        let axis = numbers
            .as_ref()
            .map_or_else(|| Axis::named(&names), |numbers| Axis::values(numbers, &names));
        Self { axis, values: numbers.unwrap_or_else(|| places.collect()) }
    }

    fn figure(&self, report: &SweepReport, metric: Metric) -> io::Result<Figure> {
        let estimates = report.cells.iter().map(|cell| cell.metrics.get(&metric).copied());
        let ends = report.cells.iter().filter_map(|cell| cell.metrics.get(&metric));
        let highest = ends.map(high).fold(0.0, f64::max);
        let y = vertical(metric, highest);
        let points = self.values.iter().zip(estimates).filter_map(|(value, estimate)| {
            let Estimate { value: mean, interval, .. } = estimate?;
            let interval = interval.map(|it| (y.place(it.low), y.place(it.high)));
            Some((self.axis.place(*value), y.place(mean), interval))
        });
        let mut points: Vec<_> = points.collect();
        points.sort_by(|one, two| one.0.total_cmp(&two.0));
        let layers = vec![Layer::Estimates { color: BLUE, points }];
        let svg = Plot { x: self.axis.clone(), y, layers }.svg()?;
        Ok(Figure { title: metric.title().to_owned(), legend: Vec::new(), svg })
    }
}

fn vertical(metric: Metric, highest: f64) -> Axis {
    let text = |value| metric.text(value);
    match metric {
        Metric::SignedShare => Axis::linear(0.0, 1.0, text),
        Metric::Bytes => Axis::bytes(highest, text),
        Metric::LatencyMean
        | Metric::LatencyP50
        | Metric::LatencyP99
        | Metric::Attempts
        | Metric::Frames
        | Metric::Failures
        | Metric::Unmet
        | Metric::Violations
        | Metric::Events => Axis::linear(0.0, highest * 1.05, text),
    }
}

fn high(estimate: &Estimate) -> f64 {
    estimate.interval.map_or(estimate.value, |interval| interval.high)
}

/// A value as a number: `0.05`, or seconds of `10ms`.
fn number(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.or_else(|| humantime::parse_duration(text).ok().map(|span| span.as_secs_f64()))
}
