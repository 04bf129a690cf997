//! What shall be signed, read and checked before anybody hears of it.

use std::path::Path;

use ensign_coordinator::Work;
use ensign_psbt::Form;

use crate::args::Sign;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::psbt_file::{PsbtFile, psbt_failure};
use crate::words;

/// What shall be signed, checked against the group.
pub(super) struct Task {
    pub(super) work: Work,
    /// In which form the PSBT came; the result is written alike.
    pub(super) form: Form,
}

impl Task {
    /// Reads what the command line names.
    ///
    /// # Errors
    ///
    /// [`code::FILE_READ`], [`code::PSBT_BYTES`], [`code::PSBT_REFUSED`], [`code::MESSAGE_LENGTH`].
    pub(super) fn read(args: &Sign, group: &SignerGroup) -> Result<Self> {
        if args.drill {
            return Ok(Self { work: Work::Drill, form: Form::default() });
        }
        match (&args.psbt, &args.message) {
            (Some(file), _) => Self::read_psbt(file, group),
            (None, message) => {
                let message = parse_message(message.as_deref().unwrap_or_default())?;
                let work = Work::Messages(vec![message]);
                Ok(Self { work, form: Form::default() })
            }
        }
    }

    fn read_psbt(file: &Path, group: &SignerGroup) -> Result<Self> {
        let PsbtFile { psbt, form } = PsbtFile::read(file)?;
        let spend = ensign_psbt::analyze(&psbt, &group.keys);
        spend.map_err(|error| psbt_failure(file, &error))?;
        Ok(Self { work: Work::Psbt(psbt.to_bytes()), form })
    }
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
