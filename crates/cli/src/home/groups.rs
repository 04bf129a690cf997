//! The groups of a home: one file each.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{GROUPS, Home, damaged, io_failure, misread};
use crate::catalogue as code;
use crate::contact::{Contact, ContactError};
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::words::{check_name, foreign};

/// A group as its file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    /// For comparing; recomputed when the file is read.
    id: String,
    /// For comparing; recomputed when the file is read.
    address: String,
    /// The contact code of each other member.
    members: Vec<String>,
}

impl Home {
    /// Keeps a new group.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_EXISTS`], [`code::HOME_IO`].
    pub(crate) fn keep_group(&self, group: &SignerGroup) -> Result<()> {
        let path = self.group_path(&group.name);
        let own = group.members.get(group.own.as_usize());
        let others = group.members.iter().filter(|member| Some(*member) != own);
        let file = GroupFile {
            id: group.id().to_string(),
            address: group.keys.address().to_owned(),
            members: others.map(Contact::to_string).collect(),
        };
        let text = toml::to_string_pretty(&file)
            .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        let text = format!("# {}: {}\n{text}", group.name, group.names().join(", "));
        let written = durable::write(&path, text.as_bytes(), Existing::Keep, Readers::Owner);
        written.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                let what = format!("there is a group `{}` already", group.name);
                return Failure::new(&code::GROUP_EXISTS, what);
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
            let what = match &names[..] {
                [] => format!("there is no group `{}`, nor any other", foreign(name)),
                names => {
                    format!("there is no group `{}`; there is {}", foreign(name), names.join(", "))
                }
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
        self.group_names()?.iter().map(|name| self.read_group(name)).collect()
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
        let file: GroupFile = toml::from_str(&text).map_err(|e| misread(&path, &text, &e))?;
        let members: Vec<Contact> = file
            .members
            .iter()
            .map(|member| member.parse())
            .collect::<Result<_, _>>()
            .map_err(|error: ContactError| damaged(&path, &error.to_string()))?;
        let group = SignerGroup::new(name, &self.contact()?, &members)?;
        if group.id().to_string() != file.id {
            return Err(damaged(&path, "its members do not give its id"));
        }
        Ok(group)
    }
}

/// Returns the name of a group's file.
pub(super) fn file_name(group: &str) -> String {
    format!("{group}.toml")
}
