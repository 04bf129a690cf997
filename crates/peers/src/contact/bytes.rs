//! The bytes of a code: the version, then entries of a kind, a length (one byte) and a value.
//!
//! The first four say who: network, name, node id, signer key, each once and in this order. Addresses
//! follow, then the rest in any order. An entry of a kind that is not known is kept, so that relays
//! (kind 9) and mailboxes (kind 10) can be told to those who understand them.
//!
//! Version 1, which is still read, has the same fields without kinds, and numeric addresses only.

use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use ensign_identity::{Delegation, DelegationProof, Signature, SignerKey};
use ensign_musig::XOnlyPublicKey;
use ensign_primitives::{Network, PeerId, UnixTime};

use super::{ADDRESSES_MAX, Address, Contact, ContactError, HostName, More, check_name};

const VERSION: u8 = 2;
const VERSION_BEFORE: u8 = 1;

const NETWORK: u8 = 1;
const NAME: u8 = 2;
const NODE: u8 = 3;
const SIGNER: u8 = 4;
const IP4: u8 = 5;
const IP6: u8 = 6;
const HOST: u8 = 7;
/// Not 8: those of kind 8 had no number, and are kept as what is not known.
const DELEGATION: u8 = 11;

/// Most entries besides who and where. Guess: a delegation, some relays and mailboxes.
const MORE_MAX: usize = 16;

/// Writes a contact in the one way there is.
pub(super) fn encode(contact: &Contact) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    let mut entry = |kind: u8, value: &[u8]| {
        // No value is longer than a host name and its port.
        bytes.extend([kind, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        bytes.extend(value);
    };
    entry(NETWORK, &[contact.network.id()]);
    entry(NAME, contact.name.as_bytes());
    entry(NODE, contact.peer.as_bytes());
    entry(SIGNER, &contact.signer.to_bytes());
    for address in &contact.addresses {
        let port = address.port().to_be_bytes();
        match address {
            Address::Ip(address) => match address.ip() {
                IpAddr::V4(ip) => entry(IP4, &[&ip.octets()[..], &port].concat()),
                IpAddr::V6(ip) => entry(IP6, &[&ip.octets()[..], &port].concat()),
            },
            Address::Host(name, _) => entry(HOST, &[&port[..], name.as_str().as_bytes()].concat()),
        }
    }
    for more in &contact.more {
        match more {
            More::Delegation(proof) => {
                let number = proof.number.to_be_bytes();
                let expires = proof.expires.as_millis().to_be_bytes();
                entry(DELEGATION, &[&number[..], &expires, &proof.signature.0].concat());
            }
            More::Unknown { kind, value } => entry(*kind, value),
        }
    }
    bytes
}

/// Reads a contact.
///
/// # Errors
///
/// What is wrong with the bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Contact, ContactError> {
    let mut reader = Reader { bytes, offset: 0 };
    match reader.array()? {
        [VERSION] => {}
        [VERSION_BEFORE] => return reader.version_1(),
        [seen] => return Err(ContactError::Version { seen }),
    }
    let contact = reader.contact()?;
    let written = encode(&contact);
    if written == bytes {
        return Ok(contact);
    }
    let same = written.iter().zip(bytes).take_while(|(one, other)| one == other).count();
    Err(ContactError::Layout { offset: same })
}

/// Takes one field after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn contact(&mut self) -> Result<Contact, ContactError> {
        let network = self.only(NETWORK, Self::network)?;
        let name = self.only(NAME, Self::name)?;
        let peer = self.only(NODE, Self::peer)?;
        let signer = self.only(SIGNER, Self::signer)?;
        let (addresses, more) = (Vec::new(), Vec::new());
        let mut contact = Contact { network, name, alias: None, peer, signer, addresses, more };
        while self.offset < self.bytes.len() {
            let kind = self.peek()?;
            match kind {
                IP4 => self.only(IP4, |it| it.enter(&mut contact, Self::ip4))?,
                IP6 => self.only(IP6, |it| it.enter(&mut contact, Self::ip6))?,
                HOST => self.only(HOST, |it| it.enter(&mut contact, Self::host))?,
                NETWORK | NAME | NODE | SIGNER => return Err(self.layout()),
                _ if contact.more.len() == MORE_MAX => return Err(self.layout()),
                DELEGATION => {
                    let proof = self.only(DELEGATION, |it| it.delegation(&contact))?;
                    contact.more.push(More::Delegation(proof));
                }
                kind => {
                    let value = self.only(kind, |it| Ok(it.rest().to_vec()))?;
                    contact.more.push(More::Unknown { kind, value });
                }
            }
        }
        Ok(contact)
    }

    /// Takes an entry of this kind, whose value is all taken.
    fn only<T>(
        &mut self,
        kind: u8,
        value: impl FnOnce(&mut Self) -> Result<T, ContactError>,
    ) -> Result<T, ContactError> {
        if self.peek()? != kind {
            return Err(self.layout());
        }
        let [_, length] = self.array()?;
        let begin = self.offset;
        let taken = self.take(length.into())?;
        // Offsets stay those of the whole.
        let end = begin + taken.len();
        let mut inner = Self { bytes: self.bytes.get(..end).unwrap_or_default(), offset: begin };
        let value = value(&mut inner)?;
        if inner.offset == end { Ok(value) } else { Err(inner.layout()) }
    }

    fn enter(
        &mut self,
        contact: &mut Contact,
        address: impl FnOnce(&mut Self) -> Result<Address, ContactError>,
    ) -> Result<(), ContactError> {
        let at = self.layout();
        let address = address(self)?;
        if contact.addresses.len() == ADDRESSES_MAX || contact.addresses.contains(&address) {
            return Err(at);
        }
        contact.addresses.push(address);
        Ok(())
    }

    fn network(&mut self) -> Result<Network, ContactError> {
        let [seen] = self.array()?;
        let network = Network::ALL.into_iter().find(|network| network.id() == seen);
        network.ok_or(ContactError::Network { seen })
    }

    fn name(&mut self) -> Result<String, ContactError> {
        let at = self.layout();
        let name = str::from_utf8(self.rest()).map_err(|_| at)?;
        check_name(name).map_err(ContactError::Name)?;
        Ok(name.to_owned())
    }

    fn peer(&mut self) -> Result<PeerId, ContactError> {
        let peer = PeerId::from_bytes(self.array()?);
        if XOnlyPublicKey::from_byte_array(*peer.as_bytes()).is_err() {
            return Err(ContactError::NodeKey { seen: peer });
        }
        Ok(peer)
    }

    fn signer(&mut self) -> Result<SignerKey, ContactError> {
        SignerKey::from_bytes(&self.array()?).map_err(ContactError::SignerKey)
    }

    fn ip4(&mut self) -> Result<Address, ContactError> {
        let ip = IpAddr::from(self.array::<4>()?);
        Ok(Address::Ip(SocketAddr::new(ip, u16::from_be_bytes(self.array()?))))
    }

    fn ip6(&mut self) -> Result<Address, ContactError> {
        let ip = IpAddr::from(self.array::<16>()?);
        // An IPv4 address in the clothes of IPv6 becomes what it is, which is written otherwise.
        Ok(SocketAddr::new(ip, u16::from_be_bytes(self.array()?)).into())
    }

    fn host(&mut self) -> Result<Address, ContactError> {
        let port = u16::from_be_bytes(self.array()?);
        let at = self.layout();
        let name = str::from_utf8(self.rest()).map_err(|_| at.clone())?;
        Ok(Address::Host(name.parse::<HostName>().map_err(|_| at)?, port))
    }

    fn delegation(&mut self, contact: &Contact) -> Result<DelegationProof, ContactError> {
        let number = u64::from_be_bytes(self.array()?);
        let expires = UnixTime::from_millis(u64::from_be_bytes(self.array()?));
        let proof = DelegationProof { number, expires, signature: Signature(self.array()?) };
        // Whether its time is over is for those to judge who rely on it.
        Delegation::verify_signature(contact.signer, contact.peer, contact.network, proof)
            .map_err(|_| ContactError::Delegation)?;
        Ok(proof)
    }

    fn version_1(mut self) -> Result<Contact, ContactError> {
        let network = self.network()?;
        let [length] = self.array()?;
        let begin = self.offset;
        self.take(length.into())?;
        let end = self.offset;
        let mut inner = Self { bytes: self.bytes.get(..end).unwrap_or_default(), offset: begin };
        let name = inner.name()?;
        let (peer, signer) = (self.peer()?, self.signer()?);
        let (addresses, more) = (Vec::new(), Vec::new());
        let mut contact = Contact { network, name, alias: None, peer, signer, addresses, more };
        let [count] = self.array()?;
        for _ in 0..count {
            match self.array()? {
                [4] => self.enter(&mut contact, Self::ip4)?,
                [6] => self.enter(&mut contact, Self::ip6)?,
                [_] => return Err(self.layout()),
            }
        }
        if self.offset < self.bytes.len() { Err(self.layout()) } else { Ok(contact) }
    }

    fn peek(&self) -> Result<u8, ContactError> {
        self.bytes.get(self.offset).copied().ok_or_else(|| self.layout())
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        self.offset = self.bytes.len();
        rest
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
