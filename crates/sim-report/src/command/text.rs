//! Numbers and words as people read them.

use std::time::Duration;

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The word most like the one given; empty when there are none.
pub(super) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> &'a str {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(word, known);
    words.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}

/// A number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun, which takes an s unless there is one of it.
pub(super) fn many(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Thousands or millions, with one decimal: for rates that change all the time.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 1e6 => format!("{:.1} M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.0} k", rate / 1e3),
        rate => format!("{rate:.0}"),
    }
}

/// A moment of a run: microseconds as seconds.
pub(super) fn moment(micros: u64) -> String {
    format!("{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
}

/// A latency of a run: microseconds as seconds or milliseconds, three digits of them.
pub(super) fn latency(micros: u64) -> String {
    match micros as f64 / 1e6 {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 10.0 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.1} s"),
    }
}

/// A stretch of time, in the units of scenario files.
pub(super) fn span(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}
