//! Axes: a range, and the marks that are labelled on it.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Marks that a linear axis has, about.
const MARKS: f64 = 5.0;

/// A ratio of largest to smallest from which on a logarithmic axis shows more.
const LOGARITHMIC_FROM: f64 = 10.0;

/// Most decades that are all marked.
const DECADES_MAX: f64 = 8.0;

/// Between two labels of the horizontal axis, as a share of it.
const LABEL_DISTANCE: f64 = 0.1;

/// A range with labelled marks, in the plot's own coordinate.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    marks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl Axis {
    /// From `low` to `high` or a little more, marked at round numbers.
    pub(crate) fn linear(low: f64, high: f64, text: impl Fn(f64) -> String) -> Self {
        let (low, high) = widened(low, high);
        let step = round_up((high - low) / MARKS);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let marks = (first..=last).map(|at| at as f64 * step);
        let marks = marks.map(|value| (value, text(value))).collect();
        Self { low, high, marks, logarithmic: false }
    }

    /// From 0 to a count or a little more, marked at whole numbers only.
    pub(crate) fn counts(high: f64, text: impl Fn(f64) -> String) -> Self {
        let mut axis = Self::linear(0.0, high.max(1.0) * 1.05, text);
        axis.marks.retain(|(value, _)| value.fract() == 0.0);
        axis
    }

    /// From 0 to a number of bytes or a little more, marked at round numbers of a binary unit.
    pub(crate) fn bytes(high: f64, text: impl Fn(f64) -> String) -> Self {
        let high = high.max(1.0);
        let unit = 1024_f64.powf(high.log(1024.0).floor());
        let axis = Self::linear(0.0, high / unit * 1.05, |_| String::new());
        let marks = axis.marks.iter().map(|(at, _)| (at * unit, text(at * unit)));
        Self { low: 0.0, high: axis.high * unit, marks: marks.collect(), logarithmic: false }
    }

    /// From `low` to `high` in decades where that shows more, as [`linear`](Self::linear) otherwise.
    pub(crate) fn fitting(low: f64, high: f64, text: impl Fn(f64) -> String) -> Self {
        let is_wide = low > 0.0 && high.is_finite() && high / low >= LOGARITHMIC_FROM;
        if !is_wide {
            return Self::linear(low, high, text);
        }
        let (low, high) = (low.log10(), high.log10());
        let factors: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let step = ((high - low) / DECADES_MAX).ceil() as usize;
        let decades = (low.floor() as i32..=high.ceil() as i32).step_by(step.max(1));
        let marks =
            decades.flat_map(|decade| factors.iter().map(move |it| it * 10_f64.powi(decade)));
        let marks = marks.map(|value| (value.log10(), text(value)));
        let marks = marks.filter(|(at, _)| (low..=high).contains(at)).collect();
        Self { low, high, marks, logarithmic: true }
    }

    /// One place for each name, from 0.
    pub(crate) fn named(names: &[&str]) -> Self {
        let marks = (0_u32..).zip(names).map(|(at, name)| (f64::from(at), shortened(name)));
        let high = names.len().max(1) as f64 - 0.5;
        Self { low: -0.5, high, marks: marks.collect(), logarithmic: false }
    }

    /// As [`named`](Self::named), with every number at its own place; labels that would touch the
    /// one before are left out.
    pub(crate) fn values(values: &[f64], names: &[&str]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut axis = Self::fitting(low, high, |_| String::new());
        let width = axis.high - axis.low;
        let places = values.iter().map(|value| axis.place(*value));
        let mut marks: Vec<_> = places.zip(names.iter().map(|name| shortened(name))).collect();
        marks.sort_by(|one, two| one.0.total_cmp(&two.0));
        let mut last = f64::NEG_INFINITY;
        marks.retain(|(at, _)| {
            let is_apart = at - last >= width * LABEL_DISTANCE;
            if is_apart {
                last = *at;
            }
            is_apart
        });
        axis.marks = marks;
        axis.low -= width * 0.04;
        axis.high += width * 0.04;
        axis
    }

    /// Adds room above the highest value, as a share of the range.
    pub(crate) fn with_room(mut self, share: f64) -> Self {
        self.high += (self.high - self.low) * share;
        self
    }

    /// Whether equal distances are equal ratios.
    pub(crate) const fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Where a value lies, in the plot's coordinate.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value };
        place.clamp(self.low, self.high)
    }

    /// The edges of so many bins of equal width in the plot's coordinate.
    pub(crate) fn edges(&self, bins: u32) -> Vec<f64> {
        let width = (self.high - self.low) / f64::from(bins.max(1));
        (0..=bins).map(|at| self.low + f64::from(at) * width).collect()
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        from.saturating_add((share * f64::from(to - from)).round() as i32)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.marks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        let mark = self.marks.iter().find(|(at, _)| at == place);
        mark.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// A finite range that is not empty.
fn widened(low: f64, high: f64) -> (f64, f64) {
    match (low.is_finite(), high.is_finite()) {
        (true, true) if high - low > low.abs().max(high.abs()) * 1e-9 => (low, high),
        (true, true) if low != 0.0 => (low - low.abs() / 2.0, low + low.abs() / 2.0),
        (true, true) => (0.0, 1.0),
        (true, false) => widened(low, low),
        (false, _) => (0.0, 1.0),
    }
}

/// The next of 1, 2, 5, 10, 20 and so on.
fn round_up(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = factors.iter().find(|factor| **factor * decade >= step * (1.0 - 1e-9));
    fits.map_or(step, |factor| factor * decade)
}

fn shortened(name: &str) -> String {
    const LENGTH: usize = 12;
    if name.chars().count() <= LENGTH {
        return name.to_owned();
    }
    let kept: String = name.chars().take(LENGTH - 1).collect();
    format!("{kept}…")
}
