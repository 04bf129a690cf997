//! Figures, and bars that they are held against.

/// A share of trials, with what is known of the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// How many were good.
    pub good: u64,
    /// Of how many.
    pub of: u64,
}

impl Share {
    /// Counts.
    pub fn of(trials: impl Iterator<Item = bool>) -> Self {
        trials.fold(Self { good: 0, of: 0 }, |share, is_good| Self {
            good: share.good + u64::from(is_good),
            of: share.of + 1,
        })
    }

    /// Returns the share, 0 of nothing.
    pub fn value(&self) -> f64 {
        self.good as f64 / self.of.max(1) as f64
    }

    /// Returns between which shares the true one lies, at 95 % (Wilson 1927).
    pub fn interval(&self) -> (f64, f64) {
        let (n, p, z) = (self.of.max(1) as f64, self.value(), 1.96_f64);
        let middle = p + z * z / (2.0 * n);
        let width = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (((middle - width) / scale).max(0.0), ((middle + width) / scale).min(1.0))
    }
}

/// Returns the mean, 0 of nothing.
pub fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len().max(1) as f64
}

/// Returns the value that so many of a hundred do not exceed, 0 of nothing.
pub fn percentile(of: &[f64], hundredths: usize) -> f64 {
    let mut all = of.to_vec();
    all.sort_by(f64::total_cmp);
    let at = (all.len() * hundredths).div_ceil(100).saturating_sub(1);
    all.get(at).copied().unwrap_or_default()
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// At least so much.
    AtLeast(f64),
    /// At most so much.
    AtMost(f64),
    /// Told only.
    Told,
}

/// One line of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is measured.
    pub what: String,
    /// The figure.
    pub figure: f64,
    /// Between what the true one lies, where that is known.
    pub between: Option<(f64, f64)>,
    /// What it has to be.
    pub demand: Demand,
    /// Its unit, empty for a share.
    pub unit: &'static str,
}

impl Line {
    /// Makes one of a number.
    pub fn number(
        what: impl Into<String>,
        figure: f64,
        unit: &'static str,
        demand: Demand,
    ) -> Self {
        Self { what: what.into(), figure, between: None, demand, unit }
    }

    /// Makes one of the mean of some numbers, which lies where the normal distribution puts it.
    pub fn mean(what: impl Into<String>, of: &[f64], unit: &'static str, demand: Demand) -> Self {
        let (mean, count) = (mean(of), of.len().max(1) as f64);
        let variance =
            of.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        // One says nothing about the mean of many.
        let width = if of.len() < 2 { f64::INFINITY } else { 1.96 * (variance / count).sqrt() };
        let between = Some((mean - width, mean + width));
        Self { what: what.into(), figure: mean, between, demand, unit }
    }

    /// Makes one of a share.
    pub fn share(what: impl Into<String>, share: Share, demand: Demand) -> Self {
        let (what, figure) = (what.into(), share.value());
        Self { what, figure, between: Some(share.interval()), demand, unit: "" }
    }

    /// Whether the figure misses what it has to be.
    pub fn is_missed(&self) -> bool {
        match self.demand {
            Demand::AtLeast(least) => self.figure < least,
            Demand::AtMost(most) => self.figure > most,
            Demand::Told => false,
        }
    }

    /// Whether chance alone can have made it miss: the interval reaches what it has to be.
    pub fn may_be_chance(&self) -> bool {
        let Some((low, high)) = self.between else { return false };
        match self.demand {
            Demand::AtLeast(least) => high >= least,
            Demand::AtMost(most) => low <= most,
            Demand::Told => true,
        }
    }

    /// Returns it in one line of text.
    pub fn text(&self) -> String {
        let between =
            self.between.map(|(low, high)| format!(" [{}, {}]", number(low), number(high)));
        let demand = match self.demand {
            Demand::AtLeast(least) => format!("at least {}", number(least)),
            Demand::AtMost(most) => format!("at most {}", number(most)),
            Demand::Told => String::new(),
        };
        let verdict = match (self.demand, self.is_missed(), self.may_be_chance()) {
            (Demand::Told, ..) => "",
            (_, false, _) => "reached",
            (_, true, true) => "MISSED, within chance",
            (_, true, false) => "MISSED",
        };
        let figure = format!("{}{}{}", number(self.figure), self.unit, between.unwrap_or_default());
        format!("  {:<58} {figure:<28} {demand:<16} {verdict}", self.what).trim_end().to_owned()
    }
}

/// Writes a number: whole ones as such, shares with four digits, others with one.
fn number(of: f64) -> String {
    match of {
        _ if of.fract() == 0.0 || of.abs() >= 1000.0 => format!("{of:.0}"),
        _ if of.abs() < 1.0 => format!("{of:.4}"),
        _ => format!("{of:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_a_share_is_wilsons() {
        let share = Share { good: 3000, of: 3000 };
        let (low, high) = share.interval();
        assert!((low - 0.9987).abs() < 1e-4 && high > 0.9999, "{low} {high}");
    }

    #[test]
    fn a_bar_is_missed_by_chance_while_its_interval_reaches_it() {
        let few = Line::share("few", Share { good: 39, of: 40 }, Demand::AtLeast(0.99));
        let many = Line::share("many", Share { good: 900, of: 1000 }, Demand::AtLeast(0.99));
        assert!(few.is_missed() && few.may_be_chance());
        assert!(many.is_missed() && !many.may_be_chance());
        assert!(many.text().ends_with("MISSED"), "{}", many.text());
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let all: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!([50, 99, 100].map(|it| percentile(&all, it)), [100.0, 198.0, 200.0]);
        assert_eq!(percentile(&[], 99), 0.0);
    }
}
