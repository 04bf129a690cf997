//! What a key may hold, and the check of a value against it.

use std::{fmt, fmt::Display, ops::RangeInclusive, time::Duration};

use toml::Value;

use super::{Range, keys, span};
use crate::adversary;

/// What a key may hold.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Text,
    Flag,
    /// A whole number.
    Whole(RangeInclusive<u64>),
    /// A number.
    Real(RangeInclusive<f64>),
    /// A duration.
    Span(RangeInclusive<Duration>),
    /// A duration, or a range of durations.
    Spans(RangeInclusive<Duration>),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of at least one of these words.
    SomeOf(&'static [&'static str]),
    /// A list of names of adversaries.
    Acts,
    /// Rows of numbers.
    Matrix(RangeInclusive<u64>),
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is no such thing.
    Kind,
    /// It lies outside this range.
    Outside(String),
    /// No adversary is called that; the nearest is.
    Act(String, &'static str),
}

impl Shape {
    /// Checks a value of the file.
    pub(super) fn check(&self, value: &Value) -> Result<(), Wrong> {
        match self {
            Self::Text => known(value.is_str()),
            Self::Flag => known(value.is_bool()),
            Self::Whole(range) => whole(value, range),
            Self::Real(range) => within(real(value).ok_or(Wrong::Kind)?, range, f64::to_string),
            Self::Span(range) => span_within(span_of(value)?, range),
            Self::Spans(range) => {
                let spans = value.as_str().ok_or(Wrong::Kind)?.to_owned();
                let spans = Range::try_from(spans).map_err(|_| Wrong::Kind)?;
                span_within(spans.min, range)?;
                span_within(spans.max, range)
            }
            Self::OneOf(words) => known(is_one_of(value, words)),
            Self::SomeOf(words) => {
                let list = value.as_array().ok_or(Wrong::Kind)?;
                known(!list.is_empty() && list.iter().all(|value| is_one_of(value, words)))
            }
            Self::Acts => value.as_array().ok_or(Wrong::Kind)?.iter().try_for_each(act),
            Self::Matrix(range) => {
                for row in value.as_array().ok_or(Wrong::Kind)? {
                    for cell in row.as_array().ok_or(Wrong::Kind)? {
                        whole(cell, range)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Reads what a person wrote after `key=`: durations and words need no quotes, and lists no
    /// brackets. What cannot be read comes back as text, for [`Self::check`] to refuse.
    pub(super) fn read(&self, text: &str) -> Value {
        let is_list = matches!(self, Self::SomeOf(_) | Self::Acts);
        if let Some(value) = literal(text).filter(|value| !is_list || value.is_array()) {
            return value;
        }
        if is_list {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            return Value::Array(words.map(|word| Value::String(word.to_owned())).collect());
        }
        Value::String(text.to_owned())
    }

    /// The values from the first to the last, both included, in even steps; `None` where there is
    /// no such order, or one of the three is none of its values.
    pub(super) fn steps(&self, first: &str, last: &str, step: &str) -> Option<Vec<String>> {
        match self {
            Self::Whole(_) | Self::Real(_) => {
                let decimals = [first, last, step].map(decimals).into_iter().max().unwrap_or(0);
                let [first, last, step] = [first, last, step].map(|it| it.parse::<f64>().ok());
                let show = |value: f64| format!("{value:.decimals$}");
                Some(ladder(first?, last?, step?)?.into_iter().map(show).collect())
            }
            Self::Span(_) | Self::Spans(_) => {
                let [first, last, step] =
                    [first, last, step].map(|it| Some(span::parse(it).ok()?.as_secs_f64()));
                let show = |seconds: f64| {
                    // A billionth may be lost on the way through floating point.
                    let micros = (seconds * 1e6).round() as u64;
                    humantime::format_duration(Duration::from_micros(micros)).to_string()
                };
                Some(ladder(first?, last?, step?)?.into_iter().map(show).collect())
            }
            Self::Text
            | Self::Flag
            | Self::OneOf(_)
            | Self::SomeOf(_)
            | Self::Acts
            | Self::Matrix(_) => None,
        }
    }
}

/// More values than this are no sweep but a slip of the pen.
const STEPS_MAX: f64 = 1000.0;

fn ladder(first: f64, last: f64, step: f64) -> Option<Vec<f64>> {
    // A thousandth of a step of tolerance: 0.3 / 0.05 is a little less than 6.
    let count = ((last - first) / step + 1e-3).floor();
    (0.0..STEPS_MAX)
        .contains(&count)
        .then(|| (0..=count as u32).map(|turn| f64::from(turn).mul_add(step, first)).collect())
}

fn decimals(number: &str) -> usize {
    number.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

fn literal(text: &str) -> Option<Value> {
    toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?.remove("value")
}

fn known(is_known: bool) -> Result<(), Wrong> {
    if is_known { Ok(()) } else { Err(Wrong::Kind) }
}

fn whole(value: &Value, range: &RangeInclusive<u64>) -> Result<(), Wrong> {
    let number = value.as_integer().ok_or(Wrong::Kind)?;
    let outside = || Wrong::Outside(shown(range, u64::to_string));
    within(u64::try_from(number).map_err(|_| outside())?, range, u64::to_string)
}

fn real(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

fn span_of(value: &Value) -> Result<Duration, Wrong> {
    span::parse(value.as_str().ok_or(Wrong::Kind)?).map_err(|_| Wrong::Kind)
}

fn span_within(span: Duration, range: &RangeInclusive<Duration>) -> Result<(), Wrong> {
    within(span, range, span_text)
}

fn span_text(span: &Duration) -> String {
    humantime::format_duration(*span).to_string()
}

fn within<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) -> Result<(), Wrong> {
    if range.contains(&value) { Ok(()) } else { Err(Wrong::Outside(shown(range, show))) }
}

fn shown<T>(range: &RangeInclusive<T>, show: impl Fn(&T) -> String) -> String {
    format!("{} to {}", show(range.start()), show(range.end()))
}

fn is_one_of(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|value| words.contains(&value))
}

fn act(value: &Value) -> Result<(), Wrong> {
    let name = value.as_str().ok_or(Wrong::Kind)?;
    let names = || adversary::KINDS.iter().map(|act| act.name);
    if names().any(|known| known == name) {
        return Ok(());
    }
    let nearest = keys::nearest_of(name, names()).ok_or(Wrong::Kind)?;
    Err(Wrong::Act(name.to_owned(), nearest))
}

impl Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Flag => f.write_str("true or false"),
            Self::Whole(range) => {
                write!(f, "a whole number from {}", shown(range, u64::to_string))
            }
            Self::Real(range) => write!(f, "a number from {}", shown(range, f64::to_string)),
            Self::Span(range) => {
                write!(f, "a duration such as \"1m 30s\" from {}", shown(range, span_text))
            }
            Self::Spans(range) => write!(
                f,
                "a duration such as \"10ms\" or a range such as \"10ms..50ms\" from {}",
                shown(range, span_text)
            ),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::SomeOf(words) => write!(f, "a list of at least one of {}", words.join(", ")),
            Self::Acts => {
                let names: Vec<_> = adversary::KINDS.iter().map(|act| act.name).collect();
                write!(f, "a list of {}", names.join(", "))
            }
            Self::Matrix(range) => {
                write!(f, "rows of whole numbers from {}", shown(range, u64::to_string))
            }
        }
    }
}
