//! The results of one request, and where each goes.

use std::path::{Path, PathBuf};

use ensign_api::view;
use ensign_coordinator::Outcome;
use ensign_psbt::Form;

use super::Target;
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::output::{Line, Output};

/// Where the results of one request go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    /// The signed PSBT, or the signatures of bare messages.
    out: Option<Target>,
    /// The transaction in hex.
    extract: Option<Target>,
    /// In which form the PSBT is written.
    form: Form,
}

/// What came out of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// The signed PSBT in base64, and its transaction in hex; nothing for bare messages.
    pub(crate) psbt: Option<(String, String)>,
    /// Of bare messages, in hex.
    pub(crate) signatures: Vec<String>,
    /// The key that bare messages are signed under, 32 bytes in hex.
    pub(crate) key: String,
}

/// Returns the key that a group's bare messages are signed under, in hex.
fn signing_key(group: &ensign_psbt::Group) -> String {
    hex::encode(group.aggregate_key().x_only_public_key().0.to_byte_array())
}

impl Finished {
    /// Takes what a session has come to.
    pub(crate) fn new(outcome: &Outcome, group: &ensign_psbt::Group) -> Self {
        let psbt = outcome.psbt.as_ref();
        Self {
            psbt: psbt.map(|psbt| (psbt.base64(), hex::encode(psbt.extract_tx().bytes))),
            signatures: outcome.signatures.iter().map(hex::encode).collect(),
            key: signing_key(group),
        }
    }
}

impl Targets {
    /// Takes what the user has typed, and finds out before anybody signs that a result could not be
    /// written.
    ///
    /// - `form`: of the PSBT that is to be signed.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`], [`code::FILE_EXISTS`], [`code::COMMAND_LINE`] where one result would take
    /// the place of the other.
    pub(crate) fn check(
        out: Option<&Path>,
        extract: Option<&Path>,
        form: Form,
        existing: Existing,
    ) -> Result<Self> {
        let target = |typed: &Path| {
            let target = Target::new(typed, existing)?;
            target.check().map(|()| target)
        };
        let (out, extract) = (out.map(target).transpose()?, extract.map(target).transpose()?);
        if let (Some(out), Some(extract)) = (&out, &extract)
            && out.is_same_as(extract)
        {
            let what = "--out and --extract name the same place, and one result would be lost";
            let failure = Failure::new(&code::COMMAND_LINE, what);
            return Err(failure.hint("name two files, or leave one of them out"));
        }
        Ok(Self { out, extract, form })
    }

    /// Whether some of it can be written by this process alone, and by no other that serves the home.
    pub(crate) fn are_of_this_process(&self) -> bool {
        self.is_printed() || self.all().any(|target| target.is_of_this_process())
    }

    /// Whether [`write`](Self::write) prints a result, so that somebody has to read it.
    pub(crate) fn is_printed(&self) -> bool {
        self.out.is_none() || self.name_stdout()
    }

    /// Whether a result is meant for standard output by name, which has nothing else then.
    pub(crate) fn name_stdout(&self) -> bool {
        self.all().any(|target| *target == Target::Stdout)
    }

    /// Returns the places as another process is told them; nothing for what only this one can write.
    pub(crate) fn to_view(&self) -> Option<view::Target> {
        if self.are_of_this_process() {
            return None;
        }
        let mut force = false;
        let mut place = |target: &Target| match target {
            Target::Stdout => None,
            Target::File { path, existing } => {
                force |= *existing == Existing::Replace;
                path.to_str().map(str::to_owned)
            }
        };
        let (out, extract) =
            (self.out.as_ref().and_then(&mut place), self.extract.as_ref().and_then(&mut place));
        Some(view::Target { out, extract, form: Some(form_name(self.form).to_owned()), force })
    }

    /// Takes the places that another process has told, and finds out whether they can be written.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`code::COMMAND_LINE`] for a path that is not absolute, since no
    /// folder is meant by it here.
    pub(crate) fn of_view(target: &view::Target) -> Result<Self> {
        let view::Target { out, extract, form, force } = target;
        let path = |path: &Option<String>| path.as_ref().map(PathBuf::from);
        let (out, extract) = (path(out), path(extract));
        for path in out.iter().chain(&extract) {
            if !path.is_absolute() {
                let what = format!("{} is no absolute path", shown(path));
                return Err(Failure::new(&code::COMMAND_LINE, what));
            }
        }
        let known = |form: &String| FORMS.into_iter().find(|known| form_name(*known) == *form);
        let form = form.as_ref().map(|form| {
            let unknown = || Failure::new(&code::COMMAND_LINE, "there is no such form of a PSBT");
            known(form).ok_or_else(unknown)
        });
        let existing = if *force { Existing::Replace } else { Existing::Keep };
        let form = form.transpose()?.unwrap_or_default();
        let targets = Self::check(out.as_deref(), extract.as_deref(), form, existing)?;
        if targets.all().any(Target::is_of_this_process) {
            let what =
                "a pipe or a device is written by the command that names it, and by no other";
            return Err(Failure::new(&code::COMMAND_LINE, what));
        }
        Ok(targets)
    }

    fn all(&self) -> impl Iterator<Item = &Target> {
        self.out.iter().chain(&self.extract)
    }

    /// Writes the results; the PSBT or the signatures to standard output where no place is named for
    /// them. On a pipe it waits for a reader, so not where others are waited for.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`], [`code::FILE_EXISTS`].
    pub(crate) fn write(&self, finished: &Finished, output: Output) -> Result<()> {
        // Where standard output has the transaction, it has nothing else.
        if self.out.is_none() && !self.name_stdout() {
            print(finished, output);
        }
        self.write_named(finished, output)
    }

    /// Writes those results for which a place is named.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub(crate) fn write_named(&self, finished: &Finished, output: Output) -> Result<()> {
        match (&self.out, &finished.psbt) {
            (None, _) => {}
            (Some(target), _) if is_line(target, output) => print(finished, output),
            (Some(target), Some((psbt, _))) => target.write(&self.formed(psbt)?, output)?,
            (Some(target), None) => {
                target.write(format!("{}\n", finished.signatures.join("\n")).as_bytes(), output)?;
            }
        }
        let (Some(target), Some((_, tx))) = (&self.extract, &finished.psbt) else { return Ok(()) };
        if is_line(target, output) {
            let line = Line::new("signed_transaction").with("transaction", tx.as_str());
            output.tell(&line, tx);
            return Ok(());
        }
        target.write(format!("{tx}\n").as_bytes(), output)
    }

    fn formed(&self, psbt: &str) -> Result<Vec<u8>> {
        let psbt = ensign_psbt::parse(psbt.as_bytes())
            .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        Ok(psbt.to_form(self.form))
    }
}

/// Every form that a result is written in for another process.
const FORMS: [Form; 5] = [Form::Binary, Form::Base64, Form::Hex, Form::Quoted, Form::Json];

const fn form_name(form: Form) -> &'static str {
    match form {
        Form::Binary => "binary",
        Form::Hex => "hex",
        Form::Quoted => "quoted",
        Form::Json => "json",
        Form::Base64 | _ => "base64",
    }
}

/// Whether a result is a line of JSON among others.
fn is_line(target: &Target, output: Output) -> bool {
    *target == Target::Stdout && output.is_json()
}

fn print(finished: &Finished, output: Output) {
    if let Some((psbt, _)) = &finished.psbt {
        return output.tell(&Line::new("signed_psbt").with("psbt", psbt.as_str()), psbt);
    }
    let key = finished.key.as_str();
    for signature in &finished.signatures {
        let text = format!("signature {signature}\n  by the key  {key}");
        let line = Line::new("signed_message").with("signature", signature.as_str());
        output.tell(&line.with("key", key), text);
    }
}
