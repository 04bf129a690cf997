//! Groups that all of their members have confirmed, and the addresses that are handed out of them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use ensign_api::view::{AddressView, Which};
use ensign_coordinator::{Certificate, RosterMember};
use ensign_peers::contact::{Address, Contact, More};
use ensign_primitives::{GroupId, Network};
use ensign_psbt::Chain;

use super::changes::{as_known, check_group_name};
use super::{GroupFile, Home, known, name_taken, toml_file};
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{GROUPS, io_failure};
use crate::names;
use crate::words::NAME_CHARS_MAX;

/// How many names are tried for a member or a group whose own is taken here. Guess: nobody has as many
/// of one name.
const NAMES_TRIED: u32 = 100;

impl Home {
    /// Checks that a group may get this name here.
    ///
    /// # Errors
    ///
    /// [`code::NAME`], [`code::GROUP_EXISTS`].
    pub(crate) fn check_new_group(&self, name: &str) -> Result<()> {
        check_group_name(name)?;
        if self.group_names()?.iter().any(|known| known == name) {
            return Err(name_taken(name).hint(format!(
                "invite under another name; or `ensign group rename {name} OTHER`, which nobody else hears of"
            )));
        }
        Ok(())
    }

    /// Whether the home has the group of a certificate, and knows that it is certified.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn has_certified(&self, certificate: &Certificate) -> Result<bool> {
        let id = id_of(certificate)?;
        let groups = self.groups()?;
        Ok(groups.iter().any(|group| group.id() == id && group.upkeep.certificate.is_some()))
    }

    /// Whether this home had the group of a certificate, and has forgotten it.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IO`].
    pub(crate) fn has_forgotten(&self, certificate: &Certificate) -> Result<bool> {
        let id = id_of(certificate)?;
        if self.groups()?.iter().any(|group| group.id() == id) {
            return Ok(false);
        }
        let id: String = id.to_string().chars().take(8).collect();
        let (folder, end) = (self.path.join(GROUPS), format!(".{id}.forgotten"));
        let entries = fs::read_dir(&folder).map_err(|error| io_failure("read", &folder, &error))?;
        let mut forgotten = entries
            .flatten()
            .filter(|it| it.file_name().to_string_lossy().ends_with(&end))
            .filter_map(|it| forgotten_certificate(&it.path(), certificate.roster.network));
        // It may have been forgotten, and formed anew with other words since.
        Ok(forgotten.any(|it| it.fingerprint() == certificate.fingerprint()))
    }

    /// Keeps a group that all of its members have confirmed; one that was there gets the certificate, and
    /// the nodes that it is of.
    ///
    /// - `addresses`: where each can be dialled, in the roster's order; none where that is not known.
    ///
    /// # Errors
    ///
    /// What is wrong with the members together, [`code::HOME_IO`].
    pub(crate) fn keep_certified(
        &self,
        certificate: &Certificate,
        addresses: &[Vec<SocketAddr>],
    ) -> Result<SignerGroup> {
        let (id, groups) = (id_of(certificate)?, self.groups()?);
        let encoded = Some(hex::encode(certificate.encode()));
        if let Some(mut group) = groups.iter().find(|group| group.id() == id).cloned() {
            group.upkeep.certificate = encoded;
            group.upkeep.confirmation = None;
            let own = group.own.as_usize();
            let all = group.members.iter_mut().zip(&certificate.roster.members).enumerate();
            // Both are in the order of their keys.
            for (_, (known, confirmed)) in all.filter(|(at, _)| *at != own) {
                known.peer = confirmed.peer;
                known.more = vec![More::Delegation(confirmed.delegation)];
            }
            self.keep_group(&group, Existing::Replace)?;
            return Ok(group);
        }
        let own = self.contact()?;
        let mut members: Vec<Contact> = Vec::new();
        for (at, member) in certificate.roster.members.iter().enumerate() {
            if member.signer == own.signer {
                continue;
            }
            let at = addresses.get(at).map(Vec::as_slice).unwrap_or_default();
            let contact = as_known(contact_of_member(certificate, member, at), &groups);
            let before = || members.iter().map(|it| (it.called(), it.signer));
            let is_free = |it: &Contact| {
                names::check_unique(it, known(&own, &groups).chain(before())).is_ok()
            };
            members.push(renamed(contact, is_free));
        }
        let taken = self.group_names()?;
        let name = free_name(&certificate.roster.name, |name| !taken.iter().any(|it| it == name));
        let mut group = SignerGroup::new(&name, &own, &members)?;
        group.upkeep.certificate = encoded;
        self.keep_group(&group, Existing::Keep)?;
        Ok(group)
    }

    /// Hands out an address of a group: the one that was handed out last, or another one.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_UNKNOWN`]; [`code::UNCERTIFIED`] while not all members have confirmed the group.
    pub(crate) fn hand_out(&self, name: &str, which: Which) -> Result<AddressView> {
        let mut group = self.group(name)?;
        if which.uncertified {
            group.uncertified()?;
        } else {
            group.certified()?;
        }
        let issued = group.upkeep.next_address;
        let index = if which.new || issued == 0 { issued } else { issued - 1 };
        let address = group.keys.address_at(Chain::Receive, index).map_err(|error| {
            Failure::new(&code::INTERNAL, format!("no address {index}: {error}"))
        })?;
        if index == issued {
            group.upkeep.next_address = issued + 1;
            self.keep_group(&group, Existing::Replace)?;
        }
        Ok(AddressView {
            group: group.name.clone(),
            address: address.address,
            path: address.path.to_string(),
            drilled_ms: group.upkeep.drill.as_ref().map(|drill| drill.at_ms),
        })
    }
}

/// Returns the certificate that the file of a forgotten group has, if any.
fn forgotten_certificate(path: &Path, network: Network) -> Option<Certificate> {
    let file: GroupFile = toml_file::parse(path, &fs::read_to_string(path).ok()?).ok()?;
    Certificate::decode(&hex::decode(file.certificate?).ok()?, network).ok()
}

fn id_of(certificate: &Certificate) -> Result<GroupId> {
    let keys = certificate.roster.keys();
    let keys = keys.map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
    Ok(keys.group_id(certificate.roster.network))
}

fn contact_of_member(
    certificate: &Certificate,
    member: &RosterMember,
    addresses: &[SocketAddr],
) -> Contact {
    Contact {
        network: certificate.roster.network,
        name: member.name.clone(),
        alias: None,
        peer: member.peer,
        signer: member.signer,
        addresses: addresses.iter().copied().map(Address::from).collect(),
        more: vec![More::Delegation(member.delegation)],
    }
}

/// Calls a member otherwise, while its own name is somebody else's here.
fn renamed(contact: Contact, is_free: impl Fn(&Contact) -> bool) -> Contact {
    let called = |name: &str| Contact { alias: Some(name.to_owned()), ..contact.clone() };
    if is_free(&contact) {
        return contact;
    }
    let name = free_name(&contact.name, |name| is_free(&called(name)));
    called(&name)
}

/// Returns a name, with a number behind it where it is taken: a name that is too long with it is cut.
fn free_name(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let others = (2..NAMES_TRIED).map(|number| {
        let end = format!("-{number}");
        let stem: String = name.chars().take(NAME_CHARS_MAX - end.len()).collect();
        stem + &end
    });
    let mut names = std::iter::once(name.to_owned()).chain(others);
    names.find(|name| is_free(name)).unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests;
