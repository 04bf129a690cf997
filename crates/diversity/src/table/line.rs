//! One line: `prefix<TAB>length<TAB>asn`, and a country if there is a fourth field.

use core::net::IpAddr;

use crate::{Country, Origin};

/// Why a line is not one of a prefix table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Something is missing, or there is too much.
    #[error("{found} fields; a line has three or four, with tabs between them")]
    Fields {
        /// How many there are, at most five are counted.
        found: usize,
    },
    /// The first field.
    #[error("the first field is not an IPv4 or IPv6 address")]
    Address,
    /// The second field.
    #[error("the second field is not a length from 0 to {max} bits")]
    Length {
        /// The bits of such an address.
        max: u8,
    },
    /// The address goes on after the prefix.
    #[error("the address has bits set after the first {length}")]
    BitsAfterPrefix {
        /// The bits of the prefix.
        length: u8,
    },
    /// The third field.
    #[error("the third field is not the number of an autonomous system")]
    Asn,
    /// The fourth field.
    #[error("the fourth field is not a country of two capital letters")]
    Country,
    /// The table has all the prefixes that it may have.
    #[error("more than {max} prefixes")]
    Full {
        /// [`PREFIXES_MAX`](crate::PREFIXES_MAX).
        max: usize,
    },
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) address: IpAddr,
    pub(super) length: u8,
    pub(super) origin: Origin,
}

impl Line {
    /// Reads a line; `None` for one that says nothing: empty, or a remark after `#`.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, LineError> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let mut fields = line.split('\t');
        let required = (fields.next(), fields.next(), fields.next());
        let (country, more) = (fields.next(), fields.next());
        let ((Some(address), Some(length), Some(asn)), None) = (required, more) else {
            return Err(LineError::Fields { found: line.split('\t').take(5).count() });
        };
        let address: IpAddr = address.parse().map_err(|_| LineError::Address)?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let length = decimal(length).and_then(|bits| u8::try_from(bits).ok());
        let length = length.filter(|bits| *bits <= max).ok_or(LineError::Length { max })?;
        if has_bits_after(address, length) {
            return Err(LineError::BitsAfterPrefix { length });
        }
        let origin = Origin {
            asn: first_asn(asn).ok_or(LineError::Asn)?,
            country: country.map(parse_country).transpose()?.flatten(),
        };
        Ok(Some(Self { address, length, origin }))
    }
}

fn has_bits_after(address: IpAddr, length: u8) -> bool {
    let length = u32::from(length);
    match address {
        IpAddr::V4(ip) => ip.to_bits().checked_shl(length).unwrap_or_default() != 0,
        IpAddr::V6(ip) => ip.to_bits().checked_shl(length).unwrap_or_default() != 0,
    }
}

/// Returns the first of several origins, `1_2`: the one that most routers have seen, as CAIDA's notes on its
/// tables say. Of a set, `1,2`, the first as well. All of them have to be numbers.
fn first_asn(field: &str) -> Option<u32> {
    let mut numbers = field.split(['_', ',']).map(decimal);
    let first = numbers.next()??;
    numbers.all(|number| number.is_some()).then_some(first)
}

/// Reads digits alone: no sign, no blank.
fn decimal(field: &str) -> Option<u32> {
    field.bytes().all(|byte| byte.is_ascii_digit()).then(|| field.parse().ok()).flatten()
}

/// Reads a country; `None` for an empty field, `-` and `ZZ`, which mean that none is known.
fn parse_country(field: &str) -> Result<Option<Country>, LineError> {
    match field.as_bytes() {
        b"" | b"-" | b"ZZ" => Ok(None),
        [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => Ok(Some(Country([*first, *second]))),
        _ => Err(LineError::Country),
    }
}
