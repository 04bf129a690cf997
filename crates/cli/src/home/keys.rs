//! The keys of a home: in a vault, or in two files that are not encrypted.

use std::fs;
use std::path::{Path, PathBuf};

use ensign_coordinator::{Keys, Signer as _, SignerError, SocketSigner, unix_now};
use ensign_engine::signing::holds_in_good_time;
use ensign_identity::{NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{Network, PeerId};
use ensign_vault::{Draft, Passphrase, Purpose, Unlocked, Vault};
use zeroize::Zeroizing;

use super::settings::{self, Value};
use super::{Home, Settings, damaged, io_failure, key_failure, shown};
use crate::catalogue as code;
use crate::durable;
use crate::failure::{Failure, Result};
use crate::key_file::{self, KeyFileError};
use crate::passphrase::NewPassphraseArgs;
use crate::vault;

const VAULT: &str = "vault.ens";
const NODE_KEY: &str = "node.key";
const SIGNER_KEY: &str = "signer.key";
/// A node key that is to take the place of the one that is there.
const FRESH_NODE_KEY: &str = "node.key.new";

/// The public parts of the keys of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKeys {
    /// The node's.
    pub(crate) node: PeerId,
    /// The signer's.
    pub(crate) signer: SignerKey,
}

/// How keys lie in a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// In a vault.
    Encrypted,
    /// In two files, because the user wanted it so.
    Plain,
}

/// Where a home in this folder would have its vault.
pub(crate) fn vault_in(home: &Path) -> PathBuf {
    home.join(VAULT)
}

/// Returns every file of a home that nobody else may read.
pub(super) fn private_files(home: &Path) -> Vec<PathBuf> {
    let vault = vault_in(home);
    let plain = [NODE_KEY, SIGNER_KEY].map(|name| home.join(name));
    if vault.exists() {
        let left = plain.into_iter().filter(|path| path.exists());
        return std::iter::once(vault).chain(left).collect();
    }
    plain.to_vec()
}

/// Whether a file has what [`private_files`] have: a key, or the beginning of a vault. One that
/// cannot be read counts as if it had.
pub(super) fn holds_key(path: &Path) -> bool {
    if path.ends_with(VAULT) {
        return fs::read(path).map_or(true, |bytes| bytes.starts_with(&ensign_vault::MAGIC));
    }
    match key_file::read(path) {
        Ok(_) | Err(KeyFileError::Io(_) | KeyFileError::Entropy(_)) => true,
        Err(KeyFileError::Format | KeyFileError::Invalid) => false,
    }
}

/// Draws both keys of a new home and writes them; returns them while they are at hand.
pub(super) fn write_new(
    folder: &Path,
    network: Network,
    passphrase: Option<&Passphrase>,
) -> Result<Keys> {
    let draw = |name| key_file::draw().map_err(|error| key_failure(&folder.join(name), &error));
    let (node, signer) = (draw(NODE_KEY)?, draw(SIGNER_KEY)?);
    if let Some(passphrase) = passphrase {
        write_vault(folder, &draft(folder, Purpose::Home, network, &node, &signer)?, passphrase)?;
    } else {
        for (name, key) in [(NODE_KEY, &node), (SIGNER_KEY, &signer)] {
            let path = folder.join(name);
            key_file::write(&path, key).map_err(|error| key_failure(&path, &error))?;
        }
    }
    let node_key =
        NodeKey::from_secret_bytes(*node).map_err(|error| damaged(folder, &error.to_string()))?;
    let sec_key =
        SecKey::from_secret_bytes(*signer).map_err(|error| damaged(folder, &error.to_string()))?;
    Keys::new(network, node_key, sec_key)
        .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))
}

/// Writes the vault of a home that has none.
pub(super) fn write_vault(folder: &Path, draft: &Draft, passphrase: &Passphrase) -> Result<()> {
    let sealed = vault::seal(draft, passphrase)?;
    ensign_vault::create(&vault_in(folder), &sealed).map_err(|error| vault::file_failure(&error))
}

fn draft(
    folder: &Path,
    purpose: Purpose,
    network: Network,
    node: &Zeroizing<[u8; 32]>,
    signer: &Zeroizing<[u8; 32]>,
) -> Result<Draft> {
    Draft::new(purpose, network)
        .node_key(node)
        .and_then(|draft| draft.signer_key(signer))
        .map_err(|error| damaged(folder, &error.to_string()))
}

impl PublicKeys {
    /// Returns those of a vault with one node key, and one signer key unless the settings name it
    /// because it is elsewhere.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`] when there are more or fewer.
    pub(crate) fn of(path: &Path, vault: &Vault, settings: &Settings) -> Result<Self> {
        let mut signers = vault.signers();
        let (inside, more) = (signers.next(), signers.next());
        let elsewhere = settings.signer.as_deref().map(|key| parse_key(path, key)).transpose()?;
        match (vault.node(), inside.or(elsewhere), more) {
            (Some(node), Some(signer), None) if elsewhere.is_none_or(|key| key == signer) => {
                Ok(Self { node, signer })
            }
            _ => Err(damaged(path, "it has not exactly one node key and one signer key")),
        }
    }
}

fn parse_key(path: &Path, text: &str) -> Result<SignerKey> {
    let mut bytes = [0; 33];
    let known = hex::decode_to_slice(text, &mut bytes).ok();
    let key = known.and_then(|()| SignerKey::from_bytes(&bytes).ok());
    key.ok_or_else(|| damaged(path, "the signer key in the settings is no key"))
}

impl Home {
    /// Returns how the keys lie here.
    pub(crate) fn stored(&self) -> Stored {
        if vault_in(&self.path).exists() { Stored::Encrypted } else { Stored::Plain }
    }

    /// Reads the vault.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub(crate) fn vault(&self) -> Result<Vault> {
        let path = vault_in(&self.path);
        let vault = vault::read(&path)?;
        if vault.network() != self.settings.network || vault.purpose() != Purpose::Home {
            return Err(damaged(&path, "it belongs to another home"));
        }
        Ok(vault)
    }

    /// Unlocks a vault of this home, asking for the passphrase if need be.
    ///
    /// # Errors
    ///
    /// [`code::VAULT_PASSPHRASE`] and whatever keeps us from having one.
    pub(crate) fn unlock<'v>(&self, vault: &'v Vault) -> Result<(Unlocked<'v>, Passphrase)> {
        let path = vault_in(&self.path);
        vault::unlock_asking(&path, vault, &self.passphrases)
    }

    /// Lets another process sign, which listens at a socket.
    #[must_use]
    pub(crate) fn with_signer(mut self, socket: Option<PathBuf>) -> Self {
        self.signer = socket;
        self
    }

    /// Reads both keys, asking for the passphrase if need be; or the node key, if another process
    /// signs.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`], what is wrong with vault or passphrase, and what
    /// keeps the other process from signing.
    pub(crate) fn keys(&self) -> Result<Keys> {
        let public = self.public_keys()?;
        if let Some(socket) = &self.signer {
            return self.keys_with_signer(socket, public);
        }
        let (node_key, sec_key) = match self.stored() {
            Stored::Encrypted => {
                let (path, vault) = (vault_in(&self.path), self.vault()?);
                if vault.signers().next().is_none() {
                    let what = format!("the signer key {} is not in this home", public.signer);
                    return Err(Failure::new(&code::SIGNER_ELSEWHERE, what));
                }
                let (unlocked, _) = self.unlock(&vault)?;
                let node_key = unlocked.node_key();
                let sec_key = unlocked.signer_key(public.signer);
                node_key
                    .and_then(|node_key| Ok((node_key, sec_key?)))
                    .map_err(|error| vault::unlock_failure(&path, error))?
            }
            Stored::Plain => self.plain_keys()?,
        };
        let keys = Keys::new(self.settings.network, node_key, sec_key)
            .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        self.with_delegation(keys)
    }

    fn keys_with_signer(&self, socket: &Path, public: PublicKeys) -> Result<Keys> {
        let refused = |error: SignerError| {
            let what = format!("the signer at {}: {error}", shown(socket));
            Failure::new(&code::SIGNER_PROCESS, what)
        };
        let signer = SocketSigner::connect(socket).map_err(refused)?;
        if signer.public_key() != public.signer {
            let what = format!(
                "the signer at {} has the key {}, this home {}",
                shown(socket),
                signer.public_key(),
                public.signer
            );
            return Err(Failure::new(&code::SIGNER_PROCESS, what));
        }
        let node_key = match self.stored() {
            Stored::Encrypted => {
                let vault = self.vault()?;
                let (unlocked, _) = self.unlock(&vault)?;
                let path = vault_in(&self.path);
                unlocked.node_key().map_err(|error| vault::unlock_failure(&path, error))?
            }
            Stored::Plain => self.plain_keys()?.0,
        };
        let (network, known) = (self.settings.network, self.kept_delegation());
        let is_kept = known.is_some_and(|known| {
            holds_in_good_time(unix_now(), network, (public.signer, node_key.peer_id()), known)
        });
        if !is_kept {
            self.passphrases.output().notice("asking the signer to let this node speak for it");
        }
        let keys = Keys::with_signer_after(network, node_key, Box::new(signer), known);
        self.kept(known, keys.map_err(refused)?)
    }

    /// Moves the signer key into a vault of its own, with a passphrase of its own.
    ///
    /// The key is in the new file, proven to open there, before it leaves this one.
    ///
    /// # Errors
    ///
    /// [`code::KEYS_PLAIN`], [`code::SIGNER_ELSEWHERE`], [`code::VAULT_WRITE`].
    pub(crate) fn split_off_signer(
        &self,
        file: &Path,
        new: NewPassphraseArgs,
    ) -> Result<SignerKey> {
        if self.stored() == Stored::Plain {
            return Err(Failure::new(&code::KEYS_PLAIN, "only encrypted keys can be split"));
        }
        vault::refuse_existing(file)?;
        let (path, vault) = (vault_in(&self.path), self.vault()?);
        let signer = self.public_keys()?.signer;
        if vault.signers().next().is_none() {
            let what = format!("the signer key {signer} is not in this home");
            return Err(Failure::new(&code::SIGNER_ELSEWHERE, what));
        }
        let (unlocked, passphrase) = self.unlock(&vault)?;
        let drafts = unlocked.signer_key_for(Purpose::Signer, signer);
        let drafts = drafts.and_then(|alone| Ok((alone, unlocked.node_key_for(Purpose::Home)?)));
        let (alone, rest) = drafts.map_err(|error| vault::unlock_failure(&path, error))?;
        let (own, rest) = (self.passphrases.another(new, file)?, vault::seal(&rest, &passphrase)?);
        let alone = vault::seal(&alone, &own)?;
        let written = ensign_vault::create(file, &alone);
        written.map_err(|error| vault::file_failure(&error))?;
        if ensign_vault::read(file).map_err(|error| vault::file_failure(&error))? != alone {
            return Err(damaged(file, "it does not read back as it was written"));
        }
        self.write_setting(settings::named("signer")?, Some(&Value::Text(signer.to_string())))?;
        ensign_vault::replace(&path, &rest).map_err(|error| vault::file_failure(&error))?;
        Ok(signer)
    }

    /// Draws another node key in the place of this one. The signer key stays, and so do the groups: at its
    /// next start the new node shows members a delegation with a higher number. Returns the keys of
    /// before and of now.
    ///
    /// # Errors
    ///
    /// [`code::VAULT_WRITE`], [`code::HOME_IO`], [`code::ENTROPY`]; the keys are as they were.
    pub(crate) fn retire_node(&self) -> Result<[PublicKeys; 2]> {
        let before = self.public_keys()?;
        let path = self.path.join(NODE_KEY);
        let node = key_file::draw().map_err(|error| key_failure(&path, &error))?;
        if self.stored() == Stored::Encrypted {
            let (path, vault) = (vault_in(&self.path), self.vault()?);
            let (unlocked, passphrase) = self.unlock(&vault)?;
            let rest = if vault.signers().next().is_some() {
                unlocked.signer_key_for(Purpose::Home, before.signer)
            } else {
                Ok(Draft::new(Purpose::Home, self.settings.network))
            };
            let rest = rest.map_err(|error| vault::unlock_failure(&path, error))?;
            let draft = rest.node_key(&node).map_err(|error| damaged(&path, &error.to_string()))?;
            let sealed = vault::seal(&draft, &passphrase)?;
            ensign_vault::replace(&path, &sealed).map_err(|error| vault::file_failure(&error))?;
        } else {
            let fresh = self.path.join(FRESH_NODE_KEY);
            // Left over where a run before stopped: nobody has heard of that key.
            match fs::remove_file(&fresh) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_failure("remove", &fresh, &error)),
            }
            let written = key_file::write(&fresh, &node);
            written.map_err(|error| key_failure(&fresh, &error))?;
            fs::rename(&fresh, &path).map_err(|error| io_failure("replace", &path, &error))?;
            durable::sync_folder(&self.path).map_err(|e| io_failure("sync", &self.path, &e))?;
        }
        Ok([before, self.public_keys()?])
    }

    /// Reads the public parts of the keys; needs no passphrase.
    ///
    /// # Errors
    ///
    /// What is wrong with the files.
    pub(crate) fn public_keys(&self) -> Result<PublicKeys> {
        if self.stored() == Stored::Encrypted {
            return PublicKeys::of(&vault_in(&self.path), &self.vault()?, &self.settings);
        }
        let (node_key, sec_key) = self.plain_keys()?;
        let signer = SignerKey::from_public_key(sec_key.public_key());
        Ok(PublicKeys { node: node_key.peer_id(), signer })
    }

    fn plain_keys(&self) -> Result<(NodeKey, SecKey)> {
        let path = self.path.join(NODE_KEY);
        let node_key = key_file::read_node_key(&path).map_err(|e| key_failure(&path, &e))?;
        let path = self.path.join(SIGNER_KEY);
        let sec_key = key_file::read_signer_key(&path).map_err(|e| key_failure(&path, &e))?;
        Ok((node_key, sec_key))
    }

    /// Copies the keys that are not encrypted into a draft.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn plain_draft(&self, purpose: Purpose) -> Result<Draft> {
        let read = |name| {
            let path = self.path.join(name);
            key_file::read(&path).map_err(|error| key_failure(&path, &error))
        };
        draft(&self.path, purpose, self.settings.network, &read(NODE_KEY)?, &read(SIGNER_KEY)?)
    }

    /// Puts keys that are not encrypted into a vault.
    ///
    /// # Errors
    ///
    /// [`code::VAULT_WRITE`]; the keys are as they were.
    pub(crate) fn encrypt_keys(&self, passphrase: &Passphrase) -> Result<()> {
        write_vault(&self.path, &self.plain_draft(Purpose::Home)?, passphrase)
    }

    /// Returns the files with keys that are not encrypted although a vault is there: what is left
    /// of an interrupted [`encrypt_keys`](Self::encrypt_keys).
    pub(crate) fn plain_left(&self) -> Vec<PathBuf> {
        let plain = [NODE_KEY, SIGNER_KEY].map(|name| self.path.join(name));
        plain.into_iter().filter(|path| path.exists()).collect()
    }

    /// Removes keys that are not encrypted, after checking that the vault has the same ones.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`] when it has others; nothing is removed then.
    pub(crate) fn remove_plain(&self, unlocked: &Unlocked<'_>) -> Result<Vec<PathBuf>> {
        let public = self.public_keys()?;
        let left = self.plain_left();
        for path in &left {
            let same = if path.ends_with(NODE_KEY) {
                let key = key_file::read_node_key(path).map_err(|e| key_failure(path, &e))?;
                key.peer_id() == public.node && unlocked.node_key().is_ok()
            } else {
                let key = key_file::read_signer_key(path).map_err(|e| key_failure(path, &e))?;
                SignerKey::from_public_key(key.public_key()) == public.signer
                    && unlocked.signer_key(public.signer).is_ok()
            };
            if !same {
                return Err(damaged(path, "the vault beside it has another key"));
            }
        }
        for path in &left {
            fs::remove_file(path).map_err(|error| io_failure("remove", path, &error))?;
        }
        durable::sync_folder(&self.path).map_err(|e| io_failure("sync", &self.path, &e))?;
        Ok(left)
    }
}
