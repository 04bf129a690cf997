//! One node, as a TXT record names it.
//!
//! `v=ensign1 net=signet node=<64 hex digits> at=198.51.100.7:4820 at=[2001:db8::7]:4820`: fields with one space
//! between them, in this order, at least one `at`. Whatever other fields follow are for later versions, and skipped.

use std::{fmt, net::SocketAddr, str::FromStr};

use ensign_musig::XOnlyPublicKey;
use ensign_peers::contact::foreign;
use ensign_primitives::{Network, PeerId};

use ensign_wire::Scope;

use crate::{OutOfScope, check_address};

/// What the text of each record begins with.
pub const VERSION_FIELD: &str = "v=ensign1";

/// What the text of a record of any version begins with.
const ANY_VERSION: &str = "v=ensign";

/// Most addresses of one node. Guess: both families, twice, as for a host name.
pub const ADDRESSES_PER_RECORD_MAX: usize = 4;

/// Most bytes of a record's text, its strings put together: two strings of 255 (RFC 1035, 3.3). The longest text that
/// this version writes has 297.
pub const RECORD_BYTES_MAX: usize = 510;

/// One node, as a seed names it: a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedRecord {
    /// The network that it is part of.
    pub network: Network,
    /// Who it is; a point on the curve, if it was read.
    pub peer: PeerId,
    /// Where it can be dialled, UDP: 1 to [`ADDRESSES_PER_RECORD_MAX`], each once.
    pub addresses: Vec<SocketAddr>,
}

/// Why the text of a TXT record names no node of ours. What it says is escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is none of ours; a name may have TXT records for other purposes.
    #[error("it does not begin with `{VERSION_FIELD}`")]
    Foreign,
    /// A version that this program does not read.
    #[error("version `{seen}` is not known, only `{VERSION_FIELD}`")]
    Version {
        /// The first field.
        seen: String,
    },
    /// It is too long.
    #[error("it has {bytes} bytes, at most {RECORD_BYTES_MAX} may be")]
    Length {
        /// How many.
        bytes: usize,
    },
    /// A field is missing or stands elsewhere.
    #[error("`{expected}` is expected and `{seen}` found")]
    Field {
        /// How it begins.
        expected: &'static str,
        /// What stands there; empty for nothing.
        seen: String,
    },
    /// There is no such network.
    #[error("network `{seen}` is not known")]
    Network {
        /// Its name.
        seen: String,
    },
    /// It is for another network.
    #[error("it is for {seen}, this node is on {ours}")]
    OtherNetwork {
        /// The record's.
        seen: Network,
        /// Ours.
        ours: Network,
    },
    /// The identity is none.
    #[error("`{seen}` is no node: 64 hex digits that are a point on the curve")]
    Node {
        /// What stands there.
        seen: String,
    },
    /// An address is none.
    #[error("`{seen}` is no address; write 198.51.100.7:4820 or [2001:db8::7]:4820, no host name")]
    Address {
        /// What stands there.
        seen: String,
    },
    /// It names too many addresses.
    #[error("it has more than {ADDRESSES_PER_RECORD_MAX} addresses")]
    Addresses,
    /// It names an address twice.
    #[error("address {address} stands there twice")]
    Repeated {
        /// Which.
        address: SocketAddr,
    },
    /// No node elsewhere can have that address.
    #[error("address {address} cannot be dialled: {reason}")]
    Scope {
        /// Which.
        address: SocketAddr,
        /// Why.
        reason: OutOfScope,
    },
}

impl SeedRecord {
    /// Says whether this node may use it.
    ///
    /// # Errors
    ///
    /// [`RecordError::OtherNetwork`] and [`RecordError::Scope`], the latter for the first address out of `scope`: who
    /// names one such address is careless or worse, so the record is refused whole.
    pub fn check(&self, ours: Network, scope: Scope) -> Result<(), RecordError> {
        if self.network != ours {
            return Err(RecordError::OtherNetwork { seen: self.network, ours });
        }
        self.addresses.iter().try_for_each(|&address| {
            check_address(scope, address).map_err(|reason| RecordError::Scope { address, reason })
        })
    }
}

impl fmt::Display for SeedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION_FIELD} net={} node={}", self.network, self.peer)?;
        self.addresses.iter().try_for_each(|address| write!(f, " at={address}"))
    }
}

impl FromStr for SeedRecord {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        if !text.starts_with(ANY_VERSION) {
            return Err(RecordError::Foreign);
        }
        if text.len() > RECORD_BYTES_MAX {
            return Err(RecordError::Length { bytes: text.len() });
        }
        let mut fields = text.split(' ').peekable();
        let version = fields.next().unwrap_or_default();
        if version != VERSION_FIELD {
            return Err(RecordError::Version { seen: foreign(version) });
        }
        let network = value(fields.next(), "net=")?;
        let network =
            network.parse().map_err(|_| RecordError::Network { seen: foreign(network) })?;
        let peer = peer(value(fields.next(), "node=")?)?;
        let mut addresses = vec![address(value(fields.next(), "at=")?)?];
        while let Some(more) = fields.next_if(|field| field.starts_with("at=")) {
            let address = address(value(Some(more), "at=")?)?;
            if addresses.contains(&address) {
                return Err(RecordError::Repeated { address });
            }
            if addresses.len() == ADDRESSES_PER_RECORD_MAX {
                return Err(RecordError::Addresses);
            }
            addresses.push(address);
        }
        Ok(Self { network, peer, addresses })
    }
}

fn value<'a>(field: Option<&'a str>, expected: &'static str) -> Result<&'a str, RecordError> {
    let field = field.unwrap_or_default();
    field
        .strip_prefix(expected)
        .ok_or_else(|| RecordError::Field { expected, seen: foreign(field) })
}

fn peer(text: &str) -> Result<PeerId, RecordError> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.filter(|bytes| XOnlyPublicKey::from_byte_array(*bytes).is_ok());
    bytes.map(PeerId::from_bytes).ok_or_else(|| RecordError::Node { seen: foreign(text) })
}

fn address(text: &str) -> Result<SocketAddr, RecordError> {
    text.parse().map_err(|_| RecordError::Address { seen: foreign(text) })
}
