//! A group as its members see it: sorted, named, with its address.

use ensign_coordinator::{Certificate, GroupInfo, Member, MemberInfo};
use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, Network, PeerId, SIGNERS_MAX, SignerIndex};
use ensign_psbt::Chain;
use ensign_wire::GroupKeys;

use crate::address::Address;
use crate::address::hosts::Hosts;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::names::look_alike;
use crate::upkeep::Upkeep;
use ensign_peers::contact::Contact;

/// Signers who sign together, in the order of their keys; we are one of them.
#[derive(Clone, Debug)]
pub(crate) struct SignerGroup {
    /// What this user calls the group.
    pub(crate) name: String,
    /// Its keys and address.
    pub(crate) keys: ensign_psbt::Group,
    /// Its members in key order.
    pub(crate) members: Vec<Contact>,
    /// Which member we are.
    pub(crate) own: SignerIndex,
    /// What is kept of it besides.
    pub(crate) upkeep: Upkeep,
}

impl SignerGroup {
    /// Forms a group of ourselves and others; our own contact among the others is ignored.
    ///
    /// # Errors
    ///
    /// A [`Failure`] that names a member of another network, or one that stands twice.
    pub(crate) fn new(name: &str, own: &Contact, others: &[Contact]) -> Result<Self> {
        let is_other = |contact: &&Contact| !contact.has_keys_of(own);
        let mut members: Vec<Contact> = others.iter().filter(is_other).cloned().collect();
        members.push(own.clone());
        for member in &members {
            check_network(own.network, member)?;
        }
        members.sort_by_key(|member| member.signer);
        check_distinct(&members)?;
        match members.len() {
            1 => {
                let what = "there is no other member: the only code is your own";
                return Err(Failure::new(&code::GROUP_SIZE, what));
            }
            2..=SIGNERS_MAX => {}
            count => {
                let what = format!("a group of {count} was asked for, at most {SIGNERS_MAX} sign");
                let hint = "make groups of fewer members; 16 and fewer are tried out well";
                return Err(Failure::new(&code::GROUP_SIZE, what).hint(hint));
            }
        }
        let network = own.network;
        let index = members.iter().position(|member| member == own);
        let own_index = index.and_then(SignerIndex::from_usize);
        let own = own_index.ok_or_else(|| internal("we are not in our own group"))?;
        let keys = members.iter().map(|member| member.signer).collect();
        let (name, upkeep) = (name.to_owned(), Upkeep::default());
        Ok(Self { name, keys: aggregate(network, keys)?, members, own, upkeep })
    }

    /// Returns the fingerprint that all members have confirmed.
    ///
    /// # Errors
    ///
    /// [`code::UNCERTIFIED`].
    pub(crate) fn certified(&self) -> Result<String> {
        let Some(certificate) = self.certificate() else {
            let what = format!("the members of {} have not confirmed it to each other", self.name);
            return Err(Failure::new(&code::UNCERTIFIED, what));
        };
        Ok(certificate.fingerprint().to_string())
    }

    /// Checks that a group has no certificate because an earlier version made it: only of such a one an
    /// address is told without.
    ///
    /// # Errors
    ///
    /// [`code::UNCERTIFIED`] while its members are to confirm it.
    pub(crate) fn uncertified(&self) -> Result<()> {
        if self.upkeep.confirmation.is_none() {
            return Ok(());
        }
        self.certified().map(drop)
    }

    /// Returns the receiving address that was handed out last, or is the first to be; nothing while the
    /// group is not certified.
    pub(crate) fn receive_address(&self) -> Option<String> {
        self.certificate()?;
        let index = self.upkeep.next_address.saturating_sub(1);
        self.keys.address_at(Chain::Receive, index).ok().map(|address| address.address)
    }

    /// Returns what a person is shown: that, or whose turn it is before there is one.
    pub(crate) fn shown_address(&self) -> String {
        self.receive_address().unwrap_or_else(|| match self.upkeep.confirmation {
            Some(_) => "none before all have confirmed it".to_owned(),
            None => format!("see `ensign group descriptor {} --uncertified`", self.name),
        })
    }

    /// Returns the certificate, if there is one; what a file has was checked when it was read.
    fn certificate(&self) -> Option<Certificate> {
        let bytes = hex::decode(self.upkeep.certificate.as_ref()?).ok()?;
        Certificate::decode(&bytes, self.keys.network()).ok()
    }

    /// Whether the certificate that its file has, if any, is of this group and whole.
    pub(crate) fn has_sound_certificate(&self) -> bool {
        self.upkeep.certificate.is_none()
            || self.certificate().is_some_and(|certificate| {
                certificate.roster.keys().as_ref() == Ok(self.keys.keys())
                    && self.has_nodes_of(&certificate)
                    && certificate.verify().is_ok()
            })
    }

    /// Whether the others speak through the nodes of a certificate of our keys; our own node may have been
    /// retired since.
    fn has_nodes_of(&self, certificate: &Certificate) -> bool {
        let own = self.own.as_usize();
        let mut pairs = self.members.iter().zip(&certificate.roster.members).enumerate();
        pairs.all(|(at, (member, confirmed))| at == own || member.peer == confirmed.peer)
    }

    /// Returns the group's id.
    pub(crate) const fn id(&self) -> GroupId {
        self.keys.id()
    }

    /// Returns how a member is called here: by its name, with a piece of its key where two members
    /// share the name.
    pub(crate) fn name_of(&self, index: SignerIndex) -> String {
        let Some(member) = self.members.get(index.as_usize()) else {
            return format!("signer {index}");
        };
        let name = member.called();
        let alike = |other: &&Contact| look_alike(other.called(), name);
        if self.members.iter().filter(alike).count() < 2 {
            return name.to_owned();
        }
        let key: String = member.signer.to_string().chars().take(10).collect();
        format!("{name}({key})")
    }

    /// Returns which member a node is.
    pub(crate) fn index_of(&self, peer: &PeerId) -> Option<SignerIndex> {
        let index = self.members.iter().position(|member| member.peer == *peer);
        index.and_then(SignerIndex::from_usize)
    }

    /// Returns the names of all members, in key order.
    pub(crate) fn names(&self) -> Vec<String> {
        (0..).map(SignerIndex).take(self.members.len()).map(|index| self.name_of(index)).collect()
    }

    /// Returns the members besides us.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Contact> {
        let own = self.own.as_usize();
        self.members.iter().enumerate().filter(move |(at, _)| *at != own).map(|(_, other)| other)
    }

    /// Returns where the other members can be dialled, in their own words.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.others().flat_map(|member| &member.addresses)
    }

    /// Returns the group as a node that runs hands it out.
    pub(crate) fn info(&self) -> GroupInfo {
        let member = |(index, member): (SignerIndex, &Contact)| MemberInfo {
            name: self.name_of(index),
            signer: member.signer,
            peer: member.peer,
        };
        GroupInfo {
            id: self.id(),
            name: self.name.clone(),
            address: self.keys.address().to_owned(),
            members: (0..).map(SignerIndex).zip(&self.members).map(member).collect(),
            own: self.own,
        }
    }

    /// Returns the group as the coordinator takes it.
    pub(crate) fn for_coordinator(&self, hosts: &Hosts) -> ensign_coordinator::Group {
        let member = |(index, contact): (SignerIndex, &Contact)| Member {
            name: self.name_of(index),
            signer: contact.signer,
            peer: contact.peer,
            addresses: contact.addresses.iter().flat_map(|it| hosts.dialled(it)).collect(),
            delegation: contact.delegation(),
        };
        let members = (0..).map(SignerIndex).zip(&self.members).map(member).collect();
        ensign_coordinator::Group { name: self.name.clone(), members, issued: self.keys.issued() }
    }
}

fn check_network(network: Network, member: &Contact) -> Result<()> {
    if member.network == network {
        return Ok(());
    }
    let (name, theirs) = (member.called(), member.network);
    let what = format!("the code of {name} is for {theirs}, this home is for {network}");
    Err(Failure::new(&code::CONTACT_NETWORK, what).who([name.to_owned()]))
}

/// Every key and every node once. The members are sorted by key.
fn check_distinct(members: &[Contact]) -> Result<()> {
    for (at, member) in members.iter().enumerate() {
        for other in members.iter().skip(at + 1) {
            let (name, second) = (member.called(), other.called());
            let is_one_code = Contact { alias: None, ..member.clone() }
                == Contact { alias: None, ..other.clone() };
            let what = if is_one_code && name == second {
                format!("the code of {name} was given twice")
            } else if is_one_code {
                format!("one code was given twice, as {name} and as {second}")
            } else if member.has_keys_of(other) {
                format!(
                    "two codes of {name} were given, which differ in what they say besides keys"
                )
            } else if member.signer == other.signer {
                format!("{name} and {second} have the same signer key, with two nodes")
            } else if member.peer == other.peer {
                format!("{name} and {second} have the same node, with two signer keys")
            } else {
                continue;
            };
            let mut who = vec![name.to_owned(), second.to_owned()];
            who.dedup();
            return Err(Failure::new(&code::GROUP_DUPLICATE, what).who(who));
        }
    }
    Ok(())
}

fn aggregate(network: Network, keys: Vec<SignerKey>) -> Result<ensign_psbt::Group> {
    let keys = GroupKeys::sorted(keys).map_err(|error| internal(&error.to_string()))?;
    ensign_psbt::Group::new(network, &keys).map_err(|error| internal(&error.to_string()))
}

fn internal(what: &str) -> Failure {
    Failure::new(&code::INTERNAL, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ensign_identity::NodeKey;
    use ensign_musig::SecKey;

    fn contact(byte: u8, name: &str) -> Contact {
        let secret = SecKey::from_secret_bytes([byte; 32]).unwrap();
        Contact {
            network: Network::Regtest,
            name: name.to_owned(),
            alias: None,
            peer: NodeKey::from_secret_bytes([byte + 100; 32]).unwrap().peer_id(),
            signer: SignerKey::from_public_key(secret.public_key()),
            addresses: vec![],
            more: vec![],
        }
    }

    fn refused(own: &Contact, others: &[Contact]) -> (&'static str, String) {
        let failure = SignerGroup::new("g", own, others).unwrap_err();
        (failure.entry.code, failure.what)
    }

    #[test]
    fn every_member_sees_the_same_group() {
        let all = [contact(1, "alice"), contact(2, "bob"), contact(3, "carol")];
        let groups: Vec<_> = (0..3)
            .map(|own| {
                let mut others = all.to_vec();
                others.rotate_left(own);
                SignerGroup::new("g", &all[own], &others).unwrap()
            })
            .collect();
        for group in &groups {
            assert_eq!(group.id(), groups[0].id());
            assert_eq!(group.keys.address(), groups[0].keys.address());
            assert_eq!(group.names(), groups[0].names());
            assert_eq!(group.index_of(&group.members[group.own.as_usize()].peer), Some(group.own));
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_named() {
        let (alice, bob) = (contact(1, "alice"), contact(2, "bob"));
        let (code, what) = refused(&alice, &[bob.clone(), bob.clone()]);
        assert_eq!((code, what.as_str()), ("E-GRP-003", "the code of bob was given twice"));
        let double = Contact { alias: Some("bob2".to_owned()), ..bob.clone() };
        let (code, what) = refused(&alice, &[bob.clone(), double]);
        assert_eq!((code, &*what), ("E-GRP-003", "one code was given twice, as bob and as bob2"));
        let double = Contact { name: "eve".to_owned(), peer: contact(9, "").peer, ..bob.clone() };
        assert!(refused(&alice, &[bob.clone(), double]).1.contains("the same signer key"));
        let double = Contact { signer: contact(9, "").signer, ..alice.clone() };
        assert!(refused(&alice, &[bob, double]).1.contains("the same node"));
    }

    #[test]
    fn a_group_needs_another_member_and_one_network() {
        let alice = contact(1, "alice");
        assert_eq!(refused(&alice, std::slice::from_ref(&alice)).0, "E-GRP-004");
        let bob = Contact { network: Network::Bitcoin, ..contact(2, "bob") };
        let (code, what) = refused(&alice, &[bob]);
        assert_eq!(code, "E-CON-002");
        assert_eq!(what, "the code of bob is for bitcoin, this home is for regtest");
    }

    #[test]
    fn members_of_one_name_are_told_apart() {
        let group = SignerGroup::new("g", &contact(1, "bob"), &[contact(2, "Bob")]).unwrap();
        let names = group.names();
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() == 3 + 12), "{names:?}");
    }
}
