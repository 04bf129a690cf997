//! How a latency is written: a duration, a range, or a table whose keys say which distribution.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Latency, Range, span};

/// The written form.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Form {
    Range(Range),
    LogNormal(LogNormal),
    Regions(Regions),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogNormal {
    #[serde(with = "span")]
    median: Duration,
    #[serde(default = "sigma")]
    sigma: f64,
    #[serde(default, with = "span")]
    floor: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Regions {
    millis: Vec<Vec<u32>>,
    #[serde(default, with = "span")]
    jitter: Duration,
}

/// What a latency that cannot be read should have been.
pub(super) const EXPECTED: &str = "a duration, a range, { median, sigma, floor } or \
                                   { millis, jitter }";

/// Guess: between a quiet and a busy path; 1 packet in 70 takes longer than three medians.
fn sigma() -> f64 {
    0.5
}

impl From<Form> for Latency {
    fn from(form: Form) -> Self {
        match form {
            Form::Range(range) if range.min == range.max => Self::Constant { of: range.min },
            Form::Range(of) => Self::Uniform { of },
            Form::LogNormal(LogNormal { median, sigma, floor }) => {
                Self::LogNormal { median, sigma, floor }
            }
            Form::Regions(Regions { millis, jitter }) => Self::Regions { millis, jitter },
        }
    }
}

impl From<Latency> for Form {
    fn from(latency: Latency) -> Self {
        match latency {
            Latency::Constant { of } => Self::Range(Range { min: of, max: of }),
            Latency::Uniform { of } => Self::Range(of),
            Latency::LogNormal { median, sigma, floor } => {
                Self::LogNormal(LogNormal { median, sigma, floor })
            }
            Latency::Regions { millis, jitter } => Self::Regions(Regions { millis, jitter }),
        }
    }
}
