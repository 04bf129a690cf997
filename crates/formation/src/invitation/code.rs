//! The bytes of a code, and its text.
//!
//! Version (`01`), network, size, expires (8 bytes, big endian, milliseconds), node id (32), secret (16),
//! then the name and up to eight addresses, each with its length in a byte before it.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use ensign_peers::contact::{ADDRESSES_MAX, Address, foreign};
use ensign_primitives::{Network, PeerId, UnixTime};
use ensign_wire::{ROSTER_MEMBERS_MAX, is_roster_name};

use super::{Invitation, InvitationError};

const PREFIX: Hrp = Hrp::parse_unchecked("ensigninvite");
const BEGIN: &str = "ensigninvite1";
const CONTACT_BEGIN: &str = "ensign1";
const VERSION: u8 = 1;

/// More than the longest code, whatever is written around it.
const CHARACTERS_MAX: usize = 4096;

/// Most bytes of an address in a code: a host name and its port.
const ADDRESS_BYTES_MAX: usize = 255;

/// Writes an invitation in the one way there is.
pub(super) fn encode(invitation: &Invitation) -> Vec<u8> {
    let mut bytes = vec![VERSION, invitation.network.id(), invitation.size];
    bytes.extend(invitation.expires.as_millis().to_be_bytes());
    bytes.extend(invitation.inviter.as_bytes());
    bytes.extend(invitation.secret);
    let mut write = |text: &str| {
        bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        bytes.extend(text.as_bytes());
    };
    write(&invitation.name);
    let addresses = invitation.addresses.iter().map(ToString::to_string);
    addresses.filter(|it| it.len() <= ADDRESS_BYTES_MAX).for_each(|address| write(&address));
    bytes
}

/// Reads an invitation.
///
/// # Errors
///
/// What is wrong with the bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Invitation, InvitationError> {
    let mut reader = Reader { bytes, offset: 0 };
    let [version, network, size] = reader.array()?;
    if version != VERSION {
        return Err(InvitationError::Version { seen: version });
    }
    let network = Network::ALL.into_iter().find(|it| it.id() == network);
    let network = network.ok_or(InvitationError::Layout { offset: 1 })?;
    if !(2..=ROSTER_MEMBERS_MAX).contains(&usize::from(size)) {
        return Err(InvitationError::Layout { offset: 2 });
    }
    let expires = UnixTime::from_millis(u64::from_be_bytes(reader.array()?));
    let (inviter, secret) = (PeerId::from_bytes(reader.array()?), reader.array()?);
    let name = reader.text(|name| is_roster_name(name).then(|| name.into()))?;
    let mut addresses: Vec<Address> = Vec::new();
    while reader.offset < bytes.len() {
        let at = InvitationError::Layout { offset: reader.offset };
        let address = reader.text(|text| {
            let address: Option<Address> = text.parse().ok();
            address.filter(|address| address.to_string() == text)
        })?;
        if addresses.len() == ADDRESSES_MAX || addresses.contains(&address) {
            return Err(at);
        }
        addresses.push(address);
    }
    Ok(Invitation { network, name, size, inviter, addresses, expires, secret })
}

/// Writes bytes as a code; `None` for more than any code has.
pub(super) fn write(bytes: &[u8]) -> Option<String> {
    bech32::encode::<Bech32m>(PREFIX, bytes).ok()
}

/// Reads the bytes of a code: without what mail and phones put between and around its letters.
///
/// # Errors
///
/// [`InvitationError`] for what is no code.
pub(super) fn read(text: &str) -> Result<Vec<u8>, InvitationError> {
    let is_sign = |c: &char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
    let code: String = text.chars().filter(is_sign).take(CHARACTERS_MAX + 1).collect();
    let code = code.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    if !code.starts_with(BEGIN) {
        if code.starts_with(CONTACT_BEGIN) {
            return Err(InvitationError::Contact);
        }
        let seen = foreign(&text.trim().chars().take(16).collect::<String>());
        return Err(InvitationError::Prefix { seen });
    }
    let wrong = InvitationError::Checksum { characters: code.len() };
    let checked = CheckedHrpstring::new::<Bech32m>(&code).map_err(|_| wrong.clone())?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    // The last character has spare bits.
    if write(&bytes).as_deref() == Some(&code) { Ok(bytes) } else { Err(wrong) }
}

/// Takes one field after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvitationError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| InvitationError::Layout { offset: self.offset })
    }

    fn text<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, InvitationError> {
        let at = InvitationError::Layout { offset: self.offset };
        let [length] = self.array()?;
        let text = core::str::from_utf8(self.take(length.into())?).map_err(|_| at.clone())?;
        read(text).ok_or(at)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], InvitationError> {
        let end = self.offset.saturating_add(length);
        let taken = self.bytes.get(self.offset..end);
        let taken = taken.ok_or(InvitationError::Layout { offset: self.offset })?;
        self.offset = end;
        Ok(taken)
    }
}
