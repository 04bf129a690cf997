//! Which chain a key, a request or a connection belongs to.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A Bitcoin network; part of every id, signature and connection, so that none crosses over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Network {
    /// The main chain: real money.
    Bitcoin,
    /// The fourth public test network (BIP94).
    Testnet4,
    /// The signed test network (BIP325).
    Signet,
    /// A private chain for tests.
    Regtest,
}

impl Network {
    /// Every network, in wire order.
    pub const ALL: [Self; 4] = [Self::Bitcoin, Self::Testnet4, Self::Signet, Self::Regtest];

    /// Returns the byte that stands for the network on the wire and inside hashes.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Returns the lower-case name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoin",
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|network| network.name() == name).ok_or(ParseNetworkError)
    }
}

/// The text names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseNetworkError;

impl fmt::Display for ParseNetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected one of bitcoin, testnet4, signet, regtest")
    }
}

impl core::error::Error for ParseNetworkError {}
