//! A signer's home: one folder with its keys, settings, groups, store and results.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ensign_vault::Passphrase;
use etcetera::BaseStrategy as _;

use crate::catalogue as code;
use crate::durable;
use crate::failure::{Failure, Result};
use crate::key_file::KeyFileError;
use crate::output::Output;
use crate::passphrase::Passphrases;
use crate::store;
use crate::words::{self, foreign};
use ensign_peers::contact::Contact;

mod archive;
mod backup_age;
mod delegation;
mod groups;
mod keys;
mod lock;
mod outs;
pub(crate) mod permissions;
mod policy;
mod settings;
mod signed;
mod toml_file;
pub(crate) use archive::{Restored, restore};
pub(crate) use groups::{Changed, contact_failure};
pub(crate) use keys::{PublicKeys, Stored, vault_in};
pub(crate) use lock::HeldHome;
pub(crate) use outs::Outs;
pub(crate) use policy::check_note;
pub(crate) use settings::{
    First, Key, Open, Setting, Settings, Shape, Source, check_advertised, dns_server, first,
    named as named_setting, role_name, role_of, settings_of,
};
pub(crate) use signed::Signed;

const CONFIG: &str = "ensign.toml";
const GROUPS: &str = "groups";
const SIGNED: &str = "signed";

/// A home that exists; its permissions were checked.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    path: PathBuf,
    settings: Settings,
    /// Asked when the keys are needed.
    passphrases: Passphrases,
    /// Where the process listens that signs for us, if another one does.
    signer: Option<PathBuf>,
}

/// Returns the folder that a command works in: the one named, else `ensign` in the user's folder
/// for data.
///
/// # Errors
///
/// [`code::HOME_IO`] when the user has no such folder.
pub(crate) fn locate(named: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path);
    }
    let base = etcetera::choose_base_strategy().map_err(|error| {
        let failure = Failure::new(&code::HOME_IO, format!("no folder for homes: {error}"));
        failure.hint("name a folder with --home or the variable ENSIGN_HOME")
    })?;
    Ok(base.data_dir().join("ensign"))
}

impl Home {
    /// Makes a home with fresh keys, complete or not at all. Without a passphrase the keys are not
    /// encrypted.
    ///
    /// # Errors
    ///
    /// [`code::HOME_EXISTS`] when something is there already, [`code::HOME_IO`], [`code::ENTROPY`].
    pub(crate) fn create(
        path: &Path,
        settings: &Settings,
        passphrase: Option<&Passphrase>,
        passphrases: &Passphrases,
    ) -> Result<Self> {
        Self::make(path, settings, passphrases, |home| {
            // From the first code on, others hold what lets this node speak.
            home.with_delegation(keys::write_new(&home.path, settings.network, passphrase)?)?;
            store::make(&home.path)
        })
    }

    /// Makes a home, complete or not at all; `keys` adds to it what is not settings, while it still
    /// lies beside its place.
    fn make(
        path: &Path,
        settings: &Settings,
        passphrases: &Passphrases,
        keys: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        refuse_existing(path)?;
        let refused = |error: &io::Error| io_failure("make", path, error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| refused(&error))?;
        let fresh = permissions::private_folder(".ensign-init-", folder)
            .map_err(|error| refused(&error))?;
        let (settings, passphrases) = (settings.clone(), passphrases.clone());
        let home = Self { path: fresh.path().to_owned(), settings, passphrases, signer: None };
        fill(fresh.path(), &home.settings)?;
        keys(&home)?;
        durable::sync_folder(fresh.path()).map_err(|error| refused(&error))?;
        match fs::rename(fresh.path(), path) {
            Ok(()) => drop(fresh.keep()),
            Err(error) if path.exists() => {
                let _ = error;
                return Err(exists(path));
            }
            Err(error) => return Err(refused(&error)),
        }
        durable::sync_folder(folder).map_err(|error| refused(&error))?;
        Ok(Self { path: path.to_owned(), ..home })
    }

    /// Opens a home.
    ///
    /// # Errors
    ///
    /// [`code::HOME_MISSING`], [`code::HOME_OPEN_TO_OTHERS`], [`code::HOME_DAMAGED`].
    pub(crate) fn open(path: &Path, passphrases: Passphrases) -> Result<Self> {
        let config = path.join(CONFIG);
        let text = fs::read_to_string(&config).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                let what = format!("there is no home in {}", shown(path));
                return Failure::new(&code::HOME_MISSING, what);
            }
            io_failure("read", &config, &error)
        })?;
        permissions::check(path, &keys::private_files(path))?;
        let settings = settings::parse(&config, &text)?;
        Ok(Self { path: path.to_owned(), settings, passphrases, signer: None })
    }

    /// Reads the settings again, which may have changed since.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn read_again(&self) -> Result<Self> {
        let home = Self::open(&self.path, self.passphrases.clone())?;
        Ok(Self { signer: self.signer.clone(), ..home })
    }

    /// Returns the output that its commands write to.
    pub(crate) const fn output(&self) -> Output {
        self.passphrases.output()
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the settings.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how we introduce ourselves; needs no passphrase.
    ///
    /// # Errors
    ///
    /// As [`public_keys`](Self::public_keys).
    pub(crate) fn contact(&self) -> Result<Contact> {
        let own = self.public_keys()?;
        let more = self.shown_delegation(&own).into_iter().collect();
        let (PublicKeys { node, signer }, addresses) = (own, self.settings.addresses());
        let Settings { name, network, .. } = self.settings.clone();
        let contact = Contact { network, name, alias: None, peer: node, signer, addresses, more };
        if contact.fits() {
            return Ok(contact);
        }
        let what = "the addresses to give out are too long for one contact code";
        Err(Failure::new(&code::ADVERTISE, what).hint("name fewer hosts, or shorter ones"))
    }
}

/// Returns the home among whose own files a place is: all of its folder but what was signed. Whose
/// home it is makes no difference.
///
/// - `place`: absolute, every link followed.
pub(crate) fn around(place: &Path) -> Option<&Path> {
    let is_home = |folder: &&Path| folder.join(CONFIG).exists() && folder.join(GROUPS).is_dir();
    let home = place.ancestors().skip(1).find(is_home)?;
    (!place.starts_with(home.join(SIGNED))).then_some(home)
}

/// Refuses a folder that has something in it.
///
/// # Errors
///
/// [`code::HOME_EXISTS`].
pub(crate) fn refuse_existing(path: &Path) -> Result<()> {
    let occupied = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if occupied { Err(exists(path)) } else { Ok(()) }
}

fn exists(path: &Path) -> Failure {
    Failure::new(&code::HOME_EXISTS, format!("{} exists and is not empty", shown(path)))
}

/// Writes everything a home begins with besides the keys, and waits until it is on disk.
fn fill(folder: &Path, settings: &Settings) -> Result<()> {
    for name in [GROUPS, SIGNED] {
        let path = folder.join(name);
        permissions::create_private_folder(&path)
            .map_err(|error| io_failure("make", &path, &error))?;
    }
    settings::write(folder, settings)
}

/// Returns a path as it is printed.
pub(crate) fn shown(path: &Path) -> String {
    foreign(&path.display().to_string())
}

fn io_failure(verb: &str, path: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot {verb} {}: {}", shown(path), words::system(error));
    let failure = Failure::new(&code::HOME_IO, what);
    match words::way_out(error.kind()) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn damaged(path: &Path, reason: &str) -> Failure {
    let what = format!("{} cannot be understood: {}", shown(path), foreign(reason));
    Failure::new(&code::HOME_DAMAGED, what)
}

fn key_failure(path: &Path, error: &KeyFileError) -> Failure {
    match error {
        KeyFileError::Io(error) => io_failure("use", path, error),
        KeyFileError::Entropy(_) => Failure::new(&code::ENTROPY, error.to_string()),
        KeyFileError::Format | KeyFileError::Invalid => damaged(path, &error.to_string()),
    }
}
