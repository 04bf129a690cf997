//! Where a node can be dialled: an address of the network, or the name of a host.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};
use core::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use super::foreign;

/// Most characters of a host name (RFC 1035, 2.3.4, without the dot at its end).
const HOST_CHARS_MAX: usize = 253;
/// Most characters between two dots of a host name (RFC 1035, 2.3.4).
const LABEL_CHARS_MAX: usize = 63;

/// Where a node can be dialled, UDP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// By number.
    Ip(SocketAddr),
    /// By a name, which is looked up before it is dialled.
    Host(HostName, u16),
}

/// The name of a host: letters, digits and `-` between dots, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

/// Why text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing says which port.
    #[error(
        "`{seen}` has no port; write it as 203.0.113.7:4820, [2001:db8::7]:4820 or host.example:4820"
    )]
    NoPort {
        /// The text.
        seen: String,
    },
    /// The port is no number below 65,536.
    #[error("`{seen}` is no port; ports are 1 to 65535")]
    Port {
        /// The text.
        seen: String,
    },
    /// What stands before the port is neither an address nor a name.
    #[error("{0}")]
    Host(HostError),
}

/// Why text is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Too short or too long.
    #[error("the host name `{seen}` has {characters} characters instead of 1 to {HOST_CHARS_MAX}")]
    Length {
        /// The text.
        seen: String,
        /// How many.
        characters: usize,
    },
    /// A character that no host name has.
    #[error("the host name `{seen}` has `{character}` in it; letters, digits, `-` and `.` may be")]
    Character {
        /// The text.
        seen: String,
        /// The character, escaped.
        character: String,
    },
    /// Two dots in a row, or a part that is too long, or begins or ends with `-`.
    #[error("the host name `{seen}` has a part `{label}` that no host name has")]
    Label {
        /// The text.
        seen: String,
        /// The part.
        label: String,
    },
    /// It ends with a number, as an address does.
    #[error("`{seen}` is neither an IP address nor a host name")]
    Number {
        /// The text.
        seen: String,
    },
}

impl Address {
    /// Returns the port.
    pub const fn port(&self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Host(_, port) => *port,
        }
    }

    /// Returns the address, if it needs no lookup.
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Host(..) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        // An IPv4 address in the clothes of IPv6 is dialled as what it is.
        Self::Ip(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Host(HostName(name), port) => write!(f, "{name}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let shown = || foreign(text);
        let is_bare_ipv6 = text.matches(':').count() > 1 && !text.contains(']');
        let parts = text.rsplit_once(':').filter(|_| !is_bare_ipv6);
        let (host, port) = parts.ok_or_else(|| AddressError::NoPort { seen: shown() })?;
        let port = Some(port).filter(|port| port.bytes().all(|it| it.is_ascii_digit()));
        let port = port.and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| AddressError::Port {
            seen: foreign(text.rsplit_once(':').map_or(text, |(_, port)| port)),
        })?;
        Ok(Self::Host(host.parse().map_err(AddressError::Host)?, port))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl HostName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let (seen, characters) = (foreign(text), name.chars().count());
        if !(1..=HOST_CHARS_MAX).contains(&characters) {
            return Err(HostError::Length { seen, characters });
        }
        let is_odd = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        if let Some(odd) = name.chars().find(is_odd) {
            return Err(HostError::Character { seen, character: foreign(&odd.to_string()) });
        }
        let is_wrong = |label: &&str| {
            !(1..=LABEL_CHARS_MAX).contains(&label.len())
                || label.starts_with('-')
                || label.ends_with('-')
        };
        if let Some(label) = name.split('.').find(is_wrong) {
            return Err(HostError::Label { seen, label: label.to_owned() });
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|it| it.is_ascii_digit()) {
            return Err(HostError::Number { seen });
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn addresses_and_host_names_read_and_print() {
        for (text, shown) in [
            ("203.0.113.7:4820", "203.0.113.7:4820"),
            ("[2001:db8::7]:4820", "[2001:db8::7]:4820"),
            ("[::ffff:203.0.113.7]:4820", "203.0.113.7:4820"),
            (" Host.Example.:4820\n", "host.example:4820"),
            ("localhost:1", "localhost:1"),
            ("xn--mller-kva.example:65535", "xn--mller-kva.example:65535"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (text, part) in [
            ("203.0.113.7", "has no port"),
            ("2001:db8::7", "has no port"),
            ("host.example", "has no port"),
            ("", "has no port"),
            ("host.example:65536", "`65536` is no port"),
            ("host.example:+4", "`+4` is no port"),
            ("host.example:", "`` is no port"),
            (":4820", "0 characters"),
            ("203.0.113:4820", "neither an IP address nor a host name"),
            ("203.0.113.256:4820", "neither an IP address nor a host name"),
            ("müller.example:4820", "has `ü` in it"),
            ("//host.example:4820", "has `/` in it"),
            ("a..b:4820", "a part ``"),
            ("-a.b:4820", "a part `-a`"),
            (&format!("{}.b:4820", "a".repeat(64)), "a part `aaa"),
            (&format!("{}b:4820", "a.".repeat(127)), "255 characters"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
