//! Durations as people write them: `10ms`, `2s`, `1h 30m`, `10ms..50ms`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::Range;

pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&humantime::format_duration(*span).to_string())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(super) fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|error| format!("{text:?} is no duration such as \"10ms\" or \"1m 30s\": {error}"))
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (min, max) = text.split_once("..").unwrap_or((&text, &text));
        let (min, max) = (parse(min)?, parse(max)?);
        if min > max {
            return Err(format!("{text:?} ends before it begins"));
        }
        Ok(Self { min, max })
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        let [min, max] = [range.min, range.max].map(humantime::format_duration);
        if range.min == range.max { min.to_string() } else { format!("{min}..{max}") }
    }
}
