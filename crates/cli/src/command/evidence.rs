//! `ensign evidence`: what is kept about signers who did wrong, and the check of a file.

mod told;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ensign_api::view::CaseView;
use ensign_equivocation::{CASE_BYTES_MAX, Case};
use ensign_primitives::sha256;

use self::told::Told;
use super::request::write_file;
use crate::args::Evidence;
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{Home, shown};
use crate::kept::Kept;
use crate::output::Output;
use crate::words::{self, foreign};

/// Shows evidence, or checks a file without a home.
pub(super) fn run(
    args: Evidence,
    home: impl FnOnce() -> Result<Home>,
    output: Output,
) -> Result<()> {
    let (wanted, file) = match args {
        Evidence::Verify { file } => return verify(&file, output),
        Evidence::List => (None, None),
        Evidence::Show { id } => (Some(id), None),
        Evidence::Export { id, file } => (Some(id), Some(file)),
    };
    let home = home()?;
    let groups = home.groups()?;
    let kept = Kept::open(home)?;
    let cases = kept.cases()?;
    match (wanted, file) {
        (None, _) => list(&kept, &cases, &groups, output),
        (Some(id), None) => tell(&kept.case(find(&cases, &id)?)?, &groups, output),
        (Some(id), Some(file)) => {
            let case = find(&cases, &id)?;
            let name = case.id.chars().take(8).collect::<String>();
            let file = file.unwrap_or_else(|| PathBuf::from(format!("{name}.evidence")));
            write_file(&file, &kept.case(case)?, Existing::Keep, output)
        }
    }
}

fn list(kept: &Kept, cases: &[CaseView], groups: &[SignerGroup], output: Output) -> Result<()> {
    if cases.is_empty() {
        output.text("nothing is kept against anybody");
    }
    for case in cases {
        let read = read(&kept.case(case)?)?;
        let told = Told::new(&case.id, &read, groups);
        output.tell(&told.line().with("kept_ms", case.kept_ms), told.summary());
    }
    Ok(())
}

fn tell(bytes: &[u8], groups: &[SignerGroup], output: Output) -> Result<()> {
    let (id, case) = (hex::encode(sha256(bytes)), read(bytes)?);
    let told = Told::new(&id, &case, groups);
    match told.failure() {
        None => output.tell(&told.line(), told.text()),
        Some(failure) => return Err(failure),
    }
    Ok(())
}

/// Checks a file from nothing but itself.
///
/// # Errors
///
/// [`code::EVIDENCE_DAMAGED`], [`code::EVIDENCE_REFUSED`].
fn verify(path: &Path, output: Output) -> Result<()> {
    let refused = |error: std::io::Error| {
        let what = format!("cannot read {}: {}", shown(path), words::system(&error));
        Failure::new(&code::FILE_READ, what)
    };
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(refused)?;
    opened.take(CASE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(refused)?;
    tell(&bytes, &[], output)
}

fn read(bytes: &[u8]) -> Result<Case> {
    Case::decode(bytes).map_err(|error| Failure::new(&code::EVIDENCE_DAMAGED, error.to_string()))
}

fn find<'a>(cases: &'a [CaseView], begin: &str) -> Result<&'a CaseView> {
    let begin = begin.trim().to_lowercase();
    let found: Vec<_> = cases.iter().filter(|case| case.id.starts_with(&begin)).collect();
    let shown = foreign(&begin);
    match &found[..] {
        [one] if !begin.is_empty() => Ok(one),
        [] => {
            let what = format!("no evidence begins with `{shown}`");
            Err(Failure::new(&code::EVIDENCE_UNKNOWN, what))
        }
        several => {
            let ids = several.iter().map(|case| case.id.chars().take(12).collect::<String>());
            let ids = words::list(&ids.collect::<Vec<_>>());
            let what = match &*shown {
                "" => format!("an id is missing; there is {ids}"),
                shown => format!("`{shown}` begins {ids}"),
            };
            Err(Failure::new(&code::EVIDENCE_UNKNOWN, what))
        }
    }
}
