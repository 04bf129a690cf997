//! Where results are to be written, for requests that a client has proposed: kept in the home, so
//! that it holds after a restart too.

use std::fs;
use std::io;
use std::path::PathBuf;

use ensign_api::view::Target;
use ensign_primitives::RequestId;

use super::{Home, io_failure, permissions};
use crate::durable::{self, Existing, Readers};
use crate::failure::Result;
use crate::kept::id_of;

/// The folder's name in the home.
const OUTS: &str = "outs";
/// Most requests that are remembered; a node has far fewer open.
const OUTS_MAX: usize = 1024;

/// The folder of what is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Outs {
    folder: PathBuf,
}

impl Outs {
    /// Names the folder; it is made when there is something to keep.
    pub(crate) fn new(home: &Home) -> Self {
        Self { folder: home.path().join(OUTS) }
    }

    /// Remembers, durably, where the result of a request goes.
    ///
    /// # Errors
    ///
    /// [`HOME_IO`](crate::catalogue::HOME_IO).
    pub(crate) fn keep(&self, id: &RequestId, target: &Target) -> Result<()> {
        let path = self.path(id);
        match permissions::create_private_folder(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io_failure("make", &self.folder, &error));
            }
            Ok(()) | Err(_) => {}
        }
        let written = toml::to_string(target).map_err(io::Error::other).and_then(|text| {
            durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Owner)
        });
        written.map_err(|error| io_failure("write", &path, &error))
    }

    /// Returns where the result of a request goes, if that is remembered.
    pub(crate) fn get(&self, id: &RequestId) -> Option<Target> {
        // One that cannot be read is none: the result is in `signed` all the same.
        toml::from_str(&fs::read_to_string(self.path(id)).ok()?).ok()
    }

    /// Forgets it.
    pub(crate) fn remove(&self, id: &RequestId) {
        // It is written once more at worst, with the same bytes.
        let _gone = fs::remove_file(self.path(id));
    }

    /// Returns every request that is remembered.
    pub(crate) fn requests(&self) -> Vec<RequestId> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let name = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            id_of(name.strip_suffix(".toml")?).ok()
        };
        entries.flatten().take(OUTS_MAX).filter_map(name).collect()
    }

    fn path(&self, id: &RequestId) -> PathBuf {
        self.folder.join(format!("{id}.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_result_goes_is_remembered_until_it_is_there() {
        let home = tempfile::tempdir().unwrap();
        let outs = Outs { folder: home.path().join(OUTS) };
        let id = RequestId::from_bytes([7; 32]);
        assert_eq!((outs.requests(), outs.get(&id)), (vec![], None));
        let target = Target { out: Some("/tmp/a b".to_owned()), force: true, ..Target::default() };
        outs.keep(&id, &target).unwrap();
        fs::write(outs.folder.join("other"), "x").unwrap();
        assert_eq!((outs.requests(), outs.get(&id)), (vec![id], Some(target)));
        outs.remove(&id);
        assert_eq!((outs.requests(), outs.get(&id)), (vec![], None));
    }
}
