//! The numbers by which runs are compared.

use serde::{Deserialize, Serialize};

use crate::{Report, statistics, units};

/// A number by which runs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Intents signed, of all intents: 0 to 1.
    SignedShare,
    /// Mean time from the first proposal to the last honest signer's signatures, in seconds.
    LatencyMean,
    /// Its median.
    LatencyP50,
    /// What 99 of 100 stay below.
    LatencyP99,
    /// Attempts per intent that was proposed.
    Attempts,
    /// Frames sent per signed intent.
    Frames,
    /// Bytes sent per signed intent.
    Bytes,
    /// Attempts that failed.
    Failures,
    /// Demands that were not met.
    Unmet,
    /// Times that a checker fired.
    Violations,
    /// Events that the simulation handled.
    Events,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The more the better.
    Higher,
    /// The less the better.
    Lower,
    /// It is a fact, not a merit.
    Neither,
}

impl Metric {
    /// Every metric, in the order of tables.
    pub const ALL: [Self; 11] = [
        Self::SignedShare,
        Self::LatencyMean,
        Self::LatencyP50,
        Self::LatencyP99,
        Self::Attempts,
        Self::Frames,
        Self::Bytes,
        Self::Failures,
        Self::Unmet,
        Self::Violations,
        Self::Events,
    ];

    /// Returns its name for a column or a key.
    pub const fn key(self) -> &'static str {
        match self {
            Self::SignedShare => "signed-share",
            Self::LatencyMean => "latency-mean",
            Self::LatencyP50 => "latency-p50",
            Self::LatencyP99 => "latency-p99",
            Self::Attempts => "attempts",
            Self::Frames => "frames",
            Self::Bytes => "bytes",
            Self::Failures => "failures",
            Self::Unmet => "unmet",
            Self::Violations => "violations",
            Self::Events => "events",
        }
    }

    /// Returns its name for a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SignedShare => "signed share",
            Self::LatencyMean => "latency, mean",
            Self::LatencyP50 => "latency, p50",
            Self::LatencyP99 => "latency, p99",
            Self::Attempts => "attempts per intent",
            Self::Frames => "frames per signed intent",
            Self::Bytes => "bytes per signed intent",
            Self::Failures => "failed attempts",
            Self::Unmet => "unmet demands",
            Self::Violations => "violations",
            Self::Events => "events",
        }
    }

    /// Returns which way is better.
    pub const fn better(self) -> Better {
        match self {
            Self::SignedShare => Better::Higher,
            Self::Events => Better::Neither,
            Self::LatencyMean
            | Self::LatencyP50
            | Self::LatencyP99
            | Self::Attempts
            | Self::Frames
            | Self::Bytes
            | Self::Failures
            | Self::Unmet
            | Self::Violations => Better::Lower,
        }
    }

    /// Returns its value in one run; `None` where there is none, such as latencies of nothing.
    pub fn of(self, report: &Report) -> Option<f64> {
        let signed = report.signed() as f64;
        let per_signed = |total: u64| (signed > 0.0).then(|| total as f64 / signed);
        match self {
            Self::SignedShare => {
                let intents = report.intents.len();
                (intents > 0).then(|| signed / intents as f64)
            }
            Self::LatencyMean => statistics::mean(&latencies(report)),
            Self::LatencyP50 => statistics::quantile(&latencies(report), 0.5),
            Self::LatencyP99 => statistics::quantile(&latencies(report), 0.99),
            Self::Attempts => {
                let proposed = report.intents.iter().filter(|it| it.proposed_at.is_some());
                let attempts: Vec<f64> = proposed.map(|it| f64::from(it.attempts)).collect();
                statistics::mean(&attempts)
            }
            Self::Frames => per_signed(report.traffic.iter().map(|kind| kind.frames).sum()),
            Self::Bytes => per_signed(report.traffic.iter().map(|kind| kind.bytes).sum()),
            Self::Failures => Some(report.failed_attempts() as f64),
            Self::Unmet => Some(report.unmet.len() as f64),
            Self::Violations => Some(report.violations.len() as f64),
            Self::Events => Some(report.events as f64),
        }
    }

    /// Returns a value of it as text, with its unit.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::SignedShare => units::percent(value),
            Self::LatencyMean | Self::LatencyP50 | Self::LatencyP99 => units::seconds(value),
            Self::Bytes => units::bytes(value),
            Self::Attempts
            | Self::Frames
            | Self::Failures
            | Self::Unmet
            | Self::Violations
            | Self::Events => units::decimal(value),
        }
    }

    /// Returns a difference of two values of it as text, with its sign and unit.
    pub fn difference_text(self, difference: f64) -> String {
        let text = match self {
            Self::SignedShare => format!("{} points", units::decimal(difference * 100.0)),
            Self::LatencyMean
            | Self::LatencyP50
            | Self::LatencyP99
            | Self::Attempts
            | Self::Frames
            | Self::Bytes
            | Self::Failures
            | Self::Unmet
            | Self::Violations
            | Self::Events => self.text(difference),
        };
        if difference > 0.0 { format!("+{text}") } else { text }
    }
}

/// The latencies of a run's signed intents in seconds, ascending.
pub(crate) fn latencies(report: &Report) -> Vec<f64> {
    sorted_latencies(report, |_| true)
}

/// As [`latencies`], of one mode.
pub(crate) fn latencies_of(report: &Report, mode: &str) -> Vec<f64> {
    sorted_latencies(report, |of| of == mode)
}

fn sorted_latencies(report: &Report, takes: impl Fn(&str) -> bool) -> Vec<f64> {
    let intents = report.intents.iter().filter(|intent| takes(&intent.mode));
    let mut latencies: Vec<f64> =
        intents.filter_map(|intent| intent.latency).map(|micros| micros as f64 / 1e6).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}
