//! Amounts and counts as people read them.

use core::fmt;

/// An amount in satoshi, shown in bitcoin with all eight digits.
pub(crate) struct Btc(pub(crate) u64);

impl fmt::Display for Btc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:08} BTC", self.0 / 100_000_000, self.0 % 100_000_000)
    }
}

/// A number with a comma between thousands.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (0, rest) => write!(f, "{rest}"),
            (thousands, rest) => write!(f, "{},{rest:03}", Self(thousands)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = |number| Grouped(number).to_string();
        assert_eq!(shown(0), "0");
        assert_eq!(shown(999), "999");
        assert_eq!(shown(1_000), "1,000");
        assert_eq!(shown(840_000), "840,000");
        assert_eq!(shown(1_000_001), "1,000,001");
    }

    #[test]
    fn amounts_have_all_eight_digits() {
        assert_eq!(Btc(1).to_string(), "0.00000001 BTC");
        assert_eq!(Btc(2_100_000_000_000_000).to_string(), "21000000.00000000 BTC");
    }
}
