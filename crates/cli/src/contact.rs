//! Contact codes: everything another signer needs to know about us, in one line to paste.
//!
//! A code is [Bech32m] with the prefix `ensign`, over these bytes: version 1, network, length of the
//! name, name, node id (32), signer key (33), number of addresses, and for each `04` or `06`, the
//! IPv4 or IPv6 address and the port, big endian. One code per contact: what re-encodes
//! differently is refused.
//!
//! [Bech32m]: https://github.com/bitcoin/bips/blob/master/bip-0350.mediawiki

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use bitcoin::bech32::primitives::decode::CheckedHrpstring;
use bitcoin::bech32::{self, Bech32m, Hrp};
use ensign_identity::SignerKey;
use ensign_musig::XOnlyPublicKey;
use ensign_primitives::{Network, PeerId};

use crate::words::{check_name, foreign};

const PREFIX: Hrp = Hrp::parse_unchecked("ensign");
const VERSION: u8 = 1;
const IPV4: u8 = 4;
const IPV6: u8 = 6;

/// Most addresses in one code. Guess: two networks with both address families, twice.
pub(crate) const ADDRESSES_MAX: usize = 8;

/// One signer, as it introduces itself. Its keys are points on the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    /// The chain it signs on.
    pub(crate) network: Network,
    /// What it calls itself; see [`check_name`].
    pub(crate) name: String,
    /// Its node.
    pub(crate) peer: PeerId,
    /// The key it brings into groups.
    pub(crate) signer: SignerKey,
    /// Where its node listens, at most [`ADDRESSES_MAX`].
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Why text is no contact code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ContactError {
    /// It does not begin as a code does.
    #[error("`{seen}` does not begin with `ensign1`")]
    Prefix {
        /// The first characters, escaped.
        seen: String,
    },
    /// The checksum does not fit, or a character cannot occur in a code.
    #[error("the checksum does not fit ({characters} characters): {cause}")]
    Checksum {
        /// How long the text is.
        characters: usize,
        /// What the checksum's library says.
        cause: bech32::primitives::decode::CheckedHrpstringError,
    },
    /// Another version of codes.
    #[error("version {seen} is not known, only {VERSION}")]
    Version {
        /// The version.
        seen: u8,
    },
    /// A network that does not exist.
    #[error("network {seen} is not known")]
    Network {
        /// The network's number.
        seen: u8,
    },
    /// The bytes end too early, go on too long, or are not written in the one way.
    #[error("the bytes do not hold together at byte {offset}")]
    Layout {
        /// Where, from 0.
        offset: usize,
    },
    /// The name is not acceptable.
    #[error("{reason}")]
    Name {
        /// What is wrong with it.
        reason: String,
    },
    /// The node id is no point on the curve.
    #[error("the node id {seen} is no point on the curve")]
    NodeKey {
        /// The id.
        seen: PeerId,
    },
    /// The signer key is no point on the curve.
    #[error("the signer key is {0}")]
    SignerKey(ensign_identity::InvalidSignerKey),
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode::<Bech32m>(PREFIX, &self.to_bytes()).map_err(|_| fmt::Error)?)
    }
}

impl Contact {
    fn to_bytes(&self) -> Vec<u8> {
        let length = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        let mut bytes = vec![VERSION, self.network.id(), length(self.name.len())];
        bytes.extend(self.name.bytes());
        bytes.extend(self.peer.as_bytes());
        bytes.extend(self.signer.to_bytes());
        bytes.push(length(self.addresses.len()));
        for address in &self.addresses {
            match address.ip() {
                IpAddr::V4(ip) => bytes.extend([&[IPV4][..], &ip.octets()].concat()),
                IpAddr::V6(ip) => bytes.extend([&[IPV6][..], &ip.octets()].concat()),
            }
            bytes.extend(address.port().to_be_bytes());
        }
        bytes
    }
}

impl FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let text = text.trim();
        if !text.get(..7).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ensign1")) {
            let seen = foreign(&text.chars().take(12).collect::<String>());
            return Err(ContactError::Prefix { seen });
        }
        let characters = text.chars().count();
        let checked = CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|cause| ContactError::Checksum { characters, cause })?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let contact = Reader { bytes: &bytes, offset: 0 }.contact()?;
        // The last character has spare bits.
        if !contact.to_string().eq_ignore_ascii_case(text) {
            return Err(ContactError::Layout { offset: bytes.len() });
        }
        Ok(contact)
    }
}

/// Takes one field after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn contact(mut self) -> Result<Contact, ContactError> {
        let [version] = self.array()?;
        if version != VERSION {
            return Err(ContactError::Version { seen: version });
        }
        let [seen] = self.array()?;
        let network = Network::ALL.into_iter().find(|network| network.id() == seen);
        let network = network.ok_or(ContactError::Network { seen })?;
        let name = self.name()?;
        let peer = PeerId::from_bytes(self.array()?);
        if XOnlyPublicKey::from_byte_array(*peer.as_bytes()).is_err() {
            return Err(ContactError::NodeKey { seen: peer });
        }
        let signer = SignerKey::from_bytes(&self.array()?).map_err(ContactError::SignerKey)?;
        let addresses = self.addresses()?;
        if self.offset < self.bytes.len() {
            return Err(self.layout());
        }
        Ok(Contact { network, name, peer, signer, addresses })
    }

    fn name(&mut self) -> Result<String, ContactError> {
        let [length] = self.array()?;
        let bytes = self.take(length.into())?;
        let name = str::from_utf8(bytes).map_err(|_| self.layout())?;
        check_name(name).map_err(|reason| ContactError::Name { reason })?;
        Ok(name.to_owned())
    }

    fn addresses(&mut self) -> Result<Vec<SocketAddr>, ContactError> {
        let [count] = self.array()?;
        if usize::from(count) > ADDRESSES_MAX {
            return Err(self.layout());
        }
        (0..count).map(|_| self.address()).collect()
    }

    fn address(&mut self) -> Result<SocketAddr, ContactError> {
        let ip = match self.array()? {
            [IPV4] => IpAddr::from(self.array::<4>()?),
            [IPV6] => IpAddr::from(self.array::<16>()?),
            [_] => return Err(self.layout()),
        };
        Ok(SocketAddr::new(ip, u16::from_be_bytes(self.array()?)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ContactError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.layout())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ContactError> {
        let end = self.offset.saturating_add(length);
        let taken = self.bytes.get(self.offset..end).ok_or_else(|| self.layout())?;
        self.offset = end;
        Ok(taken)
    }

    const fn layout(&self) -> ContactError {
        ContactError::Layout { offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: &str = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

    fn alice() -> Contact {
        let signer: [u8; 33] = hex::decode(SIGNER).unwrap().try_into().unwrap();
        Contact {
            network: Network::Signet,
            name: "alice".to_owned(),
            peer: PeerId::from_bytes(signer[1..].try_into().unwrap()),
            signer: SignerKey::from_bytes(&signer).unwrap(),
            addresses: vec!["192.0.2.7:4820".parse().unwrap(), "[2001:db8::1]:9".parse().unwrap()],
        }
    }

    fn encode(bytes: &[u8]) -> String {
        bech32::encode::<Bech32m>(PREFIX, bytes).unwrap()
    }

    fn check(bytes: &[u8], expected: &ContactError) {
        assert_eq!(encode(bytes).parse::<Contact>().unwrap_err(), *expected);
    }

    #[test]
    fn a_code_reads_back_in_either_case_and_with_white_space() {
        let code = alice().to_string();
        assert!(code.starts_with("ensign1") && code.chars().all(char::is_alphanumeric));
        for text in [code.clone(), format!(" {code}\n"), code.to_uppercase()] {
            assert_eq!(text.parse::<Contact>().unwrap(), alice());
        }
    }

    #[test]
    fn every_changed_or_missing_character_is_found() {
        let code = alice().to_string();
        for at in 7..code.len() {
            let mut changed = code.clone().into_bytes();
            changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed.parse::<Contact>().is_err(), "{at}");
            assert!(code[..at].parse::<Contact>().is_err(), "{at}");
        }
    }

    #[test]
    fn text_that_is_no_code_is_named() {
        for (text, seen) in [("", ""), ("bc1qxyz", "bc1qxyz"), ("\u{1b}[2J", "\\u{1b}[2J")] {
            let expected = ContactError::Prefix { seen: seen.to_owned() };
            assert_eq!(text.parse::<Contact>().unwrap_err(), expected);
        }
    }

    #[test]
    fn a_true_checksum_over_wrong_bytes_says_what_is_wrong() {
        let bytes = alice().to_bytes();
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            bytes
        };
        check(&with(0, 2), &ContactError::Version { seen: 2 });
        check(&with(1, 9), &ContactError::Network { seen: 9 });
        check(&[], &ContactError::Layout { offset: 0 });
        check(&bytes[..50], &ContactError::Layout { offset: 40 });
        let trailing = ContactError::Layout { offset: bytes.len() };
        check(&[&bytes[..], &[0]].concat(), &trailing);
        let refused = encode(&with(3, b'/')).parse::<Contact>().unwrap_err();
        assert!(matches!(refused, ContactError::Name { .. }));
        let mut off_curve = bytes.clone();
        off_curve[8..40].fill(0xff);
        check(&off_curve, &ContactError::NodeKey { seen: PeerId::from_bytes([0xff; 32]) });
        let refused = encode(&with(40, 5)).parse::<Contact>().unwrap_err();
        assert!(matches!(refused, ContactError::SignerKey(_)));
        check(&with(73, 9), &ContactError::Layout { offset: 74 });
        check(&with(74, 5), &ContactError::Layout { offset: 75 });
    }

    #[test]
    fn spare_bits_of_the_last_character_are_zero() {
        use bech32::{ByteIterExt as _, Fe32IterExt as _};
        let mut alice = alice();
        alice.addresses.remove(0);
        let bytes = alice.to_bytes();
        let mut fes: Vec<_> = bytes.iter().copied().bytes_to_fes().collect();
        assert_ne!(bytes.len() * 8 % 5, 0, "no spare bits: change the contact of this test");
        let last = fes.pop().unwrap().to_u8() | 1;
        fes.push(bech32::Fe32::try_from(last).unwrap());
        let code: String = fes.into_iter().with_checksum::<Bech32m>(&PREFIX).chars().collect();
        assert_eq!(
            code.parse::<Contact>().unwrap_err(),
            ContactError::Layout { offset: bytes.len() }
        );
    }
}
