//! Numbers as people read them.

use crate::units::*;

#[test]
fn counts_have_their_thousands_apart() {
    for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(count(number), expected);
    }
}

#[test]
fn decimals_have_three_digits_that_count() {
    let cases = [
        (0.0, "0"),
        (0.001_234_5, "0.00123"),
        (0.999_6, "1"),
        (1.006, "1.01"),
        (12.34, "12.3"),
        (99.96, "100"),
        (-1.5, "-1.5"),
        (-0.004_2, "-0.0042"),
        (1234.5, "1,235"),
        (-1234.4, "-1,234"),
        (1e-12, "0"),
    ];
    for (number, expected) in cases {
        assert_eq!(decimal(number), expected, "{number}");
    }
}

#[test]
fn spans_and_sizes_have_fitting_units() {
    let spans = [
        (0.0, "0 s"),
        (0.000_012, "12 µs"),
        (0.25, "250 ms"),
        (0.999_9, "1 s"),
        (90.0, "90 s"),
        (600.0, "10 min"),
        (86_400.0, "24 h"),
        (-0.02, "-20 ms"),
    ];
    for (number, expected) in spans {
        assert_eq!(seconds(number), expected, "{number}");
    }
    let sizes = [(0.0, "0 B"), (1023.0, "1,023 B"), (1024.0, "1 KiB"), (-1536.0, "-1.5 KiB")];
    for (number, expected) in sizes {
        assert_eq!(bytes(number), expected, "{number}");
    }
    assert_eq!(bytes(5e15), "4,547 TiB");
}

#[test]
fn nothing_of_nothing_has_no_share() {
    assert_eq!((share(0, 0).as_str(), share(1, 3).as_str()), ("–", "33.3 %"));
}
