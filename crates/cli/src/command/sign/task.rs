//! What shall be signed, read and checked before anybody hears of it.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use ensign_coordinator::Work;
use ensign_psbt::PsbtError;
use ensign_wire::PAYLOAD_BYTES_MAX;

use crate::args::Sign;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::shown;
use crate::words;

/// Most bytes of a PSBT file: base64 with line breaks takes less than twice the binary form.
const FILE_BYTES_MAX: u64 = 2 * PAYLOAD_BYTES_MAX as u64;

/// What shall be signed, checked against the group.
pub(super) struct Task {
    pub(super) work: Work,
    /// The bytes of a bare message.
    pub(super) message: Option<[u8; 32]>,
    /// Whether the file was text; the result is written alike.
    pub(super) is_base64: bool,
}

impl Task {
    /// Reads what the command line names.
    ///
    /// # Errors
    ///
    /// [`code::FILE_READ`], [`code::PSBT_BYTES`], [`code::PSBT_REFUSED`], [`code::MESSAGE_LENGTH`].
    pub(super) fn read(args: &Sign, group: &SignerGroup) -> Result<Self> {
        match (&args.psbt, &args.message) {
            (Some(file), _) => Self::read_psbt(file, group),
            (None, message) => {
                let message = parse_message(message.as_deref().unwrap_or_default())?;
                let work = Work::Messages(vec![message]);
                Ok(Self { work, message: Some(message), is_base64: false })
            }
        }
    }

    fn read_psbt(file: &Path, group: &SignerGroup) -> Result<Self> {
        let bytes = read_file(file)?;
        let refused = |error: PsbtError| psbt_failure(file, &error);
        let psbt = ensign_psbt::parse(&bytes).map_err(refused)?;
        ensign_psbt::analyze(&psbt, &group.keys).map_err(refused)?;
        let is_base64 = !bytes.starts_with(b"psbt");
        Ok(Self { work: Work::Psbt(bytes), message: None, is_base64 })
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>> {
    let refused = |reason: String| {
        Failure::new(&code::FILE_READ, format!("cannot read {}: {reason}", shown(file)))
    };
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(words::system(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn psbt_failure(file: &Path, error: &PsbtError) -> Failure {
    let is_malformed = matches!(error, PsbtError::Decode(_));
    let entry = if is_malformed { &code::PSBT_BYTES } else { &code::PSBT_REFUSED };
    Failure::new(entry, format!("{}: {error}", shown(file)))
}

fn parse_message(text: &str) -> Result<[u8; 32]> {
    let mut message = [0; 32];
    hex::decode_to_slice(text, &mut message).map_err(|_| {
        let what = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
            Some(c) => format!("`{}` is no hex digit", words::foreign(&c.to_string())),
            None => format!("the message has {} hex digits instead of 64", text.len()),
        };
        Failure::new(&code::MESSAGE_LENGTH, what)
    })?;
    Ok(message)
}
