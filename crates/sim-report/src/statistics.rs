//! The statistics that pages and comparisons state, each with its definition.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the standard normal distribution: two-sided 95 %.
pub const Z_95: f64 = 1.959_963_985;

/// Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom.
///
/// [NIST/SEMATECH e-Handbook, 1.3.6.7.2](https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm).
const T_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A range that holds the true value in 95 of 100 repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A mean, or a difference of means, with what is known about how exact it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// How many values it is made from; of two samples, the smaller number.
    pub n: usize,
    /// The estimate itself.
    pub value: f64,
    /// The 95 % confidence interval; `None` from fewer than two values.
    pub interval: Option<Interval>,
}

impl Interval {
    /// Returns whether a value is inside or at an end.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Returns the arithmetic mean, exactly that of equal values; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    // A rounded mean of equal values would give them a deviation.
    let are_equal = values.iter().all(|value| *value == first);
    Some(if are_equal { first } else { values.iter().sum::<f64>() / values.len() as f64 })
}

/// Returns the sample variance, divided by n - 1; `None` of fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let center = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    Some(squares / (values.len() - 1) as f64)
}

/// Returns the sample standard deviation, as [`variance`].
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// Returns the quantile `q` of values in ascending order; `None` of nothing.
///
/// Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996): linear between
/// the values at positions (n - 1) q; the one that R and NumPy take by default.
///
/// - `q`: 0 to 1; outside of it the nearer end counts.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * q.clamp(0.0, 1.0);
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get((position.floor() as usize + 1).min(last))?;
    Some(below + (above - below) * position.fract())
}

/// Returns the factor of a two-sided 95 % interval for so many degrees of freedom.
///
/// Up to 30 from the table, fractions rounded down, which makes intervals wider and never narrower;
/// above, the expansion 26.7.5 of Abramowitz and Stegun, "Handbook of Mathematical Functions", whose
/// error is below 0.0001 there. Infinite for less than one degree.
pub fn student_t_95(degrees: f64) -> f64 {
    if degrees.is_nan() || degrees < 1.0 {
        return f64::INFINITY;
    }
    if let Some(factor) = T_95.get(degrees.floor() as usize - 1) {
        return *factor;
    }
    let z = Z_95;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + first / degrees + second / degrees.powi(2)
}

/// Returns the mean of values with Student's interval; `None` of nothing.
pub fn estimate(values: &[f64]) -> Option<Estimate> {
    let n = values.len();
    let value = mean(values)?;
    let interval = standard_deviation(values).map(|deviation| {
        let half = student_t_95((n - 1) as f64) * deviation / (n as f64).sqrt();
        Interval { low: value - half, high: value + half }
    });
    Some(Estimate { n, value, interval })
}

/// Returns the mean difference `change - base` of values that belong together in pairs.
pub fn paired_difference(pairs: &[(f64, f64)]) -> Option<Estimate> {
    let differences: Vec<f64> = pairs.iter().map(|(base, change)| change - base).collect();
    estimate(&differences)
}

/// Returns the difference of means `change - base` of two independent samples.
///
/// Welch, "The generalization of 'Student's' problem when several different population variances are
/// involved" (1947): variances need not be equal.
pub fn welch_difference(base: &[f64], change: &[f64]) -> Option<Estimate> {
    let value = mean(change)? - mean(base)?;
    let n = base.len().min(change.len());
    let interval = variance(base).zip(variance(change)).map(|(left, right)| {
        let (left, right) = (left / base.len() as f64, right / change.len() as f64);
        let squares =
            left.powi(2) / (base.len() - 1) as f64 + right.powi(2) / (change.len() - 1) as f64;
        let half = match left + right {
            0.0 => 0.0,
            // Rounding aside it is at least that of the smaller sample alone.
            sum => student_t_95((sum.powi(2) / squares).max((n - 1) as f64)) * sum.sqrt(),
        };
        Interval { low: value - half, high: value + half }
    });
    Some(Estimate { n, value, interval })
}

/// Returns the interval for a proportion; `None` of nothing.
///
/// Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927): right near 0
/// and 1, too, where the usual interval has no width.
pub fn wilson(successes: usize, n: usize) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let (n, share) = (n as f64, successes as f64 / n as f64);
    let square = Z_95.powi(2);
    let center = (share + square / (2.0 * n)) / (1.0 + square / n);
    let spread = (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let half = Z_95 * spread / (1.0 + square / n);
    Some(Interval { low: (center - half).max(0.0), high: (center + half).min(1.0) })
}

/// Returns the difference `change - base` of two proportions, each successes of so many.
///
/// Newcombe, "Interval estimation for the difference between independent proportions" (1998), method
/// 10: made from [`wilson`]'s intervals.
pub fn proportion_difference(base: (usize, usize), change: (usize, usize)) -> Option<Estimate> {
    let (left, right) = (wilson(base.0, base.1)?, wilson(change.0, change.1)?);
    let [p, q] = [base, change].map(|(successes, n)| successes as f64 / n as f64);
    let value = q - p;
    let low = value - (q - right.low).hypot(left.high - p);
    let high = value + (right.high - q).hypot(p - left.low);
    Some(Estimate { n: base.1.min(change.1), value, interval: Some(Interval { low, high }) })
}
