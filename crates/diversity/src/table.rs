//! Who announces which addresses: a table of prefixes, asked for the longest one.

mod builder;
mod line;
mod ranges;

use core::net::IpAddr;

pub use builder::PrefixTableBuilder;
pub use line::LineError;
use ranges::Ranges;

use crate::Country;

/// Most prefixes in one table. Guess: the 1.3 million of IPv4 and IPv6 at the end of 2026, with ten years of
/// growth. As many take at most 96 MiB while the table is built and 56 MiB afterwards.
pub const PREFIXES_MAX: usize = 2 << 20;

/// What is known of who announces an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The number of its autonomous system.
    pub asn: u32,
    /// Where it is, if the table says so.
    pub country: Option<Country>,
}

/// Which autonomous system announces an address, as seen in the tables of routers.
///
/// The default is an empty one. Nested prefixes are laid out as ranges that do not touch each other, so that one
/// binary search finds the longest prefix; neighbours of one origin are joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixTable {
    v4: Ranges<u32>,
    v6: Ranges<u64>,
    prefixes: usize,
}

impl PrefixTable {
    /// Begins an empty table.
    pub fn builder() -> PrefixTableBuilder {
        PrefixTableBuilder::default()
    }

    /// Returns who announces an address, by the longest prefix of it; `None` when nobody does.
    ///
    /// Cost: a binary search; no allocation.
    pub fn origin_of(&self, address: IpAddr) -> Option<Origin> {
        match address.to_canonical() {
            IpAddr::V4(ip) => self.v4.get(ip.to_bits()),
            // Nobody announces less than a host's /64: what follows tells nothing.
            IpAddr::V6(ip) => self.v6.get(u64::try_from(ip.to_bits() >> 64).ok()?),
        }
    }

    /// Returns how many prefixes it was made from.
    pub const fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// Returns how many bytes it takes.
    pub const fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes()
    }

    /// Returns whether it knows nobody.
    pub const fn is_empty(&self) -> bool {
        self.prefixes == 0
    }
}
