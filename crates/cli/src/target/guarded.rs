//! Places that no result takes, whatever the options say: keys are worth more than any result.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ensign_vault::MAGIC;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{self, shown};

/// Refuses a place among the files of a home, and one where a vault is.
///
/// - `place`: absolute, every link followed.
///
/// # Errors
///
/// [`code::FILE_GUARDED`].
pub(super) fn refuse(place: &Path) -> Result<()> {
    if let Some(home) = home::around(place) {
        let what = format!("{} is among the files of the home {}", shown(place), shown(home));
        return Err(Failure::new(&code::FILE_GUARDED, what));
    }
    if is_vault(place) {
        let what = format!("{} is a vault with keys", shown(place));
        return Err(Failure::new(&code::FILE_GUARDED, what));
    }
    Ok(())
}

/// Whether a file begins as vaults do; one that is damaged may still be worth something.
fn is_vault(place: &Path) -> bool {
    let mut begin = [0; MAGIC.len()];
    let read = File::open(place).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == MAGIC
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::durable::Existing;
    use crate::output::Output;
    use crate::target::Target;

    fn refused(path: &Path, existing: Existing) {
        let target = Target::new(path, existing).unwrap();
        for result in [target.check(), target.write(b"result", Output::Json)] {
            assert_eq!(result.unwrap_err().entry.code, code::FILE_GUARDED.code, "{path:?}");
        }
    }

    #[test]
    fn regression_a_result_took_the_place_of_a_secret_key() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["home/groups", "home/signed"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["ensign.toml", "signer.key", "store.redb", "groups/g.toml"] {
            fs::write(at("home").join(name), "kept").unwrap();
        }
        symlink(at("home"), at("other-name")).unwrap();
        symlink(at("home/signer.key"), at("result.psbt")).unwrap();
        for name in [
            "home/signer.key",
            "home/ensign.toml",
            "home/groups/g.toml",
            "home/groups/new.toml",
            "home/new",
            "home/signed/../signer.key",
            "other-name/store.redb",
            "result.psbt",
        ] {
            refused(&at(name), Existing::Replace);
            refused(&at(name), Existing::Keep);
        }
        assert_eq!(fs::read(at("home/signer.key")).unwrap(), b"kept");
        for name in ["home/signed/result.psbt", "beside"] {
            let target = Target::new(&at(name), Existing::Keep).unwrap();
            target.check().unwrap();
            target.write(b"result", Output::Json).unwrap();
        }
    }

    #[test]
    fn a_vault_is_replaced_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signer.ens");
        fs::write(&path, [&MAGIC[..], b"..."].concat()).unwrap();
        refused(&path, Existing::Replace);
        fs::write(&path, "ens").unwrap();
        Target::new(&path, Existing::Replace).unwrap().check().unwrap();
    }
}
