//! Who shall be a group: the roster that its members agree on, and the certificate that they did.

use alloc::{string::String, vec::Vec};
use core::net::SocketAddr;

use ensign_identity::{Delegation, DelegationProof, Signature, SignerKey, verify};
use ensign_primitives::{Network, PeerId, SignerIndex, TaggedHasher};
use serde::{Deserialize, Serialize};

use crate::{ADDRESSES_MAX, DecodeError, Fingerprint, GroupKeys, codec};

/// Most members of a roster. Guess: everybody is linked with everybody, which is for up to 32; twice that.
pub const ROSTER_MEMBERS_MAX: usize = 64;

/// Most bytes of the name of a group or a member; the same as a contact code's.
pub const ROSTER_NAME_BYTES_MAX: usize = 32;

/// Names an invitation: a tagged hash of everything that its code says of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvitationId(pub [u8; 16]);

/// One member of a group that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterMember {
    /// The key it brings.
    pub signer: SignerKey,
    /// Its node.
    pub peer: PeerId,
    /// That the key lets the node speak.
    pub delegation: DelegationProof,
    /// What it calls itself.
    pub name: String,
}

/// A member and where its node can be reached, which is no part of what is agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub member: RosterMember,
    /// Where, at most [`ADDRESSES_MAX`]; a claim.
    pub addresses: Vec<SocketAddr>,
}

/// Everything that makes a group, in the one order there is: what a fingerprint is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// The chain it signs on.
    pub network: Network,
    /// What the group is called.
    pub name: String,
    /// Which invitation gathered them; `None` where each has pasted the codes of the others.
    pub invitation: Option<InvitationId>,
    /// 2 to [`ROSTER_MEMBERS_MAX`], by rising signer key, so in the order of BIP327's `KeySort`.
    pub members: Vec<RosterMember>,
}

/// A roster as it travels: with the addresses of each member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterOffer {
    /// The roster.
    pub roster: Roster,
    /// Of each member, in the roster's order.
    pub addresses: Vec<Vec<SocketAddr>>,
}

/// That everybody of a roster has compared the fingerprint and signed it: the group.
///
/// Anybody can verify one offline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Who.
    pub roster: Roster,
    /// The random value of each member, in the roster's order.
    pub values: Vec<[u8; 32]>,
    /// BIP340 of each member's node key over the [`Fingerprint`], in the same order.
    pub signatures: Vec<Signature>,
}

/// What is wrong with a roster or a certificate whose bytes are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A member's key never let its node speak.
    #[error("the key of member {member} does not let its node speak for it")]
    Delegation {
        /// Which member.
        member: SignerIndex,
    },
    /// There are more or fewer values or signatures than members.
    #[error("{seen} values or signatures for {expected} members")]
    Count {
        /// How many members.
        expected: usize,
        /// How many there are.
        seen: usize,
    },
    /// A signature is not its member's over this fingerprint.
    #[error("the signature of member {member} is not its own over this fingerprint")]
    Signature {
        /// Which member.
        member: SignerIndex,
    },
}

impl Candidate {
    /// Encodes it, in the one way there is.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes a whole one; the delegation is parsed, not verified. Cost: one curve point.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let candidate: Self = codec::decode(bytes)?;
        check_addresses(&candidate.addresses)?;
        check_name("bytes of a member's name", &candidate.member.name)?;
        Ok(candidate)
    }
}

impl Roster {
    /// Encodes it, in the one way there is.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Returns the tagged hash that names it: of everything but the delegations. These are renewed, so that
    /// two who have pasted one member's codes of two days hold two of them, and each proves the same.
    pub fn digest(&self) -> [u8; 32] {
        let member = |it: &RosterMember| (it.signer, it.peer, it.name.clone());
        let members: Vec<_> = self.members.iter().map(member).collect();
        let agreed = codec::encode(&(self.network, &self.name, self.invitation, members));
        let hasher = TaggedHasher::new("ensign/roster/v1", self.network);
        hasher.var_bytes(&agreed).finish()
    }

    /// Returns what a member commits to before it reveals `value`.
    ///
    /// - `digest`: the roster's [digest](Self::digest).
    pub fn commitment(&self, digest: &[u8; 32], by: SignerIndex, value: &[u8; 32]) -> [u8; 32] {
        let hasher = TaggedHasher::new("ensign/formation-commit/v1", self.network);
        hasher.bytes(digest).u64(by.0.into()).bytes(value).finish()
    }

    /// Returns the members' keys, in the order in which they are aggregated.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for a roster that [`validate`](Self::validate) refuses.
    pub fn keys(&self) -> Result<GroupKeys, DecodeError> {
        GroupKeys::new(self.members.iter().map(|member| member.signer).collect())
    }

    /// Returns where a node stands.
    pub fn index_of(&self, peer: &PeerId) -> Option<SignerIndex> {
        let at = self.members.iter().position(|member| member.peer == *peer)?;
        SignerIndex::from_usize(at)
    }

    /// Checks that it is within its limits and in its order: keys rise, no node and no name stands twice.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] names what is wrong.
    pub fn validate(&self) -> Result<(), DecodeError> {
        let count = self.members.len();
        codec::in_range("members", count as u64, 2..=ROSTER_MEMBERS_MAX as u64)?;
        check_name("bytes of the group's name", &self.name)?;
        for (at, member) in self.members.iter().enumerate() {
            check_name("bytes of a member's name", &member.name)?;
            let earlier = self.members.get(..at).unwrap_or_default();
            let rises = earlier.last().is_none_or(|last| last.signer < member.signer);
            let is_other = |it: &RosterMember| {
                it.peer != member.peer && !it.name.eq_ignore_ascii_case(&member.name)
            };
            if !rises || !earlier.iter().all(is_other) {
                let all = count as u64;
                return codec::in_range("members in order, each once", at as u64, all..=all);
            }
        }
        Ok(())
    }

    /// Checks what whoever compares the names relies on, for a group that is yet to be: that no reader takes one
    /// member's name for another's.
    ///
    /// A certificate that was made before this was a rule stays what it is.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] names the first member whose name looks like one before it.
    pub fn check_names(&self) -> Result<(), DecodeError> {
        let all = self.members.len() as u64;
        for (at, member) in self.members.iter().enumerate() {
            let earlier = self.members.get(..at).unwrap_or_default();
            if earlier.iter().any(|it| look_alike(&it.name, &member.name)) {
                return codec::in_range("members whose names look different", at as u64, all..=all);
            }
        }
        Ok(())
    }

    /// Verifies that each key lets its node speak, whatever the time. Cost: about 22 µs for each member.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Delegation`].
    pub fn verify_delegations(&self) -> Result<(), CertificateError> {
        for (member, it) in (0..).map(SignerIndex).zip(&self.members) {
            Delegation::verify_signature(it.signer, it.peer, self.network, it.delegation)
                .map_err(|_| CertificateError::Delegation { member })?;
        }
        Ok(())
    }
}

impl RosterOffer {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes a whole one. Cost: one curve point for each member.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what.
    pub fn decode(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        check_network(bytes, network)?;
        let offer: Self = codec::decode(bytes)?;
        offer.roster.validate()?;
        offer.roster.check_names()?;
        let members = offer.roster.members.len() as u64;
        codec::in_range("lists of addresses", offer.addresses.len() as u64, members..=members)?;
        offer.addresses.iter().try_for_each(|list| check_addresses(list))?;
        Ok(offer)
    }
}

impl Certificate {
    /// Encodes it, in the one way there is.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes a whole one; it says nothing until [`verify`](Self::verify) holds. Cost: one curve point
    /// for each member.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what.
    pub fn decode(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        check_network(bytes, network)?;
        let certificate: Self = codec::decode(bytes)?;
        certificate.roster.validate()?;
        let members = certificate.roster.members.len() as u64;
        codec::in_range("values", certificate.values.len() as u64, members..=members)?;
        codec::in_range("signatures", certificate.signatures.len() as u64, members..=members)?;
        Ok(certificate)
    }

    /// Returns what its members have compared.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(self.roster.network, &self.roster.digest(), &self.values)
    }

    /// Verifies that each key lets its node speak, and that each node signed. Whether the delegations
    /// still run is no matter: they are renewed.
    ///
    /// Cost: about 44 µs for each member.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] with the first member that did not.
    pub fn verify(&self) -> Result<(), CertificateError> {
        let expected = self.roster.members.len();
        let counts = [self.values.len(), self.signatures.len()];
        if let Some(seen) = counts.into_iter().find(|seen| *seen != expected) {
            return Err(CertificateError::Count { expected, seen });
        }
        self.roster.verify_delegations()?;
        let fingerprint = self.fingerprint();
        let pairs = self.roster.members.iter().zip(&self.signatures);
        for (member, (it, signature)) in (0..).map(SignerIndex).zip(pairs) {
            if !verify(&it.peer, fingerprint.as_bytes(), signature) {
                return Err(CertificateError::Signature { member });
            }
        }
        Ok(())
    }
}

/// Tells whether text may name a group or a member: letters, digits, `-`, `_` and `.`, of which the last
/// and `-` do not begin it.
pub fn is_roster_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=ROSTER_NAME_BYTES_MAX).contains(&name.len())
        && name.chars().all(is_plain)
        && !name.starts_with(['.', '-'])
}

/// Returns whether a reader could take one name for the other: upper and lower case count as the same, as do
/// `0` and `o`, and `1`, `l` and `i`.
pub fn look_alike(one: &str, other: &str) -> bool {
    let look = |c: char| match c.to_ascii_lowercase() {
        '0' => 'o',
        '1' | 'i' => 'l',
        c => c,
    };
    one.chars().map(look).eq(other.chars().map(look))
}

fn check_name(field: &'static str, name: &str) -> Result<(), DecodeError> {
    let length = if is_roster_name(name) { name.len() } else { 0 };
    codec::in_range(field, length as u64, 1..=ROSTER_NAME_BYTES_MAX as u64)
}

fn check_addresses(addresses: &[SocketAddr]) -> Result<(), DecodeError> {
    codec::in_range("addresses", addresses.len() as u64, 0..=ADDRESSES_MAX as u64)
}

/// Refuses another network before a point is computed.
fn check_network(bytes: &[u8], network: Network) -> Result<(), DecodeError> {
    let (seen, _) = codec::decode_start::<Network>(bytes)?;
    if seen != network {
        return Err(DecodeError::Network { expected: network, seen });
    }
    Ok(())
}
