//! A signer's home: one folder with its keys, settings, groups, store and results.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ensign_engine::Allowances;
use ensign_primitives::Network;
use ensign_vault::Passphrase;
use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use crate::address;
use crate::catalogue as code;
use crate::contact::Contact;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::key_file::KeyFileError;
use crate::output::Output;
use crate::passphrase::Passphrases;
use crate::store;
use crate::words::{self, check_name, foreign};

mod archive;
mod groups;
mod keys;
mod lock;
pub(crate) mod permissions;
mod signed;
pub(crate) use archive::{Restored, restore};
pub(crate) use keys::{PublicKeys, Stored, vault_in};
pub(crate) use lock::HeldHome;
pub(crate) use signed::Signed;

const CONFIG: &str = "ensign.toml";
const GROUPS: &str = "groups";
const SIGNED: &str = "signed";

/// The settings of a home, `ensign.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What the signer calls itself.
    pub(crate) name: String,
    /// The chain.
    #[serde(with = "network")]
    pub(crate) network: Network,
    /// Where its node listens.
    pub(crate) listen: SocketAddr,
    /// The public signer key, when the secret one is with a process of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signer: Option<String>,
    /// How many new requests of each member are taken a minute, if not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests_per_minute: Option<u64>,
}

impl Settings {
    /// What each member may ask of this node.
    pub(crate) fn allowances(&self) -> Allowances {
        self.requests_per_minute.map_or_else(Allowances::default, Allowances::of_requests)
    }
}

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
            keys::write_new(&home.path, settings.network, passphrase)?;
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
        let settings = parse_settings(&config, &text)?;
        Ok(Self { path: path.to_owned(), settings, passphrases, signer: None })
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
        let PublicKeys { node, signer } = self.public_keys()?;
        let Settings { name, network, listen, .. } = self.settings.clone();
        let addresses = vec![address::reachable(listen)];
        Ok(Contact { network, name, peer: node, signer, addresses })
    }
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

fn parse_settings(path: &Path, text: &str) -> Result<Settings> {
    let settings: Settings = toml::from_str(text).map_err(|e| misread(path, text, &e))?;
    check_name(&settings.name).map_err(|reason| damaged(path, &reason))?;
    Ok(settings)
}

/// Writes everything a home begins with besides the keys, and waits until it is on disk.
fn fill(folder: &Path, settings: &Settings) -> Result<()> {
    for name in [GROUPS, SIGNED] {
        let path = folder.join(name);
        permissions::create_private_folder(&path)
            .map_err(|error| io_failure("make", &path, &error))?;
    }
    write_settings(folder, settings, Existing::Keep)
}

fn write_settings(folder: &Path, settings: &Settings, existing: Existing) -> Result<()> {
    let path = folder.join(CONFIG);
    let text = toml::to_string(settings)
        .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
    let text = format!("# Settings of a signer, made by `ensign init`.\n{text}");
    durable::write(&path, text.as_bytes(), existing, Readers::Owner)
        .map_err(|error| io_failure("write", &path, &error))
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

/// Says which line of a settings or group file is not understood.
fn misread(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    damaged(path, &format!("line {line}: {}", error.message()))
        .hint("correct that line, or take the file from a backup; leave the files store.* alone")
}

fn key_failure(path: &Path, error: &KeyFileError) -> Failure {
    match error {
        KeyFileError::Io(error) => io_failure("use", path, error),
        KeyFileError::Entropy(_) => Failure::new(&code::ENTROPY, error.to_string()),
        KeyFileError::Format | KeyFileError::Invalid => damaged(path, &error.to_string()),
    }
}

/// A network by its name.
mod network {
    use ensign_primitives::Network;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(network: &Network, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(network.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Network, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
