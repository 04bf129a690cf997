//! PSBTs that the user names.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use ensign_psbt::{Form, Psbt, PsbtError};
use ensign_wire::PAYLOAD_BYTES_MAX;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::words;

/// Most bytes of a PSBT file: hex in two bytes a character takes four times the binary form, and white
/// space wants room.
const FILE_BYTES_MAX: u64 = 5 * PAYLOAD_BYTES_MAX as u64;

/// A PSBT as its file has it.
#[derive(Debug)]
pub(crate) struct PsbtFile {
    /// What it says.
    pub(crate) psbt: Psbt,
    /// The form that it came in, for the result to be written alike.
    pub(crate) form: Form,
}

impl PsbtFile {
    /// Reads a file, or standard input where it is `-`.
    ///
    /// # Errors
    ///
    /// [`code::FILE_READ`], [`code::PSBT_BYTES`].
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let bytes = read(file)?;
        let read = ensign_psbt::parse_with_form(&bytes);
        let (psbt, form) = read.map_err(|error| psbt_failure(file, &error))?;
        Ok(Self { psbt, form })
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let refused = |reason: String| {
        Failure::new(&code::FILE_READ, format!("cannot read {}: {reason}", shown(file)))
    };
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        let opened = fs::File::open(file);
        opened.and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    }
    .map_err(|error| refused(words::system(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Says why a PSBT is refused, with what to do about that very thing.
pub(crate) fn psbt_failure(file: &Path, error: &PsbtError) -> Failure {
    let is_malformed = matches!(error, PsbtError::Decode(_));
    let entry = if is_malformed { &code::PSBT_BYTES } else { &code::PSBT_REFUSED };
    Failure::new(entry, format!("{}: {error}", shown(file))).hint(error.advice())
}
