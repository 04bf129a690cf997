//! Numbers as people read them.

/// Returns a count with its thousands set apart.
pub(crate) fn count(number: u64) -> String {
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

/// Returns a share of 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", decimal(share * 100.0))
}

/// Returns `part / whole` in percent; a dash of nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { NONE.to_owned() } else { percent(part as f64 / whole as f64) }
}

/// Returns a span of time with three significant digits.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds.abs() {
        0.0 => "0 s".to_owned(),
        size if size < 0.000_999_5 => format!("{} µs", decimal(seconds * 1e6)),
        size if size < 0.999_5 => format!("{} ms", decimal(seconds * 1e3)),
        size if size < 600.0 => format!("{} s", decimal(seconds)),
        size if size < 36_000.0 => format!("{} min", decimal(seconds / 60.0)),
        _ => format!("{} h", decimal(seconds / 3600.0)),
    }
}

/// Returns a moment of a run, exact to the millisecond.
pub(crate) fn moment(micros: u64) -> String {
    format!("{:.3} s", micros as f64 / 1e6)
}

/// Returns a number of bytes with a binary unit.
pub(crate) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes;
    let mut units = UNITS.iter().peekable();
    while let Some(unit) = units.next() {
        if size.abs() < 1023.5 || units.peek().is_none() {
            return format!("{} {unit}", decimal(size));
        }
        size /= 1024.0;
    }
    NONE.to_owned()
}

/// Returns a number with three significant digits, and thousands set apart.
pub(crate) fn decimal(number: f64) -> String {
    let size = number.abs();
    let digits = match size {
        0.0 => 0,
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.999_5 => 2,
        _ => (2.0 - size.log10().floor()).min(9.0) as usize,
    };
    if digits == 0 {
        let sign = if number.round() < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let text = format!("{number:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns the text of a number that may be unknown.
pub(crate) fn or_none(number: Option<f64>, text: impl Fn(f64) -> String) -> String {
    number.map_or_else(|| NONE.to_owned(), text)
}

/// What stands for a number that there is none of.
pub(crate) const NONE: &str = "–";
