//! Backups: made, tried, and made a home of.

use std::path::Path;

use ensign_vault::{Draft, Passphrase, Purpose, Vault};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, PublicKeys, Restored, Stored, refuse_existing, shown, vault_in};
use crate::output::Line;
use crate::passphrase::{NewPassphraseArgs, Passphrases};
use crate::{home, vault, words};

/// Writes keys, settings and groups into one file under the home's passphrase, or one of its own.
pub(super) fn make(
    home: &Home,
    file: &Path,
    own: Option<NewPassphraseArgs>,
    passphrases: &Passphrases,
) -> Result<()> {
    vault::refuse_existing(file)?;
    let archive = home.archive()?;
    let (draft, passphrase) = match home.stored() {
        Stored::Plain => {
            let draft = home.plain_draft(Purpose::Backup)?;
            (draft, passphrases.another(own.unwrap_or_default(), file)?)
        }
        Stored::Encrypted => {
            let vault = home.vault()?;
            let (unlocked, passphrase) = home.unlock(&vault)?;
            let draft = unlocked.keys_for(Purpose::Backup);
            let draft =
                draft.map_err(|error| vault::unlock_failure(&vault_in(home.path()), error))?;
            let own = own.map(|own| passphrases.another(own, file)).transpose()?;
            (draft, own.unwrap_or(passphrase))
        }
    };
    let draft = draft.archive(&archive).map_err(|error| internal(&error.to_string()))?;
    let sealed = vault::seal(&draft, &passphrase)?;
    ensign_vault::create(file, &sealed).map_err(|error| vault::file_failure(&error))?;
    let (backup, _) = Backup::open(file, Some(passphrase), passphrases)?;
    backup.holds_keys_of(home)?;
    if backup.has_signer() {
        note(home, passphrases);
    }
    passphrases.output().tell(
        &backup.line("backup"),
        format!(
            "wrote {}: {} of {}, its settings and {}\nIt opens and holds the right keys; \
             `ensign key drill {}` proves it again at any time.\nNonces and requests are not in it, \
             so that nothing of an old attempt can come back.",
            shown(file),
            backup.keys_in_words(),
            home.settings().name,
            backup.groups(),
            shown(file),
        ) + backup.about_the_signer(),
    );
    Ok(())
}

/// Remembers that the signer key was read back; a drill of a group tells how long ago that was.
fn note(home: &Home, passphrases: &Passphrases) {
    if let Err(failure) = home.note_backup() {
        passphrases.output().warning(&failure);
    }
}

/// Proves that a backup opens and has the keys of the home; writes only when that was.
pub(super) fn drill(path: &Path, file: &Path, passphrases: &Passphrases) -> Result<()> {
    let home = Home::open(path, passphrases.clone())?;
    let vault = vault::read_backup(file)?;
    if vault.purpose() == Purpose::Signer {
        return drill_signer(&home, file, &vault, passphrases);
    }
    let (backup, _) = Backup::open(file, None, passphrases)?;
    backup.holds_keys_of(&home)?;
    let missing = home.group_names()?;
    let missing: Vec<_> = missing
        .into_iter()
        .filter(|name| !backup.restored.group_names().contains(&name.as_str()))
        .collect();
    let mut text = format!(
        "{} opens, and holds {} of {} with {}\n  written  {}",
        shown(file),
        backup.keys_in_words(),
        home.settings().name,
        backup.groups(),
        words::date(backup.vault.created()),
    );
    if !missing.is_empty() {
        text += &format!(
            "\n  missing  {}: formed since; make a new backup, or ask the members for their codes",
            words::list(&missing)
        );
    }
    text += backup.about_the_signer();
    if backup.has_signer() {
        note(&home, passphrases);
    }
    passphrases.output().tell(&backup.line("drill").with("missing_groups", missing), text);
    Ok(())
}

/// Proves that a copy of a signer's own vault opens and has the signer key of the home.
fn drill_signer(home: &Home, file: &Path, vault: &Vault, passphrases: &Passphrases) -> Result<()> {
    let public = home.public_keys()?;
    let (unlocked, _) = vault::unlock_asking(file, vault, passphrases).map_err(of_backup)?;
    if !vault.signers().any(|signer| signer == public.signer) {
        let what = format!("{} holds another signer key than that of this home", shown(file));
        return Err(Failure::new(&code::BACKUP_OTHER, what));
    }
    let key = unlocked.signer_key(public.signer);
    key.map_err(|error| of_backup(vault::unlock_failure(file, error)))?;
    let text = format!(
        "{} opens, and holds the signer key of {}, and nothing else of its home\n  written  {}",
        shown(file),
        home.settings().name,
        words::date(vault.created()),
    );
    let line = Line::new("drill")
        .with("file", shown(file))
        .with("node", None::<String>)
        .with("signer", public.signer.to_string())
        .with("signer_inside", true)
        .with("groups", Vec::<String>::new())
        .with("written_ms", vault.created().as_millis())
        .with("missing_groups", Vec::<String>::new());
    note(home, passphrases);
    passphrases.output().tell(&line, text);
    Ok(())
}

/// Makes a home of a backup.
pub(super) fn restore(path: &Path, file: &Path, passphrases: &Passphrases) -> Result<()> {
    refuse_existing(path).map_err(|failure| {
        failure
            .hint("nothing is overwritten; name a new folder: `ensign --home NEW key restore FILE`")
    })?;
    let (backup, passphrase) = Backup::open(file, None, passphrases)?;
    let sealed = vault::seal(&backup.keys, &passphrase)?;
    let home = home::restore(path, &backup.restored, &sealed, passphrases)?;
    let text = format!(
        "made the home of {} in {} from a backup of {}, with {}\nIt has the passphrase of the \
         backup.\n\nEnd the old home for ever before you run `ensign up` here: two homes with the \
         same keys disturb each\nother. What was open is void, because the old one may have joined \
         it: requests that the others made until\nnow are refused (for five minutes more, where \
         clocks differ), and can be made again. Groups that it\nformed after the backup must be \
         formed again.",
        home.settings().name,
        shown(path),
        words::date(backup.vault.created()),
        backup.groups(),
    );
    let text = text + backup.about_the_signer();
    let line = backup.line("restored").with("home", shown(path));
    passphrases.output().tell(&line.with("name", home.settings().name.as_str()), text);
    Ok(())
}

/// A backup that opens.
struct Backup {
    file: String,
    vault: Vault,
    public: PublicKeys,
    /// For a home.
    keys: Draft,
    restored: Restored,
}

impl Backup {
    /// Opens a file with a passphrase, or asks for it; returns it too.
    fn open(
        file: &Path,
        passphrase: Option<Passphrase>,
        passphrases: &Passphrases,
    ) -> Result<(Self, Passphrase)> {
        let vault = vault::read_backup(file)?;
        if vault.purpose() != Purpose::Backup {
            let what = format!("{} is no backup", shown(file));
            return Err(Failure::new(&code::BACKUP_KIND, what));
        }
        let (keys, archive, passphrase) = {
            let unlocked = match passphrase {
                Some(known) => vault::unlock(file, &vault, &known, passphrases.output())
                    .map(|unlocked| (unlocked, known)),
                None => vault::unlock_asking(file, &vault, passphrases),
            };
            let (unlocked, passphrase) = unlocked.map_err(of_backup)?;
            let keys = unlocked.keys_for(Purpose::Home);
            let all = keys.and_then(|keys| Ok((keys, unlocked.archive()?, passphrase)));
            all.map_err(|error| of_backup(vault::unlock_failure(file, error)))?
        };
        let restored = Restored::from_archive(file, &archive)?;
        if restored.settings().network != vault.network() {
            let what = format!("the settings in {} are for another network", shown(file));
            return Err(Failure::new(&code::BACKUP_KIND, what));
        }
        let public = PublicKeys::of(file, &vault, restored.settings())?;
        Ok((Self { file: shown(file), vault, public, keys, restored }, passphrase))
    }

    fn holds_keys_of(&self, home: &Home) -> Result<()> {
        if home.public_keys()? == self.public {
            return Ok(());
        }
        let what = format!(
            "{} holds the keys of `{}` with the signer key {}, not those of this home",
            self.file,
            self.restored.settings().name,
            self.public.signer
        );
        Err(Failure::new(&code::BACKUP_OTHER, what))
    }

    /// Whether the signer key is in it; after `ensign key split` it is in a vault of its own.
    fn has_signer(&self) -> bool {
        self.vault.signers().next().is_some()
    }

    fn keys_in_words(&self) -> &'static str {
        if self.has_signer() { "the keys" } else { "the node key (NOT the signer key)" }
    }

    fn about_the_signer(&self) -> &'static str {
        if self.has_signer() {
            return "";
        }
        "\n\nThe signer key is NOT in it: it is in the vault that `ensign key split` made. Keep a copy \
         of that\nfile too, and drill it: without it the coins of the groups cannot be moved."
    }

    fn groups(&self) -> String {
        match &self.restored.group_names()[..] {
            [] => "no group".to_owned(),
            [one] => format!("the group {one}"),
            names => format!("the groups {}", names.join(", ")),
        }
    }

    fn line(&self, event: &'static str) -> Line {
        Line::new(event)
            .with("file", self.file.as_str())
            .with("node", self.public.node.to_string())
            .with("signer", self.public.signer.to_string())
            .with("signer_inside", self.has_signer())
            .with("groups", self.restored.group_names())
            .with("written_ms", self.vault.created().as_millis())
    }
}

/// Says about a backup what to do where the words for a home's own vault mislead.
fn of_backup(failure: Failure) -> Failure {
    if failure.entry.code == code::VAULT_PASSPHRASE.code {
        return failure.hint("try again; a backup keeps the passphrase that it was made with");
    }
    if failure.entry.code == code::VAULT_ALTERED.code {
        return failure
            .hint("do not use it; find out who could write to it, and make a new backup");
    }
    failure
}

fn internal(what: &str) -> Failure {
    Failure::new(&code::INTERNAL, what)
}
