//! Vaults with the clock and the entropy of this machine, and their errors in words.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ensign_primitives::UnixTime;
use ensign_vault::{
    Cost, Draft, FileError, FormatError, Passphrase, Randomness, Step, UnlockError, Unlocked, Vault,
};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::output::Output;
use crate::passphrase::Passphrases;
use crate::words;

/// What an unlocked vault is expected to compute in a second: memory times passes, in KiB.
///
/// Measured: 768 MiB in 0.63 to 0.71 s; see [`Cost::STANDARD`].
const WORK_KIB_PER_SECOND: u64 = 1 << 20;

/// How often a passphrase is asked for. Guess: as other programs do.
const TRIES_MAX: u8 = 3;

/// Reads a vault that is part of a home.
///
/// # Errors
///
/// What is wrong with it, without anything being derived yet.
pub(crate) fn read(path: &Path) -> Result<Vault> {
    parse(path, ensign_vault::read(path).map_err(|error| file_failure(&error))?)
}

/// Reads a backup, which may lie on a medium without permissions.
///
/// # Errors
///
/// As [`read`].
pub(crate) fn read_backup(path: &Path) -> Result<Vault> {
    let bytes = ensign_vault::read_anywhere(path).map_err(|error| file_failure(&error))?;
    parse(path, bytes).map_err(|failure| {
        if failure.entry.code == code::VAULT_DAMAGED.code {
            return Failure { entry: &code::BACKUP_DAMAGED, ..failure };
        }
        failure
    })
}

fn parse(path: &Path, bytes: Vec<u8>) -> Result<Vault> {
    Vault::parse(bytes).map_err(|error| {
        let entry = match error {
            FormatError::NotAVault => &code::VAULT_FOREIGN,
            FormatError::Version { .. } => &code::VAULT_VERSION,
            FormatError::Cost(_) => &code::VAULT_COST,
            FormatError::Length { .. }
            | FormatError::Checksum
            | FormatError::Unknown { .. }
            | FormatError::Entries { .. }
            | FormatError::Entry { .. }
            | _ => &code::VAULT_DAMAGED,
        };
        Failure::new(entry, format!("{}: {error}", shown(path)))
    })
}

/// Unlocks a vault, and says that this takes a moment and why.
///
/// # Errors
///
/// [`code::VAULT_PASSPHRASE`], [`code::VAULT_MEMORY`].
pub(crate) fn unlock<'v>(
    path: &Path,
    vault: &'v Vault,
    passphrase: &Passphrase,
    output: Output,
) -> Result<Unlocked<'v>> {
    let file = shown(path);
    output.notice(format!("unlocking {file} ({})", slow_on_purpose(vault.cost())));
    vault.unlock(passphrase).map_err(|error| unlock_failure(path, error))
}

/// Unlocks a vault, and lets a person who types the passphrase mistype it twice; returns the
/// passphrase that has opened it.
///
/// The terminal shows nothing of what is typed until it is over, not even between two questions.
///
/// # Errors
///
/// As [`unlock`], and what keeps us from having a passphrase.
pub(crate) fn unlock_asking<'v>(
    path: &Path,
    vault: &'v Vault,
    passphrases: &Passphrases,
) -> Result<(Unlocked<'v>, Passphrase)> {
    let (_quiet, output) = (passphrases.quiet(), passphrases.output());
    let mut tries = 1;
    loop {
        match unlock_in_any_form(path, vault, passphrases.existing(path)?, output) {
            Err(failure)
                if failure.entry.code == code::VAULT_PASSPHRASE.code
                    && passphrases.is_typed()
                    && tries < TRIES_MAX =>
            {
                tries += 1;
                output.notice("that is not the passphrase; once more");
            }
            ended => return ended,
        }
    }
}

/// Tries a passphrase, then the same text in other forms: one keyboard composes accents, another one
/// does not, and editors leave marks. Says which form has fitted.
fn unlock_in_any_form<'v>(
    path: &Path,
    vault: &'v Vault,
    given: Passphrase,
    output: Output,
) -> Result<(Unlocked<'v>, Passphrase)> {
    let wrong = match unlock(path, vault, &given, output) {
        Ok(unlocked) => return Ok((unlocked, given)),
        Err(failure) if failure.entry.code != code::VAULT_PASSPHRASE.code => return Err(failure),
        Err(wrong) => wrong,
    };
    for (form, passphrase) in Passphrases::other_forms(&given) {
        output.notice(format!("not as it is; trying the same {form}"));
        match vault.unlock(&passphrase) {
            Ok(unlocked) => {
                output.notice(format!("the passphrase of {} fits {form}", shown(path)));
                return Ok((unlocked, passphrase));
            }
            Err(UnlockError::WrongPassphrase) => {}
            Err(error) => return Err(unlock_failure(path, error)),
        }
    }
    Err(wrong)
}

/// Says what a derivation costs and why.
pub(crate) fn slow_on_purpose(cost: Cost) -> String {
    let work = u64::from(cost.memory_kib()) * u64::from(cost.passes());
    let seconds = match work.div_ceil(WORK_KIB_PER_SECOND) {
        0 | 1 => "about a second".to_owned(),
        seconds => format!("about {seconds} seconds"),
    };
    format!("{cost}; takes {seconds}, and makes each guess of a thief as slow")
}

/// Encrypts a draft now, and proves that the passphrase opens what came out.
///
/// # Errors
///
/// [`code::ENTROPY`], [`code::VAULT_MEMORY`], [`code::INTERNAL`].
pub(crate) fn seal(draft: &Draft, passphrase: &Passphrase) -> Result<Vec<u8>> {
    let mut random = Randomness { salt: [0; 16], nonce: [0; 24] };
    let entropy = |error| Failure::new(&code::ENTROPY, format!("no random bytes: {error}"));
    getrandom::fill(&mut random.salt).map_err(entropy)?;
    getrandom::fill(&mut random.nonce).map_err(entropy)?;
    let sealed = draft.seal(passphrase, Cost::STANDARD, now(), random);
    let sealed = sealed.map_err(|error| Failure::new(&code::VAULT_MEMORY, error.to_string()))?;
    let proof = Vault::parse(sealed.clone()).is_ok_and(|vault| {
        vault.unlock(passphrase).is_ok_and(|unlocked| unlocked.keys_for(vault.purpose()).is_ok())
    });
    if !proof {
        return Err(Failure::new(&code::INTERNAL, "a new vault does not open"));
    }
    Ok(sealed)
}

fn now() -> UnixTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// Says why a vault does not give what it holds.
pub(crate) fn unlock_failure(path: &Path, error: UnlockError) -> Failure {
    let entry = match error {
        UnlockError::WrongPassphrase => &code::VAULT_PASSPHRASE,
        UnlockError::Memory { .. } => &code::VAULT_MEMORY,
        UnlockError::Altered { .. } | UnlockError::OtherKey { .. } => &code::VAULT_ALTERED,
        UnlockError::Missing | UnlockError::Archive(_) | UnlockError::Draft(_) | _ => {
            &code::VAULT_DAMAGED
        }
    };
    Failure::new(entry, format!("{}: {error}", shown(path)))
}

/// Says why a vault's file cannot be read or written.
pub(crate) fn file_failure(error: &FileError) -> Failure {
    let what = words::without_number(&error.to_string());
    match error {
        FileError::OpenToOthers { path, .. } => {
            let hint = format!("type `chmod 600 {}`", shown(path));
            Failure::new(&code::HOME_OPEN_TO_OTHERS, what).hint(hint)
        }
        FileError::TooLarge { .. } => Failure::new(&code::VAULT_FOREIGN, what),
        FileError::Io { step: Step::Read, .. } => Failure::new(&code::FILE_READ, what),
        FileError::Io { step: Step::SyncFolder, .. } => {
            Failure::new(&code::VAULT_WRITE, format!("{what}; the new file is in its place"))
        }
        FileError::Io { path, kind: io::ErrorKind::AlreadyExists, .. } => exists(path),
        FileError::Io { kind, .. } => {
            let failure = Failure::new(&code::VAULT_WRITE, what);
            words::way_out(*kind).map_or(failure.clone(), |hint| failure.hint(hint))
        }
        _ => Failure::new(&code::VAULT_WRITE, what),
    }
}

/// Refuses to write where something is, before a passphrase is asked for.
///
/// # Errors
///
/// [`code::VAULT_WRITE`].
pub(crate) fn refuse_existing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() { Err(exists(path)) } else { Ok(()) }
}

fn exists(path: &Path) -> Failure {
    let failure = Failure::new(&code::VAULT_WRITE, format!("{} exists already", shown(path)));
    failure.hint("it is left as it is; name another file")
}
