//! When a backup of a home was read back last: somebody has held it in hand, and it opened.

use std::fs;

use ensign_primitives::UnixTime;
use serde::{Deserialize, Serialize};

use super::{Home, io_failure};
use crate::durable::{self, Existing, Readers};
use crate::failure::Result;
use crate::words;

/// The file's name in the home.
const BACKUP: &str = "backup.toml";

/// What is remembered of a backup.
#[derive(Serialize, Deserialize)]
struct ReadBack {
    /// When it was read back, by the clock of this home.
    read_back_ms: u64,
}

impl Home {
    /// Remembers, durably, that a backup with the signer key was read back now.
    ///
    /// # Errors
    ///
    /// [`HOME_IO`](crate::catalogue::HOME_IO).
    pub(crate) fn note_backup(&self) -> Result<()> {
        let path = self.path.join(BACKUP);
        let text = toml::to_string(&ReadBack { read_back_ms: words::now().as_millis() });
        let written = text.map_err(std::io::Error::other).and_then(|text| {
            durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Owner)
        });
        written.map_err(|error| io_failure("write", &path, &error))
    }

    /// Returns when a backup was read back last, if that is known.
    pub(crate) fn backup_read_back(&self) -> Option<UnixTime> {
        // What cannot be read says nothing: then it counts as never.
        let text = fs::read_to_string(self.path.join(BACKUP)).ok()?;
        let ReadBack { read_back_ms } = toml::from_str(&text).ok()?;
        Some(UnixTime::from_millis(read_back_ms))
    }
}
