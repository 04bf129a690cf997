//! What a run's page shows as plots.

use std::{collections::BTreeSet, io};

use plotters::style::RGBColor;

use crate::{
    Report, Sample, metric,
    plot::{Axis, BLUE, GREEN, INK, Layer, Plot, RED},
    statistics, units,
};

/// Most points of a line: more would not be seen.
const POINTS_MAX: usize = 300;

/// Most bars of a histogram.
const BINS_MAX: usize = 32;

/// A plot with the words around it.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) title: String,
    /// The class of each series' colour and its name.
    pub(crate) legend: Vec<(&'static str, &'static str)>,
    pub(crate) svg: String,
}

/// The latencies of one mode.
#[derive(Debug)]
pub(crate) struct Latencies {
    pub(crate) mode: String,
    /// Name and value.
    pub(crate) numbers: Vec<(&'static str, String)>,
    pub(crate) is_logarithmic: bool,
    pub(crate) plots: [Figure; 2],
}

/// The modes that a run has, by name.
pub(crate) fn modes(report: &Report) -> BTreeSet<&str> {
    report.intents.iter().map(|intent| intent.mode.as_str()).collect()
}

/// The latencies of every mode that has any, all on one axis so that they can be compared.
pub(crate) fn latencies(report: &Report) -> io::Result<Vec<Latencies>> {
    let all = metric::latencies(report);
    let (Some(low), Some(high)) = (all.first(), all.last()) else { return Ok(Vec::new()) };
    let low = if Axis::fitting(*low, *high, units::seconds).is_logarithmic() { *low } else { 0.0 };
    let axis = Axis::fitting(low, *high, units::seconds);
    let mut parts = Vec::new();
    for mode in modes(report) {
        let sorted = metric::latencies_of(report, mode);
        if sorted.is_empty() {
            continue;
        }
        parts.push(Latencies {
            mode: mode.to_owned(),
            numbers: numbers(&sorted),
            is_logarithmic: axis.is_logarithmic(),
            plots: [histogram(&sorted, &axis)?, cumulated(&sorted, &axis)?],
        });
    }
    Ok(parts)
}

fn numbers(sorted: &[f64]) -> Vec<(&'static str, String)> {
    let seconds = |value: Option<f64>| units::or_none(value, units::seconds);
    let mut numbers = vec![
        ("signed", units::count(sorted.len() as u64)),
        ("mean", seconds(statistics::mean(sorted))),
        ("standard deviation", seconds(statistics::standard_deviation(sorted))),
    ];
    let quantiles = QUANTILES.iter().chain(&[("max", 1.0)]);
    numbers.extend(quantiles.map(|(name, q)| (*name, seconds(statistics::quantile(sorted, *q)))));
    numbers
}

fn histogram(sorted: &[f64], axis: &Axis) -> io::Result<Figure> {
    let bins = (sorted.len() as f64).sqrt().ceil().clamp(12.0, BINS_MAX as f64) as u32;
    let edges = axis.edges(bins);
    let places: Vec<f64> = sorted.iter().map(|value| axis.place(*value)).collect();
    let below = |edge: f64| places.partition_point(|place| *place < edge);
    let mut bars = Vec::new();
    for (at, (left, right)) in edges.iter().zip(edges.iter().skip(1)).enumerate() {
        let is_last = at + 2 == edges.len();
        let upto = if is_last { places.len() } else { below(*right) };
        bars.push((*left, *right, (upto - below(*left)) as f64));
    }
    let highest = bars.iter().map(|(.., height)| *height).fold(1.0, f64::max);
    let y = Axis::counts(highest, units::decimal).with_room(0.25);
    let mut layers = vec![Layer::Bars { color: BLUE, bars }];
    layers.extend(marks(sorted, axis));
    let svg = Plot { x: axis.clone(), y, layers }.svg()?;
    Ok(Figure { title: "intents by latency".to_owned(), legend: Vec::new(), svg })
}

/// The share of intents that was signed within a time.
fn cumulated(sorted: &[f64], axis: &Axis) -> io::Result<Figure> {
    let n = sorted.len() as f64;
    let stride = sorted.len().div_ceil(POINTS_MAX).max(1);
    let mut points = Vec::new();
    let mut share = 0.0;
    for (at, value) in sorted.iter().enumerate() {
        if at % stride == stride - 1 || at + 1 == sorted.len() {
            points.push((axis.place(*value), share));
            share = (at + 1) as f64 / n;
            points.push((axis.place(*value), share));
        }
    }
    let y = Axis::linear(0.0, 1.0, units::percent).with_room(0.25);
    let mut layers = vec![Layer::Line { color: BLUE, points }];
    layers.extend(marks(sorted, axis));
    let svg = Plot { x: axis.clone(), y, layers }.svg()?;
    Ok(Figure { title: "share signed within a time".to_owned(), legend: Vec::new(), svg })
}

fn marks(sorted: &[f64], axis: &Axis) -> Vec<Layer> {
    let place = |q: f64| statistics::quantile(sorted, q).map(|value| axis.place(value));
    let marks = (0..).zip(QUANTILES);
    marks.filter_map(|(row, (text, q))| Some(Layer::Mark { at: place(q)?, text, row })).collect()
}

/// The course of the run; nothing of a run without samples.
pub(crate) fn course(report: &Report) -> io::Result<Vec<Figure>> {
    let samples = thinned(&report.series);
    let Some(last) = samples.last() else { return Ok(Vec::new()) };
    let every = samples.first().map_or(0, |first| first.at_millis) as f64 / 1e3;
    let course = Course { report, end: last.at_millis as f64 / 1e3, samples: &samples };
    let per = |what: &str| match every {
        0.0 => what.to_owned(),
        every => format!("{what} per {}", units::seconds(every)),
    };
    Ok(vec![
        course.figure(
            "intents so far",
            &[
                ("ink", "proposed", INK, |it| f64::from(it.proposed)),
                ("green", "signed", GREEN, |it| f64::from(it.signed)),
                ("red", "failed attempts", RED, |it| f64::from(it.failed_attempts)),
            ],
            |high| Axis::counts(high, units::decimal),
        )?,
        course.figure(
            "nodes running",
            &[("blue", "running", BLUE, |it| f64::from(it.running))],
            |high| Axis::counts(high, units::decimal),
        )?,
        course.figure(
            "connections",
            &[("blue", "up", BLUE, |it| f64::from(it.connections))],
            |high| Axis::counts(high, units::decimal),
        )?,
        course.figure(
            &per("frames sent"),
            &[("blue", "frames", BLUE, |it| it.frames as f64)],
            |high| Axis::counts(high, units::decimal),
        )?,
        course.figure(
            &per("bytes sent"),
            &[("blue", "bytes", BLUE, |it| it.bytes as f64)],
            |high| Axis::bytes(high, units::bytes),
        )?,
    ])
}

struct Course<'a> {
    report: &'a Report,
    samples: &'a [Sample],
    end: f64,
}

/// The class of its colour, its name, its colour, and how to read it.
type Series = (&'static str, &'static str, RGBColor, fn(&Sample) -> f64);

impl Course<'_> {
    fn figure(&self, title: &str, series: &[Series], y: fn(f64) -> Axis) -> io::Result<Figure> {
        let values = series.iter().flat_map(|(.., of)| self.samples.iter().map(of));
        let highest = values.fold(0.0, f64::max);
        let mut layers = Vec::from_iter(self.fault_window());
        let mut legend = Vec::new();
        for (class, name, color, of) in series {
            let points = self.samples.iter().map(|it| (it.at_millis as f64 / 1e3, of(it)));
            layers.push(Layer::Line { color: *color, points: points.collect() });
            legend.push((*class, *name));
        }
        if series.len() == 1 {
            legend.clear();
        }
        let x = Axis::linear(0.0, self.end, units::seconds);
        let svg = Plot { x, y: y(highest), layers }.svg()?;
        Ok(Figure { title: title.to_owned(), legend, svg })
    }

    fn fault_window(&self) -> Option<Layer> {
        let faults = &self.report.scenario.faults;
        let from = faults.from.as_secs_f64().min(self.end);
        let to = faults.until.as_secs_f64().min(self.end);
        (to > from).then_some(Layer::Shade { from, to })
    }
}

/// At most [`POINTS_MAX`] samples: of several, the last state and everything that was sent.
fn thinned(series: &[Sample]) -> Vec<Sample> {
    let chunks = series.chunks(series.len().div_ceil(POINTS_MAX).max(1));
    chunks
        .filter_map(|chunk| {
            let frames = chunk.iter().map(|it| it.frames).sum();
            let bytes = chunk.iter().map(|it| it.bytes).sum();
            Some(Sample { frames, bytes, ..*chunk.last()? })
        })
        .collect()
}

const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
