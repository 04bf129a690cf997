//! What the home's socket says, as people read it.

pub(crate) mod board;
pub(crate) mod net;
pub(crate) mod network;
pub(crate) mod requests;
pub(crate) mod table;

use std::time::Duration;

use ensign_primitives::UnixTime;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::words;

/// Returns an address as it fits into a line: its two ends, which are what people compare.
fn ends(address: &str) -> String {
    const BEGIN: usize = 9;
    const END: usize = 6;
    let letters = address.chars().count();
    if letters <= BEGIN + END + 3 || address.contains(' ') {
        return words::foreign(address);
    }
    let begin: String = address.chars().take(BEGIN).collect();
    let end: String = address.chars().skip(letters - END).collect();
    words::foreign(&format!("{begin}\u{2026}{end}"))
}

/// Returns satoshi in bitcoin, without zeros at the end.
pub(crate) fn btc(satoshi: u64) -> String {
    let (whole, rest) = (satoshi / 100_000_000, satoshi % 100_000_000);
    let digits = format!("{whole}.{rest:08}");
    format!("{} BTC", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Returns a number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Returns how long it is from one moment to a later one, in its two largest units.
fn span(from_ms: u64, to_ms: u64) -> String {
    words::duration(Duration::from_secs(to_ms.saturating_sub(from_ms) / 1000))
}

/// Returns a moment without its seconds: `2026-11-22 20:45`.
fn moment(ms: u64) -> String {
    let date = words::date(UnixTime::from_millis(ms));
    date.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// Returns the fields of a view, for an event.
pub(crate) fn fields(view: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(view) {
        Ok(Value::Object(fields)) => fields,
        // Every view is an object of strings and numbers.
        Ok(_) | Err(_) => Map::new(),
    }
}

/// Returns the first eight digits of an id.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_line_are_short_and_say_what_matters() {
        assert_eq!(ends("tb1pkv4fc8r70wa09geskhk65q3vuhwwmp4x5u9g2z4"), "tb1pkv4fc\u{2026}u9g2z4");
        assert_eq!(
            ends("nobody, it carries data, script 6a"),
            "nobody, it carries data, script 6a"
        );
        assert_eq!(btc(60_000_000), "0.6 BTC");
        assert_eq!(btc(0), "0 BTC");
        assert_eq!(btc(1), "0.00000001 BTC");
        assert_eq!(grouped(0) + &grouped(999) + &grouped(1_000), "09991,000");
        assert_eq!(grouped(90_000_000), "90,000,000");
        assert_eq!(span(5_000, 65_000), "1 min");
        assert_eq!(moment(1_700_000_000_000), "2023-11-14 22:13");
        assert_eq!(short(&"ab".repeat(32)), "abababab");
    }
}
