//! The groups of a home: one file each.
//!
//! What is done to them here is work on files alone: whoever calls holds the home, or is the process
//! that does.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ensign_identity::SignerKey;
use ensign_psbt::Issued;
use serde::{Deserialize, Serialize};

use super::toml_file::{self, line_of};
use super::{GROUPS, Home, io_failure};
use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::names;
use crate::upkeep::{Confirmation, Drill, Upkeep};
use crate::words::{self, check_name, foreign};
use ensign_peers::contact::{Contact, ContactError};

mod certified;
mod changes;
pub(crate) use changes::Changed;

/// A group as its file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    /// For comparing; recomputed when the file is read.
    id: String,
    /// For comparing; recomputed when the file is read.
    address: String,
    /// The contact code of each other member, after `NAME=` where this user calls it otherwise.
    members: Vec<String>,
    /// That each member has confirmed this group; in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// How far it is from that; absent in a file of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmation: Option<Confirmation>,
    /// The first receiving address that was not handed out yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    next_address: u32,
    /// The first change address that is not known to be used.
    #[serde(default, skip_serializing_if = "is_zero")]
    next_change: u32,
    /// The last drill in which all have signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drill: Option<Drill>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Home {
    /// Keeps a group in its file.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_EXISTS`] with [`Existing::Keep`], [`code::HOME_IO`].
    fn keep_group(&self, group: &SignerGroup, existing: Existing) -> Result<()> {
        let path = self.group_path(&group.name);
        let member = |contact: &Contact| match &contact.alias {
            Some(alias) => format!("{alias}={contact}"),
            None => contact.to_string(),
        };
        let file = GroupFile {
            id: group.id().to_string(),
            address: group.keys.address().to_owned(),
            members: group.others().map(member).collect(),
            certificate: group.upkeep.certificate.clone(),
            confirmation: group.upkeep.confirmation,
            next_address: group.upkeep.next_address,
            next_change: group.upkeep.next_change,
            drill: group.upkeep.drill.clone(),
        };
        let text = toml::to_string_pretty(&file)
            .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        let text = format!("# {}: {}\n{text}", group.name, group.names().join(", "));
        let written = durable::write(&path, text.as_bytes(), existing, Readers::Owner);
        written.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return name_taken(&group.name);
            }
            io_failure("write", &path, &error)
        })
    }

    /// Reads one group.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_UNKNOWN`] with the names there are, [`code::HOME_DAMAGED`].
    pub(crate) fn group(&self, name: &str) -> Result<SignerGroup> {
        let names = self.group_names()?;
        if !names.iter().any(|known| known == name) {
            let shown = foreign(name);
            let what = match &names[..] {
                [] => format!("there is no group `{shown}`, nor any other"),
                names => format!("there is no group `{shown}`; there is {}", words::list(names)),
            };
            return Err(Failure::new(&code::GROUP_UNKNOWN, what));
        }
        self.read_group(name)
    }

    /// Reads all groups, by name.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn groups(&self) -> Result<Vec<SignerGroup>> {
        let names = self.group_names()?;
        let groups: Vec<_> =
            names.iter().map(|name| self.read_group(name)).collect::<Result<_>>()?;
        for (at, group) in groups.iter().enumerate() {
            let Some(first) = groups.iter().take(at).find(|it| it.id() == group.id()) else {
                continue;
            };
            let what = format!("it is the same group as {} once more", first.name);
            let hint =
                format!("keep one of {0} and {1}", file_name(&first.name), file_name(&group.name));
            return Err(toml_file::wrong(&self.group_path(&group.name), 1, &what, &hint));
        }
        Ok(groups)
    }

    fn group_path(&self, name: &str) -> PathBuf {
        self.path.join(GROUPS).join(file_name(name))
    }

    /// Returns the names of all groups.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IO`].
    pub(crate) fn group_names(&self) -> Result<Vec<String>> {
        let folder = self.path.join(GROUPS);
        let entries = fs::read_dir(&folder)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(|error| io_failure("read", &folder, &error))?;
        let name = |entry: fs::DirEntry| {
            let file = entry.file_name().into_string().ok()?;
            file.strip_suffix(".toml").filter(|name| check_name(name).is_ok()).map(str::to_owned)
        };
        let mut names: Vec<String> = entries.into_iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    fn read_group(&self, name: &str) -> Result<SignerGroup> {
        let path = self.group_path(name);
        let text = fs::read_to_string(&path).map_err(|error| io_failure("read", &path, &error))?;
        let file: GroupFile = toml_file::parse(&path, &text)?;
        let mut members: Vec<Contact> = Vec::new();
        for member in &file.members {
            let line = line_of(&text, member);
            let contact = contact_of(member).map_err(|failure| at(&path, line, failure))?;
            if members.contains(&contact) {
                let what = format!("{} stands here twice", contact.called());
                return Err(toml_file::wrong(&path, line, &what, "remove that line"));
            }
            members.push(contact);
        }
        let line = line_of(&text, "members = ");
        let group = SignerGroup::new(name, &self.contact()?, &members)
            .map_err(|failure| at(&path, line, failure))?;
        if group.id().to_string() != file.id {
            let what = "its members do not give this id, so a member was changed, added or removed";
            let hint = format!(
                "take the file from a backup; or move it away and make the group anew from the codes: \
                 its id is to be {}",
                foreign(&file.id)
            );
            return Err(toml_file::wrong(&path, line_of(&text, "id = "), what, &hint));
        }
        if group.keys.address() != file.address {
            let what = "its members do not give this address, so the line was changed";
            let hint = format!(
                "pay nothing to the address that stands there; the one of the group is {}",
                group.keys.address()
            );
            return Err(toml_file::wrong(&path, line_of(&text, "address = "), what, &hint));
        }
        if file.drill.as_ref().is_some_and(|drill| !drill.is_of(&group.keys)) {
            let what = "the group has not signed this drill";
            let hint = "remove the four lines from here on, and drill the group again";
            return Err(toml_file::wrong(&path, line_of(&text, "[drill]"), what, hint));
        }
        let GroupFile { certificate, confirmation, next_address, next_change, drill, .. } = file;
        let issued = Issued { receive: next_address, change: next_change };
        let keys = group.keys.clone().with_issued(issued);
        let upkeep = Upkeep { certificate, confirmation, next_address, next_change, drill };
        let group = SignerGroup { keys, upkeep, ..group };
        if !group.has_sound_certificate() {
            let what = "the certificate is not one of these members";
            let hint = "take the file from a backup; pay nothing to the group until then";
            return Err(toml_file::wrong(&path, line_of(&text, "certificate = "), what, hint));
        }
        Ok(group)
    }
}

/// Reads `CODE` or `NAME=CODE`.
///
/// # Errors
///
/// What is wrong with it.
fn contact_of(text: &str) -> Result<Contact> {
    let (alias, code) = names::split(text)?;
    let contact: Contact = code.parse().map_err(|error| contact_failure(&error))?;
    let alias = alias.filter(|alias| *alias != contact.name);
    Ok(Contact { alias, ..contact })
}

/// Says why text is no contact code.
pub(crate) fn contact_failure(error: &ContactError) -> Failure {
    let entry = match error {
        ContactError::Version { .. } => &code::CONTACT_VERSION,
        ContactError::Network { .. } => &code::CONTACT_NETWORK,
        ContactError::Name(_) => &code::NAME,
        ContactError::NodeKey { .. } | ContactError::SignerKey(_) | ContactError::Delegation => {
            &code::CONTACT_KEY
        }
        ContactError::Prefix { .. }
        | ContactError::Several { .. }
        | ContactError::Character { .. }
        | ContactError::Long { .. }
        | ContactError::Letter { .. }
        | ContactError::Checksum { .. }
        | ContactError::Layout { .. }
        | _ => &code::CONTACT_CODE,
    };
    Failure::new(entry, error.to_string())
}

/// Says where in a group's file something is wrong.
fn at(path: &Path, line: usize, failure: Failure) -> Failure {
    let hint = "correct that line, or take the file from a backup; leave the files store.* alone";
    toml_file::wrong(path, line, &failure.what, hint).who(failure.who)
}

fn name_taken(name: &str) -> Failure {
    Failure::new(&code::GROUP_EXISTS, format!("there is a group `{name}` already"))
}

/// Returns the name of a group's file.
pub(super) fn file_name(group: &str) -> String {
    format!("{group}.toml")
}

/// The signers of a home by the names that its user knows them by.
fn known<'a>(
    own: &'a Contact,
    groups: &'a [SignerGroup],
) -> impl Iterator<Item = (&'a str, SignerKey)> {
    let members = groups.iter().flat_map(SignerGroup::others);
    std::iter::once(own).chain(members).map(|contact| (contact.called(), contact.signer))
}
