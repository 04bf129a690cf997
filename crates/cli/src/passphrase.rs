//! Where passphrases come from: a prompt, a file, a descriptor, a systemd credential. Never an
//! argument or a variable, which other programs can read.

mod forms;
mod prompt;
pub(crate) use prompt::Quiet;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use ensign_vault::{PASSPHRASE_BYTES_MAX, Passphrase};
use zeroize::Zeroizing;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::output::Output;
use crate::words;

/// The folder in which systemd leaves credentials for a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// The name of our credential.
const CREDENTIAL: &str = "ensign-passphrase";

/// Fewest bytes of a new passphrase. Guess: less is a word, and there are only so many words.
const NEW_BYTES_MIN: usize = 8;

/// Where the passphrase that unlocks comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PassphraseArgs {
    /// Read the passphrase from this file [default: the systemd credential `ensign-passphrase`, else
    /// a prompt]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this file descriptor, to its end
    #[arg(long, global = true, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// Where a new passphrase comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NewPassphraseArgs {
    /// Read the new passphrase from this file [default: a prompt]
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    new_passphrase_file: Option<PathBuf>,
    /// Read the new passphrase from this file descriptor, to its end
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u32>,
}

/// Gives passphrases when they are needed.
#[derive(Clone, Debug)]
pub(crate) struct Passphrases {
    source: Source,
    output: Output,
}

/// Where to look first.
#[derive(Clone, Debug, Default)]
enum Source {
    File(PathBuf),
    Descriptor(u32),
    #[default]
    Usual,
}

impl Source {
    fn new(file: Option<PathBuf>, fd: Option<u32>) -> Self {
        file.map(Self::File).or(fd.map(Self::Descriptor)).unwrap_or_default()
    }
}

impl NewPassphraseArgs {
    /// Returns whether a source was named.
    pub(crate) const fn is_given(&self) -> bool {
        self.new_passphrase_file.is_some() || self.new_passphrase_fd.is_some()
    }
}

impl Passphrases {
    /// Takes what the command line says.
    pub(crate) fn new(args: PassphraseArgs, output: Output) -> Self {
        let PassphraseArgs { passphrase_file, passphrase_fd } = args;
        Self { source: Source::new(passphrase_file, passphrase_fd), output }
    }

    /// Returns what asks nobody, for homes whose keys are not encrypted.
    pub(crate) const fn nobody() -> Self {
        Self { source: Source::Usual, output: Output::Json }
    }

    /// Returns the output that a wait is told to.
    pub(crate) const fn output(&self) -> Output {
        self.output
    }

    /// Returns the passphrase of a file that exists.
    ///
    /// # Errors
    ///
    /// [`code::PASSPHRASE_NEEDED`] when nobody can be asked, [`code::PASSPHRASE_SOURCE`].
    pub(crate) fn existing(&self, of: &Path) -> Result<Passphrase> {
        if let Some(passphrase) = self.unasked()? {
            return Ok(passphrase);
        }
        self.ask(&format!("passphrase of {}: ", shown(of)))
    }

    /// Returns a passphrase for a file that is to be written, from where the one that unlocks comes
    /// from; a person types it twice.
    ///
    /// # Errors
    ///
    /// As [`existing`](Self::existing), and [`code::PASSPHRASE_WEAK`].
    pub(crate) fn for_new(&self, file: &Path) -> Result<Passphrase> {
        match self.unasked()? {
            Some(passphrase) => self.good(passphrase),
            None => self.ask_twice(file),
        }
    }

    /// Returns another passphrase than the one that unlocks.
    ///
    /// # Errors
    ///
    /// As [`for_new`](Self::for_new).
    pub(crate) fn another(&self, args: NewPassphraseArgs, file: &Path) -> Result<Passphrase> {
        let NewPassphraseArgs { new_passphrase_file, new_passphrase_fd } = args;
        match Source::new(new_passphrase_file, new_passphrase_fd) {
            Source::File(path) => self.good(from_file(&path)?),
            Source::Descriptor(fd) => self.good(from_descriptor(fd)?),
            Source::Usual => self.ask_twice(file),
        }
    }

    fn unasked(&self) -> Result<Option<Passphrase>> {
        match &self.source {
            Source::File(path) => from_file(path).map(Some),
            Source::Descriptor(fd) => from_descriptor(*fd).map(Some),
            Source::Usual => credential().map(|path| from_file(&path)).transpose(),
        }
    }

    /// Returns whether a person types what unlocks, and may have mistyped it.
    pub(crate) fn is_typed(&self) -> bool {
        matches!(self.source, Source::Usual) && credential().is_none()
    }

    /// Returns what keeps a terminal from showing what is typed there, from now on until it is dropped;
    /// nothing where nobody types.
    pub(crate) fn quiet(&self) -> Option<Quiet> {
        let is_asked = self.is_typed() && self.check_terminal().is_ok();
        // A terminal that cannot be quiet is told of when it is asked.
        is_asked.then(Quiet::begin).and_then(io::Result::ok)
    }

    /// Returns the same passphrase in the other forms that it may have been stored in.
    pub(crate) fn other_forms(passphrase: &Passphrase) -> Vec<(&'static str, Passphrase)> {
        forms::others(passphrase)
    }

    /// Takes a new passphrase that nobody types now, but may have to type one day.
    fn good(&self, passphrase: Passphrase) -> Result<Passphrase> {
        let bytes = passphrase.dangerous_bytes();
        if forms::is_utf16(bytes) {
            let what = "the new passphrase is stored as UTF-16, which no keyboard gives back";
            let failure = Failure::new(&code::PASSPHRASE_SOURCE, what);
            return Err(failure.hint("save the file as UTF-8 without a mark"));
        }
        if !forms::has_mark(bytes) {
            return strong(self.told(passphrase));
        }
        self.output.notice(
            "warning: the file of the new passphrase begins with an invisible mark of its editor. The \
             mark is left out: nobody can type it",
        );
        let bare = Zeroizing::new(forms::without_mark(bytes).to_vec());
        let bare = Passphrase::new(bare).map_err(|error| {
            Failure::new(&code::PASSPHRASE_SOURCE, format!("no new passphrase: {error}"))
        })?;
        strong(self.told(bare))
    }

    /// Warns of text that another keyboard may give in other bytes.
    fn told(&self, passphrase: Passphrase) -> Passphrase {
        if forms::is_decomposed(&passphrase) {
            self.output.notice(
                "warning: the new passphrase has accents that stand apart from their letters, as some \
                 systems store them. It opens in either form, but plain letters are safer",
            );
        }
        passphrase
    }

    fn ask_twice(&self, file: &Path) -> Result<Passphrase> {
        self.check_terminal().map_err(|failure| {
            let what = format!(
                "{} needs a new passphrase, and there is no terminal to ask on",
                shown(file)
            );
            Failure { what, ..failure }
        })?;
        let _quiet = Quiet::begin().ok();
        let file = shown(file);
        self.output.notice(format!(
            "Choose a passphrase for {file}. Nobody can recover it: without it the keys are gone."
        ));
        loop {
            let first = self.ask(&format!("new passphrase of {file}: "))?;
            if first.byte_count() < NEW_BYTES_MIN {
                self.output.notice(format!("too short: at least {NEW_BYTES_MIN} characters"));
                continue;
            }
            if self.ask("the same again: ")?.is_same_as(&first) {
                return Ok(self.told(first));
            }
            self.output.notice("the two passphrases differ; once more");
        }
    }

    fn check_terminal(&self) -> Result<()> {
        if self.output.is_json() || !io::stdin().is_terminal() {
            let what = "a passphrase is needed, and there is no terminal to ask on";
            return Err(Failure::new(&code::PASSPHRASE_NEEDED, what));
        }
        Ok(())
    }

    fn ask(&self, question: &str) -> Result<Passphrase> {
        self.check_terminal()?;
        loop {
            let answer = prompt::ask(question).map_err(|error| {
                let what = format!("cannot ask on the terminal: {}", words::system(&error));
                Failure::new(&code::PASSPHRASE_NEEDED, what)
            })?;
            let Some(answer) = answer else {
                let failure = Failure::new(&code::PASSPHRASE_NEEDED, "no passphrase was typed");
                return Err(failure.hint("give the command again and type it; nothing was changed"));
            };
            match Passphrase::new(answer) {
                Ok(passphrase) => return Ok(passphrase),
                Err(_) => self.output.notice("that is empty; type it, or end with Ctrl-C"),
            }
        }
    }
}

/// Returns the file that systemd leaves for us, if there is one.
fn credential() -> Option<PathBuf> {
    let folder = std::env::var_os(CREDENTIALS)?;
    Some(PathBuf::from(folder).join(CREDENTIAL)).filter(|path| path.exists())
}

fn strong(passphrase: Passphrase) -> Result<Passphrase> {
    match passphrase.byte_count() {
        NEW_BYTES_MIN.. => Ok(passphrase),
        short => {
            let what = format!("the new passphrase has {short} bytes, less than {NEW_BYTES_MIN}");
            Err(Failure::new(&code::PASSPHRASE_WEAK, what))
        }
    }
}

fn from_file(path: &Path) -> Result<Passphrase> {
    let file = File::open(path).map_err(|error| unusable(path, &words::system(&error)))?;
    private(path, &file)?;
    from(path, file)
}

fn from_descriptor(fd: u32) -> Result<Passphrase> {
    let path = PathBuf::from(format!("/dev/fd/{fd}"));
    let file = File::open(&path).map_err(|error| unusable(&path, &words::system(&error)))?;
    from(&path, file)
}

/// Reads to the end; one line feed there is not part of the passphrase.
fn from(path: &Path, mut file: File) -> Result<Passphrase> {
    let mut bytes = Zeroizing::new(vec![0; PASSPHRASE_BYTES_MAX + 3]);
    let mut length = 0;
    while let Some(free) = bytes.get_mut(length..).filter(|free| !free.is_empty()) {
        match file.read(free).map_err(|error| unusable(path, &words::system(&error)))? {
            0 => break,
            more => length += more,
        }
    }
    if length == bytes.len() {
        return Err(unusable(path, &format!("it has more than {PASSPHRASE_BYTES_MAX} bytes")));
    }
    bytes.truncate(length);
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Passphrase::new(bytes).map_err(|error| unusable(path, &error.to_string()))
}

fn unusable(path: &Path, reason: &str) -> Failure {
    let what = format!("no passphrase from {}: {reason}", shown(path));
    Failure::new(&code::PASSPHRASE_SOURCE, what)
}

/// Refuses a file that other users can read; pipes and the like have no readers but us.
#[cfg(unix)]
fn private(path: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|error| unusable(path, &error.to_string()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        let failure = unusable(path, &format!("other users can read it (mode 0{mode:o})"));
        return Err(failure.hint(format!("type `chmod 600 {}`", shown(path))));
    }
    Ok(())
}

/// Other systems have no modes.
#[cfg(not(unix))]
fn private(_path: &Path, _file: &File) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_feed_at_the_end_is_not_part_of_a_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        for (written, bytes) in [
            ("correct horse", 13),
            ("correct horse\n", 13),
            ("correct horse\r\n", 13),
            ("correct horse\n\n", 14),
            (" x ", 3),
        ] {
            crate::durable::write(
                &path,
                written.as_bytes(),
                crate::durable::Existing::Replace,
                crate::durable::Readers::Owner,
            )
            .unwrap();
            assert_eq!(from_file(&path).unwrap().byte_count(), bytes, "{written:?}");
        }
        for wrong in [String::new(), "\n".to_owned(), "x".repeat(PASSPHRASE_BYTES_MAX + 1)] {
            std::fs::write(&path, wrong).unwrap();
            assert_eq!(from_file(&path).unwrap_err().entry.code, code::PASSPHRASE_SOURCE.code);
        }
        std::fs::write(&path, "x".repeat(2 << 20)).unwrap();
        let what = from_file(&path).unwrap_err().what;
        assert!(what.ends_with("it has more than 1024 bytes"), "{what}");
    }
}
