//! Small pieces of text: escaping, names, durations.

use std::time::{Duration, UNIX_EPOCH};

use ensign_peers::contact;
pub(crate) use ensign_peers::contact::{NAME_CHARS_MAX, foreign};
use ensign_primitives::UnixTime;

/// Returns what the system says, without the numbers and the paths of programs.
pub(crate) fn system(error: &std::io::Error) -> String {
    without_number(&error.to_string())
}

/// Returns a message of the system up to its number, which tells people nothing.
pub(crate) fn without_number(text: &str) -> String {
    foreign(text.split(" (os error").next().unwrap_or_default())
}

/// Counts things: `1 attempt`, `2 attempts`.
pub(crate) fn count(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// Returns what to do about a refusal of the system, where its kind says that much.
pub(crate) const fn way_out(kind: std::io::ErrorKind) -> Option<&'static str> {
    use std::io::ErrorKind as Kind;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing that helps")]
    match kind {
        Kind::ReadOnlyFilesystem => {
            Some("the disk is mounted read-only: mount it writable, then try again")
        }
        Kind::PermissionDenied => {
            Some("run this as the user to whom the folder belongs, or let this user write there")
        }
        Kind::StorageFull | Kind::QuotaExceeded => {
            Some("free some room on that disk, then try again")
        }
        Kind::InvalidInput | Kind::Unsupported => {
            Some("this file system cannot flush what is written: use a disk of this machine")
        }
        _ => None,
    }
}

/// Returns names as people say them: `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns microseconds as people read them: `830 µs`, `12.4 ms`, `3.20 s`.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(crate) fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// Returns a duration in its two largest units: `45 s`, `12 min`, `5 h 41 min`, `29 d 23 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if let (days @ 2.., hours) = (seconds / 86_400, seconds / 3600 % 24) {
        return if hours == 0 { format!("{days} d") } else { format!("{days} d {hours} h") };
    }
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Returns a time as people and machines read it: `2026-11-22T20:45:15Z`.
pub(crate) fn date(time: UnixTime) -> String {
    // Later than the year 9999 there is no form.
    let millis = time.as_millis().min(253_402_300_799_999);
    let time = UNIX_EPOCH + Duration::from_millis(millis);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Returns the wall clock.
pub(crate) fn now() -> UnixTime {
    UnixTime::from_millis(crate::output::unix_micros() / 1000)
}

/// Reads a duration as people write it: `90s`, `30m`, `2h`, `1d`.
///
/// # Errors
///
/// A sentence that says what is accepted.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let accepted = || format!("`{text}` is no duration; write 90s, 30m, 2h or 1d");
    let (number, unit) =
        text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(accepted)?;
    let number: u64 = number.parse().map_err(|_| accepted())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(accepted()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(accepted)
}

/// Checks the name of a signer or a group: it becomes part of file names, codes and sentences.
///
/// # Errors
///
/// A sentence that says what is accepted.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    contact::check_name(name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, seconds, shown) in
            [("90s", 90, "1 min 30 s"), ("30m", 1800, "30 min"), ("2h", 7200, "2 h")]
        {
            let parsed = parse_duration(text).unwrap();
            assert_eq!((parsed.as_secs(), duration(parsed).as_str()), (seconds, shown));
        }
        for wrong in ["", "h", "2", "2w", "-1s", "99999999999999999999s", "é", "9999999999999999d"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration(Duration::from_secs(20_460)), "5 h 41 min");
        assert_eq!(duration(Duration::from_secs(86_400)), "24 h");
        assert_eq!(duration(Duration::from_secs(30 * 86_400 - 60)), "29 d 23 h");
        assert_eq!(duration(Duration::from_secs(3 * 86_400)), "3 d");
    }

    #[test]
    fn microseconds_keep_three_digits() {
        assert_eq!(
            [micros(830), micros(12_440), micros(3_200_000)],
            ["830 µs", "12.4 ms", "3.20 s"]
        );
    }

    #[test]
    fn names_are_listed_as_people_say_them() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(list(&names), "a, b and c");
        assert_eq!(list(&names[..1]), "a");
    }
}
