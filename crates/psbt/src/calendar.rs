//! Moments as dates, and spans as people say them.

use core::fmt;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// A moment in seconds since 1970, shown as "2036-07-18 13:20 UTC".
pub(crate) struct Date(pub(crate) u64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0 / DAY);
        let (hour, minute) = (self.0 % DAY / HOUR, self.0 % HOUR / MINUTE);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// Returns year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counts in eras of 400 years that begin on 1 March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A span in seconds, shown in its largest fitting unit, rounded down: "an hour", "388 days".
pub(crate) struct Span(pub(crate) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..MINUTE => f.write_str("less than a minute"),
            MINUTE..120 => f.write_str("a minute"),
            120..HOUR => write!(f, "{} minutes", self.0 / MINUTE),
            seconds if seconds < 2 * HOUR => f.write_str("an hour"),
            seconds if seconds < 2 * DAY => write!(f, "{} hours", seconds / HOUR),
            seconds if seconds < 2 * YEAR => write!(f, "{} days", seconds / DAY),
            seconds => write!(f, "{} years", seconds / YEAR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_231_006_505, "2009-01-03 18:15 UTC"),
            (2_100_000_000, "2036-07-18 13:20 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (4_294_967_295, "2106-02-07 06:28 UTC"),
        ] {
            assert_eq!(Date(seconds).to_string(), date);
        }
    }

    #[test]
    fn spans_are_said_in_one_unit() {
        for (seconds, span) in [
            (0, "less than a minute"),
            (60, "a minute"),
            (3_599, "59 minutes"),
            (3_600, "an hour"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
            (33_553_920, "388 days"),
            (63_072_000, "2 years"),
            (u64::MAX, "584942417355 years"),
        ] {
            assert_eq!(Span(seconds).to_string(), span);
        }
    }
}
