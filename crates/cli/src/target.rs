//! Files that the user names for results: checked before anything is proposed, written as what they
//! are.
//!
//! - A link is followed and stays; a pipe, a terminal or a device is written into as it is; `-` and
//!   whatever leads to standard output is standard output.
//! - A file that exists is replaced, complete or not at all, only with `--force`.
//! - Nothing goes among the files of a home, nor in the place of a vault ([`guarded`]).

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::output::{Line, Output};
use crate::words;

mod guarded;
mod results;
pub(crate) use results::{Finished, Targets};

/// How long a result waits for somebody to open a pipe for reading. Guess: whoever made the pipe starts
/// its reader at about the same time.
const READER_TIMEOUT: Duration = Duration::from_secs(5);

/// Most links in a row, as Linux has it.
const LINKS_MAX: usize = 40;

/// A place for one result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output of this process.
    Stdout,
    /// A file, or what stands in the place of one; the path is absolute.
    File {
        /// Where.
        path: PathBuf,
        /// Whether a file that is there may be replaced.
        existing: Existing,
    },
}

/// What there is at a path, every link followed.
enum Found {
    /// Nothing; the path is where it would be.
    Nothing(PathBuf),
    /// A file; the path is its own.
    File(PathBuf),
    /// Something that takes bytes as they come.
    Stream {
        /// Whether somebody must read before it can be opened.
        is_pipe: bool,
    },
}

impl Target {
    /// Takes what the user has typed.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`] when this process is in no folder.
    pub(crate) fn new(typed: &Path, existing: Existing) -> Result<Self> {
        if typed.as_os_str().as_bytes().contains(&0) {
            let what =
                format!("cannot write {}: no file has a NUL character in its name", shown(typed));
            return Err(Failure::new(&code::FILE_WRITE, what).hint("write the name without it"));
        }
        if typed == Path::new("-") || is_stdout(typed) {
            return Ok(Self::Stdout);
        }
        let path = std::path::absolute(typed).map_err(|error| cannot(typed, &error))?;
        Ok(Self::File { path, existing })
    }

    /// Whether only this process can write there, and no other one that serves the home.
    pub(crate) fn is_of_this_process(&self) -> bool {
        match self {
            Self::Stdout => true,
            Self::File { path, .. } => {
                !matches!(find(path), Ok(Found::Nothing(_) | Found::File(_)))
            }
        }
    }

    /// Finds out before anybody signs that a result could not be written.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`], [`code::FILE_EXISTS`], [`code::FILE_GUARDED`].
    pub(crate) fn check(&self) -> Result<()> {
        let Self::File { path, existing } = self else { return Ok(()) };
        let place = match find_unguarded(path)? {
            Found::Stream { .. } => return Ok(()),
            Found::File(_) if *existing == Existing::Keep => return Err(exists(path)),
            Found::File(place) | Found::Nothing(place) => place,
        };
        let folder = place.parent().unwrap_or(Path::new("/"));
        durable::try_folder(folder).map_err(|error| cannot(path, &error))
    }

    /// Writes a result. On a pipe it waits for a reader, so not where others are waited for.
    ///
    /// # Errors
    ///
    /// [`code::FILE_WRITE`], [`code::FILE_EXISTS`], [`code::FILE_GUARDED`]; what was there is as it was.
    pub(crate) fn write(&self, bytes: &[u8], output: Output) -> Result<()> {
        let Self::File { path, existing } = self else {
            return Output::raw(bytes).map_err(|error| cannot(Path::new("-"), &error));
        };
        match find_unguarded(path)? {
            Found::Stream { is_pipe } => stream(path, bytes, is_pipe),
            Found::File(_) if *existing == Existing::Keep => return Err(exists(path)),
            Found::File(place) | Found::Nothing(place) => {
                durable::write(&place, bytes, *existing, Readers::Usual)
            }
        }
        .map_err(|error| {
            let is_there = error.kind() == io::ErrorKind::AlreadyExists;
            if is_there { exists(path) } else { cannot(path, &error) }
        })?;
        let line = Line::new("written").with("file", shown(path)).with("bytes", bytes.len());
        output.talk(&line, format!("wrote {}", shown(path)));
        Ok(())
    }

    /// Whether two results would go to one place, and one would be lost.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let place = |target: &Self| match target {
            Self::Stdout => None,
            Self::File { path, .. } => match find(path) {
                Ok(Found::Nothing(place) | Found::File(place)) => Some(place),
                Ok(Found::Stream { .. }) | Err(_) => Some(path.clone()),
            },
        };
        place(self) == place(other)
    }
}

/// As [`find`], and refuses a place that no result takes.
fn find_unguarded(path: &Path) -> Result<Found> {
    let found = find(path)?;
    if let Found::File(place) | Found::Nothing(place) = &found {
        guarded::refuse(place)?;
    }
    Ok(found)
}

/// Follows every link of a path to its end.
fn find(path: &Path) -> Result<Found> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            let what = format!("cannot write {}: it is a folder", shown(path));
            Err(Failure::new(&code::FILE_WRITE, what).hint("name a file in it"))
        }
        Ok(there) if !there.is_file() => Ok(Found::Stream { is_pipe: there.file_type().is_fifo() }),
        // What another program has opened for us has no name of its own to be replaced.
        Ok(_) if is_descriptor(path) => Ok(Found::Stream { is_pipe: false }),
        Ok(_) => fs::canonicalize(path).map(Found::File).map_err(|error| cannot(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            end_of_links(path).map(Found::Nothing).map_err(|error| cannot(path, &error))
        }
        Err(error) => Err(cannot(path, &error)),
    }
}

/// Returns where a file would be that is not there, in a folder that is.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        let name = path.file_name().unwrap_or(OsStr::new("")).to_owned();
        match fs::read_link(folder.join(&name)) {
            Ok(next) => path = folder.join(next),
            Err(_) => return Ok(folder.join(name)),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

/// Whether a path leads to standard output of this process.
fn is_stdout(path: &Path) -> bool {
    let here = fs::metadata("/dev/fd/1");
    let (Ok(here), Ok(there)) = (here, fs::metadata(path)) else { return false };
    let is_one = here.dev() == there.dev() && here.ino() == there.ino();
    // Devices are many things at once: only where the name says so.
    is_one && (here.file_type().is_fifo() || is_descriptor(path))
}

/// Whether a path ends in a folder of open descriptors, such as `/dev/fd/3` and `/dev/stdout`.
fn is_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        let Some(folder) = folder else { return false };
        if folder.starts_with("/proc") && folder.ends_with("fd") || folder == Path::new("/dev/fd") {
            return true;
        }
        match fs::read_link(&path) {
            Ok(next) => path = folder.join(next),
            Err(_) => return false,
        }
    }
    false
}

/// Writes into what is no file. A pipe that nobody has opened yet is waited for.
fn stream(path: &Path, bytes: &[u8], is_pipe: bool) -> io::Result<()> {
    let mut opened =
        if is_pipe { open_pipe(path)? } else { OpenOptions::new().write(true).open(path)? };
    opened.write_all(bytes)?;
    opened.flush()
}

fn open_pipe(path: &Path) -> io::Result<File> {
    let (opened, is_opened) = mpsc::channel();
    let pipe = path.to_owned();
    // The system waits for the reader without a bound.
    std::thread::spawn(move || {
        let _late = opened.send(OpenOptions::new().write(true).open(pipe));
    });
    is_opened.recv_timeout(READER_TIMEOUT).unwrap_or_else(|_| {
        // A reader for a moment, so that the thread comes to its end.
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let _reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
        Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads this pipe"))
    })
}

/// Says that there is a result all the same, which was not written: the same command again would have
/// everybody sign once more.
///
/// - `request`: how it is called.
pub(crate) fn kept(failure: &Failure, request: &str) -> Failure {
    let what = format!("{request} is signed and kept, but {}", failure.what);
    let hint = format!("`ensign request show '{request}' --out FILE` writes it to another file");
    Failure::new(&code::RESULT_KEPT, what).hint(hint)
}

fn exists(path: &Path) -> Failure {
    Failure::new(&code::FILE_EXISTS, format!("{} is there already", shown(path)))
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let reason =
        if is_missing { "there is no such folder".to_owned() } else { words::system(error) };
    let what = format!("cannot write {}: {reason}", shown(path));
    let failure = Failure::new(&code::FILE_WRITE, what);
    words::way_out(error.kind()).map_or(failure.clone(), |hint| failure.hint(hint))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn target(path: &Path, existing: Existing) -> Target {
        Target::new(path, existing).unwrap()
    }

    fn code_of(result: Result<()>) -> &'static str {
        result.unwrap_err().entry.code
    }

    #[test]
    fn regression_a_link_was_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), "old").unwrap();
        symlink("real", at("link")).unwrap();
        symlink(at("link"), at("link2")).unwrap();
        let kept = target(&at("link2"), Existing::Keep);
        assert_eq!(code_of(kept.check()), code::FILE_EXISTS.code);
        assert_eq!(code_of(kept.write(b"new", Output::Json)), code::FILE_EXISTS.code);
        assert_eq!(fs::read(at("real")).unwrap(), b"old");
        let replaced = target(&at("link2"), Existing::Replace);
        replaced.check().unwrap();
        replaced.write(b"new", Output::Text).unwrap();
        assert_eq!(fs::read(at("real")).unwrap(), b"new");
        assert!(at("link").is_symlink() && at("link2").is_symlink());
        // A link to nothing is filled in.
        symlink("fresh", at("dangling")).unwrap();
        target(&at("dangling"), Existing::Keep).write(b"x", Output::Text).unwrap();
        assert_eq!(fs::read(at("fresh")).unwrap(), b"x");
        assert!(at("dangling").is_symlink());
        symlink("loop", at("loop")).unwrap();
        assert_eq!(code_of(target(&at("loop"), Existing::Keep).check()), code::FILE_WRITE.code);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_before() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for wrong in [at("nowhere/file"), folder.path().to_owned(), PathBuf::from("/proc/x")] {
            assert_eq!(code_of(target(&wrong, Existing::Keep).check()), code::FILE_WRITE.code);
        }
        target(&at("file"), Existing::Keep).check().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a check leaves nothing");
    }

    #[test]
    fn regression_a_pipe_was_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from(0o600),
            0,
        )
        .unwrap();
        let pipe = target(&path, Existing::Keep);
        pipe.check().unwrap();
        assert!(pipe.is_of_this_process());
        let read = {
            let path = path.clone();
            std::thread::spawn(move || fs::read(path).unwrap())
        };
        pipe.write(b"result", Output::Text).unwrap();
        assert_eq!(read.join().unwrap(), b"result");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }

    #[test]
    fn devices_and_open_descriptors_are_written_as_they_are() {
        let null = target(Path::new("/dev/null"), Existing::Keep);
        null.check().unwrap();
        null.write(b"x", Output::Text).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let folder = tempfile::tempdir().unwrap();
        let mut opened = File::create_new(folder.path().join("opened")).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&opened);
        let descriptor = target(&PathBuf::from(format!("/dev/fd/{number}")), Existing::Keep);
        descriptor.check().unwrap();
        descriptor.write(b"x", Output::Text).unwrap();
        opened.flush().unwrap();
        assert_eq!(fs::read(folder.path().join("opened")).unwrap(), b"x");
    }

    #[test]
    fn two_names_of_one_place_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| target(&folder.path().join(name), Existing::Keep);
        symlink("one", folder.path().join("link")).unwrap();
        assert!(at("one").is_same_as(&at("link")) && at("one").is_same_as(&at("./one")));
        assert!(!at("one").is_same_as(&at("two")) && !at("one").is_same_as(&Target::Stdout));
        assert_eq!(target(Path::new("-"), Existing::Keep), Target::Stdout);
    }
}
