//! The folder of results: the newest are kept, within bounds.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Home, SIGNED, io_failure, permissions};
use crate::durable::{self, Existing, Readers};
use crate::failure::Result;

/// Most results in the folder. Guess: years of a busy treasury.
const SIGNED_FILES_MAX: usize = 10_000;
/// Most bytes of results, as many as the store has for its requests.
const SIGNED_BYTES_MAX: u64 = 256 << 20;
/// How many results are looked at in one go; in a folder with more the rest follows later. Guess: far
/// more than the bound, and still 16 MB.
const SIGNED_LOOK_MAX: usize = 1 << 18;

/// What the folder may hold.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    files: usize,
    bytes: u64,
}

impl Bounds {
    /// To how much it is reduced at once, so that not every result looks through the folder.
    const fn reduced(self) -> Self {
        Self { files: self.files - self.files / 10, bytes: self.bytes - self.bytes / 10 }
    }

    const fn hold(self, files: usize, bytes: u64) -> bool {
        files <= self.files && bytes <= self.bytes
    }
}

/// The results of a home.
///
/// At most [`SIGNED_FILES_MAX`] files and [`SIGNED_BYTES_MAX`] bytes: above that the oldest go, a
/// tenth at once, whether the store still has them or not. Only files whose names are those of
/// results are counted and removed; nothing else in the folder is touched, and no link is followed.
#[derive(Debug)]
pub(crate) struct Signed {
    folder: PathBuf,
    bounds: Bounds,
    files: usize,
    bytes: u64,
}

/// One result.
struct Kept {
    written: SystemTime,
    name: String,
    bytes: u64,
}

impl Signed {
    /// Looks through the folder, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// [`HOME_IO`](crate::catalogue::HOME_IO).
    pub(crate) fn open(home: &Home) -> Result<Self> {
        let bounds = Bounds { files: SIGNED_FILES_MAX, bytes: SIGNED_BYTES_MAX };
        let folder = home.path().join(SIGNED);
        Self::open_in(folder.clone(), bounds).map_err(|error| io_failure("use", &folder, &error))
    }

    fn open_in(folder: PathBuf, bounds: Bounds) -> io::Result<Self> {
        match permissions::create_private_folder(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut signed = Self { folder, bounds, files: 0, bytes: 0 };
        signed.reduce()?;
        Ok(signed)
    }

    /// Keeps a result and returns where. The oldest make room for it.
    ///
    /// # Errors
    ///
    /// [`HOME_IO`](crate::catalogue::HOME_IO).
    pub(crate) fn keep(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.folder.join(name);
        durable::write(&path, bytes, Existing::Replace, Readers::Owner)
            .map_err(|error| io_failure("write", &path, &error))?;
        // One that is replaced counts twice, until the folder is looked through.
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if !self.bounds.hold(self.files, self.bytes) {
            self.reduce().map_err(|error| io_failure("use", &self.folder, &error))?;
        }
        Ok(path)
    }

    /// Counts what there is; where it is too much, removes the oldest.
    fn reduce(&mut self) -> io::Result<()> {
        let mut all = results(&self.folder)?;
        (self.files, self.bytes) = (all.len(), all.iter().map(|kept| kept.bytes).sum());
        if self.bounds.hold(self.files, self.bytes) {
            return Ok(());
        }
        all.sort_unstable_by(|one, other| {
            (one.written, &one.name).cmp(&(other.written, &other.name))
        });
        // The last one has just been written, and stays whatever its size.
        all.pop();
        for Kept { name, bytes, .. } in all {
            if self.bounds.reduced().hold(self.files, self.bytes) {
                break;
            }
            // One that cannot be removed is in the way of nothing: the next one goes.
            if fs::remove_file(self.folder.join(name)).is_ok() {
                self.files = self.files.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
        Ok(())
    }
}

/// Returns the results in a folder; none of a folder that is a link.
fn results(folder: &Path) -> io::Result<Vec<Kept>> {
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder)?.map_while(Result::ok);
    Ok(entries.filter_map(|entry| result(&entry)).take(SIGNED_LOOK_MAX).collect())
}

fn result(entry: &DirEntry) -> Option<Kept> {
    let name = entry.file_name().into_string().ok()?;
    let id = name.strip_suffix(".psbt").or(name.strip_suffix(".sig"))?;
    let is_id = id.len() == 64 && id.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    // Of the entry itself, not of what a link points to.
    let metadata = entry.metadata().ok().filter(|metadata| is_id && metadata.is_file())?;
    Some(Kept { written: metadata.modified().ok()?, bytes: metadata.len(), name })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(number: u64) -> String {
        format!("{number:064x}.{}", if number.is_multiple_of(2) { "psbt" } else { "sig" })
    }

    /// Sets when a result was written.
    fn date(folder: &Path, number: u64, seconds: u64) {
        let file = fs::File::options().write(true).open(folder.join(name(number))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    fn numbers(folder: &Path, among: u64) -> Vec<u64> {
        (0..among).filter(|number| folder.join(name(*number)).exists()).collect()
    }

    #[test]
    fn regression_results_filled_the_folder_for_ever() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(SIGNED);
        let bounds = Bounds { files: 20, bytes: 1_000 };
        let mut signed = Signed::open_in(folder.clone(), bounds).unwrap();
        // The oldest has the highest number.
        for number in (1..=20).rev() {
            signed.keep(&name(number), b"result").unwrap();
            date(&folder, number, 100 - number);
        }
        assert_eq!(numbers(&folder, 30).len(), 20);
        signed.keep(&name(0), b"result").unwrap();
        assert_eq!(numbers(&folder, 30), (0..18).collect::<Vec<_>>());
        assert_eq!((signed.files, signed.bytes), (18, 18 * 6));

        // By their size too; one that is larger than all is kept alone.
        signed.keep(&name(25), &[7; 2_000]).unwrap();
        assert_eq!(numbers(&folder, 30), [25]);
        // What earlier versions left is reduced when the folder is opened.
        for number in 0..30 {
            fs::write(folder.join(name(number)), b"result").unwrap();
            date(&folder, number, 100 + number);
        }
        Signed::open_in(folder.clone(), bounds).unwrap();
        assert_eq!(numbers(&folder, 30), (12..30).collect::<Vec<_>>());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_result_is_left_alone_and_no_link_is_followed() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(SIGNED);
        let bounds = Bounds { files: 1, bytes: 1 << 20 };
        let mut signed = Signed::open_in(folder.clone(), bounds).unwrap();
        let elsewhere = home.path().join("elsewhere");
        fs::write(&elsewhere, b"precious").unwrap();
        let upper = name(0xab).to_uppercase();
        let foreign = ["notes.txt", "abc.psbt", upper.as_str(), &format!("{}.tmp", "0".repeat(64))];
        for name in foreign {
            fs::write(folder.join(name), b"theirs").unwrap();
        }
        std::os::unix::fs::symlink(&elsewhere, folder.join(name(1))).unwrap();
        fs::create_dir(folder.join(name(3))).unwrap();
        for number in [4, 6, 8] {
            signed.keep(&name(number), b"result").unwrap();
            date(&folder, number, number);
        }
        assert_eq!(numbers(&folder, 20), [1, 3, 8]);
        assert!(foreign.iter().all(|name| folder.join(name).exists()));
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");

        // Nor is a folder that is a link looked through.
        let real = home.path().join("real");
        fs::rename(&folder, &real).unwrap();
        std::os::unix::fs::symlink(&real, &folder).unwrap();
        let mut signed = Signed::open_in(folder, bounds).unwrap();
        for number in [10, 12] {
            signed.keep(&name(number), b"result").unwrap();
        }
        assert_eq!(numbers(&real, 20), [1, 3, 8, 10, 12]);
    }
}
