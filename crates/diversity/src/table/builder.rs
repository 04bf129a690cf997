//! A table in the making, fed with lines.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::{
    line::{Line, LineError},
    ranges::{Prefix, Ranges},
};
use crate::{PREFIXES_MAX, PrefixTable};

/// Collects the lines of a table; see [`PrefixTable::builder`].
#[derive(Clone, Debug, Default)]
pub struct PrefixTableBuilder {
    v4: Vec<Prefix<u32>>,
    v6: Vec<Prefix<u64>>,
}

impl PrefixTableBuilder {
    /// Takes in one line of RouteViews' pfx2as form, `prefix<TAB>length<TAB>asn`, with a country of two letters as a
    /// fourth field if there is one. Empty lines and remarks after `#` say nothing.
    ///
    /// Of several origins of one prefix, `1_2` or `1,2`, the first counts. IPv6 prefixes of more than 64
    /// bits are passed over: nobody gets less.
    ///
    /// # Errors
    ///
    /// [`LineError`], with what is wrong; the table is as it was.
    pub fn line(&mut self, line: &str) -> Result<(), LineError> {
        let Some(Line { address, length, origin }) = Line::parse(line)? else { return Ok(()) };
        if self.len() >= PREFIXES_MAX {
            return Err(LineError::Full { max: PREFIXES_MAX });
        }
        match address {
            IpAddr::V4(ip) => self.v4.push(Prefix::new(ip.to_bits(), length, origin)),
            IpAddr::V6(ip) => {
                let high = u64::try_from(ip.to_bits() >> 64).unwrap_or_default();
                if length <= 64 {
                    self.v6.push(Prefix::new(high, length, origin));
                }
            }
        }
        Ok(())
    }

    /// Returns how many prefixes it has.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Returns whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes its prefixes take once there are no more to come, and before that.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let (v4, v6) = (size_of::<Prefix<u32>>(), size_of::<Prefix<u64>>());
        let grown = self.v4.capacity() * v4 + self.v6.capacity() * v6;
        (self.v4.len() * v4 + self.v6.len() * v6, grown)
    }

    /// Makes the table.
    ///
    /// Cost: `n log n`, about a second for a million prefixes: not for a loop that others wait for.
    pub fn build(self) -> PrefixTable {
        let prefixes = self.len();
        let Self { v4, v6 } = self;
        PrefixTable { v4: Ranges::of(v4), v6: Ranges::of(v6), prefixes }
    }
}
