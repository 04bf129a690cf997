//! What a backup takes along besides the keys: settings, groups and payees. Never the store.

use std::fs;
use std::path::Path;

use ensign_vault::Archive;

use super::groups::file_name;
use super::policy::PAYEES;
use super::{CONFIG, GROUPS, Home, Settings, damaged, io_failure, keys, settings};
use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::passphrase::Passphrases;
use crate::store;
use crate::words::check_name;

/// Everything that a backup has to say, unlocked and understood.
#[derive(Debug)]
pub(crate) struct Restored {
    settings: Settings,
    /// The file of it, with whatever its user wrote beside the settings.
    config: String,
    /// Name and text of each group's file.
    groups: Vec<(String, String)>,
    /// The list of payees, if there is one.
    payees: Option<String>,
}

impl Home {
    /// Returns settings and groups as they lie in the home.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IO`], [`code::INTERNAL`]; [`code::HOME_DAMAGED`] for files that no home could be
    /// made of.
    pub(crate) fn archive(&self) -> Result<Archive> {
        // What a restore would refuse is no backup.
        self.groups()?;
        self.payees()?;
        let mut archive = Archive::default();
        let groups = self.group_names()?;
        let groups = groups.iter().map(|name| format!("{GROUPS}/{}", file_name(name)));
        let payees = self.path.join(PAYEES).exists().then(|| PAYEES.to_owned());
        for name in std::iter::once(CONFIG.to_owned()).chain(payees).chain(groups) {
            let path = self.path.join(&name);
            let bytes = fs::read(&path).map_err(|error| io_failure("read", &path, &error))?;
            let added = archive.add(&name, bytes);
            added.map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        }
        Ok(archive)
    }
}

impl Restored {
    /// Takes the files of an archive whose names we know, and refuses any other: a name is never
    /// followed out of the home.
    ///
    /// # Errors
    ///
    /// [`code::BACKUP_KIND`], [`code::HOME_DAMAGED`].
    pub(crate) fn from_archive(backup: &Path, archive: &Archive) -> Result<Self> {
        let foreign = |name: &str| {
            let what = format!("the backup holds `{}`", crate::words::foreign(name));
            Failure::new(&code::BACKUP_KIND, what)
        };
        let (mut settings, mut groups, mut payees) = (None, Vec::new(), None);
        for (name, bytes) in archive.files() {
            let text = str::from_utf8(bytes).map_err(|_| foreign(name))?;
            if name == CONFIG {
                settings = Some((settings::parse(backup, text)?, text.to_owned()));
                continue;
            }
            if name == PAYEES {
                payees = Some(text.to_owned());
                continue;
            }
            let group = name.strip_prefix(GROUPS).and_then(|name| name.strip_prefix('/'));
            let group = group.and_then(|name| name.strip_suffix(".toml")).unwrap_or_default();
            check_name(group).map_err(|_| foreign(name))?;
            groups.push((group.to_owned(), text.to_owned()));
        }
        let (settings, config) = settings.ok_or_else(|| damaged(backup, "it has no settings"))?;
        Ok(Self { settings, config, groups, payees })
    }

    /// Returns the settings.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the names of the groups.
    pub(crate) fn group_names(&self) -> Vec<&str> {
        self.groups.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// Makes a home of what a backup holds, complete or not at all.
///
/// Its store is new and says so: the keys may have joined attempts since the backup was made, and
/// whoever joined one of them again would say two different things in one place.
///
/// # Errors
///
/// [`code::HOME_EXISTS`], [`code::HOME_IO`], and what is wrong with a group.
pub(crate) fn restore(
    path: &Path,
    restored: &Restored,
    vault: &[u8],
    passphrases: &Passphrases,
) -> Result<Home> {
    Home::make(path, &restored.settings, passphrases, |home| {
        let groups = restored.groups.iter();
        let groups =
            groups.map(|(name, text)| (home.path.join(GROUPS).join(file_name(name)), text));
        let payees = restored.payees.iter().map(|text| (home.path.join(PAYEES), text));
        let config = std::iter::once((home.path.join(CONFIG), &restored.config));
        for (path, text) in config.chain(groups).chain(payees) {
            durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Owner)
                .map_err(|error| io_failure("write", &path, &error))?;
        }
        ensign_vault::create(&keys::vault_in(&home.path), vault)
            .map_err(|error| crate::vault::file_failure(&error))?;
        // Each group must be one that our keys belong to, each payee one of this network.
        home.groups()?;
        home.payees()?;
        store::make_void(&home.path)
    })
}
