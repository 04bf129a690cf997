//! Where the result goes.

use std::path::{Path, PathBuf};

use ensign_coordinator::Outcome;

use super::task::Task;
use crate::args::Sign;
use crate::catalogue as code;
use crate::command::request;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::shown;
use crate::output::{Line, Output};

/// Where the user wants the result, and in which form.
#[derive(Debug)]
pub(super) struct Target {
    out: Option<PathBuf>,
    extract: Option<PathBuf>,
    is_base64: bool,
    /// The key that a bare message is signed under, 32 bytes in hex.
    key: String,
}

impl Target {
    /// Finds out before anybody signs that a result could not be written.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`].
    pub(super) fn check(args: &Sign, task: &Task, group: &SignerGroup) -> Result<Self> {
        for file in [&args.out, &args.extract].into_iter().flatten() {
            check_folder(file)?;
        }
        let key = group.keys.aggregate_key().x_only_public_key().0.to_byte_array();
        let (out, extract) = (args.out.clone(), args.extract.clone());
        Ok(Self { out, extract, is_base64: task.is_base64, key: hex::encode(key) })
    }

    /// Whether the result is printed, so that somebody has to read it.
    pub(super) const fn is_printed(&self, outcome: &Outcome) -> bool {
        outcome.psbt.is_none() || self.out.is_none()
    }

    /// Writes the result, or prints it.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`].
    pub(super) fn write(&self, outcome: &Outcome, output: Output) -> Result<()> {
        let Some(psbt) = &outcome.psbt else {
            self.print_signatures(outcome, output);
            return Ok(());
        };
        match &self.out {
            Some(file) if self.is_base64 => {
                write_file(file, format!("{}\n", psbt.base64()).as_bytes(), output)?;
            }
            Some(file) => write_file(file, &psbt.bytes(), output)?,
            None => {
                let line = Line::new("signed_psbt").with("psbt", psbt.base64());
                output.tell(&line, psbt.base64());
            }
        }
        if let Some(file) = &self.extract {
            let tx = hex::encode(psbt.extract_tx().bytes);
            write_file(file, format!("{tx}\n").as_bytes(), output)?;
        }
        Ok(())
    }

    fn print_signatures(&self, outcome: &Outcome, output: Output) {
        for signature in &outcome.signatures {
            let (signature, key) = (hex::encode(signature), self.key.as_str());
            let text = format!("signature {signature}\n  by the key  {key}");
            let line = Line::new("signed_message").with("signature", signature);
            output.tell(&line.with("key", key), text);
        }
    }
}

fn check_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if file.is_dir() || !folder.is_dir() {
        let what = format!("cannot write {}: there is no such folder", shown(file));
        return Err(Failure::new(&code::FILE_WRITE, what));
    }
    Ok(())
}

fn write_file(file: &Path, bytes: &[u8], output: Output) -> Result<()> {
    request::write_file(file, bytes, Existing::Replace, output)
}
