//! Names of peers, groups, requests and sessions: 32 bytes each, distinct types.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes as they are.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Returns the first eight hex digits, for people; never compare by it.
            pub fn short(&self) -> alloc::string::String {
                hex::encode(self.0.get(..4).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}..)"), self.short())
            }
        }
    };
}

id! {
    /// Names a node: the x-only form of its secp256k1 node key (BIP340, "Public Key Conversion").
    ///
    /// The bytes need not be on the curve; a signature by a key that is not never verifies.
    PeerId
}
id! {
    /// Names an ordered set of signer keys on one network.
    GroupId
}
id! {
    /// Names a signing request: the tagged hash of everything a signer consents to.
    RequestId
}
id! {
    /// Names one attempt at a request; a nonce belongs to exactly one of these.
    SessionId
}

/// The position of a signer in the group's key order, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SignerIndex(pub u16);

impl SignerIndex {
    /// Returns the position as an index into a slice.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// Converts a slice position; `None` above [`u16::MAX`].
    pub fn from_usize(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self)
    }
}

impl fmt::Display for SignerIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
