//! `ensign key`: how the keys are kept, and copies of them.

mod backup;

use std::path::Path;

use ensign_vault::{Purpose, Unlocked};

use crate::args::Key;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{HeldHome, Home, Stored, shown, vault_in};
use crate::output::Line;
use crate::passphrase::{NewPassphraseArgs, Passphrases};
use crate::{vault, words};

/// Does one thing with the keys of a home.
pub(super) fn run(path: &Path, args: Key, passphrases: &Passphrases) -> Result<()> {
    let open = || Home::open(path, passphrases.clone());
    match args {
        Key::Show => show(&open()?, passphrases),
        Key::Encrypt => encrypt(open()?, passphrases),
        Key::Passphrase { new } => change(open()?, new, passphrases),
        Key::Backup { file, own_passphrase, new } => {
            let own = (own_passphrase || new.is_given()).then_some(new);
            backup::make(&open()?, &file, own, passphrases)
        }
        Key::Restore { file } => backup::restore(path, &file, passphrases),
        Key::Split { file, new } => split(open()?, &file, new, passphrases),
        Key::RetireNode => retire_node(open()?, passphrases),
        Key::Drill { file } => backup::drill(path, &file, passphrases),
    }
}

/// Prints public parts only.
fn show(home: &Home, passphrases: &Passphrases) -> Result<()> {
    let public = home.public_keys()?;
    let mut line = Line::new("key")
        .with("node", public.node.to_string())
        .with("signer", public.signer.to_string())
        .with("network", home.settings().network.name())
        .with("encrypted", home.stored() == Stored::Encrypted);
    let kept = match home.stored() {
        Stored::Plain => {
            "in node.key and signer.key, NOT encrypted: `ensign key encrypt`".to_owned()
        }
        Stored::Encrypted => {
            let (cost, created) = (home.vault()?.cost(), home.vault()?.created());
            line = line.with("kdf", cost.to_string()).with("written_ms", created.as_millis());
            format!(
                "in vault.ens, encrypted on {}\n  unlock   {}",
                words::date(created),
                vault::slow_on_purpose(cost)
            )
        }
    };
    let is_split = home.settings().signer.is_some();
    line = line.with("signer_inside", !is_split);
    let left = home.plain_left();
    let network = home.settings().network;
    let mut text = format!(
        "network  {network}\n  node     {}\n  signer   {}\n  kept     {kept}",
        public.node, public.signer
    );
    if home.stored() == Stored::Encrypted && !left.is_empty() {
        text += "\n\nCopies that are NOT encrypted lie beside it: run `ensign key encrypt` again";
    }
    if is_split {
        text +=
            "\n\nThe signer key is not in this home, but in the vault that `ensign key split` made";
    }
    passphrases.output().tell(&line, format!("  {text}"));
    Ok(())
}

/// Puts plain keys into a vault; goes on where it was interrupted before.
fn encrypt(home: Home, passphrases: &Passphrases) -> Result<()> {
    let HeldHome { home, .. } = &home.hold()?;
    if home.stored() == Stored::Plain {
        let passphrase = passphrases.for_new(&vault_in(home.path()))?;
        home.encrypt_keys(&passphrase)?;
        let (path, vault) = (vault_in(home.path()), home.vault()?);
        let unlocked = vault::unlock(&path, &vault, &passphrase, passphrases.output())?;
        return finish(home, &unlocked, passphrases);
    }
    if home.plain_left().is_empty() {
        return Err(Failure::new(&code::KEYS_ENCRYPTED, "there is a vault here already"));
    }
    let vault = home.vault()?;
    let (unlocked, _) = home.unlock(&vault)?;
    finish(home, &unlocked, passphrases)
}

/// Removes what is not encrypted, once the vault has been read back from disk and opened.
fn finish(home: &Home, unlocked: &Unlocked<'_>, passphrases: &Passphrases) -> Result<()> {
    let removed: Vec<_> = home.remove_plain(unlocked)?.iter().map(|path| shown(path)).collect();
    let file = shown(&vault_in(home.path()));
    let line = Line::new("encrypted").with("file", file.as_str()).with("removed", removed.clone());
    let text = format!(
        "the keys are in {file} now, encrypted\nremoved {}; a disk may keep the old bytes for a \
         while, and backups of this machine for ever: if\nsomebody may have read them, move the \
         coins to a new group",
        words::list(&removed),
    );
    passphrases.output().tell(&line, text);
    Ok(())
}

/// Encrypts the same keys under another passphrase.
fn change(home: Home, new: NewPassphraseArgs, passphrases: &Passphrases) -> Result<()> {
    let HeldHome { home, .. } = &home.hold()?;
    if home.stored() == Stored::Plain {
        return Err(Failure::new(&code::KEYS_PLAIN, "there is no vault here"));
    }
    let (path, vault) = (vault_in(home.path()), home.vault()?);
    let (unlocked, _) = home.unlock(&vault)?;
    let draft = unlocked.keys_for(Purpose::Home);
    let draft = draft.map_err(|error| vault::unlock_failure(&path, error))?;
    let sealed = vault::seal(&draft, &passphrases.another(new, &path)?)?;
    ensign_vault::replace(&path, &sealed).map_err(|error| vault::file_failure(&error))?;
    let file = shown(&path);
    let line = Line::new("passphrase_changed").with("file", file.as_str());
    let text = format!(
        "{file} opens with the new passphrase only\ncopies of it that were made before, and \
         backups, still open with the old one"
    );
    passphrases.output().tell(&line, text);
    Ok(())
}

/// Gives this home another node.
fn retire_node(home: Home, passphrases: &Passphrases) -> Result<()> {
    let HeldHome { home, .. } = &home.hold()?;
    let [before, now] = home.retire_node()?;
    let line = Line::new("node_retired")
        .with("from", before.node.to_string())
        .with("node", now.node.to_string())
        .with("signer", now.signer.to_string());
    let text = format!(
        "this home has a new node, {}\nThe old one, {}, counts for nothing any more as soon as a member \
         has met the new one:\n  1. start this home (`ensign up`) and stay until all members are connected\n  \
         2. propose again what you had asked for and was not signed\n  3. give out your new contact code \
         (`ensign contact show`); groups and addresses stay\nWhoever has the old machine and its passphrase \
         has your signer key too: then move the coins to new keys.",
        now.node, before.node
    );
    passphrases.output().tell(&line, text);
    Ok(())
}

/// Moves the signer key into a vault of its own.
fn split(home: Home, file: &Path, new: NewPassphraseArgs, passphrases: &Passphrases) -> Result<()> {
    let HeldHome { home, .. } = &home.hold()?;
    let signer = home.split_off_signer(file, new)?;
    let file = shown(file);
    let line = Line::new("split").with("file", file.as_str()).with("signer", signer.to_string());
    let text = format!(
        "the signer key {signer} is in {file} now, and no longer in this home\nKeep a copy of that \
         file: backups of this home do not have the key any more.\nStart the signer with `ensign \
         signer {file} --socket SOCKET`, and this node with `ensign up --signer SOCKET`"
    );
    passphrases.output().tell(&line, text);
    Ok(())
}
